/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session statement (docs/FORMAT.md section 6). Its hash is quoted by the
 * TPM, so the bytes are made once and kept. Decoding wants every field but
 * `foreign` and `nv_public`, and PCR numbers that exist, in ascending order.
 */
#include "proto_internal.h"
#include "statement.pb-c.h"
#include "tally/event.h"

#define PCRS 24 /* of the PC client profile */

#define BYTES(field, size)                                                                         \
	if (proto_bytes_out(&pb.has_##field, &pb.field, st->field, (size), #field, err) < 0)       \
	return -1
#define NUMBER(field)                                                                              \
	do {                                                                                       \
		pb.has_##field = 1;                                                                \
		pb.field = st->field;                                                              \
	} while (0)

int
tally_statement_encode(const struct tally_statement *st, struct tally_buf *out,
		       struct tally_err *err)
{
	Tally__Pb__Statement pb = TALLY__PB__STATEMENT__INIT;

	NUMBER(version);
	BYTES(host_id, TALLY_HASH);
	BYTES(ek_public, PROTO_RAW);
	BYTES(ak_public, PROTO_RAW);
	BYTES(origin, PROTO_TEXT);
	BYTES(vkey, PROTO_TEXT);
	BYTES(agent_version, PROTO_TEXT);
	BYTES(agent_hash, TALLY_HASH);
	NUMBER(pcr_bank);
	pb.n_boot_pcrs = st->boot_pcrs.count;
	pb.boot_pcrs = (uint32_t *)(uintptr_t)st->boot_pcrs.items; /* only read */
	NUMBER(ledger_pcr);
	NUMBER(reset_count);
	NUMBER(restart_count);
	NUMBER(prev_size);
	BYTES(prev_root, TALLY_HASH);
	BYTES(transport, PROTO_TEXT);
	BYTES(ledger_pcr_value, TALLY_HASH);
	NUMBER(foreign);
	BYTES(nv_public, PROTO_RAW);
	proto_pack(out, &pb.base);
	return 0;
}

#undef BYTES
#undef NUMBER
#define BYTES(field, size)                                                                         \
	if (!pb->has_##field)                                                                      \
		return tally_err_set(err, TALLY_FAILS, "%s: missing", #field);                     \
	if (proto_bytes_in(&st->field, 1, &pb->field, (size), #field, err) < 0)                    \
	return -1
#define NUMBER(field)                                                                              \
	if (!pb->has_##field)                                                                      \
		return tally_err_set(err, TALLY_FAILS, "%s: missing", #field);                     \
	st->field = pb->field

static int
statement_fields(struct tally_statement *st, const Tally__Pb__Statement *pb, struct tally_err *err)
{
	NUMBER(version);
	BYTES(host_id, TALLY_HASH);
	BYTES(ek_public, PROTO_RAW);
	BYTES(ak_public, PROTO_RAW);
	BYTES(origin, PROTO_TEXT);
	BYTES(vkey, PROTO_TEXT);
	BYTES(agent_version, PROTO_TEXT);
	BYTES(agent_hash, TALLY_HASH);
	NUMBER(pcr_bank);
	st->boot_pcrs.items = pb->boot_pcrs;
	st->boot_pcrs.count = pb->n_boot_pcrs;
	NUMBER(ledger_pcr);
	NUMBER(reset_count);
	NUMBER(restart_count);
	NUMBER(prev_size);
	BYTES(prev_root, TALLY_HASH);
	BYTES(transport, PROTO_TEXT);
	BYTES(ledger_pcr_value, TALLY_HASH);
	st->foreign = pb->has_foreign && pb->foreign;
	return proto_bytes_in(&st->nv_public, pb->has_nv_public, &pb->nv_public, PROTO_RAW,
			      "nv_public", err);
}

int
tally_statement_decode(struct tally_statement *st, struct tally_bytes in, struct tally_arena *arena,
		       struct tally_err *err)
{
	const Tally__Pb__Statement *pb;

	*st = (struct tally_statement){ 0 };
	if (in.len > TALLY_GROUP_MAX)
		return tally_err_set(err, TALLY_FAILS, "statement: %zu bytes, more than %d", in.len,
				     TALLY_GROUP_MAX);
	pb = (const void *)proto_unpack(&tally__pb__statement__descriptor, in, arena);
	if (!pb)
		return tally_err_set(err, TALLY_FAILS, "statement: malformed");
	if (statement_fields(st, pb, err) < 0)
		return tally_err_prefix(err, "statement");
	if (st->version != 1)
		return tally_err_set(err, TALLY_FAILS, "statement: version %u is not known",
				     st->version);
	if (st->boot_pcrs.count == 0)
		return tally_err_set(err, TALLY_FAILS, "statement: boot_pcrs: missing");
	for (size_t i = 0; i < st->boot_pcrs.count; i++)
		if (st->boot_pcrs.items[i] >= PCRS ||
		    (i > 0 && st->boot_pcrs.items[i] <= st->boot_pcrs.items[i - 1]))
			return tally_err_set(err, TALLY_FAILS,
					     "statement: boot_pcrs: not ascending, or no PCR");
	if (st->ledger_pcr >= PCRS && st->ledger_pcr != TALLY_NO_PCR)
		return tally_err_set(err, TALLY_FAILS, "statement: ledger_pcr: no PCR");
	return 0;
}
