/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and widths of tiles. */
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/err.h"
#include "tally/merkle.h"
#include "tally/parse.h"

static void
check_path(int level, uint64_t n, unsigned width, const char *text)
{
	struct tally_err err = TALLY_ERR_INIT;
	char path[TALLY_TILE_PATH];
	unsigned got_width;
	uint64_t got_n;
	int got_level;

	tally_tile_path(path, level, n, width);
	assert_string_equal(path, text);
	assert_int_equal(tally_tile_parse(text, &got_level, &got_n, &got_width, &err), 0);
	assert_int_equal(got_level, level);
	assert_true(got_n == n);
	assert_int_equal(got_width, width);
}

static void
check_own(void *ctx, const struct vector *v)
{
	int level = v->field[0][0] == '-' ? -(v->field[0][1] - '0') : (int)vector_number(v, 0);

	(void)ctx;
	check_path(level, vector_number(v, 1), (unsigned)vector_number(v, 2), v->field[3]);
}

static void
paths_are_written_and_read_alike(void **state)
{
	(void)state;
	assert_int_equal(vectors_each("tile", check_own, NULL), 6);
}

static void
no_other_text_is_a_path(void **state)
{
	static const char *const bad[] = {
		"",
		"tile/0/",
		"tile/0/1",
		"tile/0/0001",
		"tile/00/000",
		"tile/64/000",
		"tile/-1/000",
		"tile//000",
		"tile/0/x000/001",
		"tile/0/x001",
		"tile/0/x001/",
		"tile/0/001/002",
		"tile/0/x001/x002",
		"tile/0/000.p",
		"tile/0/000.p/",
		"tile/0/000.p/0",
		"tile/0/000.p/256",
		"tile/0/000.p/01",
		"tile/0/000.p/1/",
		"tile/0/000 ",
		"/tile/0/000",
		"tile/entries",
		"tile/entries/00a",
		"tile/data/000",
		"../000",
		"tile/0/x018/x446/x744/x073/x709/x551/616",
		"tile/0/x999/x446/x744/x073/x709/x551/615",
		"tile/0/x001/x001/x001/x001/x001/x001/x001/001",
	};
	struct tally_err err = TALLY_ERR_INIT;
	unsigned width;
	uint64_t n;
	int level;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(tally_tile_parse(bad[i], &level, &n, &width, &err), -1);
		assert_int_equal(err.code, TALLY_FAILS);
	}
}

static void
widths_follow_the_size(void **state)
{
	(void)state;
	/* The example of c2sp.org/tlog-tiles. */
	assert_int_equal(tally_tile_width(70000, 0, 272), 256);
	assert_int_equal(tally_tile_width(70000, 0, 273), 112);
	assert_int_equal(tally_tile_width(70000, 0, 274), 0);
	assert_int_equal(tally_tile_width(70000, 1, 0), 256);
	assert_int_equal(tally_tile_width(70000, 1, 1), 17);
	assert_int_equal(tally_tile_width(70000, 2, 0), 1);
	assert_int_equal(tally_tile_width(70000, 3, 0), 0);
	assert_int_equal(tally_tile_width(256, 1, 0), 1);
	assert_int_equal(tally_tile_width(255, 1, 0), 0);
	assert_int_equal(tally_tile_width(0, 0, 0), 0);
	assert_int_equal(tally_tile_width(UINT64_MAX, 7, 0), 255);
	assert_int_equal(tally_tile_width(UINT64_MAX, 8, 0), 0);
	assert_int_equal(tally_tile_width(UINT64_MAX, 0, UINT64_MAX), 0);
}

static int
level_of(const char *word)
{
	uint64_t level = 0;

	if (strcmp(word, "entries") == 0)
		return -1;
	if (strcmp(word, "index") == 0)
		return -2;
	assert_true(tally_parse_u64(&level, word, strlen(word), 63));
	return (int)level;
}

static void
the_public_paths_pass(void **state)
{
	struct tally_buf file;
	char *line, *next = NULL;
	unsigned count = 0;

	(void)state;
	vectors_or_skip();
	file = vectors_file("ledger/tile-paths.txt");
	for (line = strtok_r((char *)file.p, "\n", &next); line;
	     line = strtok_r(NULL, "\n", &next)) {
		char *rest = NULL, *level, *n, *width, *path;
		uint64_t number, w = 256;

		level = strtok_r(line, " ", &rest), n = strtok_r(NULL, " ", &rest);
		if (level[0] == '#' || strcmp(level, "level") == 0)
			continue;
		width = strtok_r(NULL, " ", &rest), path = strtok_r(NULL, " ", &rest);
		assert_true(tally_parse_u64(&number, n, strlen(n), UINT64_MAX));
		/* Lines of a bare index have no width. */
		if (!path)
			path = width;
		else
			assert_true(tally_parse_u64(&w, width, strlen(width), 256));
		check_path(level_of(level), number, (unsigned)w, path);
		count++;
	}
	assert_int_equal(count, 9);
	tally_buf_deinit(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_written_and_read_alike),
		cmocka_unit_test(no_other_text_is_a_path),
		cmocka_unit_test(widths_follow_the_size),
		cmocka_unit_test(the_public_paths_pass),
	};

	return cmocka_run_group_tests_name("log tile", tests, NULL, NULL);
}
