/* SPDX-License-Identifier: Apache-2.0 */
/* Test vectors as files: whole into memory, lines cut at blanks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/parse.h"

static struct tally_buf
read_file(const char *dir, const char *name)
{
	struct tally_buf out = TALLY_BUF_INIT;
	char *path = test_path(dir, name);
	size_t n;
	char *text = test_file_read(path, &n);

	if (!text) {
		fprintf(stderr, "no vectors at %s\n", path);
		abort();
	}
	tally_buf_add(&out, text, n);
	(void)tally_buf_cstr(&out);
	free(text);
	free(path);
	return out;
}

size_t
vectors_each(const char *word, void (*f)(void *ctx, const struct vector *v), void *ctx)
{
	const char *dir = getenv("TALLY_OWN_VECTORS");
	struct tally_buf file;
	char *line, *next_line = NULL;
	size_t count = 0;

	if (!dir)
		fail_msg("TALLY_OWN_VECTORS is not set");
	file = read_file(dir, "log.txt");
	for (line = strtok_r((char *)file.p, "\n", &next_line); line;
	     line = strtok_r(NULL, "\n", &next_line)) {
		struct vector v = { 0 };
		char *next = NULL;

		v.word = strtok_r(line, " ", &next);
		if (strcmp(v.word, word) != 0)
			continue;
		for (char *field = strtok_r(NULL, " ", &next); field && v.fields < VECTOR_FIELDS;
		     field = strtok_r(NULL, " ", &next))
			v.field[v.fields++] = field;
		f(ctx, &v);
		count++;
	}
	tally_buf_deinit(&file);
	assert_true(count > 0);
	return count;
}

struct tally_buf
vector_bytes(const struct vector *v, size_t i)
{
	struct tally_buf out = TALLY_BUF_INIT;
	size_t n;

	assert_true(i < v->fields);
	if (strcmp(v->field[i], "-") == 0)
		return out;
	n = strlen(v->field[i]);
	assert_true(tally_unhex(tally_buf_grow(&out, n / 2), n / 2, v->field[i], n));
	return out;
}

uint64_t
vector_number(const struct vector *v, size_t i)
{
	uint64_t n = 0;

	assert_true(i < v->fields &&
		    tally_parse_u64(&n, v->field[i], strlen(v->field[i]), UINT64_MAX));
	return n;
}

struct tally_buf
vectors_file(const char *name)
{
	return read_file(test_vectors(), name);
}
