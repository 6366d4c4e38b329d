/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORT_H
#define TALLY_REPORT_H
/* From entries to a report (FORMAT.md sections 10-12). PURE but for zones. */
#include "tally/bytes.h"
#include "tally/entry.h"
#include "tally/time.h"

struct tally_err;
struct tally_report;
struct tally_pack;
struct tally_prices;

struct tally_report_ledger {
	struct tally_entries entries;  /* [0, size); closed by the caller */
	struct tally_entries entries2; /* a second, independent cursor over the same entries */
	const char *origin;
	uint64_t size; /* of the newest checkpoint */
	uint8_t root[TALLY_HASH];
	uint64_t beyond; /* entries after the checkpoint: finding after-checkpoint */
	/* The root of its first entries, for the report that this one supersedes, which knew
	 * so many; NULL: only reports of all of them can be superseded. */
	int (*root_at)(void *ctx, uint64_t size, uint8_t root[TALLY_HASH], struct tally_err *err);
	void *root_ctx;
};
/* A file that a report is made from; `name` is its base name. */
struct tally_report_input {
	const char *name;
	struct tally_bytes content;
	const char *path; /* as errors tell it; NULL: `name` */
};
struct tally_report_options {
	struct tally_wall from, to;
	const struct tally_zone *zone;
	const char *tool, *tzdata; /* as printed; verify gives those of the report it checks */
	/* tally_sha256 of ledger/log, for the report's id: there is no cryptography here. */
	void (*sha256)(uint8_t out[TALLY_HASH], struct tally_bytes in);
	/* As tally_parallel of base: jobs of which none needs another, done in any order and
	 * at the same time. NULL: one behind the other. The report is the same. */
	void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg);
	size_t threads; /* that it has; 0 as 1 */
	/* The report that this one supersedes, in JSON; NULL: none. TALLY_USE, with its
	 * name and place: no report, or one of another period or estate. */
	const struct tally_report_input *old;
	/* Rule packs, settled; they outlive the report. None: no positions. */
	struct tally_pack *const *packs;
	size_t n_packs;
	/* A price list, which outlives the report. NULL: no charges. TALLY_USE, with its
	 * name: use without a price, a rule that no pack has, more than money holds. */
	const struct tally_prices *prices;
	/* What is held, in YAML or CSV, and who must report; NULL: not told. TALLY_USE, with
	 * name and place: malformed. */
	const struct tally_report_input *entitlements, *roster;
	/* Whom it is made for (FORMAT.md section 27): NULL is everybody. Without `with_high`
	 * such a report does not tell what a rule's worst reading is. */
	const char *licensor;
	bool with_high;
	/* Keep who stood where, for tally_report_html; rules and prices need it anyway. */
	bool stays;
};
/* What is written is no longer than what --compare and verify read: bytes of a report in
 * any format. TALLY_USE: it is longer. */
#define TALLY_REPORT_MAX (UINT32_C(256) << 20)
int tally_report_fits(uint64_t bytes, struct tally_err *err);

/* A price list; `name` stands before each error: NAME:LINE:COLUMN: what (TALLY_USE). */
int tally_prices_parse(struct tally_prices **out, const char *name, struct tally_bytes in,
		       struct tally_err *err);
void tally_prices_free(struct tally_prices *p);

/* TALLY_USE: an empty or reversed period, two ledgers with one host name. */
int tally_report_make(struct tally_report **out, const struct tally_report_ledger *ledgers,
		      size_t n, const struct tally_report_options *o, struct tally_err *err);
/* What is short of what is held, over the fleet: a line each, which live as long as the
 * report. Returns how many. */
size_t tally_report_short(const struct tally_report *r, struct tally_bytes *lines);
/* What a file is that a report was made from, by what it holds. */
enum tally_report_role { TALLY_REPORT_OTHER, TALLY_REPORT_ENTITLEMENTS, TALLY_REPORT_ROSTER };
enum tally_report_role tally_report_role(const struct tally_report_input *in);
void tally_report_free(struct tally_report *r);
void tally_report_json(const struct tally_report *r, struct tally_buf *out);
void tally_report_csv(const struct tally_report *r, struct tally_buf *out);
/* FOCUS 1.2 as CSV (FORMAT.md section 22), of a report that has charges; and what
 * describes it, where it lies as `name` with so many bytes. TALLY_USE: an overflow. */
void tally_report_focus(const struct tally_report *r, struct tally_buf *out);
int tally_report_focus_metadata(const struct tally_report *r, const char *name, uint64_t bytes,
				struct tally_buf *out, struct tally_err *err);
/* Usage in the shape of ISO/IEC 19770-4, XML; FORMAT.md section 23. */
void tally_report_rum(const struct tally_report *r, struct tally_buf *out);
/* One HTML file that needs no other (FORMAT.md section 29), of a report that was made with
 * `stays`. `evidence` is JSON: what the page checks itself by; `null` where it has none. */
void tally_report_html(const struct tally_report *r, struct tally_bytes evidence,
		       struct tally_buf *out);
/* An overview with rounded figures; `width` is at least 40. */
void tally_report_text(const struct tally_report *r, struct tally_buf *out, unsigned width);
#define TALLY_REPORT_WIDTH 100 /* of a text that does not go to a terminal */
/* Every format (the page not of a report for a licensor) of a report that was made with `stays`,
 * one after another, by the base name that its file has in a bundle; FOCUS and what describes it
 * only where there are charges. Stops where `take` gives -1. */
typedef int tally_report_take(void *ctx, const char *name, struct tally_bytes content,
			      struct tally_err *err);
int tally_report_files(const struct tally_report *r, tally_report_take *take, void *ctx,
		       struct tally_err *err);

#endif
