/* SPDX-License-Identifier: Apache-2.0 */
/* Good evidence of the fake TPM, and the verdict on what a test made of it. */
#include <stdlib.h>
#include <string.h>
#include "fixture.h"

static const uint32_t boot_pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

int
evidence_setup(void **state)
{
	struct evidence *e = tally_alloc(sizeof(*e));

	faketpm_init(&e->tpm);
	memset(e->q, 0x51, sizeof(e->q));
	memset(e->tpm.pcr[14], 0x14, TALLY_HASH);
	tally_host_id(e->host_id, tally_buf_view(&e->tpm.ek_public));
	e->st = (struct tally_statement){
		.version = 1,
		.host_id = tally_bytes(e->host_id, TALLY_HASH),
		.ek_public = tally_buf_view(&e->tpm.ek_public),
		.ak_public = tally_buf_view(&e->tpm.ak_public),
		.origin = tally_bytes_str("example.com/log"),
		.vkey = tally_bytes_str("example.com/log+00000000+AA=="),
		.agent_version = tally_bytes_str("0"),
		.agent_hash = tally_bytes(e->zero, TALLY_HASH),
		.pcr_bank = 0x000b,
		.boot_pcrs = { boot_pcrs, 8 },
		.ledger_pcr = 14,
		.reset_count = 1,
		.prev_root = tally_bytes(e->zero, TALLY_HASH),
		.transport = tally_bytes_str("libtpms"),
		.ledger_pcr_value = tally_bytes(e->zero, TALLY_HASH),
	};
	e->blob.pcrs = QUOTED;
	for (unsigned i = 0; i < QUOTED; i++) {
		e->pcrs[i] = (uint8_t)(i < 8 ? i : 14);
		e->blob.pcr[i] = e->pcrs[i];
		memcpy(e->blob.value[i], e->tpm.pcr[e->pcrs[i]], TALLY_HASH);
	}
	faketpm_attest(&e->tpm, &e->attest, e->pcrs, QUOTED, e->q);
	evidence_sign(e);
	*state = e;
	return e->attest.len == AT_END ? 0 : -1;
}

int
evidence_teardown(void **state)
{
	struct evidence *e = *state;

	faketpm_deinit(&e->tpm);
	tally_buf_deinit(&e->attest);
	tally_buf_deinit(&e->signature);
	free(e);
	return 0;
}

void
evidence_sign(struct evidence *e)
{
	tally_buf_clear(&e->signature);
	faketpm_sign(&e->signature, e->tpm.ak, tally_buf_view(&e->attest));
}

unsigned
evidence_verdict(struct evidence *e)
{
	struct tally_identity_key *k = NULL;
	int r;

	e->check = 0;
	tally_err_clear(&e->err);
	e->blob.attest = tally_buf_view(&e->attest);
	e->blob.signature = tally_buf_view(&e->signature);
	r = tally_identity_open(&k, &e->st, &e->check, &e->err);
	if (r == 0)
		r = tally_quote_check(k, &e->st, &e->blob, e->q, &e->quote, &e->check, &e->err);
	tally_identity_free(k);
	if (r < 0) {
		assert_int_equal(e->err.code, TALLY_FAILS);
		assert_true(e->err.text[0] != '\0');
		assert_true(e->check != 0);
	} else {
		assert_int_equal(e->check, 0);
	}
	return e->check;
}

unsigned
evidence_blob_verdict(struct evidence *e, struct tally_bytes blob)
{
	struct tally_identity_key *k = NULL;
	struct tally_blob parsed;
	unsigned check = 0;

	if (tally_blob_parse(&parsed, blob, &e->err) < 0)
		return 1;
	assert_int_equal(tally_identity_open(&k, &e->st, &check, &e->err), 0);
	if (tally_quote_check(k, &e->st, &parsed, e->q, &e->quote, &check, &e->err) == 0)
		check = 0;
	else
		assert_true(check != 0);
	tally_identity_free(k);
	return check;
}
