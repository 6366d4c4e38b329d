/* SPDX-License-Identifier: Apache-2.0 */
/* Entries for people and for programs: every field has its name, nothing hostile gets out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "fields.h"
#include "names.h"

static struct tally_bytes
text(const char *s)
{
	return tally_bytes_str(s);
}

/* An event with every field set. */
static void
fill(struct tally_event *ev)
{
	static const struct tally_bytes words[] = { { (const uint8_t *)"a", 1 },
						    { (const uint8_t *)"b\n", 2 } };
	static const uint32_t numbers[] = { 8, 6 };
	static const struct tally_cpu_time times[] = { { 1, 20 } };
	static const uint8_t hash[TALLY_HASH] = { 0xab };

	*ev = (struct tally_event){ .kind = TALLY_STARTED };
#define M(field, v) ev->m.has_##field = true, ev->m.field = v
	M(run, 7), M(time, UINT64_C(1772359200500000000)), M(state, TALLY_ST_RUNNING),
		M(cause, TALLY_C_BOOT);
	M(vcpus, 4), M(memory_mib, 8192), M(evidence, TALLY_E_DISK), M(not_before, 0),
		M(uptime, 1500000000);
	M(host, 2), M(max_sockets, 4), M(threads_per_core, 2), M(hypervisor, 2), M(from, 0),
		M(to, 1);
	M(count, 3), M(running, 9), M(step, -1500000000), M(downtime, 12500000),
		M(role, TALLY_ROLE_STANDBY), M(slot, 1);
	M(pinned, ((struct tally_numbers){ numbers, 2 }));
#undef M
	ev->m.os = text("os"), ev->m.edition = text("ed"), ev->m.environment = text("env"),
	ev->m.cpu = text("cpu");
	ev->m.software = ev->m.software_removed = (struct tally_texts){ words, 2 };
	ev->m.cores_per_socket = (struct tally_numbers){ numbers, 2 };
	ev->m.cluster = text("k"), ev->m.region = text("r"), ev->m.partitioning = text("p"),
	ev->m.reason = text("why");
	ev->m.boot = text("1"), ev->m.set_hash = tally_bytes(hash, TALLY_HASH);
	ev->i.has_vm = ev->i.has_of = true;
	ev->i.name = text("<script>\x1b[31m\n"), ev->i.tenant = text("t"),
	ev->i.cost_center = text("c");
	ev->i.host = text("h"), ev->i.asset = text("as"), ev->i.site = text("s");
#define O(field, v) ev->o.has_##field = true, ev->o.field = v
	O(source, TALLY_SRC_PROC), O(raw_event, 1), O(raw_detail, 2), O(domain_id, -1), O(pid, 77),
		O(start_ticks, 5);
	O(period_from, 7), O(period_to, 8);
	O(file_lines, 6), O(records, 5), O(prev_size, 4), O(line, 9);
#undef O
	ev->o.peer = text("h2"), ev->o.reason = text("because"), ev->o.by = text("me"),
	ev->o.model = text("m");
	ev->o.version = text("1"), ev->o.config_hash = ev->o.file_hash = ev->o.prev_root =
					   ev->o.report = ev->o.supersedes =
						   tally_bytes(hash, TALLY_HASH);
	ev->o.file_name = text("f"), ev->o.statement = text("st"), ev->o.quote = text("q"),
	ev->o.origin = text("or");
	ev->o.vkey = text("vk"), ev->o.prev_origin = text("po"),
	ev->o.boot_id = tally_bytes(hash, 16);
	ev->o.manager = text("ma"), ev->o.detail = text("de"), ev->o.cause_text = text("ct");
	ev->o.cpu_time = times, ev->o.cpu_times = 1;
	ev->o.enrolment = text("en");
}

