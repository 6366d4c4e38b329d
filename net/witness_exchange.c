/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One witness, asked about one note. What it says of our history is weighed
 * against the ledger: a size that we have is where to go on from; a size that
 * we never signed, another root at a size of ours, or a proof that holds here
 * and not there, mean two histories of this log. Then nothing is to be signed
 * any more. But it may be a proxy that answers, or a witness in a bad moment; so
 * this has to be said twice, and in between the witness tells its own size in the
 * form that sizes have. Whatever else an answer is, it is a failure, to be tried
 * again.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "client_internal.h"
#include "tally/err.h"
#include "tally/log.h"

#define ANSWER_MAX 65536
#define TRIES      6 /* in one exchange: a conflict names the size to go on from */
#define PAUSE      (5 * TALLY_SECOND)
#define PAUSE_MAX  (600 * TALLY_SECOND)
#define TOLERANCE  300 /* s that a cosignature's time may be off this host's clock */

void
client_failed(struct asked *a, int64_t now, const char *why)
{
	int64_t pause = PAUSE;

	for (unsigned i = 0; i < a->failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	if (a->failures == 0 || strncmp(a->failure, why, sizeof(a->failure) - 1) != 0)
		tally_log(TALLY_LOG_WARNING, "witness %s: %s", a->party->name, why);
	a->failures++;
	a->retry_at = now + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
	(void)snprintf(a->failure, sizeof(a->failure), "%s", why);
}

__attribute__((format(printf, 3, 4))) static void
close_log(struct tally_witness_client *c, const struct asked *a, const char *fmt, ...)
{
	struct tally_err err = TALLY_ERR_INIT;
	char what[320];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	(void)snprintf(c->why, sizeof(c->why), "witness %.64s (%.96s) %s", a->party->name,
		       a->party->key.name, what);
	tally_log(TALLY_LOG_ERR, "this ledger signs no more: %s", c->why);
	/* Where that cannot be written down now, it is found again at the next start. */
	c->closed = true;
	if (c->log.close(c->log.ctx, c->why, &err) < 0)
		tally_log(TALLY_LOG_ERR, "%s", err.text);
}

/* Whether to ask again at once, from the begin, which the witness answers by its size. */
static bool
doubt(struct asked *a)
{
	if (a->doubted)
		return false;
	a->doubted = true;
	a->size = 0;
	return true;
}

struct question {
	struct tally_add_checkpoint r;
	uint8_t old_root[TALLY_HASH];
};

/* -1: the ledger could not be read. */
static int
make_question(struct tally_witness_client *c, const struct asked *a, struct question *q,
	      struct tally_err *err)
{
	struct tally_proof proof = { .count = 0 };

	q->r = (struct tally_add_checkpoint){ .note = tally_buf_view(&c->note) };
	/* Where it has more than this, its own word on that is what is wanted. */
	q->r.old = a->size <= c->head.size ? a->size : 0;
	if (q->r.old > 0 &&
	    c->log.consistency(c->log.ctx, q->r.old, c->head.size, q->old_root, &proof, err) < 0)
		return -1;
	if (proof.count > TALLY_WITNESS_HASHES)
		return tally_err_set(err, TALLY_SYS, "a proof of %u hashes", proof.count);
	q->r.hashes = proof.count;
	memcpy(q->r.hash, proof.hash, proof.count * sizeof(*proof.hash));
	/* A proof that fails here says nothing about the witness. */
	if (q->r.old > 0 &&
	    tally_check_consistency(q->r.old, c->head.size, q->r.hash[0], q->r.hashes, q->old_root,
				    c->head.root, err) < 0)
		return tally_err_prefix(err, "this ledger's own proof");
	return 0;
}

/* A time that is far off would make true entries look late or backdated for ever. */
static int
check_time(const struct tally_witness_client *c, uint64_t time, struct tally_err *err)
{
	int64_t wall = tally_clock_now(c->o.clock).wall.ns / TALLY_SECOND;
	uint64_t here = wall > 0 ? (uint64_t)wall : 0;
	uint64_t apart = time > here ? time - here : here - time;

	if (apart <= TOLERANCE)
		return 0;
	return tally_err_set(err, TALLY_SYS,
			     "the time of its cosignature is %" PRIu64 " s %s this host's clock",
			     apart, time > here ? "ahead of" : "behind");
}

/* The witness's own line out of its answer; others in it are nobody's. What is not a
 * signature line would make the text that was signed another one than ours. */
static int
take_cosignature(struct tally_witness_client *c, struct asked *a, struct tally_bytes answer,
		 struct tally_buf *line, struct tally_err *err)
{
	struct tally_buf whole = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	const struct tally_vkey *key = &a->party->key;
	const struct tally_note_line *found;
	struct tally_note note;
	int r;

	tally_buf_add_bytes(&whole, tally_buf_view(&c->text));
	tally_buf_add_u8(&whole, '\n');
	tally_buf_add_bytes(&whole, answer);
	r = tally_note_parse(&note, tally_buf_view(&whole), &scratch, err);
	if (r == 0 && !tally_bytes_eq(note.text, tally_buf_view(&c->text)))
		r = tally_err_set(err, TALLY_SYS, "its answer is more than signature lines");
	if (r == 0)
		r = tally_note_cosigned(&note, key, &a->time, err);
	if (r == 0)
		r = tally_err_set(err, TALLY_SYS, "its answer has no line of its key");
	if (r > 0) {
		found = tally_note_find(&note, tally_bytes_str(key->name), key->id);
		a->time = tally_get_u64(found->sig);
		r = check_time(c, a->time, err);
		if (r == 0)
			tally_note_add_line(line, key->name, key->id,
					    tally_bytes(found->sig, found->sig_len));
	}
	tally_buf_deinit(&whole), tally_buf_deinit(&scratch);
	return r < 0 ? -1 : 0;
}

static void
cosigned(struct tally_witness_client *c, struct asked *a, struct tally_bytes answer, int64_t now)
{
	struct tally_buf line = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	if (take_cosignature(c, a, answer, &line, &err) < 0 ||
	    c->log.cosigned(c->log.ctx, c->sequence, tally_buf_view(&line), &err) < 0) {
		client_failed(a, now, err.text);
	} else {
		tally_buf_add_bytes(&c->lines, tally_buf_view(&line));
		if (a->failures > 0)
			tally_log(TALLY_LOG_NOTICE, "witness %s: it cosigns again", a->party->name);
		a->signed_ = true;
		a->failures = 0;
		a->failure[0] = '\0';
		a->size = c->head.size;
	}
	tally_buf_deinit(&line);
}

/* How many entries our newest note covers by now. */
static int
newest_size(struct tally_witness_client *c, uint64_t *size, struct tally_err *err)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint head;
	struct tally_note note;
	uint64_t sequence;
	int r = c->log.newest(c->log.ctx, &sequence, &bytes, err);

	*size = 0;
	if (r > 0 && (r = tally_note_parse(&note, tally_buf_view(&bytes), &scratch, err)) == 0 &&
	    (r = tally_checkpoint_parse(&head, note.text, false, err)) == 0)
		*size = head.size;
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch);
	return r < 0 ? -1 : 0;
}

