/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a record and of a request: one text for one content. */
#include <stdlib.h>
#include <string.h>
#include "faketpm.h"
#include "testlib.h"
#include "tally/enrolment.h"
#include "tally/err.h"

struct world {
	struct faketpm tpm;
	struct tally_enrolment e;
	struct tally_arena *arena;
	struct tally_buf text;
	struct tally_err err;
};

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	faketpm_init(&w->tpm);
	w->arena = tally_arena_new(4096);
	w->e = (struct tally_enrolment){
		.asset = tally_bytes_str("rack 7, 0042"),
		.ek_public = tally_buf_view(&w->tpm.ek_public),
		.ak_public = tally_buf_view(&w->tpm.ak_public),
		.certified_public = tally_buf_view(&w->tpm.ek_public),
		.certificate = { tally_bytes_str("not looked at here"),
				 tally_bytes_str("nor this") },
		.certificates = 2,
		.nv = tally_bytes_str("a name"),
		.origin = tally_bytes_str("example.com/h1"),
		.vkey = tally_bytes_str("example.com/h1+00000000+AA=="),
		.succeeds = true,
		.prev_origin = tally_bytes_str("example.com/h0"),
		.prev_size = 77,
		.class = TALLY_CLASS_UNCERTIFIED,
		.time = test_wall("2026-03-01T10:00:00Z").ns,
	};
	tally_host_id(w->e.host_id, w->e.ek_public);
	tally_enrolment_write(&w->text, &w->e);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	faketpm_deinit(&w->tpm);
	tally_arena_free(w->arena);
	tally_buf_deinit(&w->text);
	free(w);
	return 0;
}

static int
parse(struct world *w, struct tally_bytes text)
{
	tally_err_clear(&w->err);
	tally_arena_reset(w->arena);
	return tally_enrolment_parse(&w->e, text, w->arena, &w->err);
}

static void
comes_back(struct world *w)
{
	struct tally_buf again = TALLY_BUF_INIT;

	if (parse(w, tally_buf_view(&w->text)) < 0)
		fail_msg("%s", w->err.text);
	tally_enrolment_write(&again, &w->e);
	assert_true(tally_bytes_eq(tally_buf_view(&again), tally_buf_view(&w->text)));
	tally_buf_deinit(&again);
}

static void
a_record_comes_back_as_it_was_written(void **state)
{
	struct world *w = *state;

	comes_back(w);
	assert_int_equal(w->e.certificates, 2);
	assert_int_equal(w->e.class, TALLY_CLASS_UNCERTIFIED);
	assert_int_equal(w->e.prev_size, 77);
	assert_true(tally_bytes_eq(w->e.asset, tally_bytes_str("rack 7, 0042")));
	assert_true(tally_bytes_eq(w->e.ak_public, tally_buf_view(&w->tpm.ak_public)));
}

static void
what_is_optional_may_be_absent(void **state)
{
	struct world *w = *state;

	w->e.asset = w->e.nv = tally_bytes(NULL, 0);
	w->e.certificates = 0;
	w->e.succeeds = false;
	w->e.request = true;
	tally_buf_clear(&w->text);
	tally_enrolment_write(&w->text, &w->e);
	comes_back(w);
	assert_true(w->e.request);
	assert_false(w->e.succeeds);
	assert_int_equal(w->e.certificates, 0);
}

/* Where line `n` (from 0) begins, and where the next one does. */
static bool
find_line(const struct tally_buf *text, unsigned n, size_t *begin, size_t *end)
{
	size_t at = 0;

	for (unsigned i = 0; at < text->len; i++) {
		const uint8_t *nl = memchr(text->p + at, '\n', text->len - at);
		size_t next = (size_t)(nl - text->p) + 1;

		if (i == n) {
			*begin = at;
			*end = next;
			return true;
		}
		at = next;
	}
	return false;
}

/* Lines without which another text remains. */
static bool
may_go(const uint8_t *line)
{
	return memcmp(line, "asset", 5) == 0 || memcmp(line, "nv ", 3) == 0 ||
	       memcmp(line, "certificate ", 12) == 0;
}

static void
a_line_that_is_missing_twice_or_out_of_order_is_refused(void **state)
{
	struct world *w = *state;
	struct tally_buf bent = TALLY_BUF_INIT;
	size_t a, b, c, d;
	unsigned lines = 0;

	for (unsigned n = 0; find_line(&w->text, n, &a, &b); n++, lines++) {
		tally_buf_clear(&bent);
		tally_buf_add(&bent, w->text.p, a);
		tally_buf_add(&bent, w->text.p + b, w->text.len - b);
		if (!may_go(w->text.p + a))
			assert_int_equal(parse(w, tally_buf_view(&bent)), -1);
		tally_buf_clear(&bent);
		tally_buf_add(&bent, w->text.p, b);
		tally_buf_add(&bent, w->text.p + a, w->text.len - a);
		if (memcmp(w->text.p + a, "certificate ", 12) != 0)
			assert_int_equal(parse(w, tally_buf_view(&bent)), -1);
		if (!find_line(&w->text, n + 1, &c, &d))
			continue;
		tally_buf_clear(&bent);
		tally_buf_add(&bent, w->text.p, a);
		tally_buf_add(&bent, w->text.p + c, d - c);
		tally_buf_add(&bent, w->text.p + a, b - a);
		tally_buf_add(&bent, w->text.p + d, w->text.len - d);
		if (memcmp(w->text.p + a, "certificate ", 12) != 0 ||
		    memcmp(w->text.p + c, "certificate ", 12) != 0)
			assert_int_equal(parse(w, tally_buf_view(&bent)), -1);
	}
	assert_int_equal(lines, 16);
	tally_buf_deinit(&bent);
}

