/* SPDX-License-Identifier: Apache-2.0 */
/* What is found by its content: as one would find it by looking at all of them. */
#include <string.h>
#include "digests.h"
#include "testlib.h"

#define MANY 500

static void
each_content_is_found_in_its_own_bundle_the_first_one_first(void **state)
{
	size_t bundle[MANY];
	uint8_t hash[MANY][TALLY_HASH] = { 0 };
	struct digests d = { 0 };

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		bundle[i] = i * 7 % 3;
		hash[i][0] = (uint8_t)(i * 131 % 17);
		hash[i][TALLY_HASH - 1] = (uint8_t)(i * 37 % 5 * 50);
		digests_add(&d, bundle[i], hash[i], i);
	}
	digests_sort(&d);
	for (size_t i = 0; i < MANY; i++) {
		const struct digest *found;
		size_t n, seen = 0;

		found = digests_find(&d, bundle[i], hash[i], &n);
		for (size_t k = 0; k < MANY; k++)
			if (bundle[k] == bundle[i] && memcmp(hash[k], hash[i], TALLY_HASH) == 0) {
				assert_true(seen < n);
				assert_int_equal(found[seen++].at, k);
			}
		assert_int_equal(seen, n);
		hash[i][1] = 1;
		assert_null(digests_find(&d, bundle[i], hash[i], &n));
		assert_int_equal(n, 0);
		hash[i][1] = 0;
		assert_null(digests_find(&d, 3, hash[i], &n));
	}
	digests_deinit(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_content_is_found_in_its_own_bundle_the_first_one_first),
	};

	return cmocka_run_group_tests_name("verify digests", tests, NULL, NULL);
}
