/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of an agent whose TPM can be made to wait. */
#include "testlib.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_control.h"
#include "faketpm.h"
#include "tally/err.h"
#include "tally/json.h"

struct world {
	char *dir, *ledger;
	struct config config;
	struct test_clock clock; /* it stands: nobody's patience ends, no interval passes */
	struct tally_source source;
	struct faketpm tpm;
	struct tpm_starter starter;
	struct agent *agent;
	struct agent_control *control;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool shut, inside;
};

static int
fake_connect(void *ctx, struct tally_err *err)
{
	(void)ctx;
	return tally_err_set(err, TALLY_SYS, "no manager");
}

static int
fake_next(void *ctx, struct tally_observation *out)
{
	(void)ctx;
	(void)out;
	return 0;
}

static int
start(void *ctx, struct tally_tpm **out, const char *dir, const char *transport,
      struct tally_err *err)
{
	struct world *w = ctx;
	(void)dir;
	(void)transport;
	(void)err;
	*out = &w->tpm.table;
	return 0;
}

static void
stop(void *ctx, struct tally_tpm *tpm)
{
	(void)ctx;
	(void)tpm;
}

static void
wait_while_shut(void *ctx, const char *call)
{
	struct world *w = ctx;
	(void)call;
	pthread_mutex_lock(&w->lock);
	w->inside = w->inside || w->shut;
	pthread_cond_broadcast(&w->changed);
	while (w->shut)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void
set_shut(struct world *w, bool shut)
{
	pthread_mutex_lock(&w->lock);
	w->shut = shut;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_init_options o = { .origin = "example.com/h1",
					      .host = "h1",
					      .transport = "libtpms" };
	struct agent_parts parts = {
		.source = &w->source, .clock = &w->clock.table, .tpm = &w->starter, .threads = true
	};
	test_clock_init(&w->clock, "2026-03-01T00:00:00Z");
	w->dir = test_dir_make();
	w->ledger = test_path(w->dir, "ledger");
	w->config.ledger = w->ledger;
	w->config.queue.records = 64;
	w->config.checkpoint.interval.ns = TALLY_SECOND / 100;
	w->config.tpm.attest = true;
	w->source = (struct tally_source){ .ctx = w, .connect = fake_connect, .next = fake_next };
	w->starter = (struct tpm_starter){ w, start, stop };
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	faketpm_init(&w->tpm);
	w->tpm.hook = wait_while_shut;
	w->tpm.hook_ctx = w;
	*state = w;
	if (tally_store_create(w->ledger, &o, &err) < 0 ||
	    agent_open(&w->agent, &w->config, &parts, &err) < 0 ||
	    agent_control_start(&w->control, w->agent, w->ledger, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	set_shut(w, false);
	agent_control_stop(w->control);
	(void)agent_close(w->agent, false, &err);
	faketpm_deinit(&w->tpm);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w->ledger);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

static struct tally_json_doc *
ask(struct world *w, const char *request)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf answer = TALLY_BUF_INIT;
	struct tally_json_doc *doc = NULL;
	if (tally_control_ask(w->ledger, request, TALLY_CONTROL_MS, &answer, &err) < 0 ||
	    tally_json_parse(&doc, tally_buf_view(&answer), &err) < 0)
		fail_msg("%s", err.text);
	tally_buf_deinit(&answer);
	return doc;
}

static const struct tally_json *
get(struct tally_json_doc *doc, const char *key)
{
	const struct tally_json *v = tally_json_get(tally_json_root(doc), key);
	assert_non_null(v);
	return v;
}

static void
a_status_says_what_the_loop_published_and_the_recorder_did(void **state)
{
	struct world *w = *state;
	const struct agent_status s = { .tried = true,
					.running = 3,
					.lost = true,
					.lost_since = test_wall("2026-03-01T00:00:00Z"),
					.lost_why = "connection lost" };
	struct tally_json_doc *doc = ask(w, "{\"op\":\"checkpoint\"}");
	assert_true(tally_json_bool(get(doc, "ok")));
	assert_true(tally_json_bool(get(doc, "attested")));
	tally_json_free(doc);
	agent_control_publish(w->control, &s);
	doc = ask(w, "{\"op\":\"status\"}");
	assert_true(tally_json_bool(get(doc, "ok")));
	assert_false(tally_json_bool(get(doc, "connected")));
	assert_int_equal(tally_json_int(get(doc, "running")), 3);
	assert_int_equal(tally_json_int(get(doc, "pid")), getpid());
	assert_int_equal(tally_json_int(get(doc, "records")), 3);
	assert_int_equal(tally_json_type(get(doc, "heartbeat")), TALLY_JSON_NULL);
	assert_int_equal(tally_json_type(get(doc, "append_p99_us")), TALLY_JSON_INT);
	assert_true(tally_bytes_eq(tally_json_string(get(doc, "evidence")), tally_bytes_str("on")));
	assert_int_equal(tally_json_int(tally_json_get(get(doc, "attested"), "size")), 4);
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(get(doc, "gap"), "since")),
				   tally_bytes_str("2026-03-01T00:00:00Z")));
	tally_json_free(doc);
}

