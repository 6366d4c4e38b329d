/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything of the evidence that comes from strangers. The input is cut by
 * u16 lengths into a statement (its public areas go to the parsers of keys), a
 * blob (or an attestation of an anchor) and a row; each goes its own way, and
 * together through the verdict.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/evidence.h"
#include "tally/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tally_bytes
part(struct tally_cursor *c)
{
	size_t n = tally_cursor_u16(c);
	size_t left = tally_cursor_left(c);

	return tally_cursor_take(c, n < left ? n : left);
}

static void
judge(struct tally_bytes statement, struct tally_bytes bytes, struct tally_arena *arena)
{
	struct tally_identity_key *key;
	struct tally_statement st;
	struct tally_quote quote;
	struct tally_blob blob;
	struct tally_err err;
	uint8_t q[TALLY_HASH];
	unsigned check = 0;

	if (tally_statement_decode(&st, statement, arena, &err) < 0 ||
	    tally_blob_parse(&blob, bytes, &err) < 0)
		return;
	tally_q_statement(q, statement);
	if (tally_identity_open(&key, &st, &check, &err) < 0) {
		TALLY_ASSERT(check != 0);
		return;
	}
	if (tally_quote_check(key, &st, &blob, q, &quote, &check, &err) < 0)
		TALLY_ASSERT(check != 0);
	tally_identity_free(key);
}

/* What parses has one encoding. */
static void
blob_again(struct tally_bytes bytes)
{
	struct tally_buf again = TALLY_BUF_INIT;
	struct tally_blob blob;
	struct tally_err err;

	if (tally_blob_parse(&blob, bytes, &err) < 0)
		return;
	tally_blob_write(&again, &blob);
	TALLY_ASSERT(tally_bytes_eq(bytes, tally_buf_view(&again)));
	tally_buf_deinit(&again);
}

/* The attestations of anchors, and the public area of their counter. */
static void
anchor_again(struct tally_bytes statement, struct tally_bytes bytes, struct tally_arena *arena)
{
	const uint8_t q[TALLY_HASH] = { 0 };
	struct tally_buf again = TALLY_BUF_INIT;
	struct tally_identity_key *key;
	struct tally_attested attested;
	struct tally_tpm_time time;
	struct tally_statement st;
	struct tally_err err;
	unsigned check = 0;
	uint64_t value;
	uint32_t index;

	(void)tally_tpm_time_read(&time, bytes);
	(void)tally_counter_public(bytes, &index, &err);
	if (tally_attested_parse(&attested, bytes, &err) < 0)
		return;
	tally_attested_write(&again, &attested);
	TALLY_ASSERT(tally_bytes_eq(bytes, tally_buf_view(&again)));
	tally_buf_deinit(&again);
	if (tally_statement_decode(&st, statement, arena, &err) < 0 ||
	    tally_identity_open(&key, &st, &check, &err) < 0)
		return;
	if (tally_counter_check(key, &st, &attested, q, &value, &check, &err) < 0)
		TALLY_ASSERT(check != 0);
	check = 0;
	if (tally_time_check(key, &st, &attested, q, &time, &check, &err) < 0)
		TALLY_ASSERT(check != 0);
	tally_identity_free(key);
}

static void
row_again(struct tally_bytes bytes)
{
	uint8_t again[TALLY_ROW];
	struct tally_row row;
	struct tally_err err;

	if (bytes.len != TALLY_ROW || tally_row_read(&row, bytes.p, &err) < 0)
		return;
	tally_row_write(again, &row);
	TALLY_ASSERT(memcmp(again, bytes.p, TALLY_ROW) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_bytes statement, blob;
	struct tally_cursor c;

	tally_cursor_init(&c, tally_bytes(data, size));
	statement = part(&c);
	blob = part(&c);
	judge(statement, blob, arena);
	blob_again(blob);
	anchor_again(statement, blob, arena);
	row_again(tally_cursor_take(&c, tally_cursor_left(&c)));
	tally_arena_free(arena);
	return 0;
}
