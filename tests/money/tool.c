/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The money of reports/ as a filter, for a second calculation to compare with.
 *
 *	money-tool decimal                              operations on stdin, a result a line
 *	money-tool charges PRICES FROM TO ZONE [OLD]    an estate on stdin; JSON, or an error and 2
 *	money-tool focus PRICES FROM TO ZONE [OLD]      the same as FOCUS
 *	money-tool metadata PRICES FROM TO ZONE [OLD]   what describes that, as of focus.csv
 *
 * Operations: "add A B", "sub A B", "mul A B", "cmp A B", "round A DECIMALS HOW",
 * "minor A DIGITS", "ratio NUM DEN DECIMALS HOW", "exact NUM DEN"; "none" where it
 * does not fit. An estate: fields behind tabs, "-" for an empty one,
 *
 *	host NAME ORIGIN
 *	facts HOST FROM REGION
 *	rule ID PACK VERSION FROM TO OS EDITIONS CLOCK
 *	stay HOST VM FROM TO STATE VCPUS MEMORY OS EDITION SOFTWARE TENANT COST_CENTER
 *	     ENVIRONMENT NAME ENTRY IMPORTED STANDBY UNCERTAIN
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../reports/charge.h"
#include "tally/err.h"
#include "tally/json.h"
#include "tally/report.h"

#define FIELDS 24

static void
slurp(FILE *f, struct tally_buf *out)
{
	size_t n;

	do {
		n = fread(tally_buf_grow(out, 65536), 1, 65536, f);
		out->len -= 65536 - n;
	} while (n > 0);
}

static size_t
split(char *line, char sign, char *fields[FIELDS])
{
	size_t n = 0;

	for (char *p = line; p && n < FIELDS; n++) {
		fields[n] = p;
		p = strchr(p, sign);
		if (p)
			*p++ = '\0';
	}
	return n;
}

static struct decimal
number(const char *s)
{
	struct decimal d = { 0, 0 };

	TALLY_ASSERT(decimal_parse(&d, tally_bytes_str(s), DECIMAL_SCALE_MAX) == DECIMAL_TAKEN);
	return d;
}

static enum decimal_rounding
how(const char *s)
{
	return strcmp(s, "half-up") == 0     ? DECIMAL_HALF_UP
	       : strcmp(s, "half-even") == 0 ? DECIMAL_HALF_EVEN
					     : DECIMAL_UP;
}

static bool
on_ratio(char *f[FIELDS], struct decimal *out)
{
	struct ratio r;

	if (!ratio_make(&r, number(f[1]).digits, number(f[2]).digits))
		return false;
	if (strcmp(f[0], "exact") == 0)
		return ratio_exact(out, r);
	return ratio_round(out, r, (unsigned)strtoul(f[3], NULL, 10), how(f[4]));
}

static bool
operate(char *f[FIELDS], struct decimal *out)
{
	struct decimal a, b;
	int64_t minor = 0;
	int c = 0;
	bool ok;

	if (strcmp(f[0], "ratio") == 0 || strcmp(f[0], "exact") == 0)
		return on_ratio(f, out);
	a = number(f[1]);
	b = number(f[2]);
	if (strcmp(f[0], "add") == 0)
		return decimal_add(out, a, b);
	if (strcmp(f[0], "sub") == 0)
		return decimal_sub(out, a, b);
	if (strcmp(f[0], "mul") == 0)
		return decimal_mul(out, a, b);
	if (strcmp(f[0], "round") == 0)
		return decimal_round(out, a, (unsigned)b.digits, how(f[3]));
	if (strcmp(f[0], "cmp") == 0) {
		ok = decimal_cmp(&c, a, b);
		*out = decimal_of(c, 0);
		return ok;
	}
	TALLY_ASSERT(strcmp(f[0], "minor") == 0);
	ok = decimal_minor(&minor, a, (unsigned)b.digits);
	*out = decimal_of(minor, 0);
	return ok;
}

static int
decimals(void)
{
	char *line = NULL, *f[FIELDS];
	size_t cap = 0;

	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		struct decimal d = { 0, 0 };
		char text[DECIMAL_TEXT] = "none";

		line[n - 1] = '\0';
		split(line, ' ', f);
		if (operate(f, &d))
			decimal_text(text, d, 0);
		puts(text);
	}
	free(line);
	return 0;
}

struct input {
	struct estate estate;
	struct tally_bytes origins[64];
	struct tally_pack packs[8], *list[8];
	size_t n_packs;
};

static uint32_t
text_of(struct input *in, const char *s)
{
	return strings_add(in->estate.strings, tally_bytes_str(strcmp(s, "-") == 0 ? "" : s));
}

