/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_PAGE_H
#define TALLY_REPORTS_PAGE_H
/* The page's skeleton, style and script, put together when the program is built
 * (scripts/embed): what stands before a report's data and what stands behind it. */
#include <stddef.h>
#include <stdint.h>

extern const uint8_t report_page_before[], report_page_behind[];
extern const size_t report_page_before_len, report_page_behind_len;

#endif