static void
what_it_does_not_know_it_refuses(void **state)
{
	static const char *const requests[] = { "{\"op\":\"stop\"}",
						"{}",
						"[]",
						"7",
						"{\"op\":3}",
						"no",
						"{\"op\":\"append\"}",
						"{\"op\":\"append\",\"entries\":[]}",
						"{\"op\":\"append\",\"entries\":7}",
						"{\"op\":\"append\",\"entries\":[7]}",
						"{\"op\":\"append\",\"entries\":[{\"kind\":42}]}",
						"{\"op\":\"append\",\"entries\":[{\"kind\":42,"
						"\"groups\":[\"?\",\"\",\"\"]}]}",
						"{\"op\":\"append\",\"entries\":[{\"kind\":42,"
						"\"groups\":[\"////\",\"\",\"\"]}]}",
						"{\"op\":\"append\",\"entries\":[{\"kind\":-1,"
						"\"groups\":[\"\",\"\",\"\"]}]}" };
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct tally_json_doc *doc = ask(*state, requests[i]);
		assert_false(tally_json_bool(get(doc, "ok")));
		tally_json_free(doc);
	}
}

/* A request to append one event, or several. */
static struct tally_json_doc *
append(struct world *w, const struct tally_event *const *events, size_t n)
{
	struct tally_buf line = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;
	tally_buf_add_str(&line, "{\"op\":\"append\",\"entries\":[");
	for (size_t i = 0; i < n; i++) {
		struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT,
							 TALLY_BUF_INIT };
		assert_int_equal(tally_event_encode(events[i], group, &err), 0);
		tally_buf_add_str(&line, i ? ",{\"groups\":[" : "{\"groups\":[");
		for (int g = 0; g < TALLY_GROUPS; g++) {
			tally_buf_add_str(&line, g ? ",\"" : "\"");
			tally_buf_add_base64(&line, group[g].p, group[g].len);
			tally_buf_add_str(&line, "\"");
			tally_buf_deinit(&group[g]);
		}
		tally_buf_addf(&line, "],\"kind\":%u}", events[i]->kind);
	}
	tally_buf_add_str(&line, "]}");
	doc = ask(w, tally_buf_cstr(&line));
	tally_buf_deinit(&line);
	return doc;
}

static struct tally_event
claim(void)
{
	struct tally_event ev = { .kind = TALLY_TAGS };
	ev.i.has_vm = true;
	ev.i.tenant = tally_bytes_str("acme");
	ev.m.has_from = true;
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_OPERATOR;
	return ev;
}

static int64_t
records(struct world *w)
{
	struct tally_json_doc *doc = ask(w, "{\"op\":\"status\"}");
	int64_t n;
	assert_int_equal(tally_json_int(get(doc, "queued")), 0);
	n = tally_json_int(get(doc, "records"));
	tally_json_free(doc);
	return n;
}

/* More of them than half of the queue holds: they take turns with the writer. */
static void
an_operators_claims_are_committed_when_the_answer_comes(void **state)
{
	struct world *w = *state;
	const struct tally_event action = { .kind = TALLY_OPERATOR_ACTION,
					    .o = { .has_source = true,
						   .source = TALLY_SRC_OPERATOR } },
				 tag = claim();
	const struct tally_event *all[100] = { &action };
	struct tally_json_doc *doc;
	int64_t before;
	tally_json_free(ask(w, "{\"op\":\"checkpoint\"}"));
	before = records(w);
	for (size_t i = 1; i < 100; i++)
		all[i] = &tag;
	doc = append(w, all, 100);
	assert_true(tally_json_bool(get(doc, "ok")));
	assert_int_equal(tally_json_int(get(doc, "records")), 100);
	tally_json_free(doc);
	assert_int_equal(records(w), before + 100);
}

