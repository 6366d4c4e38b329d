/* SPDX-License-Identifier: Apache-2.0 */
/* What counters of several TPMs certified, of one export and between two, and many of it. */
#include <stdlib.h>
#include <string.h>
#include "liar.h"
#include "verify_internal.h"

#define MANY 300000

static void
two_tpms_with_one_index_and_one_value_are_no_fork(void **state)
{
	const char *paths[3] = { NULL };
	struct tally_buf pins = TALLY_BUF_INIT;
	struct tally_verify *v;
	struct ledger l[2];
	char *dir[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		ledger_init(&l[i], i == 0 ? "example.com/a" : "example.com/b", "h", false);
		faketpm_counter(&l[i].tpm, INDEX);
		l[i].tpm.counter = 7;
		faketpm_reset(&l[i].tpm);
		reseal(&l[i]);
		ledger_append(&l[i], 1 + (unsigned)i);
		ledger_checkpoint(&l[i]);
		anchor(&l[i]);
		anchor(&l[i]);
		paths[i] = dir[i] = ledger_export(&l[i], "export", false);
		tally_buf_addf(&pins, "%s", (const char *)l[i].vkey.p);
	}
	v = verified(tally_buf_cstr(&pins), paths);
	if (tally_verify_exit(v) != 0) {
		tell_problems(v);
		fail_msg("they do not hold");
	}
	tally_verify_free(v);
	tally_buf_deinit(&pins);
	for (int i = 0; i < 2; i++) {
		ledger_deinit(&l[i]);
		free(dir[i]);
	}
}

static struct tally_export *
make_many(uint8_t tpm, uint64_t first)
{
	struct tally_export *x = tally_alloc(sizeof(*x));
	struct anchored *a = &x->anchors_made;

	x->problems = &x->own;
	x->folder.path = tally_strdup(tpm == 1 ? "one" : "another");
	x->folder.fd = x->folder.parent_fd = -1;
	x->size = 3 * (uint64_t)MANY;
	a->certified = tally_realloc_array(NULL, MANY, sizeof(*a->certified));
	for (; a->count < MANY; a->count++) {
		struct anchored_value *v = &a->certified[a->count];

		*v = (struct anchored_value){ .value = first + a->count, .index = 3 * a->count };
		/* Three counters in turn. */
		v->tpm[0] = tpm;
		v->tpm[1] = (uint8_t)(a->count % 3);
		v->q[0] = (uint8_t)(v->value % 251);
	}
	return x;
}

static void
many_anchors_are_compared_at_once(void **state)
{
	struct tally_export *x = make_many(1, 0), *y = make_many(1, MANY - 9), *z = make_many(2, 9);
	struct anchored_value *v = x->anchors_made.certified;

	(void)state;
	anchored_end(x);
	anchored_end(y);
	anchored_end(z);
	assert_int_equal(x->own.count + y->own.count + z->own.count, 0);
	anchored_compare(x, y);
	anchored_compare(x, z);
	assert_int_equal(y->own.count + z->own.count, 0);
	/* The newest value of the last counter, which both have, binds something else. */
	assert_int_equal(v[MANY - 1].value, MANY - 1);
	v[MANY - 1].q[31] = 1;
	anchored_compare(x, y);
	assert_int_equal(y->own.count, 1);
	assert_non_null(strstr(y->own.items[0].text, "proof of a fork"));
	tally_export_close(x);
	tally_export_close(y);
	tally_export_close(z);
}

static void
of_many_anchors_the_ones_that_do_not_rise_are_told(void **state)
{
	struct tally_export *x = make_many(1, 0);
	struct anchored_value *v = x->anchors_made.certified;

	(void)state;
	v[6].value = v[3].value;
	v[MANY - 3].value = 0;
	anchored_end(x);
	assert_int_equal(x->own.count, 2);
	assert_string_equal(x->own.items[0].check, "tpm-12");
	assert_int_equal(x->own.items[0].entry, 18);
	assert_string_equal(x->own.items[0].file, "one/tile/entries/000");
	assert_string_equal(x->own.items[0].text,
			    "the counter did not rise: 3 behind 3 in entry 9");
	assert_int_equal(x->own.items[1].entry, 3 * (MANY - 3));
	tally_export_close(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_tpms_with_one_index_and_one_value_are_no_fork),
		cmocka_unit_test(many_anchors_are_compared_at_once),
		cmocka_unit_test(of_many_anchors_the_ones_that_do_not_rise_are_told),
	};
	int r = cmocka_run_group_tests_name("verify counters", tests, NULL, NULL);

	liar_free();
	return r;
}