static struct tally_strings
words(const char *s)
{
	char *copy = tally_strdup(s), *f[FIELDS];
	struct tally_strings list = { NULL, 0 };

	if (strcmp(s, "-") != 0) {
		list.count = split(copy, ',', f);
		list.items = tally_realloc_array(NULL, list.count, sizeof(*list.items));
		for (size_t i = 0; i < list.count; i++)
			list.items[i] = tally_strdup(f[i]);
	}
	free(copy);
	return list;
}

static uint32_t
host_of(const struct input *in, const char *name)
{
	for (uint32_t i = 0; i < in->estate.n_hosts; i++)
		if (tally_bytes_eq(strings_get(in->estate.strings, in->estate.hosts[i].name),
				   tally_bytes_str(name)))
			return i;
	tally_assert_failed("a host of the input", __FILE__, __LINE__);
}

static void
add_rule(struct input *in, char *f[FIELDS])
{
	struct tally_pack *p = &in->packs[in->n_packs];
	struct rule *r = tally_alloc(sizeof(*r));

	TALLY_ASSERT(in->n_packs < 8);
	r->id = tally_strdup(f[1]);
	r->product = tally_strdup("p");
	r->valid_from = strtoll(f[4], NULL, 10);
	r->valid_to = strtoll(f[5], NULL, 10);
	r->os = words(f[6]);
	r->editions = words(f[7]);
	r->clock = (unsigned)strtoul(f[8], NULL, 10);
	*p = (struct tally_pack){
		.id = tally_strdup(f[2]), .version = tally_strdup(f[3]), .rules = r, .n_rules = 1
	};
	in->list[in->n_packs++] = p;
}

static void
add_stay(struct input *in, char *f[FIELDS])
{
	struct stay_claims c = { .os = text_of(in, f[8]),
				 .edition = text_of(in, f[9]),
				 .tenant = text_of(in, f[11]),
				 .cost_center = text_of(in, f[12]),
				 .environment = text_of(in, f[13]),
				 .name = text_of(in, f[14]) };
	struct stay_size size = { .vcpus = (uint32_t)strtoul(f[6], NULL, 10),
				  .memory_mib = strtoull(f[7], NULL, 10) };
	struct tally_strings software = words(f[10]);
	struct stay s = { .from = strtoll(f[3], NULL, 10), .to = strtoll(f[4], NULL, 10) };
	uint8_t uuid[TALLY_UUID];

	for (size_t i = 0; i < software.count; i++) {
		ids_add(&c.software, text_of(in, software.items[i]));
		free(software.items[i]);
	}
	free(software.items);
	TALLY_ASSERT(tally_uuid_parse(uuid, f[2], strlen(f[2])));
	s.host = host_of(in, f[1]);
	s.vm = estate_vm(&in->estate, uuid);
	s.state = strtoul(f[5], NULL, 10) & 7;
	s.claims = estate_claims(&in->estate, &c);
	s.size = estate_size(&in->estate, &size);
	s.entry = strtoull(f[15], NULL, 10) & 0xffffffff;
	s.imported = *f[16] == '1';
	s.standby = *f[17] == '1';
	s.uncertain = *f[18] == '1';
	estate_stay(&in->estate, &s);
	ids_deinit(&c.software);
}

static void
add_line(struct input *in, char *line)
{
	char *f[FIELDS] = { NULL };
	size_t n = split(line, '\t', f);

	if (strcmp(f[0], "host") == 0 && n == 3) {
		uint32_t h =
			estate_host(&in->estate, text_of(in, f[1]), (uint32_t)in->estate.n_hosts);

		TALLY_ASSERT(h < 64);
		in->origins[h] = strings_get(in->estate.strings, text_of(in, f[2]));
	} else if (strcmp(f[0], "facts") == 0 && n == 4) {
		struct host_facts facts = { .host = host_of(in, f[1]),
					    .from = strtoll(f[2], NULL, 10),
					    .region = text_of(in, f[3]),
					    .known = true };

		estate_tell(&in->estate, &facts);
	} else if (strcmp(f[0], "rule") == 0 && n == 9) {
		add_rule(in, f);
	} else {
		TALLY_ASSERT(strcmp(f[0], "stay") == 0 && n == 19);
		add_stay(in, f);
	}
}

static void
free_packs(struct input *in)
{
	for (size_t i = 0; i < in->n_packs; i++) {
		struct rule *r = in->packs[i].rules;

		for (size_t k = 0; k < r->os.count; k++)
			free(r->os.items[k]);
		for (size_t k = 0; k < r->editions.count; k++)
			free(r->editions.items[k]);
		free(r->os.items);
		free(r->editions.items);
		free(r->id);
		free(r->product);
		free(r);
		free(in->packs[i].id);
		free(in->packs[i].version);
	}
}

