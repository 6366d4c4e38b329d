/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a ledger: in step with its notes, made up where it is missing, and
 * nothing that scrub would believe unseen. */
#include "fixture.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "store_internal.h"

/* What the index tells of each entry of the newest note, beside the entry. */
static void
expect_indexed(struct fixture *f, uint64_t size)
{
	struct tally_store *s = fixture_open(f, TALLY_STORE_READ);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entries plain, indexed;
	struct tally_entry a, b;
	struct tally_scrub scrub;
	uint64_t n = 0;

	assert_ok(tally_store_entries(s, 0, size, &plain, &err));
	assert_int_equal(tally_store_entries_indexed(s, size, &indexed, &err), 1);
	while (plain.next(plain.ctx, &a, &err) > 0) {
		assert_int_equal(indexed.next(indexed.ctx, &b, &err), 1);
		assert_int_equal(b.header.index, n++);
		assert_int_equal(a.header.kind, b.header.kind);
		assert_int_equal(a.header.flags, b.header.flags);
		assert_int_equal(a.header.boot, b.header.boot);
		assert_true(a.header.wall == b.header.wall);
		assert_true(a.header.uptime == b.header.uptime);
	}
	assert_int_equal(n, size);
	assert_int_equal(indexed.next(indexed.ctx, &b, &err), 0);
	assert_ok(tally_store_scrub(s, &scrub, &err));
	assert_int_equal(scrub.indexed, size);
	plain.close(plain.ctx);
	indexed.close(indexed.ctx);
	tally_store_close(s);
}

static void
the_index_reaches_as_far_as_the_newest_note(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entries none;
	struct tally_store *s;
	struct fixture f;
	uint64_t serial = 0;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	/* Some notes of one process, more entries than a piece has, another process. */
	for (unsigned process = 0; process < 2; process++) {
		s = fixture_open(&f, TALLY_STORE_WRITE);
		for (unsigned note = 0; note < 4; note++) {
			size_t n = note == 2 ? 2 * TALLY_INDEX_PIECE + 7 : 3 + note;

			assert_ok(append_serials(s, serial, n, 60, &err));
			serial += n;
			assert_int_equal(tally_store_checkpoint(s, &err), 1);
		}
		tally_store_close(s);
		expect_indexed(&f, serial);
	}
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, serial, 5, 60, &err));
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_READ);
	assert_int_equal(tally_store_entries_indexed(s, serial + 1, &none, &err), 0);
	tally_store_close(s);
	expect_indexed(&f, serial);
	fixture_deinit(&f);
}

/* Which byte of the mapped file lies at this address. */
static off_t
offset_of(const uint8_t *p)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to, offset;
	off_t found = -1;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "/data.mdb") &&
		    sscanf(line, "%lx-%lx %*s %lx", &from, &to, &offset) == 3 &&
		    (uintptr_t)p >= from && (uintptr_t)p < to)
			found = (off_t)((uintptr_t)p - from + offset);
	fclose(maps);
	assert_true(found >= 0);
	return found;
}

/* One bit of the last byte but `back` of a value: of an entry (l), a piece of the
 * index (i), a gist (g). */
