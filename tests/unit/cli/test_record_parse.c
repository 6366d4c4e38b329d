/* SPDX-License-Identifier: Apache-2.0 */
/* One line of recorded events: what is taken, and with which words the rest is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "record.h"

#define U    "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
#define T    "\"time\":\"2026-03-01T00:00:00Z\",\"host\":\"h1\","
#define E(e) "{" T "\"event\":\"" e "\""
#define V    ",\"vm\":\"" U "\""

static int
parse(struct record_parser *p, const char *line, uint64_t number, struct record_line *l,
      struct tally_err *err)
{
	*err = (struct tally_err)TALLY_ERR_INIT;
	return record_parse(p, tally_bytes_str(line), number, l, err);
}

static const struct {
	const char *line, *at, *error; /* `at`: what stands at the column; "" is column 1 */
} bad[] = {
	{ "", "", "a blank line" },
	{ "  \t\r", "", "a blank line" },
	{ "\xef\xbb\xbf{}", "", "a byte order mark" },
	{ "[1]", "", "no JSON object" },
	{ "{}", "", "'time' is missing" },
	{ "{\"time\":\"2026-03-01T00:00:00Z\",\"event\":\"heartbeat\"}", "", "'host' is missing" },
	{ "{" T "\"x\":1}", "", "'event' is missing" },
	{ "{\"tally-events\":1}", "", "'time' is missing" },
	{ E("frob") "}", "\"frob\"}", "unknown event 'frob'" },
	{ E("frob\\n") "}", "\"frob\\n\"}", "unknown event 'frob\\x0a'" },
	{ "{" T "\"event\":7}", "7}", "'event' must be a string" },
	{ E("heartbeat") ",\"foo\":1}", "\"foo\":1}", "unknown key 'foo'" },
	{ E("heartbeat") V "}", "\"vm\":\"6b1c5a8e", "unknown key 'vm' in heartbeat" },
	{ E("stop") V ",\"cause\":\"shutdown\",\"vcpus\":1}", "\"vcpus\":1}",
	  "unknown key 'vcpus' in stop" },
	{ E("heartbeat") ",\"fo\\u001bo\":1}", "\"fo\\u001bo\":1}", "unknown key 'fo\\x1bo'" },
	{ "{\"time\":\"2026-03-01T00:00:60Z\",\"host\":\"h1\",\"event\":\"heartbeat\"}",
	  "\"2026-03-01T00",
	  "'time' must be RFC 3339 in UTC, as 2026-03-01T10:00:00Z, up to nanoseconds" },
	{ "{\"time\":\"2026-03-01t00:00:00Z\",\"host\":\"h1\",\"event\":\"heartbeat\"}",
	  "\"2026-03-01t00",
	  "'time' must be RFC 3339 in UTC, as 2026-03-01T10:00:00Z, up to nanoseconds" },
	{ "{\"time\":\"2026-03-01T00:00:00z\",\"host\":\"h1\",\"event\":\"heartbeat\"}",
	  "\"2026-03-01T00",
	  "'time' must be RFC 3339 in UTC, as 2026-03-01T10:00:00Z, up to nanoseconds" },
	{ "{\"time\":\"2026-03-01T00:00:00+01:00\",\"host\":\"h1\",\"event\":\"heartbeat\"}",
	  "\"2026-03-01T00",
	  "'time' must be RFC 3339 in UTC, as 2026-03-01T10:00:00Z, up to nanoseconds" },
	{ "{\"time\":\"2026-03-01T00:00:00.1234567890Z\",\"host\":\"h1\",\"event\":\"heartbeat\"}",
	  "\"2026-03-01T00",
	  "'time' must be RFC 3339 in UTC, as 2026-03-01T10:00:00Z, up to nanoseconds" },
	{ "{\"time\":1,\"host\":\"h1\",\"event\":\"heartbeat\"}", "1,\"host\":\"h1\",",
	  "'time' must be a string" },
	{ "{\"time\":\"2026-03-01T00:00:00Z\",\"host\":\"../h1\",\"event\":\"heartbeat\"}",
	  "\"../h1\",\"event",
	  "'host' must be 1 to 200 of A-Z a-z 0-9 . _ - and not begin with a dot" },
	{ "{\"time\":\"2026-03-01T00:00:00Z\",\"host\":\".h1\",\"event\":\"heartbeat\"}",
	  "\".h1\",\"event\":",
	  "'host' must be 1 to 200 of A-Z a-z 0-9 . _ - and not begin with a dot" },
	{ "{\"time\":\"2026-03-01T00:00:00Z\",\"host\":\"\",\"event\":\"heartbeat\"}",
	  "\"\",\"event\":\"he",
	  "'host' must be 1 to 200 of A-Z a-z 0-9 . _ - and not begin with a dot" },
	{ "{\"time\":\"2026-03-01T00:00:00Z\",\"host\":\"h\xc3\xa9\",\"event\":\"heartbeat\"}",
	  "\"h\xc3\xa9\"",
	  "'host' must be 1 to 200 of A-Z a-z 0-9 . _ - and not begin with a dot" },
	{ E("host") "}", "", "host: 'cores_per_socket' is missing" },
	{ E("start") V "}", "", "start: 'vcpus' is missing" },
	{ E("start") ",\"vcpus\":1}", "", "start: 'vm' is missing" },
	{ E("migrate-in") V "}", "", "migrate-in: 'vcpus' is missing" },
	{ E("stop") V "}", "", "stop: 'cause' is missing" },
	{ E("resume") "}", "", "resume: 'vm' is missing" },
	{ E("gap") ",\"from\":\"2026-03-01T00:00:00Z\"}", "", "gap: 'to' is missing" },
	{ E("start") ",\"vm\":\"6b1c\",\"vcpus\":1}", "\"6b1c\",\"vcpus\"",
	  "'vm' must be a UUID, as 6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11" },
	{ E("start") V ",\"vcpus\":0}", "0}", "'vcpus' must be a whole number from 1 to 65536" },
	{ E("start") V ",\"vcpus\":1.0}", "1.0}",
	  "'vcpus' must be a whole number from 1 to 65536" },
	{ E("start") V ",\"vcpus\":\"2\"}", "\"2\"}",
	  "'vcpus' must be a whole number from 1 to 65536" },
	{ E("start") V ",\"vcpus\":null}", "null}",
	  "'vcpus' must be a whole number from 1 to 65536" },
	{ E("start") V ",\"vcpus\":65537}", "65537}",
	  "'vcpus' must be a whole number from 1 to 65536" },
	{ E("start") V ",\"vcpus\":1,\"name\":null}", "null}", "'name' must be a string" },
	{ E("start") V ",\"vcpus\":1,\"paused\":1}", "1}", "'paused' must be true or false" },
	{ E("start") V ",\"vcpus\":1,\"os\":\"Windows\"}", "\"Windows\"}",
	  "'os' must be a libosinfo URI or null" },
	{ E("start") V ",\"vcpus\":1,\"os\":\"\"}", "\"\"}",
	  "'os' must be a libosinfo URI or null" },
	{ E("start") V ",\"vcpus\":1,\"os\":\"http:\"}", "\"http:\"}",
	  "'os' must be a libosinfo URI or null" },
	{ E("start") V ",\"vcpus\":1,\"os\":\"http://a b\"}", "\"http://a b\"}",
	  "'os' must be a libosinfo URI or null" },
	{ E("start") V ",\"vcpus\":1,\"os\":\"1http://a\"}", "\"1http://a\"}",
	  "'os' must be a libosinfo URI or null" },
	{ E("start") V ",\"vcpus\":1,\"evidence\":\"none\"}", "\"none\"}",
	  "'evidence' must be one of operator, hypervisor, agent, disk, vendor" },
	{ E("start") V ",\"vcpus\":1,\"cause\":\"shutdown\"}", "\"shutdown\"}",
	  "'cause' of start must be one of boot, restore, snapshot, migrated, wakeup, unknown" },
	{ E("start") V ",\"vcpus\":1,\"pinned\":[1,1]}", "[1,1]}", "'pinned' names core 1 twice" },
	{ E("start") V ",\"vcpus\":1,\"pinned\":7}", "7}",
	  "'pinned' must be an array of physical cores or null" },
	{ E("start") V ",\"vcpus\":1,\"software\":[\"\"]}", "[\"\"]}",
	  "'software' must hold strings of 1 to 255 bytes" },
	{ E("start") V ",\"vcpus\":1,\"software\":\"a\"}", "\"a\"}",
	  "'software' must be an array of product ids" },
	{ E("stop") V ",\"cause\":\"boot\"}", "\"boot\"}",
	  "'cause' of stop must be one of shutdown, destroyed, crashed, migrated, saved, failed, "
	  "snapshot, vanished" },
	{ E("suspend") V ",\"cause\":\"ioerror\"}", "\"ioerror\"}",
	  "'cause' of suspend must be one of paused, user, pmsuspended" },
	{ E("resume") V ",\"cause\":\"\"}", "\"\"}", "'cause' is empty" },
	{ E("time-travel") V ",\"cause\":\"boot\"}", "\"boot\"}",
	  "'cause' of time-travel must be one of revert, restore, monitor" },
	{ E("role") V ",\"role\":\"second\"}", "\"second\"}",
	  "'role' must be one of primary, standby, none" },
	{ E("role") V ",\"role\":\"standby\",\"of\":null}", "null}",
	  "'of' must be a UUID, as 6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11" },
	{ E("host") ",\"cores_per_socket\":[]}", "[]}",
	  "'cores_per_socket' must be an array with a number for each populated socket" },
	{ E("host") ",\"cores_per_socket\":[8,0]}", "[8,0]}",
	  "'cores_per_socket' must hold whole numbers from 1 to 4096" },
	{ E("host") ",\"cores_per_socket\":[8],\"hypervisor\":\"kvm\"}", "\"kvm\"}",
	  "'hypervisor' must be one of qemu, xen, vmware, hyperv, other" },
	{ E("host") ",\"cores_per_socket\":[8],\"boot\":\"\"}", "\"\"}", "'boot' is empty" },
	{ E("gap") ",\"from\":\"2026-04-01T00:00:00Z\",\"to\":\"2026-03-01T00:00:00Z\"}",
	  "\"2026-04-01T00", "'from' is not before 'to'" },
	{ E("tag") V ",\"from\":\"2026-03-02T00:00:00Z\",\"to\":\"2026-03-01T00:00:00Z\"}",
	  "\"2026-03-02T00", "'from' is not before 'to'" },
	{ E("clock-step") ",\"seconds\":\"1\"}", "\"1\"}",
	  "'seconds' must be a number from -4000000000 to 4000000000" },
	{ E("clock-step") ",\"seconds\":4000000001}", "4000000001}",
	  "'seconds' must be a number from -4000000000 to 4000000000" },
	{ E("migrate-out") V ",\"downtime_ms\":-1}", "-1}",
	  "'downtime_ms' must be a number from 0 to 86400000" },
};