static void
every_field_is_in_the_json(void **state)
{
	struct tally_entry e = { .header = { .kind = TALLY_STARTED,
					     .flags = TALLY_FLAG_IMPORTED,
					     .boot = 1,
					     .index = 5 } };
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;
	const struct tally_json *root, *m, *i, *o;
	struct tally_jsonw *w;
	struct tally_event ev;

	(void)state;
	fill(&ev);
	w = tally_jsonw_new(&out, true);
	cli_entry_json(w, &e, &ev);
	tally_jsonw_free(w);
	assert_null(memchr(out.p, '\n', out.len));
	assert_null(memchr(out.p, 0x1b, out.len));
	assert_int_equal(tally_json_parse(&doc, tally_buf_view(&out), &err), 0);
	root = tally_json_root(doc);
	m = tally_json_get(root, "metering");
	i = tally_json_get(root, "identity");
	o = tally_json_get(root, "operations");
	/* Each field of FORMAT.md section 3, but the slots and the numbers that have names. */
	assert_int_equal(tally_json_count(m), 35);
	assert_int_equal(tally_json_count(i), 8);
	assert_int_equal(tally_json_count(o), 34);
	assert_true(tally_json_bool(tally_json_get(root, "imported")));
	assert_true(
		tally_bytes_eq(tally_json_string(tally_json_get(root, "kind")), text("started")));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(m, "time")),
				   text("2026-03-01T10:00:00.5Z")));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(m, "step")), text("-1.5")));
	assert_true(
		tally_bytes_eq(tally_json_string(tally_json_get(m, "downtime")), text("0.0125")));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(m, "state")), text("running")));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(m, "role")), text("standby")));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(o, "source")), text("proc")));
	assert_true(tally_json_int(tally_json_get(o, "domain_id")) == -1);
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(o, "quote")), text("cQ==")));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(o, "boot_id")),
				   text("ab000000000000000000000000000000")));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(i, "name")),
				   text("<script>\x1b[31m\n")));
	assert_true(tally_json_int(tally_json_at(tally_json_get(m, "pinned"), 1)) == 6);
	tally_json_free(doc);
	tally_buf_deinit(&out);
}

static void
what_is_absent_is_left_out_and_what_is_empty_is_not(void **state)
{
	struct tally_entry e = { .header = { .kind = 200 } };
	struct tally_event ev = { .kind = 200 };
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_jsonw *w = tally_jsonw_new(&out, true);

	(void)state;
	ev.m.os = tally_bytes("", 0);
	cli_entry_json(w, &e, &ev);
	tally_jsonw_free(w);
	assert_string_equal(
		tally_buf_cstr(&out),
		"{\"boot\":0,\"identity\":{},\"imported\":false,\"index\":0,\"kind\":200,"
		"\"metering\":{\"os\":\"\"},\"operations\":{},\"uptime\":\"0\",\"wall\":\"1970-01-"
		"01T00:00:00Z\"}");
	tally_buf_deinit(&out);
}

static void
names_are_escaped_for_people(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_event ev;

	(void)state;
	fill(&ev);
	cli_entry_brief(&out, 200, &ev, tally_bytes(NULL, 0));
	for (size_t k = 0; k < out.len; k++)
		assert_true(out.p[k] >= ' ');
	assert_non_null(strstr(tally_buf_cstr(&out), "name=<script>\\x1b[31m\\x0a"));
	assert_non_null(strstr(tally_buf_cstr(&out), "software=a,b\\x0a"));
	assert_non_null(strstr(tally_buf_cstr(&out), "vcpus=4"));
	assert_null(strstr(tally_buf_cstr(&out), "statement"));
	tally_buf_deinit(&out);
}

/* The text line of an entry of a kind. */
static void
is_told(unsigned kind, const struct tally_event *ev, const char *known, const char *expected)
{
	struct tally_buf out = TALLY_BUF_INIT;

	cli_entry_brief(&out, kind, ev, tally_bytes_str(known));
	assert_string_equal(tally_buf_cstr(&out), expected);
	tally_buf_deinit(&out);
}

