/* SPDX-License-Identifier: Apache-2.0 */
/* tallyd.yaml. */
#include "testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "tally/err.h"
#include "tally/source.h"

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

static const struct config_claim *
claim(const struct config *c, size_t i)
{
	return (const struct config_claim *)c->claims.items + i;
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
	assert_null(c.libvirt.pids);
	assert_int_equal(c.tpm.attest_interval.ns, CONFIG_BY_TRANSPORT);
	assert_int_equal(c.tpm.ledger_pcr, 0);
	assert_true(c.processes.unmanaged);
	assert_int_equal(c.claims.count, 0);
	assert_int_equal(c.timestamps.urls.count, 0);
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
		     "libvirt:\n  uri: test:///default\n  pids: /run/q\n"
		     "heartbeat:\n  interval: 2s\n  record: 1m\n"
		     "checkpoint:\n  interval: 500ms\n"
		     "tpm:\n  attest: false\n  attest_interval: 1m\n  ledger_pcr: 15\n"
		     "  endorsement_password_file: /e\n  owner_password_file: /o\n"
		     "timestamps:\n  urls: ['http://a', 'https://b']\n  roots: /r\n  interval: "
		     "24h\n"
		     "processes:\n  unmanaged: false\n"
		     "queue:\n  records: 128\n"
		     "claims:\n"
		     "  - {name: 'web-*', tenant: t, cost_center: c, environment: e, os: o}\n"
		     "  - name: '*'\n    tenant: rest\n",
		     &c, error, sizeof(error)),
		0);
	assert_string_equal(c.host.cluster, "c1");
	assert_string_equal(c.host.asset, "a");
	assert_string_equal(c.libvirt.uri, "test:///default");
	assert_int_equal(c.heartbeat.interval.ns, 2 * TALLY_SECOND);
	assert_int_equal(c.checkpoint.interval.ns, TALLY_SECOND / 2);
	assert_false(c.tpm.attest);
	assert_int_equal(c.queue.records, 128);
	assert_string_equal(c.libvirt.pids, "/run/q");
	assert_int_equal(c.tpm.attest_interval.ns, 60 * TALLY_SECOND);
	assert_int_equal(c.tpm.ledger_pcr, 15);
	assert_string_equal(c.tpm.endorsement_password_file, "/e");
	assert_string_equal(c.tpm.owner_password_file, "/o");
	assert_false(c.processes.unmanaged);
	assert_int_equal(c.timestamps.urls.count, 2);
	assert_string_equal(c.timestamps.urls.items[1], "https://b");
	assert_string_equal(c.timestamps.roots, "/r");
	assert_int_equal(c.timestamps.interval.ns, 24 * 3600 * TALLY_SECOND);
	assert_int_equal(c.claims.count, 2);
	assert_string_equal(claim(&c, 0)->name, "web-*");
	assert_string_equal(claim(&c, 0)->tenant, "t");
	assert_string_equal(claim(&c, 0)->cost_center, "c");
	assert_string_equal(claim(&c, 0)->environment, "e");
	assert_string_equal(claim(&c, 0)->os, "o");
	assert_string_equal(claim(&c, 1)->tenant, "rest");
	assert_null(claim(&c, 1)->os);
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
		{ "ledger: /l\nhost:\n  name: ../x\n", "tallyd.yaml:3:9: 'name' must" },
		{ "ledger: [a\n", "tallyd.yaml:" },
		{ "ledger: ''\n", "tallyd.yaml:1:9: 'ledger' must be a text of 1 to" },
		{ "ledger: /l\nlibvirt:\n  uri: ''\n", "tallyd.yaml:3:8:" },
		/* libvirt.pids */
		{ "ledger: /l\nlibvirt:\n  pids: [a]\n", "tallyd.yaml:3:9: 'pids' must be a text" },
		{ "ledger: /l\nlibvirt:\n  pids: ''\n",
		  "tallyd.yaml:3:9: 'pids' must be a text of" },
		{ "ledger: /l\nlibvirt:\n  pids: /a\n  pids: /b\n",
		  "tallyd.yaml:4:3: doubled key 'pids'" },
		/* tpm.attest_interval */
		{ "ledger: /l\ntpm:\n  attest_interval: 5\n",
		  "tallyd.yaml:3:20: 'attest_interval' must be a span" },
		{ "ledger: /l\ntpm:\n  attest_interval: 61m\n",
		  "tallyd.yaml:3:20: 'attest_interval' must be from 0 s to 3600 s" },
		{ "ledger: /l\ntpm:\n  attest_interval: 1s\n  attest_interval: 1s\n",
		  "tallyd.yaml:4:3: doubled key 'attest_interval'" },
		/* tpm.ledger_pcr */
		{ "ledger: /l\ntpm:\n  ledger_pcr: '14'\n",
		  "tallyd.yaml:3:15: 'ledger_pcr' must be a whole number" },
		{ "ledger: /l\ntpm:\n  ledger_pcr: 7\n",
		  "tallyd.yaml:3:15: 'ledger_pcr' must be from 8 to 15" },
		{ "ledger: /l\ntpm:\n  ledger_pcr: 16\n",
		  "tallyd.yaml:3:15: 'ledger_pcr' must be from 8 to 15" },
		{ "ledger: /l\ntpm:\n  ledger_pcr: 9\n  ledger_pcr: 9\n",
		  "tallyd.yaml:4:3: doubled key 'ledger_pcr'" },
		/* processes.unmanaged */
		{ "ledger: /l\nprocesses: true\n", "tallyd.yaml:2:12: 'processes' must be a map" },
		{ "ledger: /l\nprocesses:\n  unmanaged: yes\n",
		  "tallyd.yaml:3:14: 'unmanaged' must be true or false" },
		{ "ledger: /l\nprocesses:\n  unmanaged: true\n  unmanaged: true\n",
		  "tallyd.yaml:4:3: doubled key 'unmanaged'" },
		{ "ledger: /l\nprocesses:\n  managed: true\n",
		  "tallyd.yaml:3:3: unknown key 'managed'" },
		/* claims */
		{ "ledger: /l\nclaims: x\n", "tallyd.yaml:2:9: 'claims' must be a list of maps" },
		{ "ledger: /l\nclaims: {name: x}\n",
		  "tallyd.yaml:2:9: 'claims' must be a list of maps" },
		{ "ledger: /l\nclaims:\n  - name: a\n  - b\n",
		  "tallyd.yaml:4:5: 'claims' must be a list of maps" },
		{ "ledger: /l\nclaims:\n  - tenant: t\n",
		  "tallyd.yaml:3:5: key 'name' is missing" },
		{ "ledger: /l\nclaims:\n  - name: ''\n",
		  "tallyd.yaml:3:11: 'name' must be a text of 1 to 255 bytes" },
		{ "ledger: /l\nclaims:\n  - name: a\n    tennant: t\n",
		  "tallyd.yaml:4:5: unknown key 'tennant'" },
		{ "ledger: /l\nclaims:\n  - name: a\n    tenant: t\n    tenant: t\n",
		  "tallyd.yaml:5:5: doubled key 'tenant'" },
		{ "ledger: /l\nclaims:\n  - name: a\n    os: [x]\n",
		  "tallyd.yaml:4:9: 'os' must be a text" },
		{ "ledger: /l\nclaims: []\nclaims: []\n", "tallyd.yaml:3:1: doubled key 'claims'" },
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
a_claim_that_a_record_cannot_hold_is_refused(void **state)
{
	char text[512], error[256];
	struct config c;
	(void)state;
	(void)snprintf(text, sizeof(text),
		       "ledger: /l\nclaims:\n  - name: a\n    environment: %063d\n", 1);
	assert_int_equal(load(text, &c, error, sizeof(error)), 0);
	config_release(&c);
	(void)snprintf(text, sizeof(text),
		       "ledger: /l\nclaims:\n  - name: a\n    environment: %064d\n", 1);
	assert_int_equal(load(text, &c, error, sizeof(error)), -1);
	assert_string_equal(error,
			    "tallyd.yaml:4:18: 'environment' must be a text of 1 to 63 bytes");
	(void)snprintf(text, sizeof(text), "ledger: /l\nclaims:\n  - name: a\n    tenant: %0256d\n",
		       1);
	assert_int_equal(load(text, &c, error, sizeof(error)), -1);
	assert_string_equal(error, "tallyd.yaml:4:13: 'tenant' must be a text of 1 to 255 bytes");
}