static void
each_fault_is_told_with_its_line_and_column(void **state)
{
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;
	char expected[512];
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = parse(p, bad[i].line, 7, &l, &err);

		const char *at = strstr(bad[i].line, bad[i].at);
		assert_non_null(at);
		(void)snprintf(expected, sizeof(expected), "e.jsonl:7:%zu: %s",
			       (size_t)(at - bad[i].line) + 1, bad[i].error);
		if (r == -1 && err.code == TALLY_USE && strcmp(err.text, expected) == 0)
			continue;
		print_error("%s\n  %s\n  expected %s\n", bad[i].line, r ? err.text : "taken",
			    expected);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	record_parser_free(p);
}

static void
malformed_json_is_refused_with_its_place(void **state)
{
	static const char *const lines[] = {
		E("heartbeat") "",
		E("heartbeat") "}x",
		E("heartbeat") ",\"event\":\"heartbeat\"}",
		E("start") V ",\"vcpus\":1,\"name\":\"a\\u0000b\"}",
		E("start") V ",\"vcpus\":1,\"name\":\"\xff\"}",
		E("start") V ",\"vcpus\":99999999999999999999}",
	};
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;
	unsigned column;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(p, lines[i], 12, &l, &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		assert_int_equal(sscanf(err.text, "e.jsonl:12:%u: ", &column), 1);
		assert_in_range(column, 2, 140);
	}
	record_parser_free(p);
}

