/* SPDX-License-Identifier: Apache-2.0 */
/* What is too long for a verifier is refused by whoever makes the bundle. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "fixture.h"
#include "tally/bundle.h"

static struct ledger one;
static char *exported, *rules;

static const char pack[] =
	"pack: test\nversion: \"1\"\ntitle: Test\nvendor: Nobody\n"
	"rules:\n"
	"  - rule: test/vm\n    title: Guests\n    metric: instances\n    of: vms\n"
	"    valid_from: 2020-01-01\n    source: {text: here, read: 2026-01-01}\n    unit: vm\n"
	"    product: test\n    guests: {os: [http://example.com/]}\n";

static int
set_up(void **state)
{
	char *file;

	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	ledger_append(&one, 20);
	ledger_checkpoint(&one);
	exported = ledger_export(&one, "export", false);
	rules = test_path(one.root, "rules");
	assert_int_equal(mkdir(rules, 0700), 0);
	file = test_path(rules, "test.yaml");
	test_file_write(file, pack, sizeof(pack) - 1);
	free(file);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ledger_deinit(&one);
	free(exported), free(rules);
	return 0;
}

/* One byte too long alone, or too long together. The files have holes: they are long on paper. */
static void
what_no_verifier_reads_goes_into_no_bundle(void **state)
{
	static const off_t size[3] = { TALLY_BUNDLE_INPUT_MAX + 1, TALLY_BUNDLE_INPUTS_MAX / 2,
				       TALLY_BUNDLE_INPUTS_MAX / 2 };
	static const char *const says[] = { "--with: ", "more than 100663296 bytes together" };
	char *file[3], *out = test_path(one.root, "long.zip");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char name[] = { 'l', 'o', 'n', 'g', (char)('0' + i), '\0' };
		int fd;

		file[i] = test_path(one.root, name);
		fd = open(file[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		/* Not alike: what is alike goes in once. */
		assert_true(fd >= 0 && pwrite(fd, name, 5, 0) == 5 && ftruncate(fd, size[i]) == 0);
		close(fd);
	}
	for (size_t i = 0; i < 2; i++) {
		char *argv[] = { "bundle",  exported,  "--from", "2026-03", "--to",
				 "2026-04", "--rules", rules,    "-o",      out,
				 "--with",  file[i],   "--with", file[2],   NULL };
		struct tally_err err = TALLY_ERR_INIT;

		assert_int_equal(cli_bundle(i == 0 ? 12 : 14, argv, &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		if (!strstr(err.text, says[i]))
			fail_msg("%s", err.text);
		assert_int_equal(access(out, F_OK), -1);
	}
	for (size_t i = 0; i < 3; i++) {
		unlink(file[i]);
		free(file[i]);
	}
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_verifier_reads_goes_into_no_bundle),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
