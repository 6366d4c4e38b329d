/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything of an enrolment that comes from strangers: requests and records,
 * challenges, responses, files of roots, certificates. What parses has one text.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/enrol.h"
#include "tally/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(struct tally_buf *again, struct tally_bytes text)
{
	TALLY_ASSERT(tally_bytes_eq(tally_buf_view(again), text));
	tally_buf_deinit(again);
}

static void
texts_again(struct tally_bytes text, struct tally_arena *arena)
{
	struct tally_buf again = TALLY_BUF_INIT;
	struct tally_challenge challenge;
	struct tally_response response;
	struct tally_enrolment e;
	struct tally_err err;

	if (tally_enrolment_parse(&e, text, arena, &err) == 0) {
		tally_enrolment_write(&again, &e);
		same(&again, text);
	}
	if (tally_challenge_parse(&challenge, text, arena, &err) == 0) {
		tally_challenge_write(&again, &challenge);
		same(&again, text);
	}
	if (tally_response_parse(&response, text, arena, &err) == 0) {
		tally_response_write(&again, &response);
		same(&again, text);
	}
}

/* The certificates of a record, judged as those of its key, are of a stranger too. */
static void
judge(const struct tally_enrolment *e)
{
	struct tally_roots *roots = tally_roots_new();
	struct tally_chain chain = { 0 };
	struct tally_ek ek;
	struct tally_err err;

	if (e->certificates > 0 && tally_ek_parse(&ek, e->certified_public, &err) == 0) {
		for (size_t i = 1; i < e->certificates; i++)
			(void)tally_roots_add(roots, e->certificate[i], TALLY_CLASS_CERTIFIED,
					      &err);
		(void)tally_chain_check(roots, e->certificate, e->certificates, &ek, e->time,
					&chain, &err);
		tally_chain_deinit(&chain);
	}
	tally_roots_free(roots);
}

static void
files(struct tally_bytes content, struct tally_arena *arena)
{
	struct tally_enrolment_file f;
	struct tally_err err;

	for (int request = 0; request < 2; request++) {
		if (tally_enrolment_file_read(&f, "file", content, request, arena, &err) == 0)
			judge(&f.e);
		tally_enrolment_file_deinit(&f);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_roots *roots = tally_roots_new();
	struct tally_bytes in = tally_bytes(data, size);
	struct tally_err err;

	texts_again(in, arena);
	files(in, arena);
	(void)tally_roots_read(roots, "roots", in, &err);
	tally_roots_free(roots);
	tally_arena_free(arena);
	return 0;
}
