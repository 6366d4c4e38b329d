/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check 17 for timestamps: a receipt that holds a token of RFC 3161 instead of
 * cosignatures. What is malformed or over another checkpoint is told whoever
 * signed it; what leads to no pinned root counts for nothing.
 */
#include <stdio.h>
#include "tally/timestamp.h"
#include "verify_internal.h"

bool
timestamps_pinned(const struct anchors *a)
{
	return a->timestamps && tally_roots_count(a->timestamps) > 0;
}

void
timestamped_receipt(struct tally_export *x, uint64_t index, const struct tally_operations *o,
		    struct witnessed_newest newest, const char *file)
{
	struct witnessed *w = &x->witnessed;
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t imprint[TALLY_HASH];
	struct tally_timestamp t;
	int r;

	tally_checkpoint_text(&text, x->origin, o->receipt_size, o->receipt_root.p);
	tally_sha256(imprint, tally_buf_view(&text));
	tally_buf_deinit(&text);
	r = tally_timestamp_check(&t, x->anchors->timestamps, o->timestamp, imprint, &err);
	if (r < 0) {
		problem_entry(x->problems, "tpm-17", x->folder.path, file, index, "receipt: %s",
			      err.text);
	} else if (r == 0) {
		w->strangers++;
	} else {
		if (o->receipt_size >= w->stamp.size) {
			(void)snprintf(w->authority, sizeof(w->authority), "%s", t.name);
			(void)snprintf(w->policy, sizeof(w->policy), "%s", t.policy);
		}
		vouched_covered(x, &w->stamp, o->receipt_size, newest, t.by);
		vouched_since(x, &w->stamp, index, t.since);
	}
}
