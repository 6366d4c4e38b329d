/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of add-checkpoint: what is read is written again as it was. */
#include <stdlib.h>
#include "tally/err.h"
#include "tally/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_bytes in = tally_bytes(data, size);
	struct tally_buf again = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_add_checkpoint r;
	uint64_t n;

	if (tally_add_checkpoint_parse(&r, in, &err) == 0) {
		tally_add_checkpoint_text(&again, &r);
		if (!tally_bytes_eq(tally_buf_view(&again), in))
			abort();
	}
	if (tally_tlog_size_parse(&n, in)) {
		tally_buf_clear(&again);
		tally_buf_addf(&again, "%llu\n", (unsigned long long)n);
		if (!tally_bytes_eq(tally_buf_view(&again), in))
			abort();
	}
	tally_buf_deinit(&again);
	return 0;
}
