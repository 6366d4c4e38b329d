/* SPDX-License-Identifier: Apache-2.0 */
/* What is damaged, foreign, cut short or another's is refused, and says so. */
#include "fixture.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store_internal.h"

#define ENTRIES 50

static void
prepare(struct fixture *f)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;

	fixture_init(f);
	fixture_create(f);
	s = fixture_open(f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 40, 60, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	assert_ok(append_serials(s, 40, ENTRIES - 40, 60, &err));
	tally_store_close(s);
}

static enum tally_code
open_code(const char *path, enum tally_store_mode mode)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;

	if (tally_store_open(&s, path, mode, NULL, &err) == 0) {
		tally_store_close(s);
		return TALLY_OK;
	}
	assert_non_null(strstr(err.text, path));
	return err.code;
}

/* Where a value lies in data.mdb. */
struct place {
	off_t at;
	size_t len;
};

enum value { LEAF_FIRST, LEAF_MIDDLE, LEAF_LAST, NODE, HEAD, NOTE };

/* Which byte of the mapped file lies at this address. */
static off_t
offset_of(const uint8_t *p)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to, offset;
	off_t found = -1;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, "/data.mdb") &&
		    sscanf(line, "%lx-%lx %*s %lx", &from, &to, &offset) == 3 &&
		    (uintptr_t)p >= from && (uintptr_t)p < to)
			found = (off_t)((uintptr_t)p - from + offset);
	}
	fclose(maps);
	assert_true(found >= 0);
	return found;
}

static struct place
find(struct fixture *f, enum value what)
{
	struct tally_store *s = fixture_open(f, TALLY_STORE_READ);
	uint64_t key = what == LEAF_MIDDLE ? 20
		       : what == LEAF_LAST ? ENTRIES - 1
		       : what == NODE      ? UINT64_C(4) << 56
					   : 0;
	MDB_dbi dbi = what == NODE   ? s->node
		      : what == HEAD ? s->head
		      : what == NOTE ? s->note
				     : s->leaf;
	struct tally_bytes k = what == HEAD ? tally_bytes_str("head") : store_key(&key), v;
	struct tally_err err = TALLY_ERR_INIT;
	struct place p;
	MDB_txn *txn;

	assert_ok(store_short_begin(s, &txn, &err));
	assert_int_equal(store_get(txn, dbi, k, &v, &err), 1);
	p.at = offset_of(v.p);
	p.len = v.len;
	store_short_end(s, txn);
	tally_store_close(s);
	return p;
}

static void
flip(struct fixture *f, off_t at, uint8_t mask)
{
	char path[128];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof(path), "%s/data.mdb", f->path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= mask;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void
a_flipped_bit_of_any_stored_value_is_found_at_opening(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f);
	for (int what = LEAF_FIRST; what <= NOTE; what++) {
		struct place p = find(&f, (enum value)what);

		assert_true(p.len >= 64);
		for (size_t i = 0; i < p.len; i++) {
			uint8_t mask = (uint8_t)(1u << (i % 8));

			flip(&f, p.at + (off_t)i, mask);
			if (open_code(f.path, TALLY_STORE_WRITE) != TALLY_FAILS)
				fail_msg("value %d, byte %zu: not found", what, i);
			flip(&f, p.at + (off_t)i, mask);
		}
		assert_int_equal(open_code(f.path, TALLY_STORE_WRITE), TALLY_OK);
	}
	check_ledger(f.path, ENTRIES);
	fixture_deinit(&f);
}

