/* SPDX-License-Identifier: Apache-2.0 */
/* tallyd.yaml. */
#include "testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "tally/err.h"

/* Loads `text`; the error without its folder. */
static int
load(const char *text, struct config *c, char *error, size_t size)
{
	struct tally_err err = TALLY_ERR_INIT;
	char *dir = test_dir_make();
	char *path = test_path(dir, "tallyd.yaml");
	int rc;
	test_file_write(path, text, strlen(text));
	rc = config_load(c, path, &err);
	error[0] = '\0';
	if (rc < 0) {
		const char *name = strstr(err.text, "tallyd.yaml");
		assert_non_null(name);
		(void)snprintf(error, size, "%s", name);
		assert_int_equal(err.code, TALLY_USE);
	}
	free(path);
	test_dir_remove(dir);
	return rc;
}

static void
only_the_ledger_is_required(void **state)
{
	struct config c;
	char error[256];
	(void)state;
	assert_int_equal(load("ledger: /l\nhost: {name: h1}\n", &c, error, sizeof(error)), 0);
	assert_string_equal(c.ledger, "/l");
	assert_string_equal(c.libvirt.uri, "qemu:///system");
	assert_int_equal(c.heartbeat.interval.ns, 10 * TALLY_SECOND);
	assert_int_equal(c.heartbeat.record.ns, 300 * TALLY_SECOND);
	assert_int_equal(c.checkpoint.interval.ns, TALLY_SECOND);
	assert_true(c.tpm.attest);
	assert_int_equal(c.queue.records, 65536);
	config_release(&c);
}

static void
every_key_is_read(void **state)
{
	struct config c;
	char error[256];
	(void)state;
	assert_int_equal(
		load("ledger: /l\n"
		     "host:\n  name: h1\n  cluster: c1\n  region: eu\n  site: s\n  asset: a\n"
		     "libvirt:\n  uri: test:///default\n"
		     "heartbeat:\n  interval: 2s\n  record: 1m\n"
		     "checkpoint:\n  interval: 500ms\n"
		     "tpm:\n  attest: false\n"
		     "queue:\n  records: 128\n",
		     &c, error, sizeof(error)),
		0);
	assert_string_equal(c.host.cluster, "c1");
	assert_string_equal(c.host.asset, "a");
	assert_string_equal(c.libvirt.uri, "test:///default");
	assert_int_equal(c.heartbeat.interval.ns, 2 * TALLY_SECOND);
	assert_int_equal(c.checkpoint.interval.ns, TALLY_SECOND / 2);
	assert_false(c.tpm.attest);
	assert_int_equal(c.queue.records, 128);
	config_release(&c);
}

static void
a_bad_file_is_refused_with_line_and_column(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "ledger: /l\nledgr: x\n", "tallyd.yaml:2:1: unknown key 'ledgr'" },
		{ "ledger: /l\nhost:\n  nam: x\n", "tallyd.yaml:3:3: unknown key 'nam'" },
		{ "ledger: /l\nledger: /m\n", "tallyd.yaml:2:1:" },
		{ "ledger: /l\nheartbeat:\n  interval: 0s\n", "tallyd.yaml:3:13:" },
		{ "ledger: /l\nheartbeat:\n  interval: 2h\n", "tallyd.yaml:3:13:" },
		{ "ledger: /l\nqueue:\n  records: 1\n", "tallyd.yaml:3:12:" },
		{ "ledger: /l\ntpm:\n  attest: maybe\n", "tallyd.yaml:3:11:" },
		{ "host:\n  name: x\n", "tallyd.yaml:1:1:" },
		{ "ledger: /l\nhost:\n  name: ../x\n", "tallyd.yaml: host.name:" },
		{ "ledger: [a\n", "tallyd.yaml:" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config c;
		char error[256];
		assert_int_equal(load(cases[i].text, &c, error, sizeof(error)), -1);
		if (strncmp(error, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("case %zu: %s, not %s", i, error, cases[i].error);
	}
}

static void
an_absent_file_is_the_machines_failure(void **state)
{
	struct config c;
	struct tally_err err = TALLY_ERR_INIT;
	(void)state;
	assert_int_equal(config_load(&c, "/nonexistent/tallyd.yaml", &err), -1);
	assert_int_equal(tally_err_exit(&err), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_ledger_is_required),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(a_bad_file_is_refused_with_line_and_column),
		cmocka_unit_test(an_absent_file_is_the_machines_failure),
	};
	return cmocka_run_group_tests_name("agent config", tests, NULL, NULL);
}
