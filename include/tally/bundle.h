/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_BUNDLE_H
#define TALLY_BUNDLE_H
/* The two members of a bundle (FORMAT.md section 27) that follow from the others: whoever
 * writes one makes them, whoever verifies one makes them again. */
#include <stdbool.h>
#include "tally/bytes.h"

struct tally_json;

/* Bytes of a member below rules/ or inputs/, and of all of them together, that are read. */
#define TALLY_BUNDLE_INPUT_MAX  (UINT32_C(64) << 20)
#define TALLY_BUNDLE_INPUTS_MAX (UINT32_C(96) << 20)

struct tally_bundle_file {
	const char *name;
	uint64_t size;
	uint8_t sha256[TALLY_HASH];
};
/* manifest.json: every other member, in the order of the archive. */
void tally_bundle_manifest(struct tally_buf *out, const struct tally_bundle_file *files, size_t n);

/* What a licensor's bundle says of itself, and whoever verifies one. */
#define TALLY_BUNDLE_INCOMPLETE                                                                    \
	"The log is whole: no entry was removed or changed. That every entry about this "          \
	"licensor's "                                                                              \
	"products is among those disclosed is the word of whoever made this; to prove it needs "   \
	"the streams of products, which these ledgers do not have."

struct tally_bundle_about {
	bool strict;
	struct tally_bytes lacks; /* with `strict`: the lines of tally_report_short */
};
/* bundle.json: with which parameters `report`, the member of that name of report.json, was
 * made, so that it can be made again. */
void tally_bundle_about(struct tally_buf *out, const struct tally_json *report,
			const struct tally_bundle_about *about);

#endif