static void
texts_have_bounds_and_may_be_hostile(void **state)
{
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;
	struct tally_buf line = TALLY_BUF_INIT;

	(void)state;
	for (size_t n = 255; n <= 256; n++) {
		tally_buf_clear(&line);
		tally_buf_add_str(&line, E("start") V ",\"vcpus\":1,\"name\":\"");
		for (size_t i = 0; i < n; i++)
			tally_buf_add_u8(&line, 'x');
		tally_buf_add_str(&line, "\"}");
		assert_int_equal(parse(p, tally_buf_cstr(&line), 1, &l, &err), n == 255 ? 0 : -1);
	}
	assert_string_equal(err.text, "e.jsonl:1:121: 'name' has 256 bytes, 255 are the most");
	assert_int_equal(parse(p,
			       E("start") V ",\"vcpus\":1,\"name\":\"a\\n\\\"=cmd|<script>,../\"}",
			       1, &l, &err),
			 0);
	assert_true(tally_bytes_eq(l.ev.i.name, tally_bytes_str("a\n\"=cmd|<script>,../")));
	assert_int_equal(parse(p, E("tag") V ",\"tenant\":\"\"}", 1, &l, &err), 0);
	assert_non_null(l.ev.i.tenant.p);
	assert_null(l.ev.i.cost_center.p);
	tally_buf_deinit(&line);
	record_parser_free(p);
}

