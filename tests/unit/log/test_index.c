/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what an index says is what the groups say: over events of every kind
 * with fields drawn at random, each group beside its decoding. */
#include <stdlib.h>
#include <string.h>
#include "tally/body.h"
#include "tally/err.h"
#include "tally/index.h"
#include "testlib.h"

#define ALL    7u
#define EVENTS 3000U

static uint64_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

static struct tally_bytes
draw_text(void)
{
	static const char *const texts[] = {
		NULL, "", "a", "vm-17", "http://microsoft.com/win/2k22", "tenant \xc3\xa4", "h1"
	};

	return tally_bytes_str(texts[draw(7)]);
}

#define OPTION(group, field, below)                                                                \
	do {                                                                                       \
		ev->group.has_##field = draw(2);                                                   \
		if (ev->group.has_##field)                                                         \
			ev->group.field = (__typeof__(ev->group.field))draw(below);                \
	} while (0)

static void
draw_event(struct tally_event *ev, uint32_t cores[2], struct tally_bytes software[2],
	   struct tally_cpu_time *time, uint8_t hash[TALLY_HASH])
{
	static const unsigned kinds[] = { TALLY_LEDGER_BEGIN, TALLY_HOST_FACTS,
					  TALLY_HEARTBEAT,    TALLY_STARTED,
					  TALLY_STOPPED,      TALLY_CONFIG,
					  TALLY_TAGS,         TALLY_MIGRATED_IN,
					  TALLY_IMPORT,       200 };

	*ev = (struct tally_event){ .kind = kinds[draw(10)] };
	OPTION(m, run, 1000000);
	OPTION(m, time, 2000000000);
	if (draw(2))
		ev->m.time *= draw(2) ? (uint64_t)TALLY_SECOND : 1;
	OPTION(m, state, 12);
	OPTION(m, cause, 24);
	OPTION(m, vcpus, 300);
	OPTION(m, memory_mib, 100000);
	OPTION(m, evidence, 6);
	OPTION(m, not_before, 2000000000);
	OPTION(m, uptime, 2000000000);
	OPTION(m, from, 2000000000);
	OPTION(m, to, 2000000000);
	OPTION(m, count, 2000000000);
	OPTION(m, step, 20);
	ev->m.os = draw_text();
	ev->m.edition = draw_text();
	ev->m.reason = draw_text();
	ev->m.set_hash = tally_bytes(draw(2) ? hash : NULL, TALLY_HASH);
	ev->m.cores_per_socket = (struct tally_numbers){ cores, draw(3) };
	ev->m.software = (struct tally_texts){ software, draw(3) };
	ev->i.has_vm = draw(2);
	if (ev->i.has_vm)
		ev->i.vm[draw(16)] = (uint8_t)draw(3);
	ev->i.name = draw_text();
	ev->i.tenant = draw_text();
	OPTION(o, source, 6);
	OPTION(o, raw_event, 20);
	OPTION(o, domain_id, 1000);
	OPTION(o, pid, 1000);
	OPTION(o, start_ticks, 100000);
	OPTION(o, line, 100000);
	ev->o.peer = draw_text();
	ev->o.cpu_time = time;
	ev->o.cpu_times = draw(2);
}

/* What an index leaves out of the kinds of which there are many. */
static void
leave_out(struct tally_event *ev)
{
	if (ev->kind != TALLY_HEARTBEAT && !(ev->kind >= TALLY_DEFINED && ev->kind <= TALLY_CONFIG))
		return;
	ev->m.has_uptime = ev->m.has_count = false;
	ev->m.set_hash = tally_bytes(NULL, 0);
	ev->o.has_raw_event = ev->o.has_pid = ev->o.has_line = false;
	ev->o.cpu_times = 0;
}

static void
encode(const struct tally_event *ev, struct tally_buf out[TALLY_GROUPS])
{
	struct tally_err err = TALLY_ERR_INIT;

	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		tally_buf_clear(&out[k]);
	assert_int_equal(tally_event_encode(ev, out, &err), 0);
}

struct sample {
	struct tally_header header;
	struct tally_buf group[TALLY_GROUPS];  /* as stored */
	struct tally_buf expect[TALLY_GROUPS]; /* of what an index says */
};

static void
make_sample(struct sample *s, uint64_t index)
{
	uint32_t cores[2] = { 8, draw(64) };
	struct tally_bytes software[2] = { tally_bytes_str("sql"), tally_bytes_str("oracle") };
	struct tally_cpu_time time = { draw(9), draw(999999) };
	uint8_t hash[TALLY_HASH];
	struct tally_event ev;

	memset(hash, (int)draw(256), sizeof(hash));
	draw_event(&ev, cores, software, &time, hash);
	memset(s, 0, sizeof(*s));
	encode(&ev, s->group);
	leave_out(&ev);
	encode(&ev, s->expect);
	s->header = (struct tally_header){ .kind = (uint8_t)ev.kind,
					   .flags = (uint16_t)draw(2),
					   .boot = 1 + draw(2),
					   .index = index,
					   .wall = (uint64_t)draw(2000) * 1000000007,
					   .uptime = (uint64_t)draw(2000) * 999999937 };
}

static struct sample *samples;
static struct tally_buf *pieces;
static uint64_t *firsts;
static size_t n_pieces;

/* Pieces of up to nine entries, segments of up to five pieces. */
static void
make_pieces(void)
{
	struct tally_index_writer *w = tally_index_writer_new();
	uint8_t before[TALLY_HASH] = { 0 };
	struct tally_bytes views[TALLY_GROUPS];

	pieces = tally_alloc(EVENTS * sizeof(*pieces));
	firsts = tally_alloc(EVENTS * sizeof(*firsts));
	n_pieces = 0;
	tally_index_writer_begin(w, 0, before, true);
	for (size_t i = 0; i < EVENTS; i++) {
		for (unsigned k = 0; k < TALLY_GROUPS; k++)
			views[k] = tally_buf_view(&samples[i].group[k]);
		tally_index_add(w, &samples[i].header, views);
		if (draw(9) != 0 && i + 1 < EVENTS)
			continue;
		firsts[n_pieces] = tally_index_first(w);
		tally_index_piece(w, &pieces[n_pieces]);
		memcpy(before, pieces[n_pieces].p + pieces[n_pieces].len - TALLY_HASH, TALLY_HASH);
		n_pieces++;
		if (draw(5) == 0)
			tally_index_writer_begin(w, i + 1, before, true);
	}
	tally_index_writer_free(w);
}

static void
drop_pieces(void)
{
	for (size_t i = 0; i < n_pieces; i++)
		tally_buf_deinit(&pieces[i]);
	free(pieces);
	free(firsts);
}

static int
set_up(void **state)
{
	(void)state;
	seed = 7;
	samples = tally_alloc(EVENTS * sizeof(*samples));
	for (size_t i = 0; i < EVENTS; i++)
		make_sample(&samples[i], i);
	make_pieces();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	drop_pieces();
	for (size_t i = 0; i < EVENTS; i++)
		for (unsigned k = 0; k < TALLY_GROUPS; k++) {
			tally_buf_deinit(&samples[i].group[k]);
			tally_buf_deinit(&samples[i].expect[k]);
		}
	free(samples);
	return 0;
}

/* What a row says, of the groups of `mask`. */
static int
event_of(struct tally_event *ev, const struct tally_index_row *row, unsigned mask,
	 struct tally_arena *arena, struct tally_err *err)
{
	struct tally_bytes groups[TALLY_GROUPS] = { 0 };

	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		if (row->group[k])
			groups[k] = row->group[k]->bytes;
	if (tally_event_decode(ev, groups, mask, arena, err) < 0)
		return -1;
	tally_body_join(ev, &row->numbers, mask);
	return 0;
}

static void
expect_row(const struct tally_index_row *row, const struct sample *s, unsigned mask)
{
	struct tally_buf out[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_arena *arena = tally_arena_new(1024);
	const struct tally_header *h = &row->header;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_event ev;

	assert_memory_equal(&h->index, &s->header.index, sizeof(h->index));
	assert_int_equal(h->kind, s->header.kind);
	assert_int_equal(h->flags, s->header.flags);
	assert_int_equal(h->boot, s->header.boot);
	assert_true(h->wall == s->header.wall);
	assert_true(h->uptime == s->header.uptime);
	for (unsigned k = 0; k < TALLY_GROUPS && tally_body_is_whole(h->kind); k++)
		assert_true(
			tally_bytes_eq(row->group[k] ? row->group[k]->bytes : tally_bytes(NULL, 0),
				       tally_buf_view(&s->group[k])));
	memset(&ev, 0xa5, sizeof(ev));
	assert_int_equal(event_of(&ev, row, mask, arena, &err), 0);
	ev.kind = h->kind;
	encode(&ev, out);
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		struct tally_bytes is = tally_buf_view(&out[k]),
				   want = tally_buf_view(&s->expect[k]);

		assert_true(tally_bytes_eq(is, mask & (1u << k) ? want : tally_bytes(NULL, 0)));
		tally_buf_deinit(&out[k]);
	}
	tally_arena_free(arena);
}

static void
an_entry_of_the_index_says_what_its_groups_say(void **state)
{
	struct tally_index_reader *r = tally_index_reader_new();
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_index_row *rows;
	size_t i = 0, n;

	(void)state;
	for (unsigned round = 0; round < 2; round++, i = 0) {
		tally_index_reader_reset(r);
		for (size_t p = 0; p < n_pieces; p++) {
			assert_int_equal(
				tally_index_feed(r, firsts[p], tally_buf_view(&pieces[p]), &err),
				0);
			while (tally_index_rows(r, &rows, &n, &err) > 0)
				for (size_t k = 0; k < n; k++)
					expect_row(&rows[k], &samples[i++], draw(8));
			assert_string_equal(err.text, "");
		}
		assert_int_equal(i, EVENTS);
	}
	tally_index_reader_free(r);
}

/* Whoever reads ahead looks at rows that another looks at later. */
static void
rows_stay_as_they_are_while_the_next_ones_are_read(void **state)
{
	struct tally_index_reader *r = tally_index_reader_new();
	const struct tally_index_row *rows, *before = NULL;
	struct tally_err err = TALLY_ERR_INIT;
	size_t i = 0, n, n_before = 0;

	(void)state;
	for (size_t p = 0; p < n_pieces; p++) {
		assert_int_equal(tally_index_feed(r, firsts[p], tally_buf_view(&pieces[p]), &err),
				 0);
		while (tally_index_rows(r, &rows, &n, &err) > 0) {
			for (size_t k = 0; k < n_before; k++)
				expect_row(&before[k], &samples[i++], ALL);
			before = rows;
			n_before = n;
		}
	}
	assert_int_equal(i + n_before, EVENTS);
	tally_index_reader_free(r);
}

static void
the_same_entries_in_the_same_pieces_give_the_same_bytes(void **state)
{
	struct tally_index_writer *w = tally_index_writer_new();
	struct tally_bytes views[TALLY_GROUPS];
	struct tally_index_head head;
	uint8_t before[TALLY_HASH] = { 0 };
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	for (size_t p = 0, i = 0; p < n_pieces; p++) {
		struct tally_buf again = TALLY_BUF_INIT;

		assert_int_equal(tally_index_head(&head, tally_buf_view(&pieces[p]), &err), 0);
		tally_index_writer_begin(w, firsts[p], before, head.anew);
		for (uint32_t n = 0; n < head.entries; n++, i++) {
			for (unsigned k = 0; k < TALLY_GROUPS; k++)
				views[k] = tally_buf_view(&samples[i].group[k]);
			tally_index_add(w, &samples[i].header, views);
		}
		tally_index_piece(w, &again);
		assert_true(tally_bytes_eq(tally_buf_view(&again), tally_buf_view(&pieces[p])));
		memcpy(before, head.hash, TALLY_HASH);
		tally_buf_deinit(&again);
	}
	tally_index_writer_free(w);
}

/* Feeds all pieces up to this one; the result of the last. */
static int
feed_up_to(size_t last, struct tally_bytes piece, uint64_t first)
{
	struct tally_index_reader *r = tally_index_reader_new();
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_index_row *rows;
	size_t n;
	int rc;

	for (size_t p = 0; p < last; p++) {
		assert_int_equal(tally_index_feed(r, firsts[p], tally_buf_view(&pieces[p]), &err),
				 0);
		while (tally_index_rows(r, &rows, &n, &err) > 0)
			;
	}
	rc = tally_index_feed(r, first, piece, &err);
	tally_index_reader_free(r);
	return rc;
}

static void
a_changed_byte_of_a_piece_is_found(void **state)
{
	struct tally_buf bent = TALLY_BUF_INIT;

	(void)state;
	tally_buf_add_bytes(&bent, tally_buf_view(&pieces[2]));
	assert_int_equal(feed_up_to(2, tally_buf_view(&bent), firsts[2]), 0);
	for (size_t i = 0; i < bent.len; i++) {
		bent.p[i] ^= 1;
		assert_int_equal(feed_up_to(2, tally_buf_view(&bent), firsts[2]), -1);
		bent.p[i] ^= 1;
	}
	tally_buf_deinit(&bent);
}

static void
a_piece_is_taken_in_its_own_place_only(void **state)
{
	struct tally_bytes third = tally_buf_view(&pieces[2]);

	(void)state;
	assert_int_equal(feed_up_to(2, third, firsts[2] + 1), -1);
	assert_int_equal(feed_up_to(1, third, firsts[2]), -1);
	assert_int_equal(feed_up_to(0, third, 0), -1);
	assert_int_equal(feed_up_to(3, third, firsts[3]), -1);
}

static void
bytes_that_are_no_groups_are_refused_as_a_decoder_would(void **state)
{
	static const uint8_t bad[] = { 0x08, 0x80 }; /* run, and no end to it */
	struct tally_index_writer *w = tally_index_writer_new();
	struct tally_index_reader *r = tally_index_reader_new();
	const uint8_t before[TALLY_HASH] = { 0 };
	struct tally_header h = { .kind = TALLY_STARTED };
	struct tally_bytes groups[TALLY_GROUPS] = { tally_bytes(bad, sizeof(bad)) };
	struct tally_err err = TALLY_ERR_INIT, plain = TALLY_ERR_INIT;
	struct tally_arena *arena = tally_arena_new(1024);
	struct tally_buf piece = TALLY_BUF_INIT;
	const struct tally_index_row *rows;
	struct tally_event ev = { 0 };
	size_t n;

	(void)state;
	tally_index_writer_begin(w, 0, before, true);
	tally_index_add(w, &h, groups);
	tally_index_piece(w, &piece);
	assert_int_equal(tally_index_feed(r, 0, tally_buf_view(&piece), &err), 0);
	assert_int_equal(tally_index_rows(r, &rows, &n, &err), 1);
	assert_int_equal(n, 1);
	assert_int_equal(event_of(&ev, rows, 1u << TALLY_IDENTITY, arena, &err), 0);
	assert_int_equal(event_of(&ev, rows, ALL, arena, &err), -1);
	assert_int_equal(tally_event_decode(&ev, groups, ALL, arena, &plain), -1);
	assert_string_equal(err.text, plain.text);
	tally_arena_free(arena);
	tally_buf_deinit(&piece);
	tally_index_reader_free(r);
	tally_index_writer_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_of_the_index_says_what_its_groups_say),
		cmocka_unit_test(rows_stay_as_they_are_while_the_next_ones_are_read),
		cmocka_unit_test(the_same_entries_in_the_same_pieces_give_the_same_bytes),
		cmocka_unit_test(a_changed_byte_of_a_piece_is_found),
		cmocka_unit_test(a_piece_is_taken_in_its_own_place_only),
		cmocka_unit_test(bytes_that_are_no_groups_are_refused_as_a_decoder_would),
	};

	return cmocka_run_group_tests_name("index", tests, set_up, tear_down);
}