static void
bend(struct fixture *f, char where, uint64_t key, size_t back)
{
	struct tally_store *s = fixture_open(f, TALLY_STORE_READ);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf path = TALLY_BUF_INIT;
	struct tally_bytes value;
	MDB_txn *txn;
	uint8_t byte;
	off_t at;
	int fd;

	assert_ok(store_short_begin(s, &txn, &err));
	assert_int_equal(store_get(txn,
				   where == 'i'   ? s->index
				   : where == 'g' ? s->gist
						  : s->leaf,
				   store_key(&key), &value, &err),
			 1);
	at = offset_of(value.p + value.len - 1 - back);
	store_short_end(s, txn);
	tally_store_close(s);
	tally_buf_addf(&path, "%s/data.mdb", f->path);
	fd = open(tally_buf_cstr(&path), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	tally_buf_deinit(&path);
}

#define BATCH 1000U

/* Facts, then starts and stops of a few VMs. */
static void
append_events(struct tally_store *s, uint64_t first, size_t n)
{
	static struct tally_buf group[BATCH][TALLY_GROUPS];
	static struct tally_prepared entry[BATCH];
	struct tally_err err = TALLY_ERR_INIT;

	while (n > 0) {
		size_t some = n < BATCH ? n : BATCH;
		uint64_t index;

		for (size_t i = 0; i < some; i++) {
			struct tally_event ev = { .kind = i % 2 ? TALLY_STOPPED : TALLY_STARTED };
			struct tally_bytes views[TALLY_GROUPS];
			uint8_t seed[TALLY_SEED];

			if (first + i == 0)
				ev.kind = TALLY_HOST_FACTS;
			ev.i.has_vm = first + i > 0;
			ev.i.vm[15] = (uint8_t)(i / 2 % 20);
			assert_ok(tally_event_encode(&ev, group[i], &err));
			for (unsigned k = 0; k < TALLY_GROUPS; k++)
				views[k] = tally_buf_view(&group[i][k]);
			tally_seed(seed);
			tally_prepare(&entry[i], (uint8_t)ev.kind, 0, seed, views);
		}
		assert_ok(tally_store_append(s, entry, some, &index, &err));
		assert_int_equal(index, first);
		for (size_t i = 0; i < some; i++)
			for (unsigned k = 0; k < TALLY_GROUPS; k++)
				tally_buf_deinit(&group[i][k]);
		first += some;
		n -= some;
	}
}

/* From which entry on all are read, for a time behind all of them. */
static uint64_t
skipped(struct fixture *f, uint64_t size)
{
	struct tally_store *s = fixture_open(f, TALLY_STORE_READ);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entries e;
	uint64_t whole;

	assert_int_equal(tally_store_entries_indexed(s, size, &e, &err), 1);
	assert_ok(e.leave_out(e.ctx, INT64_MAX, &whole, &err));
	e.close(e.ctx);
	tally_store_close(s);
	return whole;
}

/* What a gist keeps is among the entries, and behind it nothing is missing. */
static void
expect_gists(struct fixture *f, uint64_t size, uint64_t whole)
{
	struct tally_store *s = fixture_open(f, TALLY_STORE_READ);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entries e, plain;
	struct tally_entry a, b = { 0 };
	struct tally_scrub scrub;
	uint64_t n = 0, got;

	assert_ok(tally_store_entries(s, 0, size, &plain, &err));
	assert_int_equal(tally_store_entries_indexed(s, size, &e, &err), 1);
	assert_ok(e.leave_out(e.ctx, INT64_MIN, &got, &err));
	assert_int_equal(got, 0);
	assert_ok(e.leave_out(e.ctx, INT64_MAX, &got, &err));
	for (unsigned twice = 0; twice < 2; twice++) {
		assert_ok(e.rewind(e.ctx, &err));
		assert_ok(plain.rewind(plain.ctx, &err));
		n = 0;
		while (plain.next(plain.ctx, &a, &err) > 0) {
			if (n == 0 || b.header.index < a.header.index) {
				assert_int_equal(e.next(e.ctx, &b, &err), 1);
				n++;
			}
			assert_true(b.header.index >= a.header.index);
			if (a.header.index >= whole)
				assert_int_equal(a.header.index, b.header.index);
			if (a.header.index == b.header.index)
				assert_true(a.header.wall == b.header.wall &&
					    a.header.kind == b.header.kind);
		}
		assert_int_equal(e.next(e.ctx, &b, &err), 0);
	}
	assert_true(whole == 0 || n < size);
	e.close(e.ctx);
	plain.close(plain.ctx);
	assert_ok(tally_store_scrub(s, &scrub, &err));
	tally_store_close(s);
}

static int
drop_gists(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	int rc = mdb_drop(txn, s->gist, 1);

	(void)ctx;
	return rc ? store_mdb_err(err, rc, "drop") : 0;
}

static void
gists_stand_before_segments_whoever_wrote_them(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;
	uint64_t size = 0;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	/* One process, several segments in one note and in many. */
	s = fixture_open(&f, TALLY_STORE_WRITE);
	append_events(s, 0, 2 * TALLY_INDEX_SEGMENT + 5);
	size = 2 * TALLY_INDEX_SEGMENT + 5;
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	while (size < 4 * TALLY_INDEX_SEGMENT) {
		append_events(s, size, 3000);
		size += 3000;
		assert_int_equal(tally_store_checkpoint(s, &err), 1);
	}
	tally_store_close(s);
	expect_indexed(&f, size);
	assert_true(skipped(&f, size) > 3 * TALLY_INDEX_SEGMENT);
	/* Not for who reads less than they cover. */
	assert_int_equal(skipped(&f, TALLY_INDEX_SEGMENT), TALLY_INDEX_SEGMENT);
	assert_int_equal(skipped(&f, TALLY_INDEX_SEGMENT - 1), 0);
	expect_gists(&f, size, skipped(&f, size));
	/* A process for each few entries: it goes on until they are enough. */
	for (unsigned i = 0; i < 4; i++) {
		s = fixture_open(&f, TALLY_STORE_WRITE);
		append_events(s, size, 2500);
		size += 2500;
		assert_int_equal(tally_store_checkpoint(s, &err), 1);
		tally_store_close(s);
	}
	assert_true(skipped(&f, size) > 4 * TALLY_INDEX_SEGMENT);
	expect_gists(&f, size, skipped(&f, size));
	/* A ledger of before they were there gets one where its next segment begins. */
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(store_write(s, drop_gists, NULL, &err));
	tally_store_close(s);
	expect_gists(&f, size, 0);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	append_events(s, size, 1);
	size++;
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	tally_store_close(s);
	expect_gists(&f, size, size - 1);
	fixture_deinit(&f);
}

static void
damage_of_a_gist_is_found(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entries e;
	struct tally_scrub scrub;
	struct tally_store *s;
	struct tally_entry entry;
	struct fixture f;
	uint64_t whole;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	append_events(s, 0, TALLY_INDEX_SEGMENT + 1);
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	tally_store_close(s);
	for (size_t back = 0; back < 400; back += 57) {
		int r;

		bend(&f, 'g', TALLY_INDEX_SEGMENT, back);
		s = fixture_open(&f, TALLY_STORE_READ);
		assert_int_equal(tally_store_scrub(s, &scrub, &err), -1);
		if (!strstr(err.text, "gist up to entry 16384: "))
			fail_msg("%s", err.text);
		assert_int_equal(tally_store_entries_indexed(s, TALLY_INDEX_SEGMENT + 1, &e, &err),
				 1);
		assert_ok(e.leave_out(e.ctx, INT64_MAX, &whole, &err));
		assert_int_equal(whole, TALLY_INDEX_SEGMENT);
		assert_ok(e.rewind(e.ctx, &err));
		while ((r = e.next(e.ctx, &entry, &err)) > 0)
			;
		assert_int_equal(r, -1);
		e.close(e.ctx);
		tally_store_close(s);
		bend(&f, 'g', TALLY_INDEX_SEGMENT, back);
	}
	expect_gists(&f, TALLY_INDEX_SEGMENT + 1, TALLY_INDEX_SEGMENT);
	fixture_deinit(&f);
}

static int
drop_index(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	int rc = mdb_drop(txn, s->index, 1);

	(void)ctx;
	return rc ? store_mdb_err(err, rc, "drop") : 0;
}

static void
a_ledger_without_an_index_gets_it_with_its_next_note(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_scrub scrub;
	struct tally_entries none;
	struct tally_store *s;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 100, 60, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	assert_ok(store_write(s, drop_index, NULL, &err));
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_READ);
	assert_int_equal(tally_store_entries_indexed(s, 100, &none, &err), 0);
	assert_ok(tally_store_scrub(s, &scrub, &err));
	assert_int_equal(scrub.entries, 100);
	assert_int_equal(scrub.indexed, 0);
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 100, 1, 60, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	tally_store_close(s);
	expect_indexed(&f, 101);
	fixture_deinit(&f);
}