static void
a_header_stands_on_the_first_line_only(void **state)
{
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;

	(void)state;
	assert_int_equal(parse(p, "{\"tally-events\":1}", 1, &l, &err), 0);
	assert_true(l.header);
	assert_int_equal(parse(p, "{\"tally-events\":1}", 2, &l, &err), -1);
	assert_int_equal(parse(p, "{\"tally-events\":2}", 1, &l, &err), -1);
	assert_string_equal(err.text,
			    "e.jsonl:1:17: this version of recorded events is not known (1 is)");
	assert_int_equal(parse(p, "{\"tally-events\":1,\"x\":2}", 1, &l, &err), -1);
	assert_string_equal(err.text, "e.jsonl:1:2: 'tally-events' stands alone in its line");
	record_parser_free(p);
}

static void
a_start_becomes_an_entry_with_every_key_in_its_place(void **state)
{
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;
	const struct tally_event *ev = &l.ev;

	(void)state;
	assert_int_equal(
		parse(p,
		      "{\"time\":\"2026-03-01T10:00:00.5Z\",\"host\":\"h1\",\"event\":\"start\","
		      "\"vm\":\"6B1C5A8E-8D0B-4A56-9A53-0A9E9A7D2C11\",\"name\":\"web1\",\"vcpus\":"
		      "4,"
		      "\"memory_mib\":8192,\"os\":\"http://microsoft.com/win/"
		      "2k22\",\"edition\":\"standard\","
		      "\"evidence\":\"operator\",\"tenant\":\"acme\",\"cost_center\":\"cc1\","
		      "\"environment\":\"test\",\"software\":[\"a\",\"b\"],\"pinned\":[3,5],"
		      "\"cause\":\"wakeup\",\"paused\":true}",
		      9, &l, &err),
		0);
	assert_int_equal(ev->kind, TALLY_STARTED);
	assert_true(ev->imported);
	assert_true(tally_bytes_eq(l.host, tally_bytes_str("h1")));
	assert_true(ev->m.has_time && ev->m.time == UINT64_C(1772359200500000000));
	assert_true(ev->i.has_vm && ev->i.vm[0] == 0x6b && ev->i.vm[15] == 0x11);
	assert_true(tally_bytes_eq(ev->i.name, tally_bytes_str("web1")));
	assert_true(ev->m.has_vcpus && ev->m.vcpus == 4);
	assert_true(ev->m.has_memory_mib && ev->m.memory_mib == 8192);
	assert_true(tally_bytes_eq(ev->m.os, tally_bytes_str("http://microsoft.com/win/2k22")));
	assert_true(tally_bytes_eq(ev->m.edition, tally_bytes_str("standard")));
	assert_true(ev->m.has_evidence && ev->m.evidence == TALLY_E_OPERATOR);
	assert_true(tally_bytes_eq(ev->i.tenant, tally_bytes_str("acme")));
	assert_true(tally_bytes_eq(ev->i.cost_center, tally_bytes_str("cc1")));
	assert_true(tally_bytes_eq(ev->m.environment, tally_bytes_str("test")));
	assert_int_equal(ev->m.software.count, 2);
	assert_true(tally_bytes_eq(ev->m.software.items[1], tally_bytes_str("b")));
	assert_true(ev->m.has_pinned && ev->m.pinned.count == 2 && ev->m.pinned.items[1] == 5);
	assert_true(ev->m.has_cause && ev->m.cause == TALLY_C_WAKEUP);
	assert_true(ev->m.has_state && ev->m.state == TALLY_ST_PAUSED);
	assert_true(ev->o.has_source && ev->o.source == TALLY_SRC_IMPORT);
	assert_true(ev->o.has_line && ev->o.line == 9);
	assert_null(ev->i.host.p);
	record_parser_free(p);
}

