/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's requests (docs/FORMAT.md section 14). */
#include "agent_control.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/json.h"
#include "tally/log.h"
#include "tally/store.h"

static void
answer_error(struct tally_buf *out, const char *text)
{
	struct tally_jsonw *w = tally_jsonw_new(out, true);
	tally_jsonw_object(w);
	tally_jsonw_key(w, "error");
	tally_jsonw_str(w, text);
	tally_jsonw_key(w, "ok");
	tally_jsonw_bool(w, false);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
}

static void
answer_status(struct agent *a, struct tally_buf *out)
{
	struct agent_status s;
	struct tally_jsonw *w = tally_jsonw_new(out, true);
	char uptime[TALLY_TIME_TEXT];
	agent_status(a, &s);
	tally_span_text(uptime, s.uptime);
	tally_jsonw_object(w);
	tally_jsonw_key(w, "checkpoints");
	tally_jsonw_u64(w, s.recorder.checkpoints);
	tally_jsonw_key(w, "connected");
	tally_jsonw_bool(w, s.connected);
	tally_jsonw_key(w, "lost");
	tally_jsonw_u64(w, s.recorder.lost);
	tally_jsonw_key(w, "ok");
	tally_jsonw_bool(w, true);
	tally_jsonw_key(w, "pid");
	tally_jsonw_i64(w, getpid());
	tally_jsonw_key(w, "queued");
	tally_jsonw_u64(w, s.recorder.queued);
	tally_jsonw_key(w, "records");
	tally_jsonw_u64(w, s.recorder.appended);
	tally_jsonw_key(w, "running");
	tally_jsonw_u64(w, s.running);
	tally_jsonw_key(w, "uptime");
	tally_jsonw_str(w, uptime);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
}

static int
answer_checkpoint(struct agent *a, struct tally_buf *out, struct tally_err *err)
{
	struct tally_buf root = TALLY_BUF_INIT;
	struct recorder_note note;
	struct tally_jsonw *w;
	if (agent_checkpoint(a, &note, err) < 0)
		return -1;
	tally_buf_add_base64(&root, note.root, TALLY_HASH);
	w = tally_jsonw_new(out, true);
	tally_jsonw_object(w);
	tally_jsonw_key(w, "note");
	tally_jsonw_u64(w, note.sequence);
	tally_jsonw_key(w, "ok");
	tally_jsonw_bool(w, true);
	tally_jsonw_key(w, "root");
	tally_jsonw_string(w, tally_buf_view(&root));
	tally_jsonw_key(w, "size");
	tally_jsonw_u64(w, note.size);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_deinit(&root);
	return 0;
}

static int
answer(void *ctx, struct tally_bytes request, struct tally_buf *out)
{
	struct agent *a = ctx;
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
	if (tally_bytes_eq(name, tally_bytes_str("status")))
		answer_status(a, out);
	else if (!tally_bytes_eq(name, tally_bytes_str("checkpoint")))
		answer_error(out, "unknown request");
	else if (answer_checkpoint(a, out, &err) < 0) {
		tally_buf_clear(out);
		answer_error(out, err.text);
	}
	tally_json_free(doc);
	return 0;
}

void
agent_control_ready(struct agent *a, int listening)
{
	struct tally_err err = TALLY_ERR_INIT;
	int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return;
	if (tally_control_serve(connection, answer, a, &err) < 0)
		tally_log(TALLY_LOG_WARNING, "control: %s", err.text);
	close(connection);
}
