/* SPDX-License-Identifier: Apache-2.0 */
/* What of an export may be left undisclosed, and what may not. */
#include <stdio.h>
#include <stdlib.h>
#include "fixture.h"

static void
what_a_verdict_rests_on_may_not_be_withheld(void **state)
{
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	uint8_t root[TALLY_HASH];
	uint64_t index[4] = { 0, 1 }, size;
	struct tally_verify *v;
	char *path, name[64];
	struct ledger l;
	struct edit e;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	ledger_append(&l, 2);
	assert_int_equal(tally_store_head(l.store, &size, root, &l.err), 0);
	ev.o.has_receipt_size = true;
	ev.o.receipt_size = size;
	ev.o.receipt_root = tally_bytes(root, TALLY_HASH);
	ev.o.cosignatures = tally_bytes_str("\xe2\x80\x94 a AAAAAAA=\n");
	assert_int_equal(tally_store_append_event(l.store, &ev, &index[2], &l.err), 0);
	ev = (struct tally_event){ .kind = TALLY_ENROLMENT };
	ev.o.enrolment = tally_bytes_str("tallystick/enrolment/v1\n");
	assert_int_equal(tally_store_append_event(l.store, &ev, &index[3], &l.err), 0);
	ledger_checkpoint(&l);
	path = ledger_export(&l, "withheld", false);
	snprintf(name, sizeof(name), "private/payload/000.p/%u", (unsigned)index[3] + 1);
	e = edit_open(path, name);
	for (unsigned i = 0; i < 4; i++) {
		edit_withhold(&e, index[i]);
		v = verified_one(NULL, path);
		assert_int_equal(tally_verify_exit(v), 1);
		if (!names(v, "missing", path, name, (int64_t)index[i]))
			fail_msg("entry %u", (unsigned)index[i]);
		tally_verify_free(v);
	}
	/* What is withheld of a machine is nobody's problem. */
	edit_withhold(&e, 2);
	v = verified_one(NULL, path);
	assert_false(names(v, "missing", path, name, -1));
	tally_verify_free(v);
	edit_close(&e);
	free(path);
	ledger_deinit(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_verdict_rests_on_may_not_be_withheld),
	};

	return cmocka_run_group_tests_name("verify withheld", tests, NULL, NULL);
}
