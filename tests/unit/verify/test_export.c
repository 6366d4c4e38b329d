/* SPDX-License-Identifier: Apache-2.0 */
/* An export that is damaged, cut, mixed up or added to: what is wrong is found
 * where it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "tally/parse.h"

#define ENTRY 138 /* in a bundle */

static struct ledger one, other;
static char *dir, *mirror, *other_dir;

static int
set_up(void **state)
{
	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	ledger_append(&one, 300);
	ledger_checkpoint(&one);
	ledger_append(&one, 5);
	ledger_checkpoint(&one);
	ledger_reboot(&one);
	ledger_append(&one, 290);
	ledger_checkpoint(&one);
	dir = ledger_export(&one, "export", false);
	mirror = ledger_export(&one, "mirror", true);
	ledger_init(&other, "example.com/other", "h2", false);
	ledger_append(&other, 600);
	ledger_checkpoint(&other);
	other_dir = ledger_export(&other, "export", false);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ledger_deinit(&one);
	ledger_deinit(&other);
	free(dir), free(mirror), free(other_dir);
	return 0;
}

static void
verdict(const char *anchor, const char *path, int expected)
{
	struct tally_verify *v = verified_one(anchor, path);

	if (tally_verify_exit(v) != expected)
		tell_problems(v);
	assert_int_equal(tally_verify_exit(v), expected);
	tally_verify_free(v);
}

/* The file must be named; with a check and an entry where they are given. */
static void
finds(const char *check, const char *in, const char *file, int64_t entry, const char *what)
{
	struct tally_verify *v = verified_one(NULL, in);

	if (tally_verify_exit(v) != 1 || !names(v, check, in, file, entry)) {
		tell_problems(v);
		fail_msg("%s: not found: %s, entry %lld", file, what, (long long)entry);
	}
	tally_verify_free(v);
}

static void
an_untouched_export_holds_and_only_a_pinned_key_anchors_it(void **state)
{
	const char *pin = (const char *)one.vkey.p;
	struct tally_buf mailed = TALLY_BUF_INIT;
	struct tally_verify *v;

	(void)state;
	verdict(NULL, dir, 4);
	verdict(pin, dir, 0);
	verdict(NULL, mirror, 4);
	verdict(pin, mirror, 0);
	verdict((const char *)other.vkey.p, dir, 4);
	tally_buf_addf(&mailed, "# pinned\r\n \t\r\n\t %.*s \r\n", (int)one.vkey.len - 1, pin);
	verdict(tally_buf_cstr(&mailed), dir, 0);
	tally_buf_deinit(&mailed);
	v = verified_one(NULL, dir);
	assert_true(tally_verify_holds(v));
	assert_false(tally_verify_anchored(v));
	assert_string_equal(tally_verify_class(v), "self-declared");
	tally_verify_free(v);
	v = verified_one(pin, dir);
	assert_string_equal(tally_verify_class(v), "software (libtpms)");
	tally_verify_free(v);
}

/* The entry of a position in a file, or -1. */
static int64_t
entry_at(const char *name, const char *bytes, size_t n, size_t position)
{
	struct tally_cursor c;
	const char *digits;
	int64_t first;

	digits = strstr(name, "entries/") ? strstr(name, "entries/") + 8 : strstr(name, "payload/");
	if (!digits)
		return -1;
	digits += digits[0] == 'p' ? 8 : 0;
	first = (digits[2] - '0') * 256;
	if (strstr(name, "entries/"))
		return first + (int64_t)(position / ENTRY);
	tally_cursor_init(&c, tally_bytes(bytes, n));
	while (tally_cursor_left(&c) > 0) {
		tally_cursor_u8(&c);
		for (int k = 0; k < 3; k++) {
			tally_cursor_take(&c, 16);
			tally_cursor_u8(&c);
			tally_cursor_take(&c, tally_cursor_u16(&c));
		}
		if ((size_t)(c.p - c.start) > position)
			return first;
		first++;
	}
	return -1;
}

/* Bits all over a folder, the same ones each time. */
static unsigned
flip_all(const char *in, size_t step)
{
	struct files f = files_of(in);
	unsigned count = 0;
	size_t bit = 0;

	for (size_t i = 0; i < f.count; i++) {
		struct edit e = edit_open(in, f.name[i]);
		/* Small files are gone through more closely. */
		size_t by = e.n < 2000 ? step / 16 + 1 : step;

		for (; bit < e.n * 8; bit += by, count++) {
			char what[32];

			snprintf(what, sizeof(what), "bit %zu", bit);
			e.bytes[bit / 8] = (char)(e.bytes[bit / 8] ^ (1 << bit % 8));
			edit_write(&e, e.bytes, e.n);
			e.bytes[bit / 8] = (char)(e.bytes[bit / 8] ^ (1 << bit % 8));
			finds(NULL, in, f.name[i], entry_at(f.name[i], e.bytes, e.n, bit / 8),
			      what);
		}
		bit = bit % 7;
		edit_close(&e);
	}
	files_free(&f);
	return count;
}

