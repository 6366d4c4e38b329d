/* SPDX-License-Identifier: Apache-2.0 */
/* The world of client.h: the ledger's side, the network's, and the witnesses'. */
#include "client.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tally/log.h"

static int
newest(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err)
{
	struct world *w = ctx;

	if (w->unreadable)
		return tally_err_set(err, TALLY_SYS, "the ledger cannot be read");
	if (w->size == 0)
		return 0;
	*sequence = w->size; /* rises with it, as it does in a ledger */
	memlog_note(&w->log, w->size, note);
	return 1;
}

static int
consistency(void *ctx, uint64_t old, uint64_t size, uint8_t old_root[TALLY_HASH],
	    struct tally_proof *out, struct tally_err *err)
{
	struct world *w = ctx;
	struct tally_nodes nodes = memlog_nodes(&w->log);

	if (tally_root_at(old_root, old, &nodes, err) < 0)
		return -1;
	return tally_proof_consistency(out, old, size, &nodes, err);
}

static int
cosigned(void *ctx, uint64_t sequence, struct tally_bytes lines, struct tally_err *err)
{
	struct world *w = ctx;

	(void)err;
	assert_true(sequence <= w->size);
	tally_buf_add_bytes(&w->kept, lines);
	return 0;
}

static int
quorum(void *ctx, const struct tally_checkpoint *head, struct tally_bytes lines,
       struct tally_err *err)
{
	struct world *w = ctx;

	if (w->full)
		return tally_err_set(err, TALLY_SYS, "no space left");
	w->reached++;
	w->reached_size = head->size;
	tally_buf_clear(&w->reached_lines);
	tally_buf_add_bytes(&w->reached_lines, lines);
	return 0;
}

static int
closing(void *ctx, const char *why, struct tally_err *err)
{
	struct world *w = ctx;

	(void)err;
	assert_string_equal(w->closed, "");
	snprintf(w->closed, sizeof(w->closed), "%s", why);
	return 0;
}

/* A line of witness `i` over the offered text and `more`. */
static void
sign(struct world *w, size_t i, struct tally_bytes body, const char *more, struct tally_buf *out)
{
	struct tally_buf scratch = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	struct tally_logkey *key = NULL;
	struct tally_add_checkpoint r;
	struct tally_note note;
	char name[16], *path, *line;
	size_t n;

	snprintf(name, sizeof(name), "w%zu/key", i);
	path = test_path(w->root, name);
	line = test_file_read(path, &n);
	assert_int_equal(tally_logkey_parse(&key, tally_bytes(line, n), &w->err), 0);
	assert_int_equal(tally_add_checkpoint_parse(&r, body, &w->err), 0);
	assert_int_equal(tally_note_parse(&note, r.note, &scratch, &w->err), 0);
	tally_buf_add_bytes(&text, note.text);
	tally_buf_add_str(&text, more);
	assert_int_equal(tally_cosign(out, tally_buf_view(&text), key, w->seconds, &w->err), 0);
	tally_buf_deinit(&scratch), tally_buf_deinit(&text);
	tally_logkey_free(key);
	free(path);
	free(line);
}

static int
post(void *ctx, const char *url, const char *type, struct tally_bytes body, size_t max,
     struct tally_http_answer *out, struct tally_err *err)
{
	struct tally_buf *answer = &out->body;
	unsigned *status = &out->status;
	struct world *w = ctx;
	size_t i = (size_t)(url[strlen("http://w")] - '0');

	(void)type, (void)max;
	assert_true(i < WITNESSES);
	assert_string_equal(url + strlen("http://w0"),
			    i == 1 ? "/prefix/add-checkpoint" : "/add-checkpoint");
	w->posts[i]++;
	tally_buf_clear(answer);
	*status = 200;
	snprintf(out->type, sizeof(out->type), "%s", TALLY_WITNESS_SIZE);
	switch (w->trouble[i]) {
	case DOWN:
		return tally_err_set(err, TALLY_SYS, "connection refused");
	case GARBAGE:
		tally_buf_add_str(answer, "\xe2\x80\x94 x AAAA\n");
		return 0;
	case OTHER_NOTE: /* what the next witness says, in its place */
		*status = witness_ask(w->witness[(i + 1) % WITNESSES], body, w->seconds, answer);
		return 0;
	case OTHER_TEXT: /* well signed, but not what it was asked about */
		tally_buf_add_str(answer, "x\n\n");
		sign(w, i, body, "\nx\n", answer);
		return 0;
	case EARLY:
		*status = witness_ask(w->witness[i], body, w->seconds - 301, answer);
		return 0;
	case LATE:
		*status = witness_ask(w->witness[i], body, w->seconds + 301, answer);
		return 0;
	case STATUS_500:
		*status = 500;
		tally_buf_add_str(answer, "<\x1b[31m\nsorry>");
		return 0;
	case CONFLICT_TEXT:
		*status = 409;
		tally_buf_add_str(answer, "five\n");
		return 0;
	case SIZE_AGAIN:
		*status = 409;
		tally_buf_add_str(answer, "3\n");
		return 0;
	case SIZE_OTHER:
		*status = 409;
		tally_buf_addf(answer, "%u\n", 1 + w->posts[i] % 2);
		return 0;
	case SIZE_PLAIN: /* as a proxy says that something is wrong */
		*status = 409;
		snprintf(out->type, sizeof(out->type), "text/html");
		tally_buf_add_str(answer, "1000\n");
		return 0;
	case STATUS_422:
		*status = 422;
		return 0;
	case SIZE_ONCE:
		*status = 409;
		tally_buf_add_str(answer, "1000\n");
		w->trouble[i] = NONE;
		return 0;
	case STATUS_422_ONCE:
		*status = 422;
		w->trouble[i] = NONE;
		return 0;
	case NONE:
		break;
	}
	*status = witness_ask(w->witness[i], body, w->seconds, answer);
	return 0;
}

