/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's part of `tally status`: what it says is shown, what it does not say is not made up.
 */
#include <string.h>

#include "status.h"
#include "testlib.h"
#include "tally/err.h"
#include "tally/json.h"

#define FULL                                                                                       \
	"{\"append_p50_us\":1234,\"append_p99_us\":8000,"                                          \
	"\"attested\":{\"note\":7,\"size\":40,\"time\":\"2026-03-01T00:00:50Z\"},"                 \
	"\"checkpoints\":9,\"closed\":null,\"connected\":true,\"evidence\":\"on\",\"evidence_"     \
	"error\":null,"                                                                            \
	"\"gap\":null,\"heartbeat\":\"2026-03-01T00:00:57.5Z\",\"lost\":0,\"ok\":true,\"pid\":42," \
	"\"queued\":1,\"records\":41,\"running\":3,\"timestamp\":{\"authorities\":2,\"failure\":"  \
	"\"none\",\"owed\":40,\"size\":20,\"time\":\"2026-03-01T00:00:30Z\"},\"uptime\":\"93784."  \
	"25\",\"version\":\"0.1.0\","                                                              \
	"\"witness\":{\"failing\":1,\"failure\":\"w: "                                             \
	"gone\",\"owed\":40,\"size\":30,\"time\":\"2026-03-01T00:00:40Z\",\"witnesses\":3}}"

static struct tally_wall
now(void)
{
	struct tally_wall t;

	assert_true(tally_wall_parse(&t, "2026-03-01T00:01:00Z", 20, false));
	return t;
}

/* The lines for `answer` of process 42; NULL: as if nobody were asked. */
static void
text_of(const char *answer, uint64_t holder, struct tally_buf *out)
{
	struct status_agent a = { 0 };

	tally_buf_clear(out);
	if (answer)
		status_agent_take(&a, tally_bytes_str(answer));
	status_agent_text(&a, holder, now(), out);
	status_agent_deinit(&a);
}

static void
says(const char *answer, const char *expected)
{
	struct tally_buf out = TALLY_BUF_INIT;

	text_of(answer, 42, &out);
	if (!strstr(tally_buf_cstr(&out), expected))
		fail_msg("%s, without %s", tally_buf_cstr(&out), expected);
	tally_buf_deinit(&out);
}

static void
an_operator_reads_how_the_agent_is(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;

	(void)state;
	text_of(FULL, 42, &out);
	assert_string_equal(
		tally_buf_cstr(&out),
		"agent        process 42, tallyd 0.1.0, running for 1 d 2 h\n"
		"hypervisor   connected; 3 VMs ran when last seen\n"
		"heartbeat    2026-03-01T00:00:57.5Z, 2 s ago\n"
		"evidence     on; attested last 2026-03-01T00:00:50Z, 10 s ago, over 40 entries\n"
		"witnesses    a quorum has signed 30 entries, by 2026-03-01T00:00:40Z, 20 s ago; "
		"still "
		"owed for 40; 1 of 3 FAILING: w: gone\n"
		"timestamps   one covers 20 entries, by 2026-03-01T00:00:30Z, 30 s ago; still owed "
		"for 40; FAILING: none\n"
		"writing      41 entries since its start, 1 waiting, 0 lost\n"
		"to the disk  1.2 ms at the median, 8.0 ms at the 99th percentile\n");
	tally_buf_deinit(&out);
}

static void
what_is_wrong_stands_out(void **state)
{
	(void)state;
	says("{\"ok\":true,\"witness\":{\"failing\":0,\"failure\":null,\"owed\":7,\"size\":0,"
	     "\"time\":null,\"witnesses\":2}}",
	     "witnesses    NO QUORUM yet; still owed for 7\n");
	says("{\"ok\":true,\"timestamp\":{\"authorities\":1,\"failure\":null,\"owed\":0,\"size\":0,"
	     "\"time\":null}}",
	     "timestamps   NONE yet\n");
	says("{\"connected\":false,\"ok\":true,\"running\":3,\"gap\":{\"since\":\"2026-02-28T23:00:"
	     "00Z\","
	     "\"reason\":\"connection lost: end of file\"}}",
	     "NOT CONNECTED: its VMs are unknown, not stopped; 3 VMs ran when last seen\n"
	     "open gap     since 2026-02-28T23:00:00Z, 1 h 1 min ago: connection lost: end of "
	     "file\n");
	says("{\"evidence\":\"failing\",\"evidence_error\":\"swtpm at h port 1: "
	     "gone\",\"ok\":true}",
	     "evidence     FAILING: swtpm at h port 1: gone\n");
	says("{\"evidence\":\"waiting\",\"ok\":true}", "evidence     on, and waits");
	says("{\"evidence\":\"off\",\"ok\":true}", "evidence     OFF by configuration");
}