/* Damage that comes while the ledger is open is not signed over. */
static void
what_reads_back_differently_is_not_signed(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf note = TALLY_BUF_INIT;
	struct tally_store *s;
	struct place p;
	struct fixture f;
	uint64_t sequence;

	(void)state;
	prepare(&f);
	p = find(&f, LEAF_LAST);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	flip(&f, p.at + (off_t)p.len - 1, 4);
	assert_int_equal(tally_store_checkpoint(s, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
	assert_int_equal(append_serials(s, ENTRIES, 1, 60, &err), -1);
	assert_int_equal(tally_store_last_note(s, &sequence, &note, &err), 1);
	assert_int_equal(sequence, 0);
	tally_buf_deinit(&note);
	tally_store_close(s);
	fixture_deinit(&f);
}

static void
a_file_cut_short_is_refused_before_it_is_read(void **state)
{
	static const off_t sizes[] = { 0, 1, 100, 4095, 4096, 8191, 8192, 12288, 20000 };
	struct fixture f;
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		prepare(&f);
		snprintf(path, sizeof(path), "%s/data.mdb", f.path);
		assert_int_equal(truncate(path, sizes[i]), 0);
		for (int mode = TALLY_STORE_READ; mode <= TALLY_STORE_WRITE; mode++) {
			enum tally_code code = open_code(f.path, (enum tally_store_mode)mode);

			if (code != TALLY_FAILS && code != TALLY_USE)
				fail_msg("%ld bytes: code %d", (long)sizes[i], code);
		}
		fixture_deinit(&f);
	}
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
what_is_no_ledger_is_named_and_left_alone(void **state)
{
	struct fixture f;
	char path[128], lock[160];

	(void)state;
	fixture_init(&f);
	snprintf(path, sizeof(path), "%s/none", f.root);
	assert_int_equal(open_code(path, TALLY_STORE_READ), TALLY_SYS);
	assert_int_equal(open_code(path, TALLY_STORE_WRITE), TALLY_SYS);
	write_file(f.root, "none", "a file");
	assert_int_equal(open_code(path, TALLY_STORE_READ), TALLY_USE);
	assert_int_equal(open_code(path, TALLY_STORE_WRITE), TALLY_USE);
	snprintf(path, sizeof(path), "%s/folder", f.root);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(open_code(path, TALLY_STORE_READ), TALLY_USE);
	assert_int_equal(open_code(path, TALLY_STORE_WRITE), TALLY_USE);
	assert_int_equal(rmdir(path), 0); /* nothing was put into it */
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(lock, sizeof(lock), "%s/data.mdb", path);
	assert_int_equal(mkdir(lock, 0700), 0);
	assert_int_equal(open_code(path, TALLY_STORE_READ), TALLY_USE);
	assert_int_equal(rmdir(lock), 0);
	write_file(path, "data.mdb",
		   "something else of more than a few bytes, and no database at all");
	assert_int_equal(open_code(path, TALLY_STORE_READ), TALLY_USE);
	assert_int_equal(open_code(path, TALLY_STORE_WRITE), TALLY_USE);
	fixture_deinit(&f);
}

static int
put_format(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	return store_put(s, txn, s->meta, tally_bytes_str("format"), tally_bytes(ctx, 4), 0, err);
}

static void
a_newer_format_is_not_guessed_at(void **state)
{
	uint8_t format[4] = { 0, 0, 0, 2 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;

	(void)state;
	prepare(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(store_write(s, put_format, format, &err));
	tally_store_close(s);
	assert_int_equal(open_code(f.path, TALLY_STORE_READ), TALLY_USE);
	assert_int_equal(open_code(f.path, TALLY_STORE_WRITE), TALLY_USE);
	fixture_deinit(&f);
}

static void
an_ordinary_database_of_somebody_is_no_ledger(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_plain *plain;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_ok(tally_plain_open(&plain, f.root, &err));
	assert_ok(tally_plain_append(plain, tally_bytes_str("value"), 3, &err));
	tally_plain_close(plain);
	assert_int_equal(open_code(f.root, TALLY_STORE_READ), TALLY_USE);
	assert_int_equal(open_code(f.root, TALLY_STORE_WRITE), TALLY_USE);
	fixture_deinit(&f);
}

static void
the_key_must_be_this_ledgers_and_must_be_there(void **state)
{
	struct tally_init_options o = { .origin = "example.org/log" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf key = TALLY_BUF_INIT;
	char other[128], keys[160];
	struct fixture f;

	(void)state;
	prepare(&f);
	snprintf(other, sizeof(other), "%s/other", f.root);
	assert_ok(tally_store_create(other, &o, &err)); /* the same origin, another key */
	assert_int_equal(read_whole(other, "keys/log.key", &key), 1);
	snprintf(keys, sizeof(keys), "%s/keys", f.path);
	write_file(keys, "log.key", tally_buf_cstr(&key));
	assert_int_equal(open_code(f.path, TALLY_STORE_WRITE), TALLY_FAILS);
	assert_int_equal(open_code(f.path, TALLY_STORE_READ), TALLY_OK);
	write_file(keys, "log.key", "PRIVATE+KEY+rubbish\n");
	assert_int_not_equal(open_code(f.path, TALLY_STORE_WRITE), TALLY_OK);
	snprintf(keys, sizeof(keys), "%s/keys/log.key", f.path);
	assert_int_equal(unlink(keys), 0);
	assert_int_equal(open_code(f.path, TALLY_STORE_WRITE), TALLY_SYS);
	tally_buf_deinit(&key);
	fixture_deinit(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flipped_bit_of_any_stored_value_is_found_at_opening),
		cmocka_unit_test(what_reads_back_differently_is_not_signed),
		cmocka_unit_test(a_file_cut_short_is_refused_before_it_is_read),
		cmocka_unit_test(what_is_no_ledger_is_named_and_left_alone),
		cmocka_unit_test(a_newer_format_is_not_guessed_at),
		cmocka_unit_test(an_ordinary_database_of_somebody_is_no_ledger),
		cmocka_unit_test(the_key_must_be_this_ledgers_and_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
