/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ZIP_H
#define TALLY_ZIP_H
/*
 * The one form of ZIP that bundles have (FORMAT.md section 27): members stored as they
 * are, in ascending order of their names, without times, owners, comments or extra fields
 * but those of ZIP64 where a number needs them. Every byte beside the content follows from
 * names, sizes and CRCs, so a reader makes these bytes again and compares: none is unused.
 */
#include <stdbool.h>
#include "tally/bytes.h"

#define TALLY_ZIP_NAME_MAX 255 /* bytes of a name */

struct tally_zip_member {
	const char *name;
	uint64_t size, at; /* of the content; where its local header begins */
	uint32_t crc;
};
/* What stands before the content, what stands in the directory, and the archive's end behind
 * `count` members and a directory of `size` bytes that begins at `at`. Appended. */
void tally_zip_local(struct tally_buf *out, const struct tally_zip_member *m);
void tally_zip_central(struct tally_buf *out, const struct tally_zip_member *m);
void tally_zip_end(struct tally_buf *out, uint64_t count, uint64_t at, uint64_t size);
/* CRC-32 of ISO 3309, from 0 on. */
uint32_t tally_crc32(uint32_t crc, const void *p, size_t n);

/* Names: parts of A-Z a-z 0-9 . _ - with single slashes between; none begins with a dot. */
bool tally_zip_name_valid(const char *name, size_t n);

/* The least that is asked of a reader: the end, and one record of the directory. What they
 * say is not believed before it is made again and compared. */
struct tally_zip_end {
	uint64_t count, at, size; /* as tally_zip_end has them */
};
/* `tail`: the last bytes of the archive, TALLY_ZIP_TAIL of them or all there are. 0, or
 * -1 (TALLY_FAILS). */
#define TALLY_ZIP_TAIL 98
int tally_zip_read_end(struct tally_zip_end *out, struct tally_bytes tail, struct tally_err *err);
/* The record at in[*at ...], which moves behind it; `name` is a view of it, not ended. -1
 * (TALLY_FAILS): it is not what tally_zip_central makes, in words for what it is instead. */
int tally_zip_read_central(struct tally_zip_member *out, struct tally_bytes *name,
			   struct tally_bytes in, size_t *at, struct tally_err *err);

#endif
