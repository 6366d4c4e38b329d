/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CSV_H
#define TALLY_CSV_H
/* CSV out: RFC 4180 with "\r\n"; text cells that begin with = + - @, a tab, a
 * carriage return or a newline get an apostrophe, so that no spreadsheet runs
 * them; numbers stay numbers. */
#include "tally/bytes.h"

void tally_csv_text(struct tally_buf *out,
		    struct tally_bytes cell); /* with a comma before it unless first in its row */
void tally_csv_number(struct tally_buf *out, const char *decimal);
void tally_csv_end(struct tally_buf *out);

/* For a terminal or a log: control characters, escape sequences, bidi
 * overrides and invalid UTF-8 become \xNN or \u{...}. */
void tally_printable(struct tally_buf *out, struct tally_bytes text);

#endif
