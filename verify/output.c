/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict for a program and for a reader. File names and texts may come from
 * a stranger: both writers escape. */
#include <inttypes.h>
#include <string.h>
#include "tally/csv.h"
#include "tally/json.h"
#include "verify_internal.h"

static void
problem_json(struct tally_jsonw *w, const struct problem *p)
{
	tally_jsonw_object(w);
	tally_jsonw_key(w, "check");
	tally_jsonw_str(w, p->check);
	tally_jsonw_key(w, "entry");
	if (p->has_entry)
		tally_jsonw_u64(w, p->entry);
	else
		tally_jsonw_null(w);
	tally_jsonw_key(w, "file");
	tally_jsonw_str(w, p->file);
	tally_jsonw_key(w, "text");
	tally_jsonw_str(w, p->text);
	tally_jsonw_end(w);
}

static void
remarks_json(struct tally_jsonw *w, const struct remarks *r)
{
	for (size_t i = 0; i < r->count; i++)
		tally_jsonw_str(w, r->p[i]);
}

void
tally_verify_json(const struct tally_verify *v, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, false);

	tally_jsonw_object(w);
	tally_jsonw_key(w, "anchored");
	tally_jsonw_bool(w, tally_verify_anchored(v));
	tally_jsonw_key(w, "class");
	tally_jsonw_str(w, tally_verify_class(v));
	tally_jsonw_key(w, "holds");
	tally_jsonw_bool(w, tally_verify_holds(v));
	tally_jsonw_key(w, "more_remarks");
	tally_jsonw_u64(w, v->problems.unkept);
	tally_jsonw_key(w, "problems");
	tally_jsonw_array(w);
	for (size_t i = 0; i < v->problems.count; i++)
		problem_json(w, &v->problems.items[i]);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "remarks");
	tally_jsonw_array(w);
	remarks_json(w, &v->problems.verdicts);
	remarks_json(w, &v->problems.remarks);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "reports");
	issued_json(v, w);
	tally_jsonw_key(w, "timestamped");
	vouched_json(v, true, w);
	tally_jsonw_key(w, "witnessed");
	vouched_json(v, false, w);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_u8(out, '\n');
}

static void
target_text(const struct target *t, struct tally_buf *out)
{
	tally_printable(out, tally_bytes_str(t->path));
	if (t->kind == TARGET_PROOF)
		tally_buf_add_str(out, ": proof");
	else if (t->kind == TARGET_REPORT)
		tally_buf_add_str(out, ": report");
	else if (t->kind == TARGET_BUNDLE)
		tally_buf_add_str(out, ": bundle");
	else
		tally_buf_addf(out, ": %s of ",
			       t->export && t->export->private ? "export" : "public mirror");
	if (t->export && t->export->origin) {
		tally_printable(out, tally_bytes_str(t->export->origin));
		tally_buf_addf(out, ", %" PRIu64 " entries", t->export->size);
	} else if (t->kind == TARGET_EXPORT) {
		tally_buf_add_str(out, "an unknown log");
	}
	tally_buf_addf(out, ", %s\n", t->anchored ? "anchored" : "not anchored");
}

static void
problem_text(const struct problem *p, struct tally_buf *out)
{
	tally_printable(out, tally_bytes_str(p->file));
	if (p->has_entry)
		tally_buf_addf(out, ": entry %" PRIu64, p->entry);
	tally_buf_add_str(out, ": ");
	tally_printable(out, tally_bytes_str(p->text));
	tally_buf_addf(out, " [%s]\n", p->check);
}

static void
remarks_text(const struct remarks *r, struct tally_buf *out)
{
	for (size_t i = 0; i < r->count; i++) {
		tally_buf_add_str(out, "remark: ");
		tally_printable(out, tally_bytes_str(r->p[i]));
		tally_buf_add_u8(out, '\n');
	}
}

void
tally_verify_text(const struct tally_verify *v, struct tally_buf *out)
{
	size_t problems = v->problems.count + v->problems.dropped;

	for (size_t i = 0; i < v->count; i++)
		target_text(&v->targets[i], out);
	for (size_t i = 0; i < v->problems.count; i++)
		problem_text(&v->problems.items[i], out);
	if (v->problems.dropped > 0)
		tally_buf_addf(out, "and %zu more\n", v->problems.dropped);
	remarks_text(&v->problems.verdicts, out);
	remarks_text(&v->problems.remarks, out);
	if (v->problems.unkept > 0)
		tally_buf_addf(out, "and %" PRIu64 " more remark%s\n", v->problems.unkept,
			       v->problems.unkept == 1 ? "" : "s");
	tally_buf_addf(out, "evidence: %s\n", tally_verify_class(v));
	if (problems > 0)
		tally_buf_addf(out, "%zu problem%s\n", problems, problems == 1 ? "" : "s");
	/* The verdict is the last line, and one of three. */
	if (!tally_verify_holds(v))
		tally_buf_add_str(out, "it does not hold\n");
	else if (tally_verify_anchored(v))
		tally_buf_add_str(out, "it holds\n");
	else
		tally_buf_add_str(out, "it holds, but nothing anchors it\n");
}
