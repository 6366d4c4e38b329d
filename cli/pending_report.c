/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in until reports/ is there. */
#include "tally/err.h"
#include "tally/report.h"

int
tally_report_make(struct tally_report **out, const struct tally_report_ledger *ledgers, size_t n,
		  const struct tally_report_options *o, struct tally_err *err)
{
	(void)out;
	(void)ledgers;
	(void)n;
	(void)o;
	return tally_err_set(err, TALLY_USE, "reports are not there yet");
}
void
tally_report_free(struct tally_report *r)
{
	(void)r;
}
void
tally_report_json(const struct tally_report *r, struct tally_buf *out)
{
	(void)r;
	(void)out;
}
void
tally_report_csv(const struct tally_report *r, struct tally_buf *out)
{
	(void)r;
	(void)out;
}
void
tally_report_text(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	(void)r;
	(void)out;
	(void)width;
}
