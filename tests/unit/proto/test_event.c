/* SPDX-License-Identifier: Apache-2.0 */
/* Events to bytes and back. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "tally/event.h"

struct fixture {
	struct tally_buf group[TALLY_GROUPS];
	struct tally_arena *arena;
	struct tally_event back;
	struct tally_err err;
};

static int
set_up(void **state)
{
	struct fixture *f = tally_alloc(sizeof(*f));

	f->arena = tally_arena_new(4096);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	for (int k = 0; k < TALLY_GROUPS; k++)
		tally_buf_deinit(&f->group[k]);
	tally_arena_free(f->arena);
	free(f);
	return 0;
}

static int
decode(struct fixture *f, unsigned mask)
{
	struct tally_bytes groups[TALLY_GROUPS];

	for (int k = 0; k < TALLY_GROUPS; k++)
		groups[k] = tally_buf_view(&f->group[k]);
	return tally_event_decode(&f->back, groups, mask, f->arena, &f->err);
}

/* One group given as it stands on the wire, the others empty. */
static int
decode_wire(struct fixture *f, int group, const void *p, size_t n)
{
	for (int k = 0; k < TALLY_GROUPS; k++)
		tally_buf_clear(&f->group[k]);
	tally_buf_add(&f->group[group], p, n);
	return decode(f, 7);
}

#define assert_text(view, s)                                                                       \
	do {                                                                                       \
		assert_non_null((view).p);                                                         \
		assert_int_equal((view).len, strlen(s));                                           \
		assert_memory_equal((view).p, (s), strlen(s));                                     \
	} while (0)

static const struct tally_bytes software[] = {
	{ (const uint8_t *)"sql-server", 10 },
	{ (const uint8_t *)"oracle-database", 15 },
};
static const uint32_t cores[] = { 0, 7, 300 };
static const uint32_t sockets[] = { 16, 16 };
static const struct tally_cpu_time times[] = { { 1, 1000 }, { 2, UINT64_MAX } };
static const uint8_t hash[TALLY_HASH] = "0123456789abcdef0123456789abcde";

/* Every field set, each to a value of its own. */
static struct tally_event
full_event(void)
{
	struct tally_event ev = { .kind = TALLY_STARTED };
	struct tally_metering *m = &ev.m;
	struct tally_operations *o = &ev.o;
	uint32_t n = 100;

#define SET(at, field) ((at)->has_##field = true, (at)->field = n++)
	SET(m, run), SET(m, time), SET(m, state), SET(m, cause), SET(m, vcpus), SET(m, memory_mib);
	SET(m, evidence), SET(m, not_before), SET(m, uptime), SET(m, host), SET(m, max_sockets);
	SET(m, threads_per_core), SET(m, hypervisor), SET(m, from), SET(m, to), SET(m, count);
	SET(m, running), SET(m, downtime), SET(m, role), SET(m, slot);
	SET(o, source), SET(o, raw_event), SET(o, raw_detail), SET(o, pid), SET(o, start_ticks);
	SET(o, file_lines), SET(o, records), SET(o, prev_size), SET(o, line);
#undef SET
	m->has_step = true, m->step = -5;
	o->has_domain_id = true, o->domain_id = -1;
	m->os = tally_bytes_str("http://debian.org/debian/12");
	m->edition = tally_bytes_str("standard");
	m->software = (struct tally_texts){ software, 2 };
	m->software_removed = (struct tally_texts){ software + 1, 1 };
	m->environment = tally_bytes_str("test");
	m->has_pinned = true, m->pinned = (struct tally_numbers){ cores, 3 };
	m->cores_per_socket = (struct tally_numbers){ sockets, 2 };
	m->cpu = tally_bytes_str("cpu"), m->cluster = tally_bytes_str("c\xc3\xa9");
	m->region = tally_bytes_str("region"), m->partitioning = tally_bytes_str("lpar");
	m->reason = tally_bytes_str("reason"), m->set_hash = tally_bytes(hash, 32);
	m->boot = tally_bytes_str("boot");
	ev.i.has_vm = ev.i.has_of = true;
	memset(ev.i.vm, 0x11, TALLY_UUID);
	memset(ev.i.of, 0x22, TALLY_UUID);
	ev.i.name = tally_bytes_str("name"), ev.i.tenant = tally_bytes_str("tenant");
	ev.i.cost_center = tally_bytes_str("cc"), ev.i.host = tally_bytes_str("host");
	ev.i.asset = tally_bytes_str("asset"), ev.i.site = tally_bytes_str("site");
	o->peer = tally_bytes_str("peer"), o->reason = tally_bytes_str("why");
	o->by = tally_bytes_str("by"), o->model = tally_bytes_str("model");
	o->version = tally_bytes_str("1"), o->config_hash = tally_bytes(hash, 32);
	o->file_hash = tally_bytes(hash, 32), o->file_name = tally_bytes_str("file");
	o->statement = tally_bytes("\0\xff", 2), o->quote = tally_bytes("\xff\0", 2);
	o->origin = tally_bytes_str("origin"), o->vkey = tally_bytes_str("vkey");
	o->prev_origin = tally_bytes_str("prev"), o->prev_root = tally_bytes(hash, 32);
	o->boot_id = tally_bytes(hash, 16), o->manager = tally_bytes_str("manager");
	o->cpu_time = times, o->cpu_times = 2;
	o->detail = tally_bytes_str("detail"), o->cause_text = tally_bytes_str("cause");
	return ev;
}

