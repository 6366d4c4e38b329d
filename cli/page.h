/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_PAGE_H
#define TALLY_CLI_PAGE_H
/* What a report's page carries, so that it can check itself (FORMAT.md section 29). */
#include "source.h"

/* Bytes of entries and payloads; with more there are none in the page, which says so. */
#define CLI_PAGE_EVIDENCE (UINT64_C(64) << 20)
/* JSON, into an empty buffer. */
int cli_page_evidence(const struct cli_sources *s, struct tally_buf *out, struct tally_err *err);

#endif
