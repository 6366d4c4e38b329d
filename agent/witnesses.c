/* SPDX-License-Identifier: Apache-2.0 */
/* The client of witnesses over the recorder's ledger. */
#include "witnesses.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "errand.h"
#include "tally/err.h"
#include "tally/event.h"
#include "tally/log.h"

#define PATIENCE (10 * TALLY_SECOND) /* at a start */

struct witnesses {
	struct recorder *recorder;
	const struct tally_clock *clock;
	struct tally_policy *policy;
	struct tally_http_client *http;
	struct tally_witness_client *client;
	int dir;
	struct errand errand;
	bool held;            /* notes wait for the first word; of the thread, once it runs */
	pthread_mutex_t lock; /* of this: */
	struct tally_witness_standing standing;
};

/* What a callback of the client wants of the ledger, under its lock. */
struct look {
	uint64_t sequence, old, size;
	uint8_t *old_root;
	struct tally_proof *proof;
	struct tally_bytes lines;
};

static int
newest(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err)
{
	struct witnesses *w = ctx;
	return recorder_newest(w->recorder, sequence, note, err);
}

static int
read_consistency(void *ctx, struct tally_store *store, struct tally_err *err)
{
	struct look *l = ctx;
	struct tally_nodes nodes = tally_store_nodes(store);
	if (tally_root_at(l->old_root, l->old, &nodes, err) < 0)
		return -1;
	return tally_proof_consistency(l->proof, l->old, l->size, &nodes, err);
}

static int
consistency(void *ctx, uint64_t old, uint64_t size, uint8_t old_root[TALLY_HASH],
	    struct tally_proof *out, struct tally_err *err)
{
	struct witnesses *w = ctx;
	struct look l = { .old = old, .size = size, .old_root = old_root, .proof = out };
	return recorder_read(w->recorder, read_consistency, &l, err);
}

static int
write_cosigned(void *ctx, struct tally_store *store, struct tally_err *err)
{
	struct look *l = ctx;
	return tally_store_cosigned(store, l->sequence, l->lines, err);
}

static int
cosigned(void *ctx, uint64_t sequence, struct tally_bytes lines, struct tally_err *err)
{
	struct witnesses *w = ctx;
	struct look l = { .sequence = sequence, .lines = lines };
	return recorder_read(w->recorder, write_cosigned, &l, err);
}

/* The receipt as an entry: what comes behind it was appended after it was given. */
static int
reached(void *ctx, const struct tally_checkpoint *head, struct tally_bytes lines,
	struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	struct witnesses *w = ctx;
	(void)err;
	if (errand_stops(&w->errand)) /* the last note is made: nothing comes behind it */
		return 0;
	ev.o.has_source = ev.o.has_receipt_size = true;
	ev.o.source = TALLY_SRC_AGENT;
	ev.o.receipt_size = head->size;
	ev.o.receipt_root = tally_bytes(head->root, TALLY_HASH);
	ev.o.cosignatures = lines;
	recorder_put_quiet(w->recorder, &ev);
	return 0;
}

static int
close_signing(void *ctx, const char *why, struct tally_err *err)
{
	struct witnesses *w = ctx;
	return recorder_close_signing(w->recorder, why, err);
}

/* `text` is the file's. */
static int
read_policy(struct tally_policy **out, const char *path, struct tally_buf *text,
	    struct tally_err *err)
{
	int rc = tally_file_read(AT_FDCWD, path, TALLY_WITNESS_POLICY_MAX, text, err);
	if (rc == 0)
		rc = tally_err_set(err, TALLY_SYS, "%s: no such file", path);
	return rc > 0 ? tally_policy_parse(out, path, tally_buf_view(text), err) : rc;
}

int
witnesses_check(const struct config *config, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_policy *policy = NULL;
	int rc = config->witness.policy != NULL
			 ? read_policy(&policy, config->witness.policy, &text, err)
			 : 0;
	tally_policy_free(policy);
	tally_buf_deinit(&text);
	return rc < 0 ? -1 : 0;
}

/* Nobody waits longer for what was said by now. */
static void
publish(struct witnesses *w)
{
	struct tally_witness_standing standing;
	tally_witness_client_standing(w->client, &standing);
	pthread_mutex_lock(&w->lock);
	w->standing = standing;
	pthread_mutex_unlock(&w->lock);
	if (w->held && standing.asked) {
		w->held = false;
		recorder_hold(w->recorder, (struct tally_uptime){ 0 });
	}
}

