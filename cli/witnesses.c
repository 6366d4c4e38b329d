/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that signs without an agent does as the agent does: it asks the
 * witnesses before it signs, for a ledger that was set back learns it there, and
 * behind it, for cosignatures. Whom to ask the agent has left in the ledger.
 */
#include "witnesses.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/event.h"
#include "tally/log.h"
#include "tally/net.h"
#include "tally/wait.h"

#define PATIENCE (10 * TALLY_SECOND) /* for all of them */
#define ROUNDS   3 /* a witness may know a newer note than the one it is asked about */

/* Ends what is under way when the time is over, or nothing is. */
struct watch {
	struct tally_http_client *http;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool runs, done;
};

static int
newest(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err)
{
	return tally_store_last_note(ctx, sequence, note, err);
}

static int
consistency(void *ctx, uint64_t old, uint64_t size, uint8_t old_root[TALLY_HASH],
	    struct tally_proof *out, struct tally_err *err)
{
	struct tally_nodes nodes = tally_store_nodes(ctx);

	if (tally_root_at(old_root, old, &nodes, err) < 0)
		return -1;
	return tally_proof_consistency(out, old, size, &nodes, err);
}

static int
cosigned(void *ctx, uint64_t sequence, struct tally_bytes lines, struct tally_err *err)
{
	return tally_store_cosigned(ctx, sequence, lines, err);
}

static int
reached(void *ctx, const struct tally_checkpoint *head, struct tally_bytes lines,
	struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	uint64_t index;

	ev.o.has_source = ev.o.has_receipt_size = true;
	ev.o.source = TALLY_SRC_OPERATOR;
	ev.o.receipt_size = head->size;
	ev.o.receipt_root = tally_bytes(head->root, TALLY_HASH);
	ev.o.cosignatures = lines;
	return tally_store_append_event(ctx, &ev, &index, err);
}

static int
close_signing(void *ctx, const char *why, struct tally_err *err)
{
	return tally_store_close_signing(ctx, why, err);
}

static void *
watch(void *ctx)
{
	const struct timespec end = tally_deadline((struct tally_span){ PATIENCE });
	struct watch *w = ctx;
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	while (!w->done && rc == 0)
		rc = pthread_cond_timedwait(&w->wake, &w->lock, &end);
	if (!w->done)
		tally_http_cancel(w->http);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void
watch_begin(struct watch *w, struct tally_http_client *http)
{
	*w = (struct watch){ .http = http };
	pthread_mutex_init(&w->lock, NULL);
	tally_cond_init(&w->wake);
	/* Without a thread each answer is still awaited for ten seconds and no longer. */
	w->runs = pthread_create(&w->thread, NULL, watch, w) == 0;
}

static void
watch_end(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	if (w->runs)
		pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
}

/* What came of it: -1 closed. */
static int
judge(const struct tally_store *s, const struct tally_witness_standing *st, bool tells,
      struct tally_err *err)
{
	if (st->closed)
		return tally_err_set(err, TALLY_FAILS, "%s: closed for signing: %s",
				     tally_store_path(s), st->failure);
	if (tells && st->owed > 0)
		tally_log(TALLY_LOG_WARNING,
			  "no quorum of witnesses over %llu entries yet: the agent, or the next "
			  "command that signs, asks again%s%s",
			  (unsigned long long)st->owed, st->failure[0] ? ": " : "", st->failure);
	return 0;
}

static int
ask(struct tally_store *s, const struct tally_policy *policy, int dir, bool tells,
    struct tally_err *err)
{
	const struct tally_witnessed log = { s,        newest,  consistency,
					     cosigned, reached, close_signing };
	struct tally_witness_client_options o = { .policy = policy,
						  .origin = tally_store_origin(s),
						  .log = &log,
						  .disk = tally_disk_real(),
						  .clock = tally_clock_real(),
						  .dir = dir,
						  .interval = { TALLY_SECOND } };
	struct tally_witness_client *client = NULL;
	struct tally_http_client *http = NULL;
	struct tally_witness_standing st;
	struct tally_http table;
	struct watch w;
	int status = tally_http_open(&http, err);

	if (status == 0) {
		table = tally_http_client(http);
		o.http = &table;
		status = tally_witness_client_open(&client, &o, err);
	}
	if (status == 0) {
		watch_begin(&w, http);
		for (int i = 0; i < ROUNDS; i++) {
			const struct tally_uptime now = tally_clock_now(o.clock).uptime;

			if (tally_witness_client_step(client, now, true).ns > now.ns)
				break;
		}
		watch_end(&w);
		tally_witness_client_standing(client, &st);
		status = judge(s, &st, tells, err);
	}
	tally_witness_client_free(client);
	tally_http_close(http);
	return status;
}

int
cli_witnesses_ask(struct tally_store *s, bool tells, struct tally_err *err)
{
	struct tally_policy *policy = NULL;
	struct tally_buf text = TALLY_BUF_INIT;
	int status, dir;

	dir = open(tally_store_path(s), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return tally_err_sys(err, "%s", tally_store_path(s));
	tally_log_prefix(0);
	status = tally_file_read(dir, TALLY_WITNESS_POLICY, TALLY_WITNESS_POLICY_MAX, &text, err);
	if (status > 0 && !tally_store_closed(s))
		status = tally_policy_parse(&policy, TALLY_WITNESS_POLICY, tally_buf_view(&text),
					    err);
	if (policy)
		status = ask(s, policy, dir, tells, err);
	tally_policy_free(policy);
	tally_buf_deinit(&text);
	close(dir);
	return status < 0 ? -1 : 0;
}
