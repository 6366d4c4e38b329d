/* SPDX-License-Identifier: Apache-2.0 */
/* Rules as text: a line each, or one with all that it says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "figures.h"
#include "tally/csv.h"
#include "rule.h"

#define DATE 10 /* of an instant's text */

static void
date_text(char out[TALLY_TIME_TEXT], int64_t at)
{
	if (at == INT64_MAX) {
		out[0] = '\0';
		return;
	}
	tally_wall_text(out, (struct tally_wall){ at });
	out[DATE] = '\0';
}

static void
cell(struct tally_buf *out, const char *text, size_t width)
{
	size_t before = out->len;

	tally_printable(out, tally_bytes_str(text));
	while (out->len - before < width)
		tally_buf_add_str(out, " ");
	tally_buf_add_str(out, "  ");
}

void
tally_packs_list(struct tally_pack *const *packs, size_t n, struct tally_buf *out)
{
	size_t width = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < packs[i]->n_rules; k++)
			if (strlen(packs[i]->rules[k].id) > width)
				width = strlen(packs[i]->rules[k].id);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < packs[i]->n_rules; k++) {
			const struct rule *r = &packs[i]->rules[k];
			char from[TALLY_TIME_TEXT], to[TALLY_TIME_TEXT];

			date_text(from, r->valid_from);
			date_text(to, r->valid_to);
			cell(out, r->id, width);
			cell(out, metric_name(r->kind), 17);
			cell(out, from, DATE);
			cell(out, *to ? to : "-", DATE);
			cell(out, packs[i]->id, 15);
			tally_printable(out, tally_bytes_str(packs[i]->version));
			tally_buf_add_str(out, "\n");
		}
	}
}

static void
line(struct tally_buf *out, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	tally_buf_addf(out, "%-16s ", key);
	tally_printable(out, tally_bytes_str(text));
	tally_buf_add_str(out, "\n");
}

static void
line_list(struct tally_buf *out, const char *key, const struct tally_strings *list)
{
	if (list->count == 0)
		return;
	tally_buf_addf(out, "%-16s ", key);
	for (size_t i = 0; i < list->count; i++) {
		tally_buf_add_str(out, i ? ", " : "");
		tally_printable(out, tally_bytes_str(list->items[i]));
	}
	tally_buf_add_str(out, "\n");
}

static void
line_number(struct tally_buf *out, const char *key, uint64_t number)
{
	if (number > 0)
		tally_buf_addf(out, "%-16s %" PRIu64 "\n", key, number);
}

static void
show_parameters(struct tally_buf *out, const struct rule *r)
{
	line_list(out, "guests' os", &r->os);
	line_list(out, "editions", &r->editions);
	line_list(out, "software", &r->software);
	line_list(out, "hosts' os", &r->host_os);
	line_list(out, "hypervisors", &r->hypervisors);
	line(out, "whole cluster", r->whole_cluster ? "yes" : "");
	line_number(out, "min per socket", r->min_per_socket);
	line_number(out, "min per host", r->min_per_host);
	line_number(out, "min per VM", r->min_per_vm);
	line_number(out, "min in all", r->min_total);
	line_number(out, "VMs per stack", r->vms_per_stack);
	line_number(out, "sockets per unit", r->sockets_per_unit);
	line_number(out, "VMs per unit", r->vms_per_unit);
	if (r->kind == METRIC_VM_PAIRS)
		line(out, "rounded", r->round_per_host ? "on each host" : "once for the scope");
	for (size_t i = 0; i < r->n_factors; i++)
		tally_buf_addf(out, "%-16s %s: %" PRIu64 ".%02" PRIu64 "\n", "factor",
			       r->factors[i].cpu, r->factors[i].hundredths / 100,
			       r->factors[i].hundredths % 100);
	line_list(out, "approved", &r->approved);
	for (size_t i = 0; i < r->n_units; i++) {
		tally_buf_addf(out, "%-16s %s", "units a core", r->units[i].cpu);
		if (r->units[i].max_sockets)
			tally_buf_addf(out, ", up to %" PRIu64 " sockets", r->units[i].max_sockets);
		tally_buf_addf(out, ": %" PRIu64 "\n", r->units[i].units);
	}
	line_number(out, "other cores", r->units_default);
	line_number(out, "unknown hosts", r->units_unknown);
	for (size_t i = 0; i < r->n_tiers; i++) {
		tally_buf_addf(out, "%-16s %s", "tier", r->tiers[i].name);
		if (r->tiers[i].up_to)
			tally_buf_addf(out, ", up to %" PRIu64, r->tiers[i].up_to);
		tally_buf_addf(out, ": %" PRIu64 ".%02" PRIu64 "\n", r->tiers[i].hundredths / 100,
			       r->tiers[i].hundredths % 100);
	}
}

static void
show_reading(struct tally_buf *out, const struct rule *r)
{
	line(out, "aggregation", rule_aggregation_word(r->aggregation));
	if (r->window == WINDOW_DAYS)
		line_number(out, "window, days", r->window_days);
	else
		line(out, "window", rule_window_word(r->window));
	line(out, "low", rule_low_word(r->low));
	line_number(out, "move, days", r->move_days);
	line(out, "reach of high", rule_reach_word(r->reach));
	line_number(out, "order, pack", r->order_pack);
	line_number(out, "order, minimum", r->order_min);
	line(out, "order", r->order_per_host ? "host by host" : "");
	for (size_t i = 0; i < r->n_exclusions; i++) {
		line(out, "right", r->exclusions[i].right);
		line_list(out, "  excludes", &r->exclusions[i].environments);
		line(out, "  excludes", r->exclusions[i].standby ? "standby" : "");
	}
}

/* Among which rules it is compared, and at what price. */
static void
show_price(struct tally_buf *out, const struct rule *r)
{
	char price[64];

	if (!r->group)
		return;
	line(out, "compared in", r->group);
	if (!r->priced)
		return;
	figure_text(price, r->price);
	line(out, "list price", price);
	line(out, "price from", r->price_source.text);
	line(out, "url", r->price_source.url);
	line(out, "read", r->price_source.read);
}

void
tally_pack_show(const struct tally_pack *p, const char *rule, struct tally_buf *out)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];
		char from[TALLY_TIME_TEXT], to[TALLY_TIME_TEXT], hash[2 * TALLY_HASH + 1];

		if (strcmp(r->id, rule) != 0)
			continue;
		date_text(from, r->valid_from);
		date_text(to, r->valid_to);
		tally_hex(hash, p->sha256, TALLY_HASH);
		if (out->len > 0)
			tally_buf_add_str(out, "\n");
		line(out, "rule", r->id);
		line(out, "title", r->title);
		tally_buf_addf(out, "%-16s ", "pack");
		tally_printable(out, tally_bytes_str(p->id));
		tally_buf_add_str(out, " ");
		tally_printable(out, tally_bytes_str(p->version));
		tally_buf_add_str(out, "\n");
		line(out, "sha256", hash);
		line(out, "vendor", p->vendor);
		line(out, "valid from", from);
		line(out, "valid to", to);
		line(out, "metric", metric_name(r->kind));
		line(out, "unit", r->unit);
		line(out, "product", r->product);
		line_list(out, "licences", &r->licences);
		show_parameters(out, r);
		show_reading(out, r);
		line(out, "source", r->source.text);
		line(out, "url", r->source.url);
		line(out, "read", r->source.read);
		show_price(out, r);
	}
}
