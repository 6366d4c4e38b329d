/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, memory that cannot fail, the arena. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "testlib.h"

static void
a_buffer_grows_and_keeps_what_it_has(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	uint8_t *kept;

	(void)state;
	assert_string_equal(tally_buf_cstr(&b), "");
	for (unsigned i = 0; i < 10000; i++)
		tally_buf_add_u32(&b, i);
	assert_int_equal(b.len, 40000);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(tally_get_u32(b.p + 4 * i), i);
	kept = b.p;
	tally_buf_clear(&b);
	tally_buf_add_u8(&b, 1);
	tally_buf_add_u16(&b, 0x0203);
	tally_buf_add_u64(&b, UINT64_C(0x0405060708090a0b));
	tally_buf_add(&b, NULL, 0);
	tally_buf_add_bytes(&b, tally_bytes(NULL, 0));
	tally_buf_add_str(&b, "\x0c");
	assert_ptr_equal(b.p, kept);
	assert_int_equal(b.len, 12);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(tally_buf_view(&b).p[i], i + 1);
	tally_buf_deinit(&b);
	assert_null(b.p);
}

static void
formatted_text_of_any_length_is_added_whole(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	char text[501];

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int len = 0; len <= 500; len++) {
		tally_buf_clear(&b);
		tally_buf_addf(&b, "%d:%.*s;", len, len, text);
		tally_buf_addf(&b, "%s", "end");
		assert_int_equal(b.len, (size_t)(len + 6 + (len > 9) + (len > 99)));
		assert_string_equal(tally_buf_cstr(&b) + b.len - 4, ";end");
	}
	tally_buf_deinit(&b);
}

static void
arena_memory_is_zeroed_aligned_and_used_again(void **state)
{
	struct tally_arena *a = tally_arena_new(1000);
	uint8_t *first = NULL;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t n = 0; n < 300; n++) {
			uint8_t *p = tally_arena_alloc(a, n);

			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(p[i], 0);
			if (n > 0)
				memset(p, 0xaa, n);
			if (n == 0)
				first = p;
		}
		memset(tally_arena_alloc(a, 5000), 0xbb, 5000);
		tally_arena_reset(a);
	}
	assert_non_null(first);
	tally_arena_free(a);
	tally_arena_free(NULL);
}

/* Runs f in a child; whether it died (by SIGABRT, or by the sanitizer before that). */
static bool
dies(void (*f)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(0);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void
overflow_array(void)
{
	free(tally_realloc_array(NULL, SIZE_MAX / 2, 3));
}

static void
overflow_buffer(void)
{
	struct tally_buf b = TALLY_BUF_INIT;

	tally_buf_add_u8(&b, 1);
	/* One byte more than a size_t can say. */
	tally_buf_reserve(&b, SIZE_MAX);
}

static void
sizes_that_overflow_abort_and_do_not_wrap(void **state)
{
	(void)state;
	assert_true(dies(overflow_array));
	assert_true(dies(overflow_buffer));
}

static void
copies_of_strings_are_whole(void **state)
{
	char *a = tally_strdup("abc"), *b = tally_strndup("abc", 2);
	int *zero = tally_alloc(100 * sizeof(int));

	(void)state;
	assert_string_equal(a, "abc");
	assert_string_equal(b, "ab");
	for (int i = 0; i < 100; i++)
		assert_int_equal(zero[i], 0);
	zero = tally_realloc_array(zero, 200, sizeof(int));
	assert_int_equal(zero[99], 0);
	free(a);
	free(b);
	free(zero);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_grows_and_keeps_what_it_has),
		cmocka_unit_test(formatted_text_of_any_length_is_added_whole),
		cmocka_unit_test(arena_memory_is_zeroed_aligned_and_used_again),
		cmocka_unit_test(sizes_that_overflow_abort_and_do_not_wrap),
		cmocka_unit_test(copies_of_strings_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
