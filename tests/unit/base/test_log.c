/* SPDX-License-Identifier: Apache-2.0 */
/* The log's lines as they arrive on stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/log.h"

/* Points stderr at a file while `say` runs; what it wrote, to be freed. */
static char *
captured(void (*say)(void))
{
	char *dir = test_dir_make(), *path = test_path(dir, "stderr"), *text;
	int old = dup(STDERR_FILENO);

	test_file_write(path, "", 0);
	assert_non_null(freopen(path, "we", stderr));
	say();
	fflush(stderr);
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	close(old);
	text = test_file_read(path, NULL);
	free(path);
	test_dir_remove(dir);
	return text;
}

static void
say_levels(void)
{
	tally_log_prefix(1);
	tally_log_level(TALLY_LOG_NOTICE);
	tally_log(TALLY_LOG_ERR, "no %s", "disk");
	tally_log(TALLY_LOG_INFO, "chatter");
	tally_log_level(TALLY_LOG_DEBUG);
	tally_log(TALLY_LOG_DEBUG, "detail %d", 7);
	tally_log_prefix(0);
	tally_log(TALLY_LOG_WARNING, "plain");
}

static void
say_hostile(void)
{
	static char big[5000];

	tally_log_prefix(1);
	tally_log(TALLY_LOG_INFO, "vm '%s'", "a\nb\x1b[2J\xff\xe2\x80\xae");
	memset(big, 'z', sizeof(big) - 1);
	tally_log(TALLY_LOG_INFO, "%s", big);
}

static void
levels_have_their_syslog_prefix(void **state)
{
	char *text = captured(say_levels);

	(void)state;
	assert_string_equal(text, "<3>no disk\n<7>detail 7\nplain\n");
	free(text);
}

static void
a_message_is_one_line_and_harmless(void **state)
{
	char *text = captured(say_hostile), *second;
	const char *want = "<6>vm 'a\\x0ab\\x1b[2J\\xff\\u{202e}'\n";

	(void)state;
	assert_memory_equal(text, want, strlen(want));
	second = text + strlen(want);
	assert_memory_equal(second, "<6>zzz", 6);
	assert_string_equal(second + strlen(second) - 5, "z...\n");
	assert_ptr_equal(strchr(second, '\n'), second + strlen(second) - 1);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_have_their_syslog_prefix),
		cmocka_unit_test(a_message_is_one_line_and_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