static void
print(const struct charges *c, const struct charge_inputs *ci, struct tally_err *err)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_jsonw *w = tally_jsonw_new(&out, false);
	struct invoice *invoices = NULL;
	char text[DECIMAL_TEXT];
	size_t n = 0;

	TALLY_ASSERT(charges_invoices(c, &invoices, &n, err) == 0);
	tally_jsonw_object(w);
	tally_jsonw_key(w, "charges");
	charges_json(c, w);
	tally_jsonw_key(w, "invoices");
	tally_jsonw_object(w);
	for (size_t i = 0; i < n; i++) {
		struct tally_bytes id = strings_get(c->strings, invoices[i].id);
		char name[300];

		snprintf(name, sizeof(name), "%.*s", (int)id.len, (const char *)id.p);
		decimal_text(text, invoices[i].billed, 0);
		tally_jsonw_key(w, name);
		tally_jsonw_str(w, text);
	}
	tally_jsonw_end(w);
	tally_jsonw_key(w, "unknown");
	tally_jsonw_array(w);
	for (size_t i = 0; i < ci->prices->skus.count; i++) {
		tally_seconds_text(text, c->notes[i].unknown_ns);
		tally_jsonw_str(w, text);
	}
	tally_jsonw_end(w);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	fwrite(out.p, 1, out.len, stdout);
	free(invoices);
	tally_buf_deinit(&out);
}

/* Each ledger's root is its number, 32 times. */
static void
print_focus(const struct charges *c, const struct input *in, bool metadata, struct tally_err *err)
{
	uint8_t roots[64][TALLY_HASH];
	struct charge_root list[64];
	struct tally_buf csv = TALLY_BUF_INIT, json = TALLY_BUF_INIT;
	size_t n = in->estate.n_hosts;

	for (size_t i = 0; i < n; i++) {
		memset(roots[i], (int)i, TALLY_HASH);
		list[i] = (struct charge_root){ in->origins[i], roots[i] };
	}
	charges_focus(c, list, n, &csv);
	TALLY_ASSERT(charges_focus_metadata(c, "focus.csv", csv.len, &json, err) == 0);
	if (metadata)
		fwrite(json.p, 1, json.len, stdout);
	else
		fwrite(csv.p, 1, csv.len, stdout);
	tally_buf_deinit(&csv);
	tally_buf_deinit(&json);
}

static void
read_file(const char *path, struct tally_buf *out)
{
	FILE *f = fopen(path, "rb");

	TALLY_ASSERT(f);
	slurp(f, out);
	fclose(f);
}

static int
correct(struct charges *c, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_json_doc *doc = NULL;
	int rc;

	read_file(path, &text);
	rc = tally_json_parse(&doc, tally_buf_view(&text), err);
	if (rc == 0)
		rc = charges_correct(c, tally_json_get(tally_json_root(doc), "charges"), err);
	tally_json_free(doc);
	tally_buf_deinit(&text);
	return rc;
}

static int
charge(char **argv, struct tally_err *err)
{
	struct tally_buf yaml = TALLY_BUF_INIT;
	struct charge_inputs ci = { .from = strtoll(argv[3], NULL, 10),
				    .to = strtoll(argv[4], NULL, 10) };
	struct tally_prices *prices = NULL;
	struct tally_zone *zone = NULL;
	struct strings strings;
	struct charges c;
	struct input in = { .n_packs = 0 };
	char *line = NULL;
	size_t cap = 0;
	int rc;

	strings_init(&strings);
	estate_init(&in.estate, &strings, ci.from - 90 * INT64_C(86400) * TALLY_SECOND, ci.to);
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		line[n - 1] = '\0';
		add_line(&in, line);
	}
	free(line);
	estate_finish(&in.estate);
	read_file(argv[2], &yaml);
	rc = tally_prices_parse(&prices, "prices.yaml", tally_buf_view(&yaml), err);
	if (rc == 0)
		rc = tally_zone_open(&zone, argv[5], err);
	if (rc == 0) {
		ci.estate = &in.estate;
		ci.prices = prices;
		ci.zone = zone;
		ci.origins = in.origins;
		ci.packs = in.list;
		ci.n_packs = in.n_packs;
		rc = charges_make(&c, &ci, err);
		if (rc == 0 && argv[6])
			rc = correct(&c, argv[6], err);
		if (rc == 0 && strcmp(argv[1], "charges") == 0)
			print(&c, &ci, err);
		else if (rc == 0)
			print_focus(&c, &in, strcmp(argv[1], "metadata") == 0, err);
		charges_deinit(&c);
	}
	free_packs(&in);
	tally_zone_free(zone);
	tally_prices_free(prices);
	estate_deinit(&in.estate);
	strings_deinit(&strings);
	tally_buf_deinit(&yaml);
	return rc;
}

int
main(int argc, char **argv)
{
	struct tally_err err = TALLY_ERR_INIT;

	if (argc == 2 && strcmp(argv[1], "decimal") == 0)
		return decimals();
	TALLY_ASSERT(argc == 6 || argc == 7);
	if (charge(argv, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return tally_err_exit(&err);
}