static void
a_flipped_bit_is_found_in_its_file_and_entry(void **state)
{
	unsigned count;

	(void)state;
	count = flip_all(dir, 1613) + flip_all(mirror, 3217);
	print_message("%u bits\n", count);
	assert_true(count > 800);
	verdict(NULL, dir, 4);
}

static void
a_cut_emptied_longer_or_missing_file_is_found(void **state)
{
	struct files f = files_of(dir);

	(void)state;
	for (size_t i = 0; i < f.count; i++) {
		struct edit e = edit_open(dir, f.name[i]);

		for (size_t n = 0; n < e.n; n += e.n / 9 + 1) {
			edit_write(&e, e.bytes, n);
			finds(NULL, dir, f.name[i], -1, "cut");
		}
		if (e.n > 0) {
			edit_write(&e, e.bytes, e.n - 1);
			finds(NULL, dir, f.name[i], -1, "one byte less");
		}
		e.bytes = tally_realloc_array(e.bytes, e.n + 1, 1);
		for (int byte = 0; byte < 256; byte += 51) {
			e.bytes[e.n] = (char)byte;
			edit_write(&e, e.bytes, e.n + 1);
			finds(NULL, dir, f.name[i], -1, "one byte more");
		}
		unlink(e.path);
		finds("missing", dir, f.name[i], -1, "not there");
		mkdir(e.path, 0700);
		finds("format", dir, f.name[i], -1, "a folder");
		rmdir(e.path);
		assert_int_equal(symlink("/dev/zero", e.path), 0);
		finds("format", dir, f.name[i], -1, "a link");
		unlink(e.path);
		assert_int_equal(mkfifo(e.path, 0600), 0);
		finds("format", dir, f.name[i], -1, "a pipe");
		unlink(e.path);
		edit_close(&e);
	}
	files_free(&f);
}

static void
a_link_to_the_same_bytes_is_no_file_of_the_export(void **state)
{
	struct edit e = edit_open(dir, "tile/entries/001");
	char *away = test_path(one.root, "away");

	(void)state;
	assert_int_equal(rename(e.path, away), 0);
	assert_int_equal(symlink(away, e.path), 0);
	finds("format", dir, "tile/entries/001", -1, "a link");
	unlink(e.path);
	unlink(away);
	edit_close(&e);
	free(away);
}