/* Whether to ask again at once, from the size that it told. */
static bool
conflict(struct tally_witness_client *c, struct asked *a, uint64_t old, uint64_t theirs,
	 int64_t now)
{
	struct tally_err err = TALLY_ERR_INIT;
	uint64_t ours;

	if (newest_size(c, &ours, &err) < 0) {
		client_failed(a, now, err.text);
	} else if (theirs > ours) {
		if (doubt(a))
			return true;
		close_log(
			c, a,
			"has cosigned %" PRIu64 " entries of this log, and here only %" PRIu64
			" were ever signed: this ledger is an older copy, or another one signs in "
			"its name",
			theirs, ours);
	} else if (theirs == old && old == c->head.size) {
		if (doubt(a))
			return true;
		close_log(c, a,
			  "has cosigned another history of this log: its first %" PRIu64
			  " entries have another root there",
			  theirs);
	} else if (theirs == old) {
		client_failed(a, now, "it names the size that it was asked from as a conflict");
	} else {
		a->size = theirs;
		c->behind = theirs > c->head.size;
		return !c->behind;
	}
	return false;
}

/* Whether to ask again at once. */
static bool
refused(struct tally_witness_client *c, struct asked *a, unsigned status, uint64_t old,
	struct tally_bytes answer, int64_t now)
{
	char why[200];
	int n = answer.len == 0
			? 0
			: (int)strnlen((const char *)answer.p, answer.len < 120 ? answer.len : 120);

	if (status == 422 && old > 0) {
		if (doubt(a))
			return true;
		close_log(c, a,
			  "has cosigned another history of this log: the %" PRIu64
			  " entries that it knows are not the first of these %" PRIu64,
			  old, c->head.size);
		return false;
	}
	/* Text of a stranger: only what prints, and not much of it. */
	(void)snprintf(why, sizeof(why), "it answers %u%s%.*s", status, n > 0 ? ": " : "", n,
		       (const char *)answer.p);
	for (char *p = why; *p; p++)
		if (*p < ' ' || *p == 0x7f)
			*p = ' ';
	client_failed(a, now, why);
	return false;
}

/* Whether to ask again at once. */
static bool
ask(struct tally_witness_client *c, struct asked *a, int64_t now)
{
	struct tally_buf body = TALLY_BUF_INIT, url = TALLY_BUF_INIT;
	struct tally_http_answer answer = { .body = TALLY_BUF_INIT };
	size_t n = strlen(a->party->url);
	struct tally_err err = TALLY_ERR_INIT;
	bool again = false;
	struct question q;
	uint64_t theirs;

	tally_buf_addf(&url, "%s%sadd-checkpoint", a->party->url,
		       n > 0 && a->party->url[n - 1] == '/' ? "" : "/");
	if (make_question(c, a, &q, &err) < 0) {
		client_failed(a, now, err.text);
		goto out;
	}
	tally_add_checkpoint_text(&body, &q.r);
	if (c->http.post(c->http.ctx, tally_buf_cstr(&url), "text/plain; charset=utf-8",
			 tally_buf_view(&body), ANSWER_MAX, &answer, &err) < 0) {
		client_failed(a, now, err.text);
		goto out;
	}
	a->heard = true;
	if (answer.status == 200)
		cosigned(c, a, tally_buf_view(&answer.body), now);
	else if (answer.status == 409 && strcmp(answer.type, TALLY_WITNESS_SIZE) == 0 &&
		 tally_tlog_size_parse(&theirs, tally_buf_view(&answer.body)))
		again = conflict(c, a, q.r.old, theirs, now);
	else
		again = refused(c, a, answer.status, q.r.old, tally_buf_view(&answer.body), now);
out:
	tally_buf_deinit(&body), tally_buf_deinit(&answer.body), tally_buf_deinit(&url);
	return again;
}

void
client_exchange(struct tally_witness_client *c, struct asked *a, int64_t now)
{
	a->doubted = false;
	for (int i = 0; i < TRIES; i++)
		if (!ask(c, a, now))
			return;
	client_failed(a, now, "it names another size each time");
}
