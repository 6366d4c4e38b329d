/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs as texts, proofs of any hashes, tile paths, records and heads. A proof
 * text that parses is written again as it was; a path has one form; a proof of
 * arbitrary hashes that holds would be a broken SHA-256.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/merkle.h"
#include "tally/note.h"
#include "tally/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
run_text(struct tally_bytes in)
{
	struct tally_buf scratch = TALLY_BUF_INIT, again = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_tlog_proof p;

	if (tally_tlog_proof_parse(&p, in, &scratch, &err) == 0) {
		tally_tlog_proof_text(&again, &p);
		must(tally_bytes_eq(tally_buf_view(&again), in));
	}
	tally_buf_deinit(&scratch);
	tally_buf_deinit(&again);
}

static void
run_path(struct tally_bytes in)
{
	char path[TALLY_TILE_PATH * 2], again[TALLY_TILE_PATH];
	struct tally_err err = TALLY_ERR_INIT;
	unsigned width;
	uint64_t n;
	int level;

	if (in.len >= sizeof(path))
		return;
	if (in.len > 0)
		memcpy(path, in.p, in.len);
	path[in.len] = '\0';
	if (tally_tile_parse(path, &level, &n, &width, &err) == 0) {
		tally_tile_path(again, level, n, width);
		must(strcmp(path, again) == 0);
	}
}

static void
run_hashes(struct tally_bytes in)
{
	static const uint8_t root[TALLY_HASH] = { 1 }, old[TALLY_HASH] = { 2 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_cursor c;
	uint64_t a, b;
	size_t hashes;

	tally_cursor_init(&c, in);
	a = tally_cursor_u64(&c);
	b = tally_cursor_u64(&c);
	hashes = tally_cursor_left(&c) / TALLY_HASH;
	if (c.failed)
		return;
	must(tally_check_inclusion(a, b, old, c.p, hashes, root, &err) == -1);
	must(tally_check_consistency(a, b, c.p, hashes, old, root, &err) == -1);
	(void)tally_tile_width(a, (unsigned)(b % 70), b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_bytes in = tally_bytes(data, size);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_frontier frontier;
	struct tally_header header;

	run_text(in);
	run_path(in);
	run_hashes(in);
	if (size == TALLY_RECORD)
		(void)tally_record_read(&header, data, &err);
	(void)tally_frontier_read(&frontier, in, &err);
	return 0;
}