static void
null_is_stated_and_absent_is_unknown(void **state)
{
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;

	(void)state;
	assert_int_equal(
		parse(p, E("start") V ",\"vcpus\":1,\"os\":null,\"pinned\":null}", 1, &l, &err), 0);
	assert_non_null(l.ev.m.os.p);
	assert_int_equal(l.ev.m.os.len, 0);
	assert_true(l.ev.m.has_pinned && l.ev.m.pinned.count == 0);
	assert_int_equal(parse(p, E("start") V ",\"vcpus\":1}", 1, &l, &err), 0);
	assert_null(l.ev.m.os.p);
	assert_false(l.ev.m.has_pinned);
	assert_int_equal(parse(p, E("migrate-out") V ",\"peer\":null}", 1, &l, &err), 0);
	assert_null(l.ev.o.peer.p);
	record_parser_free(p);
}

static void
states_and_causes_follow_the_event(void **state)
{
	static const struct {
		const char *line;
		unsigned kind, state, cause;
		const char *text;
	} rows[] = {
		{ E("start") V ",\"vcpus\":1}", TALLY_STARTED, TALLY_ST_RUNNING, 0, NULL },
		{ E("start") V ",\"vcpus\":1,\"baseline\":true}", TALLY_BASELINE, 0, 0, NULL },
		{ E("start") V ",\"vcpus\":1,\"baseline\":true,\"paused\":false}", TALLY_BASELINE,
		  TALLY_ST_RUNNING, 0, NULL },
		{ E("start") V ",\"vcpus\":1,\"baseline\":false}", TALLY_STARTED, TALLY_ST_RUNNING,
		  0, NULL },
		{ E("migrate-in") V ",\"vcpus\":1,\"paused\":true}", TALLY_MIGRATED_IN,
		  TALLY_ST_PAUSED, 0, NULL },
		{ E("suspend") V "}", TALLY_SUSPENDED, TALLY_ST_PAUSED, TALLY_C_PAUSED, NULL },
		{ E("suspend") V ",\"cause\":\"user\"}", TALLY_SUSPENDED, TALLY_ST_PAUSED,
		  TALLY_C_PAUSED, NULL },
		{ E("suspend") V ",\"cause\":\"pmsuspended\"}", TALLY_SUSPENDED,
		  TALLY_ST_PMSUSPENDED, TALLY_C_PMSUSPENDED, NULL },
		{ E("resume") V ",\"cause\":\"wakeup\"}", TALLY_RESUMED, 0, TALLY_C_WAKEUP, NULL },
		{ E("resume") V ",\"cause\":\"because\"}", TALLY_RESUMED, 0, 0, "because" },
		{ E("reboot") V ",\"cause\":\"guest\"}", TALLY_REBOOTED, 0, TALLY_C_GUEST, NULL },
		{ E("stop") V ",\"cause\":\"saved\"}", TALLY_STOPPED, 0, TALLY_C_SAVED, NULL },
		{ E("time-travel") V ",\"cause\":\"revert\"}", TALLY_TIME_TRAVEL, 0, TALLY_C_REVERT,
		  NULL },
	};
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(p, rows[i].line, 1, &l, &err), 0);
		assert_int_equal(l.ev.kind, rows[i].kind);
		assert_int_equal(l.ev.m.has_state, rows[i].state != 0);
		assert_int_equal(l.ev.m.state, rows[i].state);
		assert_int_equal(l.ev.m.has_cause, rows[i].cause != 0);
		assert_int_equal(l.ev.m.cause, rows[i].cause);
		assert_true(tally_bytes_eq(l.ev.o.cause_text, tally_bytes_str(rows[i].text)));
	}
	record_parser_free(p);
}

