/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of the agent these threads use what may be used from any thread: the
 * recorder's side. What only the loop knows, the loop publishes.
 */
#include "agent_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_operator.h"
#include "tally/err.h"
#include "tally/json.h"
#include "tally/log.h"
#include "tally/store.h"

/* One may wait for a TPM while another one asks for the status. */
#define THREADS 4

struct agent_control {
	struct agent *agent;
	int listening, stop; /* `stop`: an eventfd */
	pthread_t thread[THREADS];
	size_t threads;
	pthread_mutex_t lock; /* of the status */
	struct agent_status status;
};

static void
key_u64(struct tally_jsonw *w, const char *key, uint64_t v)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, v);
}

static void
key_bool(struct tally_jsonw *w, const char *key, bool v)
{
	tally_jsonw_key(w, key);
	tally_jsonw_bool(w, v);
}

static void
key_text(struct tally_jsonw *w, const char *key, const char *v)
{
	tally_jsonw_key(w, key);
	if (v != NULL)
		tally_jsonw_str(w, v);
	else
		tally_jsonw_null(w);
}

static void
key_latency(struct tally_jsonw *w, const char *key, const struct recorder_status *r, uint32_t us)
{
	tally_jsonw_key(w, key);
	if (r->appended > 0)
		tally_jsonw_u64(w, us);
	else
		tally_jsonw_null(w);
}

static void
key_wall(struct tally_jsonw *w, const char *key, struct tally_wall v)
{
	char text[TALLY_TIME_TEXT];
	tally_wall_text(text, v);
	key_text(w, key, v.ns != 0 ? text : NULL);
}

static void
answer_error(struct tally_buf *out, const char *text)
{
	struct tally_jsonw *w;
	tally_buf_clear(out);
	w = tally_jsonw_new(out, true);
	tally_jsonw_object(w);
	key_text(w, "error", text);
	key_bool(w, "ok", false);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
}

static const char *
evidence_name(enum recorder_evidence e)
{
	static const char *const names[] = { [RECORDER_OFF] = "off",
					     [RECORDER_WAITING] = "waiting",
					     [RECORDER_ATTESTING] = "on",
					     [RECORDER_FAILED] = "failing" };
	return names[e];
}

static void
answer_attested(struct tally_jsonw *w, const struct recorder_status *r)
{
	tally_jsonw_key(w, "attested");
	if (!r->has_attested) {
		tally_jsonw_null(w);
		return;
	}
	tally_jsonw_object(w);
	key_u64(w, "note", r->attested.sequence);
	key_u64(w, "size", r->attested.size);
	key_wall(w, "time", r->attested_at);
	tally_jsonw_end(w);
}

static void
answer_timestamp(struct tally_jsonw *w, const struct agent_control *c)
{
	struct tally_timestamp_standing s;
	tally_jsonw_key(w, "timestamp");
	if (!agent_timestamps(c->agent, &s)) {
		tally_jsonw_null(w);
		return;
	}
	tally_jsonw_object(w);
	key_u64(w, "authorities", s.authorities);
	key_text(w, "failure", s.failure[0] != '\0' ? s.failure : NULL);
	key_u64(w, "owed", s.owed);
	key_u64(w, "size", s.size);
	key_wall(w, "time",
		 (struct tally_wall){ s.time < TALLY_WALL_MAX / TALLY_SECOND
					      ? (int64_t)s.time * TALLY_SECOND
					      : 0 });
	tally_jsonw_end(w);
}

static void
answer_witness(struct tally_jsonw *w, const struct agent_control *c)
{
	struct tally_witness_standing s;
	tally_jsonw_key(w, "witness");
	if (!agent_witnesses(c->agent, &s)) {
		tally_jsonw_null(w);
		return;
	}
	tally_jsonw_object(w);
	key_u64(w, "failing", s.failing);
	key_text(w, "failure", s.failure[0] != '\0' ? s.failure : NULL);
	key_u64(w, "owed", s.owed);
	key_u64(w, "size", s.size);
	key_wall(w, "time",
		 (struct tally_wall){ s.time < TALLY_WALL_MAX / TALLY_SECOND
					      ? (int64_t)s.time * TALLY_SECOND
					      : 0 });
	key_u64(w, "witnesses", s.witnesses);
	tally_jsonw_end(w);
}

static void
answer_gap(struct tally_jsonw *w, const struct agent_status *s)
{
	tally_jsonw_key(w, "gap");
	if (!s->lost) {
		tally_jsonw_null(w);
		return;
	}
	tally_jsonw_object(w);
	key_text(w, "reason", s->lost_why);
	key_wall(w, "since", s->lost_since);
	tally_jsonw_end(w);
}

static void
answer_status(struct agent_control *c, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, true);
	struct recorder_status r;
	struct agent_status s;
	char uptime[TALLY_TIME_TEXT];
	pthread_mutex_lock(&c->lock);
	s = c->status;
	pthread_mutex_unlock(&c->lock);
	agent_recorder_status(c->agent, &r);
	tally_span_text(uptime, agent_uptime(c->agent));
	tally_jsonw_object(w);
	key_latency(w, "append_p50_us", &r, r.latency_p50);
	key_latency(w, "append_p99_us", &r, r.latency_p99);
	answer_attested(w, &r);
	key_u64(w, "checkpoints", r.checkpoints);
	key_text(w, "closed", r.closed ? r.closed_why : NULL);
	key_bool(w, "connected", s.connected);
	key_text(w, "evidence", evidence_name(r.evidence));
	key_text(w, "evidence_error", r.evidence == RECORDER_FAILED ? r.failure.text : NULL);
	answer_gap(w, &s);
	key_wall(w, "heartbeat", s.witnessed);
	key_u64(w, "lost", r.lost);
	key_bool(w, "ok", true);
	key_u64(w, "pid", (uint64_t)getpid());
	key_u64(w, "queued", r.queued);
	key_u64(w, "records", r.appended);
	key_u64(w, "running", s.running);
	answer_timestamp(w, c);
	key_text(w, "uptime", uptime);
	key_text(w, "version", TALLY_VERSION);
	answer_witness(w, c);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
}