static void
evidence_is_as_frequent_as_the_tpm_can_bear_unless_told(void **state)
{
	char error[256];
	struct config c;
	(void)state;
	assert_int_equal(load("ledger: /l\n", &c, error, sizeof(error)), 0);
	assert_int_equal(config_attest_interval(&c, "libtpms").ns, 0);
	assert_int_equal(config_attest_interval(&c, "swtpm:host=h,port=1").ns, 10 * TALLY_SECOND);
	assert_int_equal(config_attest_interval(&c, "device:/dev/tpmrm0").ns, 10 * TALLY_SECOND);
	config_release(&c);
	assert_int_equal(load("ledger: /l\ntpm: {attest_interval: 0s}\n", &c, error, sizeof(error)),
			 0);
	assert_int_equal(config_attest_interval(&c, "swtpm:host=h,port=1").ns, 0);
	config_release(&c);
}

/* What `claims:` says of a VM with this name, and with these metadata of its own. */
static void
apply(const char *claims, struct tally_domain *d)
{
	char text[2048], error[256];
	struct config c;
	(void)snprintf(text, sizeof(text), "ledger: /l\nclaims:\n%s", claims);
	if (load(text, &c, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	config_claims(&c, d);
	config_release(&c);
}

static void
the_first_pattern_that_matches_gives_each_field(void **state)
{
	struct tally_domain d = { .name = "web-1" };
	(void)state;
	apply("  - {name: 'web-*', tenant: shop}\n"
	      "  - {name: 'web-?', tenant: never, cost_center: '4711'}\n"
	      "  - {name: 'db-*', environment: never}\n"
	      "  - {name: '*', cost_center: never, environment: test, os: http://os/1}\n",
	      &d);
	assert_string_equal(d.tenant, "shop");
	assert_string_equal(d.cost_center, "4711");
	assert_string_equal(d.environment, "test");
	assert_string_equal(d.os, "http://os/1");
}

static void
the_vms_own_metadata_win_over_a_pattern(void **state)
{
	struct tally_domain d = { .name = "web-1", .tenant = "own", .os = "http://os/own" };
	(void)state;
	apply("  - {name: '*', tenant: t, cost_center: c, environment: e, os: o}\n", &d);
	assert_string_equal(d.tenant, "own");
	assert_string_equal(d.cost_center, "c");
	assert_string_equal(d.environment, "e");
	assert_string_equal(d.os, "http://os/own");
}

static void
a_vm_that_no_pattern_matches_is_left_alone(void **state)
{
	struct tally_domain d = { .name = "Web-1" };
	(void)state;
	apply("  - {name: 'web-*', tenant: t}\n  - {name: '[', tenant: t}\n", &d);
	assert_string_equal(d.tenant, "");
}

/* A name is whatever a guest's owner likes: no pattern may take forever over it,
 * and bytes that are no UTF-8, slashes and a dot first are letters as others. */
static void
hostile_names_are_matched_as_bytes_and_in_time(void **state)
{
	struct tally_domain d = { .name = "" }, raw = { .name = "./a\xff\n/../b" };
	(void)state;
	memset(d.name, 'a', sizeof(d.name) - 1);
	apply("  - {name: '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b', tenant: never}\n"
	      "  - {name: 'a*a', tenant: t}\n",
	      &d);
	assert_string_equal(d.tenant, "t");
	apply("  - {name: '*a??*b', tenant: t}\n", &raw);
	assert_string_equal(raw.tenant, "t");
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
		cmocka_unit_test(a_claim_that_a_record_cannot_hold_is_refused),
		cmocka_unit_test(evidence_is_as_frequent_as_the_tpm_can_bear_unless_told),
		cmocka_unit_test(the_first_pattern_that_matches_gives_each_field),
		cmocka_unit_test(the_vms_own_metadata_win_over_a_pattern),
		cmocka_unit_test(a_vm_that_no_pattern_matches_is_left_alone),
		cmocka_unit_test(hostile_names_are_matched_as_bytes_and_in_time),
		cmocka_unit_test(an_absent_file_is_the_machines_failure),
	};
	return cmocka_run_group_tests_name("agent config", tests, NULL, NULL);
}