static void
a_text_that_is_cut_or_longer_is_refused(void **state)
{
	struct world *w = *state;

	for (size_t n = 0; n < w->text.len; n++)
		assert_int_equal(parse(w, tally_bytes(w->text.p, n)), -1);
	tally_buf_add_str(&w->text, "more\n");
	assert_int_equal(parse(w, tally_buf_view(&w->text)), -1);
	assert_non_null(strstr(w->err.text, "17:1: "));
}

/* Puts `value` in the place of a line's value. */
static int
with(struct world *w, const char *key, const char *value)
{
	struct tally_buf bent = TALLY_BUF_INIT;
	size_t begin = 0, end = 0;
	int r;

	for (unsigned n = 0; find_line(&w->text, n, &begin, &end); n++)
		if (memcmp(w->text.p + begin, key, strlen(key)) == 0 &&
		    w->text.p[begin + strlen(key)] == ' ')
			break;
	tally_buf_add(&bent, w->text.p, begin);
	tally_buf_addf(&bent, "%s %s\n", key, value);
	tally_buf_add(&bent, w->text.p + end, w->text.len - end);
	r = parse(w, tally_buf_view(&bent));
	tally_buf_deinit(&bent);
	return r;
}

static void
a_value_with_another_spelling_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "asset", "" },
		{ "asset", "tab\there" },
		{ "asset", "\xff" },
		{ "ek", "AAAA" },
		{ "ak", "AAAA" },
		{ "certified", "AAAA" },
		{ "certificate", "AAA" },
		{ "nv", "*" },
		{ "prev_size", "077" },
		{ "prev_size", "-1" },
		{ "prev_size", "18446744073709551616" },
		{ "prev_root", "AB" },
		{ "class", "self-declared" },
		{ "class", "hardware" },
		{ "time", "2026-03-01T10:00:00.5Z" },
		{ "time", "2026-03-01T10:00:00.0Z" },
		{ "time", "2026-03-01T11:00:00+01:00" },
		{ "time", "yesterday" },
		{ "host_id", "0000000000000000000000000000000000000000000000000000000000000000" },
	};
	struct world *w = *state;
	char upper[2 * TALLY_HASH + 1];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (with(w, bad[i][0], bad[i][1]) != -1)
			fail_msg("%s %s", bad[i][0], bad[i][1]);
	memset(upper, 'A', sizeof(upper) - 1);
	upper[sizeof(upper) - 1] = '\0';
	assert_int_equal(with(w, "prev_root", upper), -1);
	assert_int_equal(with(w, "prev_size", "78"), 0);
}

static void
an_attestation_key_with_other_attributes_is_refused(void **state)
{
	struct world *w = *state;

	tally_buf_clear(&w->tpm.ak_public);
	faketpm_public_ak(&w->tpm.ak_public, w->tpm.ak, 0x00040472);
	w->e.ak_public = tally_buf_view(&w->tpm.ak_public);
	tally_buf_clear(&w->text);
	tally_enrolment_write(&w->text, &w->e);
	assert_int_equal(parse(w, tally_buf_view(&w->text)), -1);
	assert_non_null(strstr(w->err.text, "attributes"));
}

static void
a_class_never_rises_above_what_is_proven(void **state)
{
	const struct tally_chain rooted = { .class = TALLY_CLASS_CERTIFIED },
				 cloud = { .class = TALLY_CLASS_CLOUD },
				 none = { .class = TALLY_CLASS_SOFTWARE },
				 soft = { .class = TALLY_CLASS_SOFTWARE, .software = true };
	struct world *w = *state;
	struct tally_enrolment *e = &w->e;

	e->class = TALLY_CLASS_CERTIFIED;
	assert_int_equal(tally_enrolment_class(e, 1, &rooted, true), TALLY_CLASS_CERTIFIED);
	assert_int_equal(tally_enrolment_class(e, 1, &cloud, true), TALLY_CLASS_CLOUD);
	/* Pinned roots, and the chain leads to none of them. */
	assert_int_equal(tally_enrolment_class(e, 0, &none, true), TALLY_CLASS_SOFTWARE);
	/* No root is pinned: the enroller's word, and no more than that. */
	assert_int_equal(tally_enrolment_class(e, 0, &none, false), TALLY_CLASS_UNCERTIFIED);
	assert_int_equal(tally_enrolment_class(e, 0, &soft, false), TALLY_CLASS_SOFTWARE);
	e->certificates = 0;
	assert_int_equal(tally_enrolment_class(e, 0, &none, true), TALLY_CLASS_UNCERTIFIED);
	/* What is signed can only lower it. */
	e->certificates = 1;
	e->class = TALLY_CLASS_SOFTWARE;
	assert_int_equal(tally_enrolment_class(e, 1, &rooted, true), TALLY_CLASS_SOFTWARE);
	/* And so does the transport. */
	assert_int_equal(tally_class_enrolled(TALLY_CLASS_CERTIFIED, tally_bytes_str("device")),
			 TALLY_CLASS_CERTIFIED);
	assert_int_equal(tally_class_enrolled(TALLY_CLASS_CERTIFIED, tally_bytes_str("swtpm")),
			 TALLY_CLASS_SOFTWARE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_record_comes_back_as_it_was_written),
		CASE(what_is_optional_may_be_absent),
		CASE(a_line_that_is_missing_twice_or_out_of_order_is_refused),
		CASE(a_text_that_is_cut_or_longer_is_refused),
		CASE(a_value_with_another_spelling_is_refused),
		CASE(an_attestation_key_with_other_attributes_is_refused),
		CASE(a_class_never_rises_above_what_is_proven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
