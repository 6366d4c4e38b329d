/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: the report's own JSON and what its pictures are drawn from, as blocks of
 * data between a fixed beginning and a fixed end. Nothing of a report stands anywhere
 * else, and in a block no byte can end it: `<`, `>` and `&` are escaped, which in JSON
 * stand in texts alone.
 */
#include "page/page.h"
#include "report_internal.h"

static void
add_data(struct tally_buf *out, const char *id, struct tally_bytes json)
{
	size_t from = 0;

	tally_buf_addf(out, "<script type=\"application/json\" id=\"%s\">", id);
	for (size_t i = 0; i < json.len; i++) {
		uint8_t c = json.p[i];

		if (c != '<' && c != '>' && c != '&')
			continue;
		tally_buf_add(out, json.p + from, i - from);
		tally_buf_addf(out, "\\u%04x", c);
		from = i + 1;
	}
	tally_buf_add(out, json.p + from, json.len - from);
	tally_buf_add_str(out, "</script>\n");
}

/* What each rule says, for whoever asks why a figure is what it is. */
static void
add_rules(const struct tally_report *r, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, true);
	struct tally_buf text = TALLY_BUF_INIT;
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
	tally_buf_deinit(&text);
}

void
tally_report_html(const struct tally_report *r, struct tally_bytes evidence, struct tally_buf *out)
{
	struct tally_buf json = TALLY_BUF_INIT;

	tally_buf_add(out, report_page_before, report_page_before_len);
	report_json(r, &json, true);
	add_data(out, "report-data", tally_buf_view(&json));
	tally_buf_clear(&json);
	report_page_json(r, &json);
	add_data(out, "chart-data", tally_buf_view(&json));
	tally_buf_clear(&json);
	add_rules(r, &json);
	add_data(out, "rule-data", tally_buf_view(&json));
	tally_buf_deinit(&json);
	add_data(out, "evidence-data", evidence);
	tally_buf_add(out, report_page_behind, report_page_behind_len);
}