static struct tally_uptime
step(void *ctx, struct tally_uptime now, bool last)
{
	struct witnesses *w = ctx;
	struct tally_uptime next = tally_witness_client_step(w->client, now, last);
	if (!last)
		publish(w);
	return next;
}

static void
cancel(void *ctx)
{
	struct witnesses *w = ctx;
	tally_http_cancel(w->http);
}

/* Whom commands that sign without this agent are to ask; empty: nobody. */
static void
leave_policy(int dir, struct tally_bytes text)
{
	struct tally_buf old = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	int rc = tally_file_read(dir, TALLY_WITNESS_POLICY, TALLY_WITNESS_POLICY_MAX, &old, &err);
	if (text.len == 0 && rc > 0 && unlinkat(dir, TALLY_WITNESS_POLICY, 0) < 0)
		rc = tally_err_sys(&err, TALLY_WITNESS_POLICY);
	else if (text.len > 0 && (rc <= 0 || !tally_bytes_eq(tally_buf_view(&old), text)))
		rc = tally_file_replace(tally_disk_real(), dir, TALLY_WITNESS_POLICY, text, 0600,
					false, &err);
	if (rc < 0)
		tally_log(TALLY_LOG_WARNING, "commands of an operator know no witnesses: %s",
			  err.text);
	tally_buf_deinit(&old);
}

static int
open_client(struct witnesses *w, const struct config *config, struct tally_err *err)
{
	const struct tally_witnessed log = { w,        newest,  consistency,
					     cosigned, reached, close_signing };
	struct tally_witness_client_options o = { .policy = w->policy,
						  .origin = tally_store_origin(
							  recorder_store(w->recorder)),
						  .log = &log,
						  .disk = tally_disk_real(),
						  .clock = w->clock,
						  .interval = config->witness.interval };
	struct tally_http http;
	w->dir = open(config->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->dir < 0)
		return tally_err_sys(err, "%s", config->ledger);
	if (tally_http_open(&w->http, err) < 0)
		return -1;
	http = tally_http_client(w->http);
	o.http = &http;
	o.dir = w->dir;
	if (tally_witness_client_open(&w->client, &o, err) < 0)
		return tally_err_prefix(err, "%s", config->witness.policy);
	return 0;
}

/* Nobody is asked any more. */
static int
forget_policy(const struct config *config, struct tally_err *err)
{
	int dir = open(config->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return tally_err_sys(err, "%s", config->ledger);
	leave_policy(dir, tally_bytes(NULL, 0));
	close(dir);
	return 0;
}

int
witnesses_start(struct witnesses **out, struct recorder *r, const struct config *config,
		const struct tally_clock *clock, struct tally_err *err)
{
	const char *closed = tally_store_closed(recorder_store(r));
	struct tally_buf text = TALLY_BUF_INIT;
	struct witnesses *w;
	int rc;
	*out = NULL;
	if (closed != NULL)
		tally_log(TALLY_LOG_ERR, "this ledger signs no more: %s", closed);
	if (closed != NULL)
		return 0;
	if (config->witness.policy == NULL)
		return forget_policy(config, err);
	w = tally_alloc(sizeof(*w));
	w->recorder = r;
	w->clock = clock;
	w->dir = -1;
	pthread_mutex_init(&w->lock, NULL);
	errand_init(&w->errand, &(struct errand_work){ w, step, cancel }, clock);
	rc = read_policy(&w->policy, config->witness.policy, &text, err);
	if (rc == 0)
		rc = open_client(w, config, err);
	if (rc == 0)
		leave_policy(w->dir, tally_buf_view(&text));
	tally_buf_deinit(&text);
	if (rc < 0) {
		witnesses_stop(w, false);
		return -1;
	}
	w->held = true;
	recorder_hold(r, (struct tally_uptime){ tally_clock_now(clock).uptime.ns + PATIENCE });
	if (errand_start(&w->errand, "witnesses", err) < 0) {
		witnesses_stop(w, false);
		return -1;
	}
	*out = w;
	return 0;
}

void
witnesses_stop(struct witnesses *w, bool last)
{
	if (w == NULL)
		return;
	errand_end(&w->errand, last);
	tally_witness_client_free(w->client);
	tally_http_close(w->http);
	tally_policy_free(w->policy);
	if (w->dir >= 0)
		close(w->dir);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void
witnesses_standing(struct witnesses *w, struct tally_witness_standing *out)
{
	pthread_mutex_lock(&w->lock);
	*out = w->standing;
	pthread_mutex_unlock(&w->lock);
}