static int
answer_checkpoint(struct agent_control *c, struct tally_buf *out, struct tally_err *err)
{
	struct tally_buf root = TALLY_BUF_INIT;
	struct recorder_note note;
	struct tally_jsonw *w;
	if (agent_checkpoint(c->agent, &note, err) < 0)
		return -1;
	tally_buf_add_base64(&root, note.root, TALLY_HASH);
	w = tally_jsonw_new(out, true);
	tally_jsonw_object(w);
	key_bool(w, "attested", note.attested);
	key_u64(w, "note", note.sequence);
	key_bool(w, "ok", true);
	tally_jsonw_key(w, "root");
	tally_jsonw_string(w, tally_buf_view(&root));
	key_u64(w, "size", note.size);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_deinit(&root);
	return 0;
}

static int
answer_append(struct agent_control *c, const struct tally_json *request, struct tally_buf *out,
	      struct tally_err *err)
{
	struct tally_jsonw *w;
	size_t records;
	if (agent_operator_append(c->agent, request, &records, err) < 0)
		return -1;
	w = tally_jsonw_new(out, true);
	tally_jsonw_object(w);
	key_bool(w, "ok", true);
	key_u64(w, "records", records);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	return 0;
}

static int
answer(void *ctx, struct tally_bytes request, struct tally_buf *out)
{
	struct agent_control *c = ctx;
	struct tally_json_doc *doc = NULL;
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_json *op = NULL;
	struct tally_bytes name = { NULL, 0 };
	if (tally_json_parse(&doc, request, &err) == 0) {
		const struct tally_json *root = tally_json_root(doc);
		if (tally_json_type(root) == TALLY_JSON_OBJECT)
			op = tally_json_get(root, "op");
		if (op != NULL && tally_json_type(op) == TALLY_JSON_STRING)
			name = tally_json_string(op);
	}
	if (tally_bytes_eq(name, tally_bytes_str("status"))) {
		answer_status(c, out);
	} else if (tally_bytes_eq(name, tally_bytes_str("append"))) {
		if (answer_append(c, tally_json_root(doc), out, &err) < 0)
			answer_error(out, err.text);
	} else if (!tally_bytes_eq(name, tally_bytes_str("checkpoint"))) {
		answer_error(out, "unknown request");
	} else if (answer_checkpoint(c, out, &err) < 0) {
		answer_error(out, err.text);
	}
	tally_json_free(doc);
	return 0;
}

static void
serve_one(struct agent_control *c)
{
	struct tally_err err = TALLY_ERR_INIT;
	int connection = accept4(c->listening, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0) {
		/* Without descriptors it would be asked again at once, and for ever. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			(void)poll(&(struct pollfd){ .fd = c->stop, .events = POLLIN }, 1, 1000);
		return;
	}
	if (tally_control_serve(connection, answer, c, &err) < 0)
		tally_log(TALLY_LOG_WARNING, "control: %s", err.text);
	close(connection);
}

static void *
serve(void *ctx)
{
	struct agent_control *c = ctx;
	for (;;) {
		struct pollfd p[] = { { .fd = c->listening, .events = POLLIN },
				      { .fd = c->stop, .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents != 0)
			break;
		if (p[0].revents != 0)
			serve_one(c);
	}
	return NULL;
}

int
agent_control_start(struct agent_control **out, struct agent *a, const char *ledger,
		    struct tally_err *err)
{
	struct agent_control *c = tally_alloc(sizeof(*c));
	int rc;
	c->agent = a;
	c->stop = -1;
	pthread_mutex_init(&c->lock, NULL);
	c->listening = tally_control_listen(ledger, err);
	if (c->listening < 0)
		goto failed;
	/* They are all woken, and one of them gets it. */
	if (fcntl(c->listening, F_SETFL, O_NONBLOCK) < 0) {
		(void)tally_err_sys(err, "control");
		goto failed;
	}
	c->stop = eventfd(0, EFD_CLOEXEC);
	if (c->stop < 0) {
		(void)tally_err_sys(err, "eventfd");
		goto failed;
	}
	while (c->threads < THREADS) {
		rc = pthread_create(&c->thread[c->threads], NULL, serve, c);
		if (rc != 0) {
			errno = rc;
			(void)tally_err_sys(err, "control: thread");
			goto failed;
		}
		c->threads++;
	}
	*out = c;
	return 0;
failed:
	agent_control_stop(c);
	return -1;
}

void
agent_control_publish(struct agent_control *c, const struct agent_status *status)
{
	pthread_mutex_lock(&c->lock);
	c->status = *status;
	pthread_mutex_unlock(&c->lock);
}

void
agent_control_stop(struct agent_control *c)
{
	if (c == NULL)
		return;
	if (c->threads > 0) {
		(void)eventfd_write(c->stop, 1);
		agent_hurry(c->agent);
	}
	for (size_t i = 0; i < c->threads; i++)
		pthread_join(c->thread[i], NULL);
	if (c->stop >= 0)
		close(c->stop);
	if (c->listening >= 0)
		close(c->listening);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
