/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a benchmark, for people and for programs. */
#include <math.h>
#include "bench.h"
#include "tally/json.h"

static void
write_text(struct tally_buf *out, const struct bench_case *c)
{
	tally_buf_addf(out, "%-15s", c->name);
	if (c->batch > 0)
		tally_buf_addf(out, " %8zu", c->batch);
	else
		tally_buf_addf(out, " %8s", "");
	tally_buf_addf(out, "  %12.1f %s", c->ours, c->unit);
	if (c->baseline > 0)
		tally_buf_addf(out, "  (baseline %.1f, ratio %.3f)", c->baseline,
			       c->ours / c->baseline);
	tally_buf_add_str(out, "\n");
}

static void
add_number(struct tally_jsonw *w, double v, bool known)
{
	if (known)
		tally_jsonw_milli(w, llround(v * 1000));
	else
		tally_jsonw_null(w);
}

static void
write_json(struct tally_jsonw *w, const struct bench_case *c)
{
	tally_jsonw_object(w);
	tally_jsonw_key(w, "baseline");
	add_number(w, c->baseline, c->baseline > 0);
	tally_jsonw_key(w, "batch");
	tally_jsonw_u64(w, c->batch);
	tally_jsonw_key(w, "case");
	tally_jsonw_str(w, c->name);
	tally_jsonw_key(w, "ours");
	add_number(w, c->ours, true);
	tally_jsonw_key(w, "ratio");
	add_number(w, c->baseline > 0 ? c->ours / c->baseline : 0, c->baseline > 0);
	tally_jsonw_key(w, "unit");
	tally_jsonw_str(w, c->unit);
	tally_jsonw_end(w);
}

void
bench_write(struct tally_buf *out, const struct bench_case *cases, size_t n, bool json)
{
	struct tally_jsonw *w;

	if (!json) {
		for (size_t i = 0; i < n; i++)
			write_text(out, &cases[i]);
		return;
	}
	w = tally_jsonw_new(out, false);
	tally_jsonw_array(w);
	for (size_t i = 0; i < n; i++)
		write_json(w, &cases[i]);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_str(out, "\n");
}