static void
the_other_events_put_their_keys_where_the_format_says(void **state)
{
	struct record_parser *p = record_parser_new("e.jsonl");
	struct record_line l;
	struct tally_err err;

	(void)state;
	assert_int_equal(
		parse(p,
		      E("host") ",\"cores_per_socket\":[8,6],\"max_sockets\":4,\"threads_per_"
				"core\":2,"
				"\"cpu\":\"c\",\"model\":\"m\",\"cluster\":\"k\",\"region\":\"r\","
				"\"site\":\"s\","
				"\"hypervisor\":\"xen\",\"boot\":\"1\",\"partitioning\":\"p\"}",
		      1, &l, &err),
		0);
	assert_int_equal(l.ev.m.cores_per_socket.count, 2);
	assert_int_equal(l.ev.m.cores_per_socket.items[1], 6);
	assert_int_equal(l.ev.m.max_sockets, 4);
	assert_int_equal(l.ev.m.hypervisor, 2);
	assert_true(tally_bytes_eq(l.ev.i.host, tally_bytes_str("h1")));
	assert_true(tally_bytes_eq(l.ev.i.site, tally_bytes_str("s")));
	assert_true(tally_bytes_eq(l.ev.o.model, tally_bytes_str("m")));
	assert_true(tally_bytes_eq(l.ev.m.boot, tally_bytes_str("1")));
	assert_int_equal(parse(p,
			       E("gap") ",\"from\":\"2026-02-01T00:00:00Z\",\"to\":\"2026-02-02T00:"
					"00:00Z\",\"reason\":\"x\"}",
			       1, &l, &err),
			 0);
	assert_true(tally_bytes_eq(l.ev.m.reason, tally_bytes_str("x")));
	assert_true(l.ev.m.has_from && l.ev.m.has_to);
	assert_int_equal(parse(p, E("host-failed") ",\"reason\":\"x\"}", 1, &l, &err), 0);
	assert_true(tally_bytes_eq(l.ev.o.reason, tally_bytes_str("x")));
	assert_null(l.ev.m.reason.p);
	assert_int_equal(
		parse(p, E("software") V ",\"add\":[\"a\"],\"remove\":[\"b\",\"c\"]}", 1, &l, &err),
		0);
	assert_int_equal(l.ev.m.software.count, 1);
	assert_int_equal(l.ev.m.software_removed.count, 2);
	assert_int_equal(
		parse(p, E("migrate-in") V ",\"vcpus\":1,\"peer\":\"h2\",\"downtime_ms\":12.5}", 1,
		      &l, &err),
		0);
	assert_true(l.ev.m.has_downtime && l.ev.m.downtime == 12500000);
	assert_true(tally_bytes_eq(l.ev.o.peer, tally_bytes_str("h2")));
	assert_int_equal(parse(p, E("clock-step") ",\"seconds\":-1.5}", 1, &l, &err), 0);
	assert_true(l.ev.m.has_step && l.ev.m.step == -1500000000);
	assert_int_equal(parse(p, E("agent-start") ",\"version\":\"1\"}", 1, &l, &err), 0);
	assert_true(tally_bytes_eq(l.ev.o.version, tally_bytes_str("1")));
	assert_int_equal(
		parse(p, E("role") V ",\"role\":\"standby\",\"of\":\"" U "\"}", 1, &l, &err), 0);
	assert_true(l.ev.i.has_of && l.ev.m.has_role && l.ev.m.role == TALLY_ROLE_STANDBY);
	assert_int_equal(parse(p, E("agent-stop") "}", 1, &l, &err), 0);
	assert_int_equal(l.ev.kind, TALLY_AGENT_STOP);
	record_parser_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_told_with_its_line_and_column),
		cmocka_unit_test(malformed_json_is_refused_with_its_place),
		cmocka_unit_test(texts_have_bounds_and_may_be_hostile),
		cmocka_unit_test(a_header_stands_on_the_first_line_only),
		cmocka_unit_test(a_start_becomes_an_entry_with_every_key_in_its_place),
		cmocka_unit_test(null_is_stated_and_absent_is_unknown),
		cmocka_unit_test(states_and_causes_follow_the_event),
		cmocka_unit_test(the_other_events_put_their_keys_where_the_format_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