static void
without_an_agent_it_says_so(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_jsonw *w = tally_jsonw_new(&out, true);
	struct status_agent a = { 0 };

	(void)state;
	status_agent_json(&a, w);
	tally_jsonw_free(w);
	assert_string_equal(tally_buf_cstr(&out), "null");
	text_of(NULL, 0, &out);
	assert_string_equal(tally_buf_cstr(&out),
			    "agent        none runs on this ledger: nothing is metered\n");
	tally_buf_deinit(&out);
	says("nonsense",
	     "process 42 holds the ledger, and does not answer: its answer is no JSON\n");
	says("{\"ok\":false,\"error\":\"x\"}", "does not answer: it gives no status\n");
	says("[]", "does not answer: it gives no status\n");
}

/* An agent of another version, or somebody who took its place. */
static void
missing_strange_and_hostile_values_are_survived(void **state)
{
	(void)state;
	says("{\"ok\":true}", "agent        process 42\n");
	says("{\"ok\":true,\"uptime\":\"-1e9999999999999999999\"}", "running for 0 s");
	says("{\"ok\":true,\"uptime\":\"99999999999999999999999\"}", "running for ");
	says("{\"ok\":true,\"version\":\"\\u001b[2J\"}", "tallyd \\x1b[2J");
	says("{\"ok\":true,\"heartbeat\":\"tomorrow\\n\"}", "heartbeat    tomorrow\\x0a\n");
	says("{\"ok\":true,\"heartbeat\":\"2027-01-01T00:00:00Z\"}",
	     "heartbeat    2027-01-01T00:00:00Z\n");
	says("{\"ok\":true,\"gap\":{\"since\":5},\"attested\":[],\"evidence\":7,\"lost\":\"x\"}",
	     "open gap     since ?: ?\n");
}

static void
the_object_has_every_known_key_and_no_other(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_jsonw *w;
	struct status_agent a = { 0 };

	(void)state;
	status_agent_take(&a, tally_bytes_str(FULL));
	w = tally_jsonw_new(&out, true);
	status_agent_json(&a, w);
	tally_jsonw_free(w);
	assert_string_equal(
		tally_buf_cstr(&out),
		"{\"append_p50_us\":1234,\"append_p99_us\":8000,"
		"\"attested\":{\"note\":7,\"size\":40,\"time\":\"2026-03-01T00:00:50Z\"},"
		"\"checkpoints\":9,\"closed\":null,\"connected\":true,\"evidence\":\"on\","
		"\"evidence_error\":null,"
		"\"gap\":null,\"heartbeat\":\"2026-03-01T00:00:57.5Z\",\"lost\":0,\"pid\":42,"
		"\"queued\":1,\"records\":41,\"running\":3,"
		"\"timestamp\":{\"authorities\":2,\"failure\":\"none\",\"owed\":40,\"size\":20,"
		"\"time\":\"2026-03-01T00:00:30Z\"},\"uptime\":\"93784.25\",\"version\":\"0.1.0\","
		"\"witness\":{\"failing\":1,\"failure\":\"w: gone\",\"owed\":40,\"size\":30,"
		"\"time\":\"2026-03-01T00:00:40Z\",\"witnesses\":3}}");
	status_agent_deinit(&a);
	tally_buf_clear(&out);
	status_agent_take(&a, tally_bytes_str("{\"zz\":1,\"ok\":true,\"pid\":{\"a\":1},\"aa\":2}"));
	w = tally_jsonw_new(&out, true);
	status_agent_json(&a, w);
	tally_jsonw_free(w);
	assert_non_null(strstr(tally_buf_cstr(&out), "\"pid\":null"));
	assert_null(strstr(tally_buf_cstr(&out), "zz"));
	status_agent_deinit(&a);
	tally_buf_deinit(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operator_reads_how_the_agent_is),
		cmocka_unit_test(what_is_wrong_stands_out),
		cmocka_unit_test(without_an_agent_it_says_so),
		cmocka_unit_test(missing_strange_and_hostile_values_are_survived),
		cmocka_unit_test(the_object_has_every_known_key_and_no_other),
	};

	return cmocka_run_group_tests_name("cli status", tests, NULL, NULL);
}
