/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_INTERNAL_H
#define TALLY_REPORTS_INTERNAL_H
/* A report that is made: what the renderers read. Ledgers stand in the byte order
 * of their hosts' names; every list is in the order of the report. */
#include "charge.h"
#include "held_rights.h"
#include "position.h"
#include "sweep.h"
#include "tally/json.h"
#include "tally/report.h"

struct entitlements;
struct roster;
struct survey;

struct report_ledger {
	struct tally_bytes host, origin;
	uint64_t size;
	uint8_t root[TALLY_HASH];
	int64_t checkpoint; /* wall of the last entry */
	struct host_coverage coverage;
};
struct report_input {
	char *name;
	uint8_t hash[TALLY_HASH];
};
struct tally_report {
	int64_t from, to;
	char from_text[TALLY_TIME_TEXT], to_text[TALLY_TIME_TEXT];
	char id[2 * TALLY_HASH + 1];
	char supersedes[2 * TALLY_HASH + 1]; /* empty: none */
	struct report_input *inputs;         /* by name, then hash */
	size_t n_inputs;
	char *zone, *tool, *tzdata;
	char *licensor; /* whom it is made for; NULL: everybody */
	bool with_high;
	bool has_issued;
	int64_t issued;
	struct report_ledger *ledgers;
	size_t n_ledgers;

	struct strings strings;
	struct sayings sayings;
	struct residence residence;
	struct sweep sweep; /* its usage and vms */
	struct findings findings;

	struct tally_pack *const *packs; /* the caller's */
	size_t n_packs;
	bool has_estate; /* where somebody asks for one */
	struct estate estate;
	struct positions positions;
	struct charges charges; /* without `prices`: none */

	struct entitlements *entitlements; /* NULL: none are told */
	struct held_rights rights;
	struct tally_buf shortfalls; /* a line each */
	size_t n_shortfalls;
	struct roster *roster; /* NULL: none */
};

static inline struct tally_bytes
report_text(const struct tally_report *r, uint32_t number)
{
	return strings_get(&r->strings, number);
}
/* run_seconds / (to - from) in millionths, half up. */
uint64_t report_average(const struct tally_report *r, const struct usage_row *row);
/* report_held.c */
int report_held_read(struct tally_report *r, const struct tally_report_options *o,
		     struct tally_err *err);
const struct counted_rights *report_rights(struct tally_report *r); /* NULL: none */
int report_held_match(struct tally_report *r, const struct survey *surveys, struct tally_err *err);
void report_held_free(struct tally_report *r);
/* What a page leaves out where all of it would be too large. */
struct report_cut {
	size_t lanes; /* so many are drawn at most */
	bool charges; /* sums in place of lines */
	bool because; /* nothing behind the positions of less than the fleet */
	bool vms;     /* no rows of machines */
};
/* render_page.c and render_needs.c want the estate. */
void report_needs_json(struct tally_jsonw *w, const struct tally_report *r);
void report_page_json(const struct tally_report *r, const struct report_cut *cut,
		      struct tally_buf *out);
/* render_sums.c: what is billed by invoice, tenant and cost centre. */
void report_sums_json(struct tally_jsonw *w, const struct tally_report *r);
/* render_json.c: the same values, with or without white space between them; NULL: whole. */
void report_json(const struct tally_report *r, struct tally_buf *out, bool one_line,
		 const struct report_cut *cut);
void report_inputs_json(struct tally_jsonw *w, const struct tally_report *r);
/* render_positions.c */
void report_positions_json(struct tally_jsonw *w, const struct tally_report *r, bool because);
/* How many items it leaves out without `because`. */
size_t report_positions_behind(const struct tally_report *r);
void report_packs_json(struct tally_jsonw *w, const struct tally_report *r);
void report_choices_text(const struct tally_report *r, struct tally_buf *out, unsigned width);
void report_positions_text(const struct tally_report *r, struct tally_buf *out, unsigned width);
/* "1.625000" */
void report_millionths(char out[32], uint64_t millionths);

/* report_charges.c: after the second reading; then, where the report supersedes another. */
struct compare;
int report_charges(struct tally_report *r, const struct tally_report_options *o,
		   struct tally_err *err);
int report_correct(struct tally_report *r, const struct compare *old, struct tally_err *err);
void report_charges_json(struct tally_jsonw *w, const struct tally_report *r);
void report_charges_text(const struct tally_report *r, struct tally_buf *out);

#endif
