/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMESTAMP_INTERNAL_H
#define TIMESTAMP_INTERNAL_H
/* Tokens, as timestamp.c (what they say) and timestamp_check.c (who says it) share them. */
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include "tally/timestamp.h"

/* NULL where it is malformed; what it says goes to *info, which the caller frees too. */
PKCS7 *timestamp_parse(struct tally_bytes token, TS_TST_INFO **info, struct tally_err *err);
/* All but `name`. */
int timestamp_read(struct tally_timestamp *out, TS_TST_INFO *info,
		   const uint8_t imprint[TALLY_HASH], struct tally_err *err);
void timestamp_printable(char *out, size_t room, const uint8_t *p, size_t len);

#endif
