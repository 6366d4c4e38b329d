/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's checks of attestations that other people's tools have written to
 * files. Prints what is attested; exit 1 with the check that refuses it.
 *
 *	attested counter Q RESET RESTART EK AK MESSAGE SIGNATURE NV_PUBLIC
 *	attested time    Q RESET RESTART EK AK MESSAGE SIGNATURE
 *	attested quote   Q RESET RESTART EK AK MESSAGE SIGNATURE PCR_VALUES
 *
 * EK and AK are TPM2B_PUBLIC, MESSAGE is TPMS_ATTEST, SIGNATURE TPMT_SIGNATURE,
 * NV_PUBLIC TPMS_NV_PUBLIC; PCR_VALUES those of PCR 0 to 7, one behind the other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/evidence.h"
#include "tally/parse.h"

#define BIG  65536
#define BOOT 8

static const uint32_t boot[BOOT] = { 0, 1, 2, 3, 4, 5, 6, 7 };

struct files {
	struct tally_buf ek, ak, message, signature, last;
};

static bool
read_file(const char *path, struct tally_buf *out)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return false;
	out->len = fread(tally_buf_grow(out, BIG), 1, BIG, f);
	fclose(f);
	return true;
}

static int
check_counter(const struct tally_identity_key *k, struct tally_statement *st,
	      const struct tally_attested *a, const uint8_t q[TALLY_HASH], const struct files *f,
	      unsigned *check, struct tally_err *err)
{
	uint64_t value;

	st->nv_public = tally_buf_view(&f->last);
	if (tally_counter_check(k, st, a, q, &value, check, err) < 0)
		return -1;
	printf("%" PRIu64 "\n", value);
	return 0;
}

static int
check_time(const struct tally_identity_key *k, struct tally_statement *st,
	   const struct tally_attested *a, const uint8_t q[TALLY_HASH], const struct files *f,
	   unsigned *check, struct tally_err *err)
{
	struct tally_tpm_time time;

	(void)f;
	if (tally_time_check(k, st, a, q, &time, check, err) < 0)
		return -1;
	printf("%" PRIu64 " %" PRIu64 "\n", time.clock, time.time);
	return 0;
}

static int
check_quote(const struct tally_identity_key *k, struct tally_statement *st,
	    const struct tally_attested *a, const uint8_t q[TALLY_HASH], const struct files *f,
	    unsigned *check, struct tally_err *err)
{
	struct tally_blob blob = { .pcrs = BOOT, .attest = a->attest, .signature = a->signature };
	struct tally_quote quote;

	if (f->last.len != sizeof(uint8_t[BOOT][TALLY_HASH]))
		return tally_err_set(err, TALLY_USE, "%zu bytes of PCR values", f->last.len);
	for (unsigned i = 0; i < BOOT; i++) {
		blob.pcr[i] = (uint8_t)i;
		memcpy(blob.value[i], f->last.p + (size_t)i * TALLY_HASH, TALLY_HASH);
	}
	if (tally_quote_check(k, st, &blob, q, &quote, check, err) < 0)
		return -1;
	printf("%" PRIu64 "\n", quote.clock);
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*check)(const struct tally_identity_key *k, struct tally_statement *st,
		     const struct tally_attested *a, const uint8_t q[TALLY_HASH],
		     const struct files *f, unsigned *check, struct tally_err *err);
} kinds[] = {
	{ "counter", 10, check_counter },
	{ "time", 9, check_time },
	{ "quote", 10, check_quote },
};

/* What a ledger's statement would say of these keys. */
static int
judge(size_t kind, char **argv, const struct files *f, unsigned *check, struct tally_err *err)
{
	static const uint8_t zeros[TALLY_HASH];
	uint8_t host[TALLY_HASH], q[TALLY_HASH];
	struct tally_statement st = { .version = 1,
				      .host_id = tally_bytes(host, sizeof(host)),
				      .boot_pcrs = { boot, BOOT },
				      .pcr_bank = 0x000b,
				      .agent_hash = tally_bytes(zeros, sizeof(zeros)),
				      .prev_root = tally_bytes(zeros, sizeof(zeros)),
				      .ledger_pcr = TALLY_NO_PCR,
				      .ledger_pcr_value = tally_bytes(zeros, sizeof(zeros)) };
	const struct tally_attested a = { tally_buf_view(&f->message),
					  tally_buf_view(&f->signature) };
	struct tally_identity_key *k = NULL;
	int r;

	if (f->ek.len < 2 || f->ak.len < 2 || !tally_unhex(q, sizeof(q), argv[2], strlen(argv[2])))
		return tally_err_set(err, TALLY_USE, "an argument");
	st.ek_public = tally_bytes(f->ek.p + 2, f->ek.len - 2);
	st.ak_public = tally_bytes(f->ak.p + 2, f->ak.len - 2);
	tally_host_id(host, st.ek_public);
	st.reset_count = (uint32_t)strtoul(argv[3], NULL, 10);
	st.restart_count = (uint32_t)strtoul(argv[4], NULL, 10);
	r = tally_identity_open(&k, &st, check, err);
	if (r == 0)
		r = kinds[kind].check(k, &st, &a, q, f, check, err);
	tally_identity_free(k);
	return r;
}

int
main(int argc, char **argv)
{
	struct files f = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT,
			   TALLY_BUF_INIT };
	struct tally_buf *in[] = { &f.ek, &f.ak, &f.message, &f.signature, &f.last };
	struct tally_err err = TALLY_ERR_INIT;
	unsigned check = 0;
	size_t kind = 0;
	int r = 0;

	while (kind < 3 && (argc < 2 || strcmp(kinds[kind].name, argv[1]) != 0))
		kind++;
	if (kind == 3 || argc != kinds[kind].args)
		return 2;
	for (int i = 5; i < argc && r == 0; i++)
		if (!read_file(argv[i], in[i - 5]))
			r = tally_err_set(&err, TALLY_SYS, "%s: not read", argv[i]);
	if (r == 0)
		r = judge(kind, argv, &f, &check, &err);
	if (r < 0)
		fprintf(stderr, "attested: check %u: %s\n", check, err.text);
	for (size_t i = 0; i < 5; i++)
		tally_buf_deinit(in[i]);
	return r < 0;
}
