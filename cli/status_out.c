/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger's standing as an object and as lines for people. */
#include <inttypes.h>

#include "tally/csv.h"
#include "tally/evidence.h"
#include "tally/json.h"
#include "status.h"

#define NV_WRITES 100000

/* A text of the coverage row; NULL where there is none. */
static const char *
coverage_text(const struct standing *st, const char *key)
{
	const struct tally_json *v = st->coverage ? tally_json_get(st->coverage, key) : NULL;

	return v && tally_json_type(v) == TALLY_JSON_STRING ? (const char *)tally_json_string(v).p
							    : NULL;
}

static void
put(struct tally_jsonw *w, const char *key, const char *text)
{
	tally_jsonw_key(w, key);
	if (text && text[0])
		tally_jsonw_str(w, text);
	else
		tally_jsonw_null(w);
}

static void
put_number(struct tally_jsonw *w, const char *key, uint64_t number)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, number);
}

static const char *
gap_text(const struct tally_json *gap, const char *key)
{
	const struct tally_json *v = tally_json_get(gap, key);

	return v ? (const char *)tally_json_string(v).p : NULL;
}

static void
put_gaps(struct tally_jsonw *w, const struct tally_json *gaps)
{
	tally_jsonw_key(w, "gaps");
	tally_jsonw_array(w);
	for (size_t i = 0; gaps && i < tally_json_count(gaps); i++) {
		const struct tally_json *gap = tally_json_at(gaps, i);

		tally_jsonw_object(w);
		put(w, "from", gap_text(gap, "from"));
		put(w, "reason", gap_text(gap, "reason"));
		put(w, "to", gap_text(gap, "to"));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

/* Since when, in whole seconds; the host's clock may have been set back, and the host off. */
static int64_t
anchor_age(const struct tally_anchors *a)
{
	return (a->told_age > a->age ? a->told_age : a->age) / TALLY_SECOND;
}

static void
put_anchors(struct tally_jsonw *w, const struct tally_anchors *a)
{
	tally_jsonw_key(w, "anchors");
	if (!a->any) {
		tally_jsonw_null(w);
		return;
	}
	tally_jsonw_object(w);
	tally_jsonw_key(w, "age_seconds");
	if (a->has_last)
		tally_jsonw_i64(w, anchor_age(a));
	else
		tally_jsonw_null(w);
	put_number(w, "cap", TALLY_ANCHOR_CAP);
	tally_jsonw_key(w, "counter");
	if (a->has_counter)
		tally_jsonw_u64(w, a->counter - a->open);
	else
		tally_jsonw_null(w);
	put_number(w, "day", a->day);
	tally_jsonw_end(w);
}

/* The least that a manufacturer promises of an index: what wears is its count of writes. */
static void
text_anchors(const struct tally_anchors *a, struct tally_buf *out)
{
	if (!a->any)
		return;
	tally_buf_addf(out, "anchors      %u of %d in 24 hours", a->day, TALLY_ANCHOR_CAP);
	if (a->has_last)
		tally_buf_addf(out, ", the newest %" PRId64 " s ago", anchor_age(a));
	if (a->has_counter)
		tally_buf_addf(
			out,
			"; NV counter at %" PRIu64 " of %d writes (%" PRIu64 ".%" PRIu64 " %%)",
			a->counter - a->open, NV_WRITES, (a->counter - a->open) * 100 / NV_WRITES,
			(a->counter - a->open) * 1000 / NV_WRITES % 10);
	else
		tally_buf_add_str(out, "; no NV counter");
	tally_buf_add_u8(out, '\n');
}

void
status_json(const struct standing *st, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, false);

	tally_jsonw_object(w);
	put_number(w, "after_checkpoint", st->size - st->covered);
	tally_jsonw_key(w, "agent");
	status_agent_json(&st->agent, w);
	put_anchors(w, &st->anchors);
	put(w, "checkpoint", st->checkpoint);
	put_number(w, "checkpoint_size", st->covered);
	put(w, "class", tally_class_name(TALLY_CLASS_SELF_DECLARED));
	put(w, "closed", tally_store_closed(st->store));
	put(w, "coverage", coverage_text(st, "coverage"));
	put_gaps(w, st->coverage ? tally_json_get(st->coverage, "gaps") : NULL);
	tally_jsonw_key(w, "holder");
	if (st->pid > 0)
		tally_jsonw_u64(w, st->pid);
	else
		tally_jsonw_null(w);
	put(w, "last_entry", st->last);
	put(w, "metered_seconds", coverage_text(st, "metered_seconds"));
	put(w, "origin", tally_store_origin(st->store));
	put(w, "powered_seconds", coverage_text(st, "powered_seconds"));
	put(w, "root", st->root);
	put_number(w, "size", st->size);
	put(w, "transport", tally_store_transport(st->store));
	put(w, "unattested_seconds", coverage_text(st, "unattested_seconds"));
	put(w, "vkey", st->vkey);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_u8(out, '\n');
}

static void
text_gaps(const struct tally_json *gaps, struct tally_buf *out)
{
	for (size_t i = 0; gaps && i < tally_json_count(gaps); i++) {
		const struct tally_json *gap = tally_json_at(gaps, i);

		tally_buf_addf(out, "gap          %s to %s", gap_text(gap, "from"),
			       gap_text(gap, "to"));
		if (gap_text(gap, "reason")) {
			tally_buf_add_str(out, ": ");
			tally_printable(out, tally_bytes_str(gap_text(gap, "reason")));
		}
		tally_buf_add_u8(out, '\n');
	}
}

void
status_text(const struct standing *st, struct tally_wall now, struct tally_buf *out)
{
	const char *coverage = coverage_text(st, "coverage");

	tally_buf_addf(out, "origin       %s\nvkey         %s\n", tally_store_origin(st->store),
		       st->vkey);
	tally_buf_addf(out, "size         %" PRIu64 "\nroot         %s\n", st->size, st->root);
	if (st->checkpoint[0])
		tally_buf_addf(out,
			       "checkpoint   %s, over %" PRIu64 " entries; %" PRIu64 " after it\n",
			       st->checkpoint, st->covered, st->size - st->covered);
	else
		tally_buf_add_str(out, "checkpoint   none\n");
	if (tally_store_closed(st->store)) {
		tally_buf_add_str(out, "signing      CLOSED for good: ");
		tally_printable(out, tally_bytes_str(tally_store_closed(st->store)));
		tally_buf_add_u8(out, '\n');
	}
	text_anchors(&st->anchors, out);
	if (st->last[0])
		tally_buf_addf(out, "last entry   %s\n", st->last);
	tally_buf_addf(out, "class        %s, %s: nothing pinned off the host was asked\n",
		       tally_class_name(TALLY_CLASS_SELF_DECLARED),
		       tally_store_transport(st->store));
	if (coverage)
		tally_buf_addf(out, "coverage     %s (%s of %s s powered)\n", coverage,
			       coverage_text(st, "metered_seconds"),
			       coverage_text(st, "powered_seconds"));
	else
		tally_buf_add_str(out, "coverage     none: no powered time yet\n");
	status_agent_text(&st->agent, st->pid, now, out);
	text_gaps(st->coverage ? tally_json_get(st->coverage, "gaps") : NULL, out);
}
