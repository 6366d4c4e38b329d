/* SPDX-License-Identifier: Apache-2.0 */
/* The running program, read through /proc/self/exe: the very file that runs,
 * also where a new one has been installed over its name. */
#include "program.h"

#include <stdio.h>

#include "tally/entry.h"
#include "tally/err.h"

int
program_hash(uint8_t out[TALLY_HASH], struct tally_err *err)
{
	FILE *f = fopen("/proc/self/exe", "re");
	struct tally_sha256 *h;
	uint8_t block[16384];
	size_t n;
	int failed;
	if (f == NULL)
		return tally_err_sys(err, "/proc/self/exe");
	h = tally_sha256_new();
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		tally_sha256_add(h, block, n);
	tally_sha256_end(h, out);
	tally_sha256_free(h);
	failed = ferror(f);
	(void)fclose(f);
	return failed ? tally_err_sys(err, "/proc/self/exe") : 0;
}
