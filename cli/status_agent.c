/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent says of itself over the control socket. Any key may be missing,
 * for the agent may be older; what it says is data, and is shown escaped.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tally/csv.h"
#include "tally/err.h"
#include "tally/json.h"
#include "status.h"

#define ASK_MS 5000 /* it answers at once, or is stuck */

/* The known keys, in the order of bytes; those of objects by their own tables. */
static const char *const keys[] = { "append_p50_us", "append_p99_us", "attested", "checkpoints",
				    "closed",        "connected",     "evidence", "evidence_error",
				    "gap",           "heartbeat",     "lost",     "pid",
				    "queued",        "records",       "running",  "timestamp",
				    "uptime",        "version",       "witness",  NULL };
static const char *const attested_keys[] = { "note", "size", "time", NULL };
static const char *const gap_keys[] = { "reason", "since", NULL };
static const char *const witness_keys[] = { "failing", "failure",   "owed", "size",
					    "time",    "witnesses", NULL };
static const char *const timestamp_keys[] = {
	"authorities", "failure", "owed", "size", "time", NULL
};
/* The keys of the objects. */
static const struct {
	const char *key;
	const char *const *names;
} objects[] = { { "attested", attested_keys },
		{ "gap", gap_keys },
		{ "timestamp", timestamp_keys },
		{ "witness", witness_keys } };

void
status_agent_take(struct status_agent *a, struct tally_bytes answer)
{
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_json *root, *ok;

	if (tally_json_parse(&a->doc, answer, &err) < 0) {
		(void)snprintf(a->why, sizeof(a->why), "its answer is no JSON");
		return;
	}
	root = tally_json_root(a->doc);
	ok = tally_json_type(root) == TALLY_JSON_OBJECT ? tally_json_get(root, "ok") : NULL;
	if (ok && tally_json_bool(ok))
		a->answer = root;
	else
		(void)snprintf(a->why, sizeof(a->why), "it gives no status");
}

void
status_agent_ask(struct status_agent *a, const char *ledger, uint64_t holder)
{
	struct tally_buf answer = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	if (holder == 0)
		return;
	if (tally_control_ask(ledger, "{\"op\":\"status\"}", ASK_MS, &answer, &err) < 0)
		(void)snprintf(a->why, sizeof(a->why), "%.*s", (int)sizeof(a->why) - 1, err.text);
	else
		status_agent_take(a, tally_buf_view(&answer));
	tally_buf_deinit(&answer);
}

void
status_agent_deinit(struct status_agent *a)
{
	tally_json_free(a->doc);
	*a = (struct status_agent){ 0 };
}

static void put(struct tally_jsonw *w, const char *key, const struct tally_json *v);

static void
put_object(struct tally_jsonw *w, const struct tally_json *v, const char *const *names)
{
	tally_jsonw_object(w);
	for (; *names; names++) {
		tally_jsonw_key(w, *names);
		put(w, *names, tally_json_get(v, *names));
	}
	tally_jsonw_end(w);
}

static void
put(struct tally_jsonw *w, const char *key, const struct tally_json *v)
{
	switch (v ? tally_json_type(v) : TALLY_JSON_NULL) {
	case TALLY_JSON_BOOL:
		tally_jsonw_bool(w, tally_json_bool(v));
		return;
	case TALLY_JSON_INT:
		tally_jsonw_i64(w, tally_json_int(v));
		return;
	case TALLY_JSON_STRING:
		tally_jsonw_string(w, tally_json_string(v));
		return;
	case TALLY_JSON_OBJECT:
		for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
			if (strcmp(key, objects[i].key) == 0) {
				put_object(w, v, objects[i].names);
				return;
			}
		break;
	default:
		break;
	}
	tally_jsonw_null(w);
}

void
status_agent_json(const struct status_agent *a, struct tally_jsonw *w)
{
	if (a->answer)
		put_object(w, a->answer, keys);
	else
		tally_jsonw_null(w);
}

/* A member, or NULL where it is missing or of another type. */
static const struct tally_json *
member(const struct tally_json *v, const char *key, enum tally_json_type type)
{
	const struct tally_json *m = tally_json_get(v, key);

	return m && tally_json_type(m) == type ? m : NULL;
}

static void
add_text(struct tally_buf *out, const struct tally_json *v, const char *key)
{
	const struct tally_json *m = member(v, key, TALLY_JSON_STRING);

	tally_printable(out, m ? tally_json_string(m) : tally_bytes_str("?"));
}

