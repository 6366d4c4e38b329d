/* SPDX-License-Identifier: Apache-2.0 */
/* The text that says which TPM, as anybody may write it. */
#include <string.h>
#include "testlib.h"
#include "transport.h"
#include "tally/err.h"
#include "tally/evidence.h"
#include "tally/tpm.h"

static void
each_transport_is_read(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tpm_transport t;

	(void)state;
	assert_int_equal(transport_parse(&t, "libtpms", &err), 0);
	assert_int_equal(t.kind, TPM_LIBTPMS);
	assert_string_equal(t.name, "libtpms");
	assert_int_equal(transport_parse(&t, "swtpm:host=127.0.0.1,port=2321", &err), 0);
	assert_int_equal(t.kind, TPM_SWTPM);
	assert_string_equal(t.name, "swtpm");
	assert_string_equal(t.host, "127.0.0.1");
	assert_int_equal(t.port, 2321);
	assert_int_equal(transport_parse(&t, "swtpm:port=65535,host=tpm-1.example.org", &err), 0);
	assert_string_equal(t.host, "tpm-1.example.org");
	assert_int_equal(t.port, 65535);
	assert_int_equal(transport_parse(&t, "swtpm:host=fe80::1,port=1", &err), 0);
	assert_string_equal(t.host, "fe80::1");
	assert_int_equal(transport_parse(&t, "device:/dev/tpmrm0", &err), 0);
	assert_int_equal(t.kind, TPM_DEVICE);
	assert_string_equal(t.name, "device");
	assert_string_equal(t.host, "/dev/tpmrm0");
}

static void
a_mistake_is_told_with_its_character(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "transport '': character 1: unknown" },
		{ "LIBTPMS", "character 1: unknown" },
		{ "libtpms ", "character 1: unknown" },
		{ "device:", "character 8: a device is /dev/tpmrmN" },
		{ "device:/dev/tpm0", "character 8: a device is /dev/tpmrmN" },
		{ "device:/dev/watchdog", "character 8: a device is /dev/tpmrmN" },
		{ "device:/dev/tpmrm", "character 18: a number of at most three digits" },
		{ "device:/dev/tpmrm0/../watchdog", "character 18: a number" },
		{ "device:/dev/tpmrm1234", "character 18: a number" },
		{ "swtpm", "character 1: unknown" },
		{ "swtpm:", "character 7: host=HOST or port=PORT is wanted" },
		{ "swtpm:host=h", "character 13: port=PORT is missing" },
		{ "swtpm:port=1", "character 13: host=HOST is missing" },
		{ "swtpm:host=,port=1", "character 12: a host is 1 to 253" },
		{ "swtpm:host=-h,port=1", "character 12: a host is 1 to 253" },
		{ "swtpm:host=h h,port=1", "character 13: a host is a name" },
		{ "swtpm:host=h;reboot,port=1", "character 13: a host is a name" },
		{ "swtpm:host=../x,port=1", "character 14: a host is a name" },
		{ "swtpm:host=h\x1b[2J,port=1", "'swtpm:host=h\\x1b[2J,port=1': character 13" },
		{ "swtpm:host=h,port=", "character 19: a port is" },
		{ "swtpm:host=h,port=0", "character 19: a port is" },
		{ "swtpm:host=h,port=65536", "character 19: a port is" },
		{ "swtpm:host=h,port=-1", "character 19: a port is" },
		{ "swtpm:host=h,port=0x10", "character 19: a port is" },
		{ "swtpm:host=h,port=18446744073709551617", "character 19: a port is" },
		{ "swtpm:host=h,port=1 ", "character 19: a port is" },
		{ "swtpm:host=h,port=1,", "character 21: host=HOST or port=PORT" },
		{ "swtpm:host=h,port=1,port=2", "character 26: a second port" },
		{ "swtpm:host=h,host=i,port=1", "character 19: a second host" },
		{ "swtpm:host=h,port=1,x=1", "character 21: host=HOST or port=PORT" },
		{ "swtpm:Host=h,port=1", "character 7: host=HOST or port=PORT" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_err err = TALLY_ERR_INIT;

		if (tally_tpm_check_transport(cases[i].text, &err) == 0)
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.code, TALLY_USE);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s, not %s", err.text, cases[i].says);
	}
}

static void
a_host_may_be_as_long_as_a_name_and_no_longer(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tpm_transport t;
	char text[300];

	(void)state;
	memset(text, 'h', sizeof(text));
	memcpy(text, "swtpm:port=1,host=", 18);
	text[18 + 253] = '\0';
	assert_int_equal(transport_parse(&t, text, &err), 0);
	assert_int_equal(strlen(t.host), 253);
	text[18 + 253] = 'h';
	text[18 + 254] = '\0';
	assert_int_equal(transport_parse(&t, text, &err), -1);
	assert_non_null(strstr(err.text, "character 19: a host is 1 to 253"));
}

static void
only_the_ledgers_own_tpm_has_a_ledger_pcr_by_itself(void **state)
{
	(void)state;
	assert_int_equal(tally_tpm_default_pcr("libtpms"), 14);
	assert_int_equal(tally_tpm_default_pcr("swtpm"), TALLY_NO_PCR);
	assert_int_equal(tally_tpm_default_pcr("swtpm:host=h,port=1"), TALLY_NO_PCR);
	assert_int_equal(tally_tpm_default_pcr("device:/dev/tpmrm0"), TALLY_NO_PCR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_transport_is_read),
		cmocka_unit_test(a_mistake_is_told_with_its_character),
		cmocka_unit_test(a_host_may_be_as_long_as_a_name_and_no_longer),
		cmocka_unit_test(only_the_ledgers_own_tpm_has_a_ledger_pcr_by_itself),
	};

	return cmocka_run_group_tests_name("tpm transport", tests, NULL, NULL);
}
