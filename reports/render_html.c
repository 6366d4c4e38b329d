/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: the report's own JSON and what its pictures are drawn from, as blocks of
 * data between a fixed beginning and a fixed end. Nothing of a report stands anywhere
 * else, and in a block no byte can end it: `<`, `>` and `&` are escaped, which in JSON
 * stand in texts alone. A long block is packed; and where a page would still be too large,
 * it leaves out what it says it leaves out, and no more than it must.
 */
#include "page/page.h"
#include "report_internal.h"
#include "tally/deflate.h"

#define PAGE_MOST  2000000U /* bytes, without evidence */
#define PLAIN_MOST 50000U   /* so much of a block can still be read as it stands */

static const struct report_cut cuts[] = {
	{ .lanes = 40000 }, /* what a page draws quickly */
	{ .lanes = 20000 },
	{ .lanes = 20000, .charges = true },
	{ .lanes = 20000, .charges = true, .because = true },
	{ .lanes = 10000, .charges = true, .because = true },
	{ .lanes = 0, .charges = true, .because = true }, /* one of each VM */
	{ .lanes = 0, .charges = true, .because = true, .vms = true },
};

static void
add_escaped(struct tally_buf *out, struct tally_bytes json)
{
	size_t from = 0;

	for (size_t i = 0; i < json.len; i++) {
		uint8_t c = json.p[i];

		if (c != '<' && c != '>' && c != '&')
			continue;
		tally_buf_add(out, json.p + from, i - from);
		tally_buf_addf(out, "\\u%04x", c);
		from = i + 1;
	}
	tally_buf_add(out, json.p + from, json.len - from);
}

static void
add_packed(struct tally_buf *out, struct tally_bytes json)
{
	struct tally_buf packed = TALLY_BUF_INIT;

	tally_deflate(&packed, json);
	tally_buf_add_u8(out, '"');
	tally_buf_add_base64(out, packed.p, packed.len);
	tally_buf_add_u8(out, '"');
	tally_buf_deinit(&packed);
}

static void
add_data(struct tally_buf *out, const char *id, struct tally_bytes json, bool pack)
{
	tally_buf_addf(out, "<script type=\"application/json\" id=\"%s\">", id);
	/* One above TALLY_REPORT_MAX is not written, and whoever writes says so. */
	if (pack && json.len > PLAIN_MOST && json.len <= TALLY_REPORT_MAX)
		add_packed(out, json);
	else
		add_escaped(out, json);
	tally_buf_add_str(out, "</script>\n");
}

/* What each rule says, for whoever asks why a figure is what it is. */
static void
add_rules(const struct tally_report *r, struct tally_buf *out)
{
	struct tally_buf json = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	struct tally_jsonw *w = tally_jsonw_new(&json, true);
	uint32_t last = UINT32_MAX;

	tally_jsonw_object(w);
	for (size_t i = 0; i < r->positions.n; i++) {
		const struct position *p = &r->positions.p[i];

		if (p->rule == last)
			continue;
		last = p->rule;
		tally_buf_clear(&text);
		for (size_t k = 0; k < r->n_packs; k++)
			tally_pack_show(r->packs[k], p->applied->id, &text);
		tally_jsonw_key(w, p->applied->id);
		tally_jsonw_string(w, tally_buf_view(&text));
	}
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	add_data(out, "rule-data", tally_buf_view(&json), true);
	tally_buf_deinit(&json);
	tally_buf_deinit(&text);
}

static void
add_report(const struct tally_report *r, const struct report_cut *cut, struct tally_buf *out)
{
	struct tally_buf json = TALLY_BUF_INIT;

	report_json(r, &json, true, cut);
	add_data(out, "report-data", tally_buf_view(&json), true);
	tally_buf_deinit(&json);
}

static void
add_chart(const struct tally_report *r, const struct report_cut *cut, struct tally_buf *out)
{
	struct tally_buf json = TALLY_BUF_INIT;

	report_page_json(r, cut, &json);
	add_data(out, "chart-data", tally_buf_view(&json), true);
	tally_buf_deinit(&json);
}

void
tally_report_html(const struct tally_report *r, struct tally_bytes evidence, struct tally_buf *out)
{
	struct tally_buf report = TALLY_BUF_INIT, rest = TALLY_BUF_INIT;
	size_t shell = report_page_before_len + report_page_behind_len;
	const struct report_cut *cut = NULL, *last = NULL;

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++, last = cut) {
		cut = &cuts[i];
		if (!last || cut->charges != last->charges || cut->because != last->because ||
		    cut->vms != last->vms) {
			tally_buf_clear(&report);
			add_report(r, cut, &report);
		}
		tally_buf_clear(&rest);
		add_chart(r, cut, &rest);
		add_rules(r, &rest);
		if (shell + report.len + rest.len <= PAGE_MOST)
			break;
	}
	tally_buf_add(out, report_page_before, report_page_before_len);
	tally_buf_add_bytes(out, tally_buf_view(&report));
	tally_buf_add_bytes(out, tally_buf_view(&rest));
	tally_buf_deinit(&report);
	tally_buf_deinit(&rest);
	add_data(out, "evidence-data", evidence, false);
	tally_buf_add(out, report_page_behind, report_page_behind_len);
}
