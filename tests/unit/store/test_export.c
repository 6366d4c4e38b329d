/* SPDX-License-Identifier: Apache-2.0 */
/* The static export: its files, their content, and what is refused. */
#include "fixture.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/evidence.h"
#include "tally/parse.h"

static size_t files, wrong_modes;

static int
count_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	bool private = strstr(path, "/export/private") != NULL;
	unsigned want =
		S_ISDIR(st->st_mode) ? (private ? 0700u : 0755u) : (private ? 0600u : 0644u);

	(void)at;
	files += type == FTW_F;
	wrong_modes += (st->st_mode & 0777) != want;
	return 0;
}

static size_t
count_files(const char *dir)
{
	files = wrong_modes = 0;
	assert_int_equal(nftw(dir, count_one, 16, FTW_PHYS), 0);
	assert_int_equal(wrong_modes, 0);
	return files;
}

/* Every tile of every level holds the nodes of the tree; gives their number. */
static size_t
check_tiles(struct tally_store *s, const char *dir, uint64_t size)
{
	struct tally_nodes nodes = tally_store_nodes(s);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf tile = TALLY_BUF_INIT;
	char path[TALLY_TILE_PATH];
	uint8_t hash[TALLY_HASH];
	size_t count = 0;
	unsigned width;

	for (unsigned level = 0; level < 8; level++) {
		for (uint64_t n = 0; (width = tally_tile_width(size, level, n)) > 0; n++) {
			tally_buf_clear(&tile);
			tally_tile_path(path, (int)level, n, width);
			assert_int_equal(read_whole(dir, path, &tile), 1);
			assert_int_equal(tile.len, width * TALLY_HASH);
			for (unsigned i = 0; i < width; i++) {
				assert_ok(
					nodes.node(nodes.ctx, level * 8, n * 256 + i, hash, &err));
				assert_memory_equal(hash, tile.p + i * TALLY_HASH, TALLY_HASH);
			}
			count++;
		}
	}
	tally_buf_deinit(&tile);
	return count;
}

static void
check_payload(struct tally_cursor *c, struct tally_buf group[TALLY_GROUPS],
	      uint8_t salt[TALLY_GROUPS][TALLY_SALT])
{
	assert_int_equal(tally_cursor_u8(c), 7);
	for (int k = 0; k < TALLY_GROUPS; k++) {
		size_t len;

		assert_true(tally_bytes_eq(tally_cursor_take(c, TALLY_SALT),
					   tally_bytes(salt[k], TALLY_SALT)));
		len = (size_t)tally_cursor_u8(c) << 16;
		len |= tally_cursor_u16(c);
		assert_true(tally_bytes_eq(tally_cursor_take(c, len), tally_buf_view(&group[k])));
	}
}

/* Bundles and payloads hold the entries; gives the number of bundles. */
static size_t
check_bundles(struct tally_store *s, const char *dir, uint64_t size, bool public)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf bundle = TALLY_BUF_INIT, payload = TALLY_BUF_INIT, record = TALLY_BUF_INIT;
	struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	uint8_t salt[TALLY_GROUPS][TALLY_SALT];
	char number[TALLY_TILE_PATH], path[TALLY_TILE_PATH + 20];
	struct tally_cursor b, p;
	unsigned width;
	size_t count = 0;

	for (uint64_t n = 0; (width = tally_tile_width(size, 0, n)) > 0; n++, count++) {
		tally_buf_clear(&bundle);
		tally_buf_clear(&payload);
		tally_tile_path(path, -1, n, width);
		assert_int_equal(read_whole(dir, path, &bundle), 1);
		tally_tile_path(number, -2, n, width);
		snprintf(path, sizeof(path), "private/payload/%s", number);
		assert_int_equal(read_whole(dir, path, &payload), public ? 0 : 1);
		tally_cursor_init(&b, tally_buf_view(&bundle));
		tally_cursor_init(&p, tally_buf_view(&payload));
		for (unsigned i = 0; i < width; i++) {
			assert_int_equal(
				tally_store_entry(s, n * 256 + i, &record, group, salt, &err), 1);
			assert_int_equal(tally_cursor_u16(&b), TALLY_RECORD);
			assert_true(tally_bytes_eq(tally_cursor_take(&b, TALLY_RECORD),
						   tally_buf_view(&record)));
			if (!public)
				check_payload(&p, group, salt);
		}
		assert_true(tally_cursor_done(&b));
		assert_true(tally_cursor_done(&p));
	}
	tally_buf_deinit(&bundle);
	tally_buf_deinit(&payload);
	tally_buf_deinit(&record);
	for (int k = 0; k < TALLY_GROUPS; k++)
		tally_buf_deinit(&group[k]);
	return count;
}