static void
expect_damage(struct fixture *f, const char *words, bool index_reads)
{
	struct tally_store *s = fixture_open(f, TALLY_STORE_READ);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entries entries;
	struct tally_scrub scrub;
	struct tally_entry e;
	int r;

	assert_int_equal(tally_store_scrub(s, &scrub, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
	assert_int_equal(tally_store_entries_indexed(s, 100, &entries, &err), 1);
	while ((r = entries.next(entries.ctx, &e, &err)) > 0)
		;
	assert_int_equal(r, index_reads ? 0 : -1);
	entries.close(entries.ctx);
	tally_store_close(s);
}

static void
damage_of_an_entry_or_of_the_index_is_found(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 100, 60, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	tally_store_close(s);
	bend(&f, 'l', 50, 0);
	expect_damage(&f, "entries 48 to 63", true);
	bend(&f, 'l', 50, 0);
	for (size_t back = 0; back < 300; back += 7) {
		bend(&f, 'i', 0, back);
		expect_damage(&f, "index: ", false);
		bend(&f, 'i', 0, back);
	}
	expect_indexed(&f, 100);
	fixture_deinit(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_index_reaches_as_far_as_the_newest_note),
		cmocka_unit_test(gists_stand_before_segments_whoever_wrote_them),
		cmocka_unit_test(damage_of_a_gist_is_found),
		cmocka_unit_test(a_ledger_without_an_index_gets_it_with_its_next_note),
		cmocka_unit_test(damage_of_an_entry_or_of_the_index_is_found),
	};

	return cmocka_run_group_tests_name("store index", tests, NULL, NULL);
}