static void
what_a_reader_asks_of_each_kind_is_told(void **state)
{
	struct tally_event stop = {
		.i.has_vm = true,
		.m = { .has_run = true, .run = 3, .has_cause = true, .cause = TALLY_C_DESTROYED },
		.o = { .has_source = true, .source = TALLY_SRC_PROC, .has_pid = true, .pid = 7 }
	};
	struct tally_event step = { .m = { .has_step = true, .step = -5400 * TALLY_SECOND } };
	struct tally_event stranger = { .o = { .has_source = true,
					       .source = TALLY_SRC_PROC,
					       .has_pid = true,
					       .pid = 4711,
					       .detail = tally_bytes_str("qemu by hand") } };
	struct tally_event gap = { .m = { .has_from = true,
					  .from = 0,
					  .has_to = true,
					  .to = 1000000000,
					  .reason = tally_bytes_str("agent down"),
					  .has_count = true,
					  .count = 2 } };
	struct tally_event renamed = { .i = { .has_vm = true, .name = tally_bytes_str("new") } };

	(void)state;
	is_told(TALLY_STOPPED, &stop, "web-1", "(web-1) cause=destroyed run=3 source=proc");
	stop.o.source = TALLY_SRC_EVENT;
	is_told(TALLY_STOPPED, &stop, "", "cause=destroyed run=3");
	is_told(TALLY_STOPPED, &stop, "\x1b]0;", "(\\x1b]0;) cause=destroyed run=3");
	is_told(TALLY_CLOCK_STEP, &step, "", "step=-5400s");
	is_told(TALLY_UNMANAGED_VM, &stranger, "", "detail=qemu by hand pid=4711");
	is_told(TALLY_GAP, &gap, "",
		"count=2 reason=agent down from=1970-01-01T00:00:00Z to=1970-01-01T00:00:01Z");
	is_told(TALLY_RENAMED, &renamed, "old", "name=new (was old)");
	is_told(TALLY_RENAMED, &renamed, "new", "name=new");
}

static void
a_session_statement_says_which_tpm_and_session(void **state)
{
	static const uint8_t hash[TALLY_HASH];
	static const uint32_t boot[] = { 0, 1 };
	struct tally_bytes h = tally_bytes(hash, sizeof(hash)), x = tally_bytes_str("x");
	struct tally_statement st = { .version = 1,
				      .host_id = h,
				      .ek_public = x,
				      .ak_public = x,
				      .origin = x,
				      .vkey = x,
				      .agent_version = x,
				      .agent_hash = h,
				      .pcr_bank = 11,
				      .boot_pcrs = { boot, 2 },
				      .ledger_pcr = 255,
				      .reset_count = 7,
				      .restart_count = 1,
				      .prev_root = h,
				      .transport = tally_bytes_str("swtpm"),
				      .ledger_pcr_value = h };
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_event ev = { .o.has_source = false };

	(void)state;
	assert_int_equal(tally_statement_encode(&st, &bytes, &err), 0);
	ev.o.statement = tally_buf_view(&bytes);
	is_told(TALLY_SESSION_STATEMENT, &ev, "", "tpm=swtpm resets=7 restarts=1 ledger_pcr=none");
	st.ledger_pcr = 14;
	st.foreign = true;
	tally_buf_clear(&bytes);
	assert_int_equal(tally_statement_encode(&st, &bytes, &err), 0);
	ev.o.statement = tally_buf_view(&bytes);
	is_told(TALLY_SESSION_STATEMENT, &ev, "",
		"tpm=swtpm resets=7 restarts=1 ledger_pcr=14 (in use before)");
	ev.o.statement = x;
	is_told(TALLY_SESSION_STATEMENT, &ev, "", "malformed statement");
	tally_buf_deinit(&bytes);
}

static void
names_are_kept_for_entries_that_have_none(void **state)
{
	struct names *n = names_new();
	struct tally_event ev = { .i.has_vm = true };
	char name[32];

	(void)state;
	assert_int_equal(names_find(n, &ev).len, 0);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 3000; i++) {
			tally_put_u32(ev.i.vm, i);
			(void)snprintf(name, sizeof(name), "vm-%u-%u", i, round);
			ev.i.name = tally_bytes_str(name);
			names_learn(n, &ev);
		}
	ev.i.name = tally_bytes(NULL, 0);
	names_learn(n, &ev); /* nothing to learn */
	for (unsigned i = 0; i < 3000; i++) {
		tally_put_u32(ev.i.vm, i);
		(void)snprintf(name, sizeof(name), "vm-%u-1", i);
		assert_true(tally_bytes_eq(names_find(n, &ev), tally_bytes_str(name)));
	}
	ev.i.has_vm = false;
	assert_int_equal(names_find(n, &ev).len, 0);
	names_free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_in_the_json),
		cmocka_unit_test(what_is_absent_is_left_out_and_what_is_empty_is_not),
		cmocka_unit_test(names_are_escaped_for_people),
		cmocka_unit_test(what_a_reader_asks_of_each_kind_is_told),
		cmocka_unit_test(a_session_statement_says_which_tpm_and_session),
		cmocka_unit_test(names_are_kept_for_entries_that_have_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