static void
a_full_event_comes_back_field_by_field(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = full_event();
	struct tally_buf again[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };

	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), 0);
	f->back.kind = ev.kind;
	assert_int_equal(decode(f, 7), 0);
	assert_int_equal(f->back.m.run, 100);
	assert_int_equal(f->back.m.slot, 119);
	assert_int_equal(f->back.o.line, 128);
	assert_int_equal(f->back.m.step, -5);
	assert_int_equal(f->back.o.domain_id, -1);
	assert_text(f->back.m.os, "http://debian.org/debian/12");
	assert_text(f->back.m.cluster, "c\xc3\xa9");
	assert_int_equal(f->back.m.software.count, 2);
	assert_text(f->back.m.software.items[1], "oracle-database");
	assert_int_equal(f->back.m.pinned.count, 3);
	assert_int_equal(f->back.m.pinned.items[2], 300);
	assert_int_equal(f->back.m.cores_per_socket.items[1], 16);
	assert_memory_equal(f->back.i.of, ev.i.of, TALLY_UUID);
	assert_int_equal(f->back.o.cpu_time[1].ns, UINT64_MAX);
	assert_memory_equal(f->back.o.statement.p, "\0\xff", 2);
	/* What is not looked at above would be lost in a second encoding. */
	assert_int_equal(tally_event_encode(&f->back, again, &f->err), 0);
	for (int k = 0; k < TALLY_GROUPS; k++) {
		assert_int_equal(again[k].len, f->group[k].len);
		assert_memory_equal(again[k].p, f->group[k].p, again[k].len);
		tally_buf_deinit(&again[k]);
	}
}

static void
the_bytes_are_those_of_the_wire_format(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = { 0 };
	const uint8_t metering[] = { 0x08, 0x96, 0x01, 0x28, 0x04, 0x3a, 0x02, 'o', 's' };
	const uint8_t identity[] = { 0x12, 0x01, 'n' };
	const uint8_t operations[] = { 0x08, 0x05 };

	ev.m.has_run = ev.m.has_vcpus = ev.o.has_source = true;
	ev.m.run = 150, ev.m.vcpus = 4, ev.o.source = TALLY_SRC_IMPORT;
	ev.m.os = tally_bytes_str("os");
	ev.i.name = tally_bytes_str("n");
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), 0);
	assert_true(tally_bytes_eq(tally_buf_view(&f->group[0]), tally_bytes(metering, 9)));
	assert_true(tally_bytes_eq(tally_buf_view(&f->group[1]), tally_bytes(identity, 3)));
	assert_true(tally_bytes_eq(tally_buf_view(&f->group[2]), tally_bytes(operations, 2)));
}

static void
an_event_that_says_nothing_is_three_empty_strings(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = { .kind = TALLY_GAP_BEGIN };

	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), 0);
	for (int k = 0; k < TALLY_GROUPS; k++)
		assert_int_equal(f->group[k].len, 0);
	assert_int_equal(decode(f, 7), 0);
	assert_false(f->back.m.has_run);
	assert_null(f->back.m.os.p);
}

static void
stated_as_empty_and_absent_stay_apart(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = { 0 };

	ev.m.os = tally_bytes("", 0);
	ev.m.has_pinned = true;
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), 0);
	assert_int_equal(decode(f, 7), 0);
	assert_non_null(f->back.m.os.p);
	assert_int_equal(f->back.m.os.len, 0);
	assert_null(f->back.m.edition.p);
	assert_true(f->back.m.has_pinned);
	assert_int_equal(f->back.m.pinned.count, 0);
}

static void
a_group_that_is_not_asked_for_stays_zero(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = full_event();

	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), 0);
	tally_buf_clear(&f->group[TALLY_IDENTITY]);
	tally_buf_add_str(&f->group[TALLY_IDENTITY], "\xff\xff\xff");
	assert_int_equal(decode(f, 1), 0);
	assert_true(f->back.m.has_run);
	assert_false(f->back.i.has_vm);
	assert_false(f->back.o.has_source);
	assert_null(f->back.o.peer.p);
}

