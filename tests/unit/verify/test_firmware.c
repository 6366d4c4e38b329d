/* SPDX-License-Identifier: Apache-2.0 */
/* Check 11: firmware that changes, is declared, or is denied. */
#include <stdlib.h>
#include <string.h>
#include "liar.h"

#define OTHER UINT64_C(0x0007005500012345)

/* A ledger over a TPM of that kind, with an anchor under the first version. */
static void
begin(struct ledger *l, const char *transport)
{
	ledger_init(l, ORIGIN, "h1", false);
	faketpm_counter(&l->tpm, INDEX);
	l->tpm.transport = transport;
	faketpm_reset(&l->tpm);
	reseal(l);
	anchor(l);
}

/* Another version from the next boot on, with or without entries of it. */
static void
update(struct ledger *l, bool reboot)
{
	l->tpm.firmware = OTHER;
	if (reboot) {
		faketpm_reset(&l->tpm);
		reseal(l);
	}
	anchor(l);
}

static void
pin(struct ledger *l, const char *line)
{
	tally_buf_add_str(&l->vkey, line);
	(void)tally_buf_cstr(&l->vkey);
}

static void
firmware_that_stays_is_not_spoken_of(void **state)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_verify *v;
	struct ledger l;

	(void)state;
	begin(&l, "device");
	faketpm_reset(&l.tpm);
	reseal(&l);
	anchor(&l);
	v = verdict(&l, "stays");
	assert_int_equal(tally_verify_exit(v), 0);
	tally_verify_text(v, &text);
	assert_null(strstr(tally_buf_cstr(&text), "firmware"));
	tally_buf_deinit(&text);
	tally_verify_free(v);
	ledger_deinit(&l);
}

static void
check_11_stops_firmware_that_changed_and_that_nobody_declared(void **state)
{
	struct tally_verify *v;
	struct ledger l;
	char *dir;

	(void)state;
	begin(&l, "device");
	update(&l, true);
	dir = ledger_export(&l, "unpinned", false);
	v = verified_one(NULL, dir);
	assert_int_equal(tally_verify_exit(v), 4); /* who pinned nothing has declared nothing */
	tally_verify_free(v);
	free(dir);
	fails(&l, "tpm-11", -1,
	      "session statement: the TPM's firmware was 0x2020031200010000 and is "
	      "0x0007005500012345, which nobody declared");
	pin(&l, "firmware 0x0007005500012346\n");
	fails(&l, "tpm-11", -1, "which nobody declared");
	pin(&l, "firmware 0x0007005500012345\n");
	holds(&l, "session statement: the TPM's firmware was 0x2020031200010000 and is "
		  "0x0007005500012345");
	ledger_deinit(&l);
}

static void
check_11_tells_of_another_library_of_a_software_tpm(void **state)
{
	static const char *const software[] = { "libtpms", "swtpm" };
	struct ledger l;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(&l, software[i]);
		update(&l, true);
		holds(&l, "the TPM's firmware was 0x2020031200010000 and is 0x0007005500012345");
		ledger_deinit(&l);
	}
}

/* No TPM takes up other firmware without a reset. */
static void
check_11_stops_firmware_that_changes_within_a_session(void **state)
{
	struct ledger l;

	(void)state;
	begin(&l, "libtpms");
	update(&l, false);
	pin(&l, "firmware 0x0007005500012345\n");
	fails(&l, "tpm-11", -1, "0x0007005500012345 within one session");
	ledger_deinit(&l);
}

static void
check_11_stops_firmware_that_is_denied(void **state)
{
	struct ledger l;

	(void)state;
	begin(&l, "libtpms");
	pin(&l, "firmware 0x2020031200010001 denied\n");
	holds(&l, NULL);
	pin(&l, "firmware 0x2020031200010000  denied \n");
	fails(&l, "tpm-11", -1,
	      "session statement: the TPM's firmware 0x2020031200010000 is denied");
	ledger_deinit(&l);
}

static void
another_tpm_has_firmware_of_its_own(void **state)
{
	struct tally_verify *v;
	struct ledger l;

	(void)state;
	begin(&l, "device");
	faketpm_deinit(&l.tpm);
	faketpm_init(&l.tpm);
	faketpm_counter(&l.tpm, INDEX);
	l.tpm.transport = "device";
	l.tpm.firmware = OTHER;
	faketpm_reset(&l.tpm);
	reseal(&l);
	ledger_append(&l, 1);
	ledger_checkpoint(&l);
	v = verdict(&l, "other");
	assert_false(told(v, "tpm-11", -1, ""));
	tally_verify_free(v);
	ledger_deinit(&l);
}

static void
a_line_of_firmware_that_is_none_is_refused_with_its_line(void **state)
{
	static const char *const bad[] = { "firmware",
					   "firmware 0x12",
					   "firmware 00070055000123450x",
					   "firmware 0x000700550001234g",
					   "firmware 0x00070055000123456",
					   "firmware 0x0007005500012345 allowed",
					   "firmware 0x0007005500012345 denied denied" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(tally_verify_new(&v, &err), 0);
		assert_int_equal(tally_verify_anchor(v, "pins", tally_bytes_str(bad[i]), &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		if (!strstr(err.text, "pins:1: behind 'firmware'"))
			fail_msg("%s: %s", bad[i], err.text);
		tally_err_clear(&err);
		tally_verify_free(v);
	}
}

static int
tear_down(void **state)
{
	(void)state;
	liar_free();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(firmware_that_stays_is_not_spoken_of),
		cmocka_unit_test(check_11_stops_firmware_that_changed_and_that_nobody_declared),
		cmocka_unit_test(check_11_tells_of_another_library_of_a_software_tpm),
		cmocka_unit_test(check_11_stops_firmware_that_changes_within_a_session),
		cmocka_unit_test(check_11_stops_firmware_that_is_denied),
		cmocka_unit_test(another_tpm_has_firmware_of_its_own),
		cmocka_unit_test(a_line_of_firmware_that_is_none_is_refused_with_its_line),
	};

	return cmocka_run_group_tests_name("firmware", tests, NULL, tear_down);
}