/* 93784 s as "1 d 2 h", the two largest units. */
static void
add_duration(struct tally_buf *out, uint64_t s)
{
	if (s >= 86400)
		tally_buf_addf(out, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		tally_buf_addf(out, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		tally_buf_addf(out, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else
		tally_buf_addf(out, "%" PRIu64 " s", s);
}

/* ", 12 s ago" where it is a time, and not one to come. */
static void
add_age(struct tally_buf *out, const struct tally_json *v, const char *key, struct tally_wall now)
{
	const struct tally_json *m = member(v, key, TALLY_JSON_STRING);
	struct tally_bytes text = m ? tally_json_string(m) : tally_bytes(NULL, 0);
	struct tally_wall t;

	if (!m || !tally_wall_parse(&t, (const char *)text.p, text.len, true) || t.ns > now.ns)
		return;
	tally_buf_add_str(out, ", ");
	add_duration(out, (uint64_t)(now.ns - t.ns) / (uint64_t)TALLY_SECOND);
	tally_buf_add_str(out, " ago");
}

static void
add_process(struct tally_buf *out, const struct tally_json *v, uint64_t holder)
{
	const struct tally_json *uptime = member(v, "uptime", TALLY_JSON_STRING);
	uint64_t seconds = 0;

	tally_buf_addf(out, "agent        process %" PRIu64, holder);
	if (member(v, "version", TALLY_JSON_STRING)) {
		tally_buf_add_str(out, ", tallyd ");
		add_text(out, v, "version");
	}
	if (uptime) {
		struct tally_bytes text = tally_json_string(uptime);

		for (size_t i = 0; i < text.len && text.p[i] >= '0' && text.p[i] <= '9' && i < 15;
		     i++)
			seconds = seconds * 10 + (uint64_t)(text.p[i] - '0');
		tally_buf_add_str(out, ", running for ");
		add_duration(out, seconds);
	}
	tally_buf_add_u8(out, '\n');
}

static void
add_hypervisor(struct tally_buf *out, const struct tally_json *v, struct tally_wall now)
{
	const struct tally_json *connected = member(v, "connected", TALLY_JSON_BOOL);
	const struct tally_json *running = member(v, "running", TALLY_JSON_INT);
	const struct tally_json *gap = member(v, "gap", TALLY_JSON_OBJECT);

	if (connected && tally_json_bool(connected))
		tally_buf_add_str(out, "hypervisor   connected");
	else
		tally_buf_add_str(out,
				  "hypervisor   NOT CONNECTED: its VMs are unknown, not stopped");
	if (running)
		tally_buf_addf(out, "; %" PRId64 " VM%s ran when last seen",
			       tally_json_int(running), tally_json_int(running) == 1 ? "" : "s");
	tally_buf_add_u8(out, '\n');
	if (gap) {
		tally_buf_add_str(out, "open gap     since ");
		add_text(out, gap, "since");
		add_age(out, gap, "since", now);
		tally_buf_add_str(out, ": ");
		add_text(out, gap, "reason");
		tally_buf_add_u8(out, '\n');
	}
	if (member(v, "heartbeat", TALLY_JSON_STRING)) {
		tally_buf_add_str(out, "heartbeat    ");
		add_text(out, v, "heartbeat");
		add_age(out, v, "heartbeat", now);
		tally_buf_add_u8(out, '\n');
	}
}

static void
add_evidence(struct tally_buf *out, const struct tally_json *v, struct tally_wall now)
{
	const struct tally_json *state = member(v, "evidence", TALLY_JSON_STRING);
	const struct tally_json *attested = member(v, "attested", TALLY_JSON_OBJECT);
	const struct tally_json *size;

	if (!state)
		return;
	if (tally_bytes_eq(tally_json_string(state), tally_bytes_str("off"))) {
		tally_buf_add_str(out,
				  "evidence     OFF by configuration: checkpoints are signed only");
	} else if (tally_bytes_eq(tally_json_string(state), tally_bytes_str("on"))) {
		tally_buf_add_str(out, "evidence     on");
	} else if (tally_bytes_eq(tally_json_string(state), tally_bytes_str("waiting"))) {
		tally_buf_add_str(out, "evidence     on, and waits for its first checkpoint");
	} else {
		tally_buf_add_str(out, "evidence     FAILING: ");
		add_text(out, v,
			 member(v, "evidence_error", TALLY_JSON_STRING) ? "evidence_error"
									: "evidence");
	}
	if (attested) {
		tally_buf_add_str(out, "; attested last ");
		add_text(out, attested, "time");
		add_age(out, attested, "time", now);
		size = member(attested, "size", TALLY_JSON_INT);
		if (size)
			tally_buf_addf(out, ", over %" PRId64 " entries", tally_json_int(size));
	}
	tally_buf_add_u8(out, '\n');
}

static void
add_witnesses(struct tally_buf *out, const struct tally_json *v, struct tally_wall now)
{
	const struct tally_json *w = member(v, "witness", TALLY_JSON_OBJECT);
	const struct tally_json *size = w ? member(w, "size", TALLY_JSON_INT) : NULL;
	const struct tally_json *owed = w ? member(w, "owed", TALLY_JSON_INT) : NULL;
	const struct tally_json *failing = w ? member(w, "failing", TALLY_JSON_INT) : NULL;
	const struct tally_json *all = w ? member(w, "witnesses", TALLY_JSON_INT) : NULL;

	if (!size || !owed || !failing || !all)
		return;
	if (tally_json_int(size) > 0) {
		tally_buf_addf(out, "witnesses    a quorum has signed %" PRId64 " entries, by ",
			       tally_json_int(size));
		add_text(out, w, "time");
		add_age(out, w, "time", now);
	} else {
		tally_buf_add_str(out, "witnesses    NO QUORUM yet");
	}
	if (tally_json_int(owed) > 0)
		tally_buf_addf(out, "; still owed for %" PRId64, tally_json_int(owed));
	if (tally_json_int(failing) > 0) {
		tally_buf_addf(out,
			       "; %" PRId64 " of %" PRId64 " FAILING: ", tally_json_int(failing),
			       tally_json_int(all));
		add_text(out, w, "failure");
	}
	tally_buf_add_u8(out, '\n');
}

static void
add_timestamps(struct tally_buf *out, const struct tally_json *v, struct tally_wall now)
{
	const struct tally_json *t = member(v, "timestamp", TALLY_JSON_OBJECT);
	const struct tally_json *size = t ? member(t, "size", TALLY_JSON_INT) : NULL;
	const struct tally_json *owed = t ? member(t, "owed", TALLY_JSON_INT) : NULL;

	if (!size || !owed)
		return;
	if (tally_json_int(size) > 0) {
		tally_buf_addf(out, "timestamps   one covers %" PRId64 " entries, by ",
			       tally_json_int(size));
		add_text(out, t, "time");
		add_age(out, t, "time", now);
	} else {
		tally_buf_add_str(out, "timestamps   NONE yet");
	}
	if (tally_json_int(owed) > 0)
		tally_buf_addf(out, "; still owed for %" PRId64, tally_json_int(owed));
	if (member(t, "failure", TALLY_JSON_STRING)) {
		tally_buf_add_str(out, "; FAILING: ");
		add_text(out, t, "failure");
	}
	tally_buf_add_u8(out, '\n');
}

static void
add_writing(struct tally_buf *out, const struct tally_json *v)
{
	const struct tally_json *queued = member(v, "queued", TALLY_JSON_INT);
	const struct tally_json *lost = member(v, "lost", TALLY_JSON_INT);
	const struct tally_json *records = member(v, "records", TALLY_JSON_INT);
	const struct tally_json *p50 = member(v, "append_p50_us", TALLY_JSON_INT);
	const struct tally_json *p99 = member(v, "append_p99_us", TALLY_JSON_INT);

	if (queued && lost && records)
		tally_buf_addf(out,
			       "writing      %" PRId64 " entries since its start, %" PRId64
			       " waiting, %" PRId64 " lost\n",
			       tally_json_int(records), tally_json_int(queued),
			       tally_json_int(lost));
	if (p50 && p99)
		tally_buf_addf(
			out, "to the disk  %.1f ms at the median, %.1f ms at the 99th percentile\n",
			(double)tally_json_int(p50) / 1000, (double)tally_json_int(p99) / 1000);
}

void
status_agent_text(const struct status_agent *a, uint64_t holder, struct tally_wall now,
		  struct tally_buf *out)
{
	if (holder == 0) {
		tally_buf_add_str(out,
				  "agent        none runs on this ledger: nothing is metered\n");
	} else if (!a->answer) {
		tally_buf_addf(out,
			       "agent        process %" PRIu64
			       " holds the ledger, and does not answer: ",
			       holder);
		tally_printable(out, tally_bytes_str(a->why));
		tally_buf_add_u8(out, '\n');
	} else {
		add_process(out, a->answer, holder);
		add_hypervisor(out, a->answer, now);
		add_evidence(out, a->answer, now);
		add_witnesses(out, a->answer, now);
		add_timestamps(out, a->answer, now);
		add_writing(out, a->answer);
	}
}
