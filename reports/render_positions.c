/* SPDX-License-Identifier: Apache-2.0 */
/* Positions and the packs behind them, in JSON and as a table. */
#include <inttypes.h>
#include <stdio.h>
#include "columns.h"
#include "figures.h"
#include "report_internal.h"
#include "tally/event.h"

static void
put_text(struct tally_jsonw *w, const char *key, struct tally_bytes text)
{
	tally_jsonw_key(w, key);
	tally_jsonw_string(w, text);
}

static void
put_null(struct tally_jsonw *w, const char *key)
{
	tally_jsonw_key(w, key);
	tally_jsonw_null(w);
}

static void
put_time(struct tally_jsonw *w, const char *key, int64_t at)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ at });
	put_text(w, key, tally_bytes_str(text));
}

static void
put_origin(struct tally_jsonw *w, const struct tally_report *r, uint32_t ledger, uint64_t index)
{
	tally_jsonw_key(w, "index");
	tally_jsonw_u64(w, index);
	put_text(w, "origin", r->ledgers[ledger].origin);
}

static void
put_amount(struct tally_jsonw *w, const char *key, const struct position *p, amount a)
{
	figure_json(w, key, p->applied, a);
}

static void
put_because(struct tally_jsonw *w, const struct tally_report *r, const struct position *p, size_t n)
{
	tally_jsonw_key(w, "because");
	tally_jsonw_array(w);
	for (size_t i = 0; i < n; i++) {
		const struct position_because *b = &p->because[i];
		char uuid[TALLY_UUID_TEXT];

		tally_jsonw_object(w);
		put_time(w, "at", b->at);
		put_text(w, "host", report_text(r, r->estate.hosts[b->host].name));
		put_origin(w, r, b->ledger, b->index);
		if (b->vm == POSITION_NONE) {
			put_null(w, "vm");
		} else {
			tally_uuid_text(uuid, r->estate.vms[b->vm].uuid);
			put_text(w, "vm", tally_bytes_str(uuid));
		}
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
put_vms(struct tally_jsonw *w, const char *key, const struct tally_report *r,
	const struct position_vm *vms, size_t n)
{
	tally_jsonw_key(w, key);
	tally_jsonw_array(w);
	for (size_t i = 0; i < n; i++) {
		char uuid[TALLY_UUID_TEXT];

		tally_uuid_text(uuid, r->estate.vms[vms[i].vm].uuid);
		tally_jsonw_object(w);
		put_text(w, "host", report_text(r, r->estate.hosts[vms[i].host].name));
		put_text(w, "name", report_text(r, vms[i].name));
		put_text(w, "vm", tally_bytes_str(uuid));
		put_text(w, "why", report_text(r, vms[i].why));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
put_share(struct tally_jsonw *w, const char *key, tally_i128 part, tally_i128 whole)
{
	char text[32];

	report_millionths(text, whole > 0 ? (uint64_t)((part * 2000000 + whole) / (whole * 2)) : 0);
	put_text(w, key, tally_bytes_str(text));
}

static void
put_evidence(struct tally_jsonw *w, const struct position *p)
{
	const struct position_evidence *e = &p->evidence;
	tally_i128 all = e->witnessed + e->declared + e->imported;

	tally_jsonw_key(w, "evidence");
	tally_jsonw_object(w);
	put_share(w, "declared", e->declared, all);
	put_share(w, "imported", e->imported, all);
	put_share(w, "witnessed", e->witnessed, all);
	tally_jsonw_end(w);
}

/* The worst reading, or what lacks by it, where it is told. */
static void
put_high(struct tally_jsonw *w, const struct tally_report *r, const struct position *p, amount a)
{
	if (r->with_high)
		put_amount(w, "high", p, a);
	else
		put_null(w, "high");
}

static void
put_held(struct tally_jsonw *w, const struct tally_report *r, const struct position *p)
{
	tally_jsonw_key(w, "surplus");
	tally_jsonw_object(w);
	if (p->has_entitled) {
		put_high(w, r, p, p->surplus.high);
		put_amount(w, "low", p, p->surplus.low);
		put_amount(w, "measured", p, p->surplus.measured);
	} else {
		put_null(w, "high");
		put_null(w, "low");
		put_null(w, "measured");
	}
	tally_jsonw_end(w);
}

static void
put_cheapest(struct tally_jsonw *w, const struct tally_report *r, const struct position *p)
{
	if (!p->has_cheapest) {
		put_null(w, "cheapest");
		return;
	}
	tally_jsonw_key(w, "cheapest");
	tally_jsonw_object(w);
	put_amount(w, "quantity", p, p->cheapest);
	put_text(w, "rule", report_text(r, p->cheapest_rule));
	tally_jsonw_end(w);
}

static void
put_choices(struct tally_jsonw *w, const struct tally_report *r, const struct position *p)
{
	tally_jsonw_key(w, "choices");
	tally_jsonw_array(w);
	for (size_t i = 0; i < p->n_choices; i++) {
		const struct position_choice *c = &p->choices[i];

		tally_jsonw_object(w);
		if (c->has_even)
			put_amount(w, "break_even", p, c->even);
		else
			put_null(w, "break_even");
		tally_jsonw_key(w, "lawful");
		tally_jsonw_bool(w, c->lawful);
		put_amount(w, "quantity", p, c->quantity);
		put_text(w, "rule", report_text(r, c->rule));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
put_position(struct tally_jsonw *w, const struct tally_report *r, const struct position *p,
	     bool behind)
{
	tally_jsonw_object(w);
	if (p->at == INT64_MIN)
		put_null(w, "at");
	else
		put_time(w, "at", p->at);
	put_because(w, r, p, behind ? p->n_because : 0);
	put_cheapest(w, r, p);
	put_choices(w, r, p);
	if (p->has_entitled)
		put_amount(w, "entitled", p, p->entitled);
	else
		put_null(w, "entitled");
	put_evidence(w, p);
	put_vms(w, "excluded", r, p->excluded, behind ? p->n_excluded : 0);
	put_time(w, "from", p->from);
	put_high(w, r, p, p->need.high);
	put_text(w, "id", report_text(r, p->id));
	put_amount(w, "low", p, p->need.low);
	put_amount(w, "measured", p, p->need.measured);
	put_amount(w, "order", p, p->order);
	put_text(w, "product", report_text(r, p->product));
	put_text(w, "rule", report_text(r, p->rule));
	put_text(w, "scope", tally_bytes_str(usage_scope_name(p->scope)));
	tally_jsonw_key(w, "short_history");
	tally_jsonw_bool(w, p->short_history);
	put_held(w, r, p);
	put_time(w, "to", p->to);
	put_text(w, "unit", report_text(r, p->unit));
	if (r->with_high)
		put_vms(w, "unresolved", r, p->unresolved, behind ? p->n_unresolved : 0);
	else
		put_null(w, "unresolved"); /* they are what it adds */
	tally_jsonw_end(w);
}

void
report_positions_json(struct tally_jsonw *w, const struct tally_report *r, bool because)
{
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->positions.n; i++)
		put_position(w, r, &r->positions.p[i],
			     because || r->positions.p[i].scope == SCOPE_FLEET);
	tally_jsonw_end(w);
}

size_t
report_positions_behind(const struct tally_report *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->positions.n; i++) {
		const struct position *p = &r->positions.p[i];

		if (p->scope != SCOPE_FLEET)
			n += p->n_because + p->n_excluded + (r->with_high ? p->n_unresolved : 0);
	}
	return n;
}

void
report_packs_json(struct tally_jsonw *w, const struct tally_report *r)
{
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->n_packs; i++) {
		char hash[2 * TALLY_HASH + 1];

		tally_hex(hash, r->packs[i]->sha256, TALLY_HASH);
		tally_jsonw_object(w);
		put_text(w, "id", tally_bytes_str(r->packs[i]->id));
		put_text(w, "sha256", tally_bytes_str(hash));
		put_text(w, "version", tally_bytes_str(r->packs[i]->version));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
add_amount(struct columns *c, amount a)
{
	char text[64];

	figure_text(text, a);
	columns_str(c, text);
}

/* What the figures are of, and what would do with least. */
static void
position_title(const struct tally_report *r, const struct position *p, const struct position *fleet,
	       struct columns *c)
{
	struct tally_buf text = TALLY_BUF_INIT;
	char figure[64];

	tally_buf_add_bytes(&text, report_text(r, p->rule));
	tally_buf_add_str(&text, " of ");
	tally_buf_add_bytes(&text, report_text(r, p->product));
	tally_buf_add_str(&text, ", in units of ");
	tally_buf_add_bytes(&text, report_text(r, p->unit));
	if (fleet && fleet->has_cheapest) {
		figure_text(figure, fleet->cheapest);
		tally_buf_add_str(&text, "; cheapest for the fleet: ");
		if (fleet->cheapest_rule == p->rule)
			tally_buf_add_str(&text, "this");
		else
			tally_buf_add_bytes(&text, report_text(r, fleet->cheapest_rule));
		tally_buf_addf(&text, ", %s", figure);
	}
	columns_title(c, tally_buf_view(&text));
	tally_buf_deinit(&text);
}

static void
add_position(struct columns *c, const struct tally_report *r, const struct position *p)
{
	struct tally_buf scope = TALLY_BUF_INIT;

	tally_buf_add_str(&scope, usage_scope_name(p->scope));
	if (p->scope != SCOPE_FLEET) {
		tally_buf_add_str(&scope, " ");
		tally_buf_add_bytes(&scope, report_text(r, p->id));
	}
	columns_add(c, tally_buf_view(&scope));
	add_amount(c, p->need.low);
	add_amount(c, p->need.measured);
	if (r->with_high)
		add_amount(c, p->need.high);
	else
		columns_str(c, "-");
	add_amount(c, p->order);
	if (p->has_entitled) {
		add_amount(c, p->entitled);
		add_amount(c, p->surplus.measured);
	} else {
		columns_str(c, "-");
		columns_str(c, "-");
	}
	tally_buf_clear(&scope);
	if (r->with_high)
		tally_buf_addf(&scope, "%zu", p->n_unresolved);
	else
		tally_buf_add_str(&scope, "-");
	columns_add(c, tally_buf_view(&scope));
	tally_buf_deinit(&scope);
}

/* Those of one rule and product, from the fleet inwards. */
static void
add_group(struct columns *c, const struct tally_report *r, const struct position *p, size_t n)
{
	static const enum scope order[] = { SCOPE_FLEET, SCOPE_REGION, SCOPE_CLUSTER };
	const struct position *fleet = NULL;
	size_t titles = c->n_titles, before = c->count;

	for (size_t i = 0; i < n; i++)
		if (p[i].scope == SCOPE_FLEET)
			fleet = &p[i];
	position_title(r, p, fleet, c);
	for (size_t s = 0; s < sizeof(order) / sizeof(*order); s++)
		for (size_t i = 0; i < n; i++)
			if (p[i].scope == order[s] && report_text(r, p[i].id).len > 0)
				add_position(c, r, &p[i]);
	if (c->count == before)
		columns_untitle(c, titles);
}

/* The fleet and what has a name in it; hosts are in the other formats. */
void
report_positions_text(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "-scope", ">low",      ">measured", ">high",
					     ">order", ">entitled", ">surplus",  ">unresolved" };
	const struct position *p = r->positions.p;
	struct columns c;

	if (r->n_packs == 0)
		return;
	columns_init(&c, heads, sizeof(heads) / sizeof(*heads));
	for (size_t i = 0, end; i < r->positions.n; i = end) {
		for (end = i + 1; end < r->positions.n && p[end].rule == p[i].rule &&
				  p[end].product == p[i].product;)
			end++;
		add_group(&c, r, &p[i], end - i);
	}
	tally_buf_add_str(out, "\nLicence positions\n");
	if (c.count > 0)
		columns_print(&c, out, width);
	else
		tally_buf_add_str(out, "  no product of the rules occurs\n");
	columns_deinit(&c);
	report_choices_text(r, out, width);
}