static void
texts_that_are_no_utf8_or_hold_nul_are_refused(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = { 0 };
	const char *bad[] = { "\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "12345678\x80" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct tally_buf wire = TALLY_BUF_INIT;

		ev.i.name = tally_bytes_str(bad[i]);
		assert_int_equal(tally_event_encode(&ev, f->group, &f->err), -1);
		assert_int_equal(f->err.code, TALLY_USE);
		tally_buf_add_u8(&wire, 0x12);
		tally_buf_add_u8(&wire, (uint8_t)strlen(bad[i]));
		tally_buf_add_str(&wire, bad[i]);
		assert_int_equal(decode_wire(f, TALLY_IDENTITY, wire.p, wire.len), -1);
		assert_int_equal(f->err.code, TALLY_FAILS);
		tally_buf_deinit(&wire);
	}
	ev.i.name = tally_bytes("a\0b", 3);
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), -1);
	assert_int_equal(decode_wire(f, TALLY_IDENTITY,
				     "\x12\x03"
				     "a\0b",
				     5),
			 -1);
	ev.i.name = tally_bytes("1234567\0abc", 11);
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), -1);
	ev.i.name = tally_bytes_str("");
	ev.m.software = (struct tally_texts){ &(struct tally_bytes){ hash, 32 }, 1 };
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), -1);
	assert_string_equal(f->err.text, "metering: software: not UTF-8, or a NUL in it");
}

static void
hashes_and_uuids_have_one_length(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = { 0 };

	ev.m.set_hash = tally_bytes(hash, 31);
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), -1);
	assert_int_equal(decode_wire(f, TALLY_METERING, "\xfa\x01\x01x", 4), -1);
	assert_string_equal(f->err.text, "metering: set_hash: 1 bytes, not 32");
	assert_int_equal(decode_wire(f, TALLY_IDENTITY, "\x0a\x02xx", 4), -1);
	assert_int_equal(decode_wire(f, TALLY_IDENTITY, "\x0a\x00", 2), -1);
	assert_int_equal(decode_wire(f, TALLY_OPERATIONS, "\x62\x01x", 3), -1);
	assert_int_equal(decode_wire(f, TALLY_OPERATIONS, "\xc2\x01\x01x", 4), -1);
}

static void
malformed_wire_data_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {
		{ "\x08", 1 },                     /* no value */
		{ "\x3a\x05os", 4 },               /* a length past the end */
		{ "\x3a\xff\xff\xff\xff\x0f", 6 }, /* the same, far past it */
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, /* a long varint */
		{ "\x09\x01\x02\x03\x04\x05\x06\x07\x08", 9 },              /* run as fixed64 */
		{ "\x0f", 1 },                                              /* wire type 7 */
		{ "\x11\x01", 2 },                                          /* half an instant */
		{ "\x00\x00", 2 },                                          /* field 0 */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(decode_wire(f, TALLY_METERING, bad[i].p, bad[i].n), -1);
		assert_int_equal(f->err.code, TALLY_FAILS);
	}
}

static void
fields_of_other_versions_are_skipped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_wire(f, TALLY_METERING, "\x08\x07\xc2\x3e\x03xyz\x28\x02", 10), 0);
	assert_int_equal(f->back.m.run, 7);
	assert_int_equal(f->back.m.vcpus, 2);
}

static void
a_group_has_at_most_65535_bytes(void **state)
{
	struct fixture *f = *state;
	struct tally_event ev = { 0 };
	uint8_t *big = tally_alloc(65536);

	memset(big, 'x', 65536);
	ev.o.statement = tally_bytes(big, 65535 - 5); /* two bytes of tag, three of length */
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), 0);
	assert_int_equal(f->group[TALLY_OPERATIONS].len, 65535);
	assert_int_equal(decode(f, 7), 0);
	tally_buf_clear(&f->group[TALLY_OPERATIONS]);
	ev.o.statement.len++;
	assert_int_equal(tally_event_encode(&ev, f->group, &f->err), -1);
	assert_int_equal(f->err.code, TALLY_USE);
	assert_int_equal(decode(f, 7), -1);
	assert_int_equal(f->err.code, TALLY_FAILS);
	free(big);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_full_event_comes_back_field_by_field),
		CASE(the_bytes_are_those_of_the_wire_format),
		CASE(an_event_that_says_nothing_is_three_empty_strings),
		CASE(stated_as_empty_and_absent_stay_apart),
		CASE(a_group_that_is_not_asked_for_stays_zero),
		CASE(texts_that_are_no_utf8_or_hold_nul_are_refused),
		CASE(hashes_and_uuids_have_one_length),
		CASE(malformed_wire_data_is_refused),
		CASE(fields_of_other_versions_are_skipped),
		CASE(a_group_has_at_most_65535_bytes),
	};

	return cmocka_run_group_tests_name("proto event", tests, NULL, NULL);
}
