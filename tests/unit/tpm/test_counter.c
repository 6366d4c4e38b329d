/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NV counter and the time of libtpms in this process, as anchors use them; what
 * becomes of the counter when it is taken away, made again, or the TPM is cleared.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "chip.h"
#include "testlib.h"
#include "tally/err.h"

static const uint32_t boot_pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
static const struct tpm_transport libtpms = { .kind = TPM_LIBTPMS, .name = "libtpms" };

struct place {
	char *dir;
	struct chip chip;
	struct tally_err err;
	uint8_t q[TALLY_HASH], host_id[TALLY_HASH], zero[TALLY_HASH];
};

static int
setup(void **state)
{
	struct place *p = tally_alloc(sizeof(*p));

	setenv("TSS2_LOG", "all+none", 1);
	p->dir = test_dir_make();
	memset(p->q, 0x71, sizeof(p->q));
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	test_dir_remove(p->dir);
	free(p);
	return 0;
}

static void
open_chip(struct place *p, bool create)
{
	if (chip_open(&p->chip, p->dir, &libtpms, create, NULL, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

static void
close_chip(struct place *p)
{
	if (chip_close(&p->chip, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

/* 0, or the number of the check that stops it; `value` of a counter, else of a time. */
static unsigned
anchor_verdict(struct place *p, bool counter, struct tally_bytes bytes, uint64_t *value)
{
	struct tally_identity_key *key = NULL;
	struct tally_statement st = {
		.version = 1,
		.host_id = tally_bytes(p->host_id, TALLY_HASH),
		.ek_public = tally_buf_view(&p->chip.ek_public),
		.ak_public = tally_buf_view(&p->chip.ak_public),
		.nv_public = tally_buf_view(&p->chip.nv_public),
		.agent_hash = tally_bytes(p->zero, TALLY_HASH),
		.pcr_bank = 0x000b,
		.boot_pcrs = { boot_pcrs, 8 },
		.ledger_pcr = 14,
		.prev_root = tally_bytes(p->zero, TALLY_HASH),
		.ledger_pcr_value = tally_bytes(p->zero, TALLY_HASH),
	};
	struct tally_attested attested;
	struct tally_tpm_time time;
	unsigned check = 0;

	assert_int_equal(chip_counts(&p->chip, &st.reset_count, &st.restart_count, &p->err), 0);
	tally_host_id(p->host_id, st.ek_public);
	assert_int_equal(tally_attested_parse(&attested, bytes, &p->err), 0);
	assert_int_equal(tally_identity_open(&key, &st, &check, &p->err), 0);
	if (counter)
		(void)tally_counter_check(key, &st, &attested, p->q, value, &check, &p->err);
	else if (tally_time_check(key, &st, &attested, p->q, &time, &check, &p->err) == 0)
		*value = time.clock;
	tally_identity_free(key);
	return check;
}

static void
counter_and_time_of_libtpms_stand_before_the_verifier(void **state)
{
	struct place *p = *state;
	struct tally_buf certified = TALLY_BUF_INIT, time = TALLY_BUF_INIT;
	uint64_t first, value = 0, clock = 0, before = 0;

	for (int i = 0; i < 3; i++) {
		open_chip(p, i == 0);
		assert_int_equal(chip_counter_read(&p->chip, &value, &p->err), 0);
		if (i > 0)
			assert_int_equal(value, first);
		assert_int_equal(chip_counter_increment(&p->chip, &p->err), 0);
		tally_buf_clear(&certified);
		tally_buf_clear(&time);
		assert_int_equal(chip_counter_certify(&p->chip, p->q, &certified, &p->err), 0);
		assert_int_equal(chip_time(&p->chip, p->q, &time, &p->err), 0);
		assert_int_equal(anchor_verdict(p, true, tally_buf_view(&certified), &first), 0);
		assert_int_equal(first, value + 1);
		assert_int_equal(anchor_verdict(p, false, tally_buf_view(&time), &clock), 0);
		assert_true(clock >= before);
		before = clock;
		p->q[0] ^= 1;
		assert_int_equal(anchor_verdict(p, true, tally_buf_view(&certified), &value), 7);
		assert_int_equal(anchor_verdict(p, false, tally_buf_view(&time), &clock), 7);
		close_chip(p);
	}
	tally_buf_deinit(&certified);
	tally_buf_deinit(&time);
}

/* The owner takes the index away and makes it again, under the same name. */
static void
a_counter_that_is_made_again_does_not_go_back(void **state)
{
	struct place *p = *state;
	const TPM2B_AUTH none = { .size = 0 };
	TPM2B_NV_PUBLIC *public = NULL;
	TPM2B_MAX_NV_BUFFER *data = NULL;
	uint64_t value = 0;
	ESYS_TR again;

	open_chip(p, true);
	for (int i = 0; i < 5; i++)
		assert_int_equal(chip_counter_increment(&p->chip, &p->err), 0);
	assert_int_equal(chip_counter_read(&p->chip, &value, &p->err), 0);
	assert_int_equal(Esys_NV_ReadPublic(p->chip.esys, p->chip.nv, ESYS_TR_NONE, ESYS_TR_NONE,
					    ESYS_TR_NONE, &public, NULL),
			 0);
	assert_int_equal(Esys_NV_UndefineSpace(p->chip.esys, ESYS_TR_RH_OWNER, p->chip.nv,
					       ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
			 0);
	p->chip.nv = ESYS_TR_NONE;
	public->nvPublic.attributes &= (TPMA_NV)~TPMA_NV_WRITTEN;
	assert_int_equal(Esys_NV_DefineSpace(p->chip.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
					     ESYS_TR_NONE, ESYS_TR_NONE, &none, public, &again),
			 0);
	assert_int_equal(Esys_NV_Increment(p->chip.esys, again, again, ESYS_TR_PASSWORD,
					   ESYS_TR_NONE, ESYS_TR_NONE),
			 0);
	assert_int_equal(Esys_NV_Read(p->chip.esys, again, again, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				      ESYS_TR_NONE, 8, 0, &data),
			 0);
	assert_true(tally_get_u64(data->buffer) > value);
	Esys_Free(data);
	Esys_Free(public);
	Esys_TR_Close(p->chip.esys, &again);
	close_chip(p);
	/* Our auth is not its owner's: no statement names it, which is found, and it is not
	 * counted. */
	open_chip(p, false);
	assert_int_equal(p->chip.nv_public.len, 0);
	assert_int_equal(chip_counter_increment(&p->chip, &p->err), -1);
	close_chip(p);
}

static void
a_tpm_whose_index_is_gone_goes_without(void **state)
{
	struct place *p = *state;
	uint64_t value;

	open_chip(p, true);
	assert_int_equal(p->chip.nv_public.len, 14);
	assert_int_equal(Esys_NV_UndefineSpace(p->chip.esys, ESYS_TR_RH_OWNER, p->chip.nv,
					       ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
			 0);
	p->chip.nv = ESYS_TR_NONE;
	close_chip(p);
	open_chip(p, false);
	assert_int_equal(p->chip.nv_public.len, 0);
	assert_int_equal(chip_counter_read(&p->chip, &value, &p->err), -1);
	assert_non_null(strstr(p->err.text, "no NV counter"));
	close_chip(p);
}

/* What the next reading of an index's public area gets instead of it. */
static TSS2_RC refusal;

TSS2_RC __real_Esys_NV_ReadPublic(ESYS_CONTEXT *esys, ESYS_TR nv, ESYS_TR one, ESYS_TR two,
				  ESYS_TR three, TPM2B_NV_PUBLIC **public, TPM2B_NAME **name);
TSS2_RC __wrap_Esys_NV_ReadPublic(ESYS_CONTEXT *esys, ESYS_TR nv, ESYS_TR one, ESYS_TR two,
				  ESYS_TR three, TPM2B_NV_PUBLIC **public, TPM2B_NAME **name);

TSS2_RC
__wrap_Esys_NV_ReadPublic(ESYS_CONTEXT *esys, ESYS_TR nv, ESYS_TR one, ESYS_TR two, ESYS_TR three,
			  TPM2B_NV_PUBLIC **public, TPM2B_NAME **name)
{
	const TSS2_RC rc = refusal;

	refusal = TSS2_RC_SUCCESS;
	return rc != TSS2_RC_SUCCESS
		       ? rc
		       : __real_Esys_NV_ReadPublic(esys, nv, one, two, three, public, name);
}

/* A statement without the counter would be held against the ledger for ever. */
static void
a_tpm_that_refuses_for_a_moment_is_not_gone_on_with_without_its_counter(void **state)
{
	static const TSS2_RC moments[] = { TPM2_RC_RETRY, TPM2_RC_FAILURE, TSS2_TCTI_RC_IO_ERROR };
	struct place *p = *state;

	open_chip(p, true);
	close_chip(p);
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		refusal = moments[i];
		tally_err_clear(&p->err);
		assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
		assert_non_null(strstr(p->err.text, "TPM2_NV_ReadPublic"));
		open_chip(p, false);
		assert_int_equal(p->chip.nv_public.len, 14);
		close_chip(p);
	}
}

static unsigned
indices(struct place *p)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	unsigned n;

	assert_int_equal(Esys_GetCapability(p->chip.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					    TPM2_CAP_HANDLES, TPM2_NV_INDEX_FIRST, 64, &more,
					    &data),
			 0);
	n = data->data.handles.count;
	Esys_Free(data);
	return n;
}

/* Opened again by who makes it: there is one counter, whole, and no other index. */
static void
has_one_counter(struct place *p, bool create)
{
	uint32_t index;

	open_chip(p, create);
	assert_int_equal(tally_counter_public(tally_buf_view(&p->chip.nv_public), &index, &p->err),
			 0);
	assert_int_equal(chip_counter_increment(&p->chip, &p->err), 0);
	assert_int_equal(indices(p), 1);
	close_chip(p);
}

static struct place *
another(struct place *p)
{
	test_dir_remove(p->dir);
	p->dir = test_dir_make();
	return p;
}

static void
whatever_fails_while_it_is_made_no_index_is_left_behind(void **state)
{
	struct place *p = *state;
	unsigned n = 0;
	bool failed = true;

	while (failed) {
		struct test_disk disk;

		another(p);
		test_disk_init(&disk, ++n, ENOSPC);
		if (chip_open(&p->chip, p->dir, &libtpms, true, &disk.table, &p->err) == 0)
			(void)chip_close(&p->chip, &p->err);
		failed = disk.failed;
		has_one_counter(p, true);
		has_one_counter(p, false);
	}
	assert_true(n > 10);
}

/* A disk at whose n-th rename the process ends, before it or behind it. */
static struct {
	unsigned left;
	bool late;
} mortal;

static int
rename_and_die(void *ctx, int fromdir, const char *from, int todir, const char *to)
{
	int r = 0;

	(void)ctx;
	mortal.left--;
	if (mortal.left > 0 || mortal.late)
		r = renameat(fromdir, from, todir, to);
	if (mortal.left == 0)
		_exit(9);
	return r;
}

static bool
dies(struct place *p, unsigned n, bool late)
{
	struct tally_disk disk = *tally_disk_real();
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		disk.rename = rename_and_die;
		mortal.left = n;
		mortal.late = late;
		if (chip_open(&p->chip, p->dir, &libtpms, true, &disk, &p->err) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	return WEXITSTATUS(status) == 9;
}

static void
wherever_its_making_ends_the_index_is_found_again(void **state)
{
	struct place *p = *state;

	for (int late = 0; late < 2; late++) {
		unsigned n = 1;

		for (; dies(another(p), n, late); n++)
			has_one_counter(p, true);
		has_one_counter(p, false);
		assert_true(n > 5);
	}
}

static uint64_t
time_of(struct place *p)
{
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_tpm_time time;

	assert_int_equal(chip_time(&p->chip, p->q, &bytes, &p->err), 0);
	assert_true(tally_tpm_time_read(&time, tally_buf_view(&bytes)));
	tally_buf_deinit(&bytes);
	return time.time;
}

static uint64_t
monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The owner slows it as far as it goes, and nothing that it signs says so. */
static void
the_clock_of_a_tpm_can_be_slowed(void **state)
{
	const struct timespec pause = { 0, 800000000 };
	uint64_t began, ran, passed;
	struct place *p = *state;

	open_chip(p, true);
	for (int i = 0; i < 20; i++)
		assert_int_equal(Esys_ClockRateAdjust(p->chip.esys, ESYS_TR_RH_OWNER,
						      ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
						      TPM2_CLOCK_COARSE_SLOWER),
				 0);
	began = monotonic();
	ran = time_of(p);
	nanosleep(&pause, NULL);
	ran = time_of(p) - ran;
	passed = monotonic() - began;
	if (ran * 100 > passed * 95)
		fail_msg("%u ms in %u", (unsigned)ran, (unsigned)passed);
	assert_true(ran > 0);
	close_chip(p);
}

/* TPM2_Clear: its counters stay what they were, and the attestation key is gone. */
static void
a_cleared_tpm_is_refused(void **state)
{
	struct place *p = *state;

	open_chip(p, true);
	assert_int_equal(Esys_Clear(p->chip.esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD,
				    ESYS_TR_NONE, ESYS_TR_NONE),
			 0);
	p->chip.ak = ESYS_TR_NONE;
	p->chip.nv = ESYS_TR_NONE;
	close_chip(p);
	assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
	assert_non_null(strstr(p->err.text, "not a key of this TPM (cleared"));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(counter_and_time_of_libtpms_stand_before_the_verifier),
		CASE(a_counter_that_is_made_again_does_not_go_back),
		CASE(a_tpm_whose_index_is_gone_goes_without),
		CASE(a_tpm_that_refuses_for_a_moment_is_not_gone_on_with_without_its_counter),
		CASE(whatever_fails_while_it_is_made_no_index_is_left_behind),
		CASE(wherever_its_making_ends_the_index_is_found_again),
		CASE(the_clock_of_a_tpm_can_be_slowed),
		CASE(a_cleared_tpm_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