/* Notes and rows by number, byte for byte those of the ledger. */
static void
check_history(struct tally_store *s, const char *dir)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf all = TALLY_BUF_INIT, note = TALLY_BUF_INIT;
	struct tally_cursor c;
	struct tally_row row;
	uint64_t n = 0;

	assert_int_equal(read_whole(dir, "private/notes", &all), 1);
	tally_cursor_init(&c, tally_buf_view(&all));
	for (; tally_store_note(s, n, &note, &err) == 1; n++)
		assert_true(tally_bytes_eq(tally_cursor_take(&c, tally_cursor_u32(&c)),
					   tally_buf_view(&note)));
	assert_true(n > 0 && tally_cursor_done(&c));
	tally_buf_clear(&all);
	assert_int_equal(read_whole(dir, "private/evidence", &all), 1);
	tally_cursor_init(&c, tally_buf_view(&all));
	for (n = 0; tally_store_row(s, n, &row, &err) == 1; n++) {
		uint8_t bytes[TALLY_ROW];

		tally_row_write(bytes, &row);
		assert_true(tally_bytes_eq(tally_cursor_take(&c, TALLY_ROW),
					   tally_bytes(bytes, sizeof(bytes))));
	}
	assert_true(tally_cursor_done(&c));
	tally_buf_clear(&all);
	assert_int_equal(read_whole(dir, "private/format", &all), 1);
	assert_true(tally_bytes_eq(tally_buf_view(&all), tally_bytes_str("tallystick-export 1\n")));
	tally_buf_deinit(&all);
	tally_buf_deinit(&note);
}

/* One log line, and the checkpoint is of this size. */
static void
check_checkpoint(struct tally_store *s, const char *dir, uint64_t size)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint cp;
	struct tally_note note;

	assert_int_equal(read_whole(dir, "checkpoint", &bytes), 1);
	assert_ok(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &err));
	assert_int_equal(note.lines, 1);
	assert_int_equal(tally_note_verify(&note, tally_store_vkey(s), &err), 1);
	assert_ok(tally_checkpoint_parse(&cp, note.text, false, &err));
	assert_int_equal(cp.size, size);
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&scratch);
}

static void
attest(struct tally_store *s)
{
	struct tally_journal j = tally_store_journal(s);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_row row = { .pcr = TALLY_LEDGER_PCR };

	assert_int_equal(j.intend(j.ctx, &row, &err), 1);
	row.state = TALLY_ROW_DONE;
	assert_ok(j.settle(j.ctx, &row, tally_bytes("ak", 2), tally_bytes("blob", 4), &err));
}

static uint64_t told, told_all;

static void
progress(void *ctx, uint64_t done, uint64_t all)
{
	(void)ctx;
	assert_true(done > told);
	told = done;
	told_all = all;
}

static void
an_export_holds_the_tree_of_the_newest_checkpoint(void **state)
{
	static const uint64_t sizes[] = { 1, 255, 256, 257, 700, 66000 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;
	uint64_t size = 0;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_int_equal(tally_store_export(s, f.out, false, NULL, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_USE); /* no checkpoint yet */
	assert_int_not_equal(access(f.out, F_OK), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool public = i % 2 == 1;
		size_t count;

		assert_ok(append_serials(s, size, (size_t)(sizes[i] - size), 60, &err));
		size = sizes[i];
		attest(s);
		if (i > 2) { /* behind the checkpoint: not in the export */
			assert_ok(append_serials(s, size, 1, 60, &err));
			size++;
		}
		told = 0;
		assert_ok(tally_store_export(s, f.out, public, progress, NULL, &err));
		assert_int_equal(told, sizes[i]);
		assert_int_equal(told_all, sizes[i]);
		check_checkpoint(s, f.out, sizes[i]);
		count = check_tiles(s, f.out, sizes[i]);
		count += check_bundles(s, f.out, sizes[i], public) * (public ? 1 : 2);
		if (!public)
			check_history(s, f.out);
		assert_int_equal(count_files(f.out), count + (public ? 2 : 5));
		remove_tree(f.out);
	}
	tally_store_close(s);
	fixture_deinit(&f);
}

static void
a_folder_that_is_not_empty_is_refused_and_left_alone(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;
	char path[160];
	FILE *file;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 10, 60, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	assert_int_equal(mkdir(f.out, 0755), 0);
	assert_ok(tally_store_export(s, f.out, true, NULL, NULL, &err)); /* empty is fine */
	assert_int_equal(tally_store_export(s, f.out, true, NULL, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	check_checkpoint(s, f.out, 10);
	snprintf(path, sizeof(path), "%s/file", f.root);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(tally_store_export(s, path, true, NULL, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	snprintf(path, sizeof(path), "%s/none/below", f.root);
	assert_int_equal(tally_store_export(s, path, true, NULL, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	tally_store_close(s);
	fixture_deinit(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_export_holds_the_tree_of_the_newest_checkpoint),
		cmocka_unit_test(a_folder_that_is_not_empty_is_refused_and_left_alone),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