static void
what_only_the_agent_may_say_nobody_has_it_say(void **state)
{
	struct world *w = *state;
	const struct tally_event good = claim();
	struct tally_event bad[10];
	int64_t before;
	for (size_t i = 0; i < 10; i++)
		bad[i] = claim();
	bad[0].kind = TALLY_STARTED;
	bad[1].kind = TALLY_HEARTBEAT;
	bad[2].m.has_from = false; /* no correction: it would be a sight of the VM */
	bad[3].i.has_vm = false;
	bad[4].o.source = TALLY_SRC_EVENT;
	bad[5].m.has_time = true;
	bad[6].m.has_run = true;
	bad[7].m.has_uptime = true;
	bad[8] = (struct tally_event){ .kind = TALLY_ENROLMENT, .o = bad[8].o }; /* no record */
	bad[8].o.enrolment = tally_bytes_str("tallystick/enrolment/v1\n");
	bad[9] = (struct tally_event){ .kind = TALLY_REPORT_ISSUED, .o = claim().o }; /* which? */
	tally_json_free(ask(w, "{\"op\":\"checkpoint\"}"));
	before = records(w);
	for (size_t i = 0; i < 10; i++) {
		const struct tally_event *both[] = { &good, &bad[i] };
		struct tally_json_doc *doc = append(w, both, 2);
		assert_false(tally_json_bool(get(doc, "ok")));
		assert_memory_equal(tally_json_string(get(doc, "error")).p, "entries[1]: ", 12);
		tally_json_free(doc);
	}
	assert_int_equal(records(w), before); /* not the good one either */
}

static void *
ask_for_a_note(void *ctx)
{
	return ask(ctx, "{\"op\":\"checkpoint\"}");
}

/* One who asked for a note waits in the agent, which waits for the TPM. */
static pthread_t
wait_for_a_note(struct world *w)
{
	pthread_t thread;
	tally_json_free(ask(w, "{\"op\":\"checkpoint\"}"));
	set_shut(w, true);
	(void)agent_step(w->agent); /* it cannot connect: a gap, which is a record */
	assert_int_equal(pthread_create(&thread, NULL, ask_for_a_note, w), 0);
	pthread_mutex_lock(&w->lock);
	while (!w->inside)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return thread;
}

static void
one_who_waits_for_the_tpm_keeps_nobody_else_waiting(void **state)
{
	struct world *w = *state;
	pthread_t thread = wait_for_a_note(w);
	void *answer;
	for (int i = 0; i < 5; i++) {
		struct tally_json_doc *doc = ask(w, "{\"op\":\"status\"}");
		assert_true(tally_json_bool(get(doc, "ok")));
		tally_json_free(doc);
	}
	set_shut(w, false);
	assert_int_equal(pthread_join(thread, &answer), 0);
	assert_true(tally_json_bool(get(answer, "attested")));
	tally_json_free(answer);
}

static void
a_stop_waits_for_nobody_who_waits(void **state)
{
	struct world *w = *state;
	pthread_t thread = wait_for_a_note(w);
	void *answer;
	agent_control_stop(w->control);
	w->control = NULL;
	assert_int_equal(pthread_join(thread, &answer), 0);
	assert_true(tally_json_bool(get(answer, "ok"))); /* the note stands, and says so */
	assert_false(tally_json_bool(get(answer, "attested")));
	tally_json_free(answer);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_status_says_what_the_loop_published_and_the_recorder_did),
		CASE(what_it_does_not_know_it_refuses),
		CASE(an_operators_claims_are_committed_when_the_answer_comes),
		CASE(what_only_the_agent_may_say_nobody_has_it_say),
		CASE(one_who_waits_for_the_tpm_keeps_nobody_else_waiting),
		CASE(a_stop_waits_for_nobody_who_waits),
	};
	return cmocka_run_group_tests_name("agent control", tests, NULL, NULL);
}