static void
make_policy(struct world *w, const char *quorum_lines)
{
	static const char *const url[] = { "http://w0", "http://w1/prefix/", "http://w2" };
	struct tally_buf text = TALLY_BUF_INIT;

	tally_policy_free(w->policy);
	tally_buf_add_str(&text, "log ");
	memlog_vkey(&w->log, &text);
	for (size_t i = 0; i < WITNESSES; i++) {
		tally_buf_addf(&text, "witness w%zu ", i);
		tally_vkey_text(&text, tally_witness_vkey(w->witness[i]));
		tally_buf_addf(&text, " %s\n", url[i]);
	}
	tally_buf_add_str(&text, quorum_lines);
	if (tally_policy_parse(&w->policy, "policy", tally_buf_view(&text), &w->err) < 0)
		fail_msg("%s", w->err.text);
	tally_buf_deinit(&text);
}

int
try_client(struct world *w)
{
	const struct tally_witness_client_options o = { .policy = w->policy,
							.origin = "example.com/log",
							.log = &w->witnessed,
							.http = &w->http,
							.disk = &w->disk.table,
							.clock = &w->clock.table,
							.dir = w->dir,
							.interval = { 60 * TALLY_SECOND } };

	tally_witness_client_free(w->client);
	w->client = NULL;
	return tally_witness_client_open(&w->client, &o, &w->err);
}

void
start_client(struct world *w)
{
	if (try_client(w) < 0)
		fail_msg("%s", w->err.text);
}

int
client_set_up(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	tally_log_level(0);
	w->root = test_dir_make();
	w->dir = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memlog_init(&w->log, "example.com/log");
	for (size_t i = 0; i < WITNESSES; i++) {
		char name[8], *dir;

		snprintf(name, sizeof(name), "w%zu", i);
		dir = test_path(w->root, name);
		w->witness[i] = witness_new(dir, &w->log);
		free(dir);
	}
	w->witnessed =
		(struct tally_witnessed){ w, newest, consistency, cosigned, quorum, closing };
	w->http = (struct tally_http){ w, post };
	test_disk_init(&w->disk, 0, EIO);
	w->now = 1000 * TALLY_SECOND;
	w->seconds = 50;
	test_clock_init(&w->clock, "1970-01-01T00:00:50Z");
	w->size = 5;
	make_policy(w, "group g 2 w0 w1 w2\nquorum g\n");
	start_client(w);
	*state = w;
	return 0;
}

int
client_tear_down(void **state)
{
	struct world *w = *state;

	tally_witness_client_free(w->client);
	for (size_t i = 0; i < WITNESSES; i++)
		tally_witness_close(w->witness[i]);
	tally_policy_free(w->policy);
	memlog_deinit(&w->log);
	tally_buf_deinit(&w->kept), tally_buf_deinit(&w->reached_lines);
	close(w->dir);
	test_dir_remove(w->root);
	free(w);
	return 0;
}

int64_t
step(struct world *w, int64_t seconds)
{
	struct tally_uptime next;

	w->now += seconds * TALLY_SECOND;
	w->seconds += (uint64_t)seconds;
	test_clock_advance(&w->clock, seconds * TALLY_SECOND);
	next = tally_witness_client_step(w->client, (struct tally_uptime){ w->now }, false);
	return next.ns == INT64_MAX ? -1 : (next.ns - w->now) / TALLY_SECOND;
}

struct tally_witness_standing
standing(struct world *w)
{
	struct tally_witness_standing s;

	tally_witness_client_standing(w->client, &s);
	return s;
}

size_t
verified(struct world *w, uint64_t size, struct tally_bytes lines)
{
	struct tally_buf whole = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_note note;
	uint64_t time;
	size_t n = 0;

	memlog_note(&w->log, size, &whole);
	tally_buf_add_bytes(&whole, lines);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&whole), &scratch, &w->err), 0);
	for (size_t i = 0; i < WITNESSES; i++)
		n += tally_note_cosigned(&note, tally_witness_vkey(w->witness[i]), &time,
					 &w->err) == 1;
	tally_buf_deinit(&whole), tally_buf_deinit(&scratch);
	return n;
}