static void
swap(char *a, char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

static void
swapped_entries_bundles_and_tiles_are_found(void **state)
{
	struct edit e = edit_open(dir, "tile/entries/000"), h = edit_open(dir, "tile/0/000");
	struct edit p = edit_open(dir, "private/payload/000");
	struct edit q = edit_open(dir, "private/payload/001");
	char *copy = malloc(e.n);

	(void)state;
	memcpy(copy, e.bytes, e.n);
	swap(copy + 10 * ENTRY, copy + 200 * ENTRY, ENTRY);
	edit_write(&e, copy, e.n);
	finds("tile", dir, "tile/entries/000", 10, "swapped");
	finds("tile", dir, "tile/entries/000", 200, "swapped");
	memcpy(copy, h.bytes, h.n);
	swap(copy + 320, copy + 640, 32);
	edit_write(&e, e.bytes, e.n);
	edit_write(&h, copy, h.n);
	finds("tile", dir, "tile/0/000", 10, "swapped");
	edit_write(&h, h.bytes, h.n);
	edit_write(&p, q.bytes, q.n);
	edit_write(&q, p.bytes, p.n);
	finds("payload", dir, "private/payload/000", 0, "swapped");
	finds("payload", dir, "private/payload/001", 256, "swapped");
	edit_close(&e), edit_close(&h), edit_close(&p), edit_close(&q);
	free(copy);
}

static void
a_file_of_another_ledger_is_found(void **state)
{
	struct files f = files_of(dir);
	unsigned replaced = 0;

	(void)state;
	for (size_t i = 0; i < f.count; i++) {
		char *path = test_path(other_dir, f.name[i]);
		size_t n;
		char *theirs = test_file_read(path, &n);
		struct edit e = edit_open(dir, f.name[i]);

		free(path);
		if (theirs && (n != e.n || memcmp(theirs, e.bytes, n) != 0)) {
			edit_write(&e, theirs, n);
			finds(NULL, dir, f.name[i], -1, "another ledger's");
			replaced++;
		}
		edit_close(&e);
		free(theirs);
	}
	assert_true(replaced >= 10);
	files_free(&f);
}

static void
a_file_that_the_tree_does_not_ask_for_is_found(void **state)
{
	static const char *const strays[] = {
		"tile/README",          "tile/0/003",
		"tile/0/002.p/255",     "tile/0/00",
		"tile/1/001.p/1",       "tile/2/000.p/1",
		"tile/64/000",          "tile/entries/x000/001",
		"tile/entries/000.p/0", "tile/entries/000.p/01",
		"tile/0/000.p/256",     "private/README",
		"private/payload/003",  "private/payload/000.p/x",
		"private/notes.1",      "private/\n\x1b[31m",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(strays) / sizeof(*strays); i++) {
		char *path = test_path(dir, strays[i]), *slash = strrchr(path, '/'), *up;
		bool made, made_up;

		*slash = '\0';
		up = strrchr(path, '/');
		*up = '\0';
		made_up = mkdir(path, 0700) == 0;
		*up = '/';
		made = mkdir(path, 0700) == 0;
		*slash = '/';
		test_file_write(path, "x", 1);
		finds("format", dir, strays[i], -1, "a stray");
		unlink(path);
		*slash = '\0';
		if (made) {
			finds("format", dir, path + strlen(dir) + 1, -1, "an empty folder");
			rmdir(path);
		}
		*up = '\0';
		if (made_up)
			rmdir(path);
		free(path);
	}
	verdict(NULL, dir, 4);
}

static void
other_names_at_the_top_are_ignored(void **state)
{
	char *path = test_path(dir, "README");

	(void)state;
	test_file_write(path, "x", 1);
	verdict(NULL, dir, 4);
	unlink(path);
	free(path);
}

/* A narrower tile: `n` bytes of the wider one. */
static void
narrower(const char *wide, const char *narrow, size_t n)
{
	struct edit e = edit_open(dir, wide);
	char *path = test_path(dir, narrow), *slash = strrchr(path, '/');

	*slash = '\0';
	mkdir(path, 0700);
	*slash = '/';
	test_file_write(path, e.bytes, n);
	verdict(NULL, dir, 4);
	e.bytes[n / 2] ^= 4;
	test_file_write(path, e.bytes, n);
	finds(NULL, dir, narrow, -1, "not a prefix");
	e.bytes[n / 2] ^= 4;
	test_file_write(path, e.bytes, n - 1);
	finds("format", dir, narrow, -1, "too short");
	test_file_write(path, e.bytes, n + 1);
	finds("format", dir, narrow, -1, "too long");
	unlink(path);
	*slash = '\0';
	rmdir(path);
	free(path);
	edit_close(&e);
}

static void
a_narrower_tile_is_allowed_where_it_is_a_prefix(void **state)
{
	struct edit e = edit_open(dir, "private/payload/000");
	struct tally_cursor c;

	(void)state;
	narrower("tile/entries/000", "tile/entries/000.p/17", (size_t)17 * ENTRY);
	narrower("tile/0/001", "tile/0/001.p/255", (size_t)255 * 32);
	tally_cursor_init(&c, tally_bytes(e.bytes, e.n));
	for (int k = 0; k < 3; k++) {
		tally_cursor_take(&c, k == 0 ? 17 : 16);
		tally_cursor_u8(&c);
		tally_cursor_take(&c, tally_cursor_u16(&c));
	}
	narrower("private/payload/000", "private/payload/000.p/1", (size_t)(c.p - c.start));
	edit_close(&e);
}

static void
a_group_may_be_left_undisclosed(void **state)
{
	struct edit e = edit_open(dir, "private/payload/000");
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_cursor c;
	size_t five = 0;

	(void)state;
	tally_cursor_init(&c, tally_bytes(e.bytes, e.n));
	for (unsigned i = 0; i < 256; i++) {
		/* Of entry 5 only group 2, of entry 6 none. */
		unsigned mask = i == 5 ? 2 : i == 6 ? 0 : 7;

		tally_cursor_u8(&c);
		five = i == 5 ? out.len : five;
		tally_buf_add_u8(&out, (uint8_t)mask);
		for (unsigned k = 0; k < 3; k++) {
			const uint8_t *begin = c.p;

			tally_cursor_take(&c, 17);
			tally_cursor_take(&c, tally_cursor_u16(&c));
			if (mask & (1U << k))
				tally_buf_add(&out, begin, (size_t)(c.p - begin));
		}
	}
	edit_write(&e, out.p, out.len);
	verdict(NULL, dir, 4);
	/* A bit more or less in a mask is found where it is. */
	for (unsigned bit = 0; bit < 8; bit++) {
		out.p[five] ^= (uint8_t)(1U << bit);
		edit_write(&e, out.p, out.len);
		finds(NULL, dir, "private/payload/000", 5, "a mask");
		out.p[five] ^= (uint8_t)(1U << bit);
	}
	/* What is shown must still be what was committed to. */
	edit_write(&e, out.p, out.len - 1);
	finds("format", dir, "private/payload/000", 255, "cut");
	edit_close(&e);
	tally_buf_deinit(&out);
}

static void
what_is_no_export_is_refused_and_what_is_not_there_an_error(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	static const char *const lists[] = { "hardware,luck", "", "witness,", ",witness", "," };
	struct tally_verify *v;
	char *path = test_path(one.root, "file");

	(void)state;
	assert_int_equal(tally_verify_new(&v, &err), 0);
	assert_int_equal(tally_verify_path(v, one.path, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_int_equal(tally_verify_path(v, path, &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	assert_int_equal(tally_verify_anchor(v, "pins", tally_bytes_str("# c\n\nx\n"), &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_non_null(strstr(err.text, "pins:3"));
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		err = (struct tally_err)TALLY_ERR_INIT;
		assert_int_equal(tally_verify_require(v, lists[i], &err), -1);
		assert_int_equal(err.code, TALLY_USE);
	}
	/* A report may have been made from any file; from this one none was. */
	test_file_write(path, "{}", 2);
	assert_int_equal(tally_verify_path(v, path, &err), 0);
	assert_int_equal(tally_verify_run(v, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_non_null(strstr(err.text, "/file: neither an export nor a proof nor a report"));
	unlink(path);
	free(path);
	tally_verify_free(v);
}

static void
what_is_required_and_not_there_is_a_problem(void **state)
{
	static const char *const words[] = { "hardware", "witness", "hardware,witness" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(tally_verify_new(&v, &err), 0);
		assert_int_equal(tally_verify_require(v, words[i], &err), 0);
		assert_int_equal(tally_verify_anchor(v, "pins", tally_buf_view(&one.vkey), &err),
				 0);
		assert_int_equal(tally_verify_path(v, dir, &err), 0);
		assert_int_equal(tally_verify_run(v, &err), 0);
		assert_int_equal(tally_verify_exit(v), 1);
		assert_int_equal(tally_verify_problems(v), i == 2 ? 2 : 1);
		assert_string_equal(tally_verify_problem(v, 0)->check, "require");
		tally_verify_free(v);
	}
}

static void
the_verdict_is_told_as_json_and_as_text(void **state)
{
	struct edit e = edit_open(dir, "tile/entries/000");
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_verify *v;

	(void)state;
	e.bytes[5 * ENTRY + 100] ^= 1;
	edit_write(&e, e.bytes, e.n);
	e.bytes[5 * ENTRY + 100] ^= 1;
	v = verified_one(NULL, dir);
	tally_verify_json(v, &out);
	assert_non_null(strstr(tally_buf_cstr(&out), "\"holds\": false"));
	assert_non_null(strstr((char *)out.p, "\"check\": \"tile\",\n      \"entry\": 5,"));
	tally_buf_clear(&out);
	tally_verify_text(v, &out);
	assert_non_null(strstr(tally_buf_cstr(&out), "1 problem\n"));
	tally_verify_free(v);
	edit_close(&e);
	v = verified_one((const char *)one.vkey.p, dir);
	tally_buf_clear(&out);
	tally_verify_text(v, &out);
	assert_non_null(strstr(tally_buf_cstr(&out), "\nit holds\n"));
	tally_verify_free(v);
	tally_buf_deinit(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_untouched_export_holds_and_only_a_pinned_key_anchors_it),
		cmocka_unit_test(a_flipped_bit_is_found_in_its_file_and_entry),
		cmocka_unit_test(a_cut_emptied_longer_or_missing_file_is_found),
		cmocka_unit_test(a_link_to_the_same_bytes_is_no_file_of_the_export),
		cmocka_unit_test(swapped_entries_bundles_and_tiles_are_found),
		cmocka_unit_test(a_file_of_another_ledger_is_found),
		cmocka_unit_test(a_file_that_the_tree_does_not_ask_for_is_found),
		cmocka_unit_test(other_names_at_the_top_are_ignored),
		cmocka_unit_test(a_narrower_tile_is_allowed_where_it_is_a_prefix),
		cmocka_unit_test(a_group_may_be_left_undisclosed),
		cmocka_unit_test(what_is_no_export_is_refused_and_what_is_not_there_an_error),
		cmocka_unit_test(what_is_required_and_not_there_is_a_problem),
		cmocka_unit_test(the_verdict_is_told_as_json_and_as_text),
	};

	return cmocka_run_group_tests_name("verify export", tests, set_up, tear_down);
}
