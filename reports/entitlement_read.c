/* SPDX-License-Identifier: Apache-2.0 */
/* A file of entitlements, YAML or CSV, into rows of texts with places; what a row
 * says is checked elsewhere, and alike for both. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "entitlement_internal.h"
#include "tally/csv.h"
#include "tally/err.h"

static int
add(struct entitlements *e, const struct entitlement_row *row, struct tally_err *err)
{
	struct entitlement one;

	if (entitlement_make(&one, row, err) < 0)
		return -1;
	e->p = array_grow(e->p, &e->cap, e->n, sizeof(*e->p));
	e->p[e->n++] = one;
	return 0;
}

static int
add_right(struct entitlement_row *row, struct tally_bytes text, unsigned line, unsigned column,
	  struct tally_err *err)
{
	struct entitlement_value v = { text, line, column };

	if (row->n_rights == ENTITLEMENT_RIGHTS)
		return entitlement_refuse(row->name, &v, err, "more than %d rights",
					  ENTITLEMENT_RIGHTS);
	row->rights[row->n_rights++] = v;
	return 0;
}

/* Several in one text: words with blanks, commas or semicolons between. */
static int
split_rights(struct entitlement_row *row, const struct entitlement_value *v, struct tally_err *err)
{
	static const char between[] = " \t,;";
	size_t i = 0, begin;

	while (i < v->text.len) {
		while (i < v->text.len && memchr(between, v->text.p[i], 4))
			i++;
		begin = i;
		while (i < v->text.len && !memchr(between, v->text.p[i], 4))
			i++;
		if (i > begin && add_right(row, tally_bytes(v->text.p + begin, i - begin), v->line,
					   v->column, err) < 0)
			return -1;
	}
	return 0;
}

static int
yaml_rights(struct entitlement_row *row, const struct tally_yaml *y, struct tally_err *err)
{
	struct entitlement_value v = { { NULL, 0 }, y->line, y->column };

	if (y->type == TALLY_YAML_SCALAR) {
		v.text = tally_bytes_str(y->text);
		return split_rights(row, &v, err);
	}
	if (y->type != TALLY_YAML_LIST)
		return tally_yaml_error(row->name, y, err, "'rights' must be a list of texts");
	for (size_t i = 0; i < y->count; i++) {
		const struct tally_yaml *one = y->items[i];

		if (one->type != TALLY_YAML_SCALAR)
			return tally_yaml_error(row->name, one, err,
						"'rights' must be a list of texts");
		if (add_right(row, tally_bytes_str(one->text), one->line, one->column, err) < 0)
			return -1;
	}
	return 0;
}

static int
yaml_value(struct entitlement_row *row, const char *key, const struct rule_place *place,
	   const struct tally_yaml *y, struct tally_err *err)
{
	struct tally_buf shown = TALLY_BUF_INIT;
	unsigned k = 0;

	while (k < KEYS && strcmp(key, entitlement_keys[k]) != 0)
		k++;
	if (k == KEYS) {
		tally_printable(&shown, tally_bytes_str(key));
		entitlement_refuse_(row->name, place->line, place->column, err,
				    "unknown key '%.100s'", tally_buf_cstr(&shown));
		tally_buf_deinit(&shown);
		return -1;
	}
	if (k == KEY_RIGHTS)
		return yaml_rights(row, y, err);
	if (y->type != TALLY_YAML_SCALAR)
		return tally_yaml_error(row->name, y, err, "'%s' must be a text", key);
	if (k == KEY_QUANTITY && y->quoted)
		return tally_yaml_error(row->name, y, err,
					"'quantity' must be a number, not a text in quotes");
	row->at[k] = (struct entitlement_value){ tally_bytes_str(y->text), y->line, y->column };
	return 0;
}

static int
yaml_row(struct entitlements *e, const struct tally_yaml *y, struct tally_err *err)
{
	struct entitlement_row row = { .name = e->name, .line = y->line, .column = y->column };

	if (y->type != TALLY_YAML_MAP)
		return tally_yaml_error(e->name, y, err, "an entitlement must be a map");
	for (size_t i = 0; i < y->count; i++) {
		struct rule_place place = { y->key_places[i].line, y->key_places[i].column };

		if (yaml_value(&row, y->keys[i], &place, y->items[i], err) < 0)
			return -1;
	}
	return add(e, &row, err);
}

/* A list of maps, by itself or under the key `entitlements`. */
static int
yaml_rows(struct entitlements *e, const struct tally_yaml *y, struct tally_err *err)
{
	const struct tally_yaml *list = y;

	if (y->type == TALLY_YAML_MAP) {
		static const struct tally_field none[] = { { .key = NULL } };
		struct tally_yaml rest = *y;

		list = tally_yaml_get(y, "entitlements");
		/* Anything else is refused as the walker does it. */
		if (list && y->count > 1 && list == y->items[0]) {
			rest.keys++;
			rest.key_places++;
			rest.items++;
		}
		rest.count -= list ? 1 : 0;
		if (rest.count > 0)
			return tally_yaml_read(e->name, &rest, none, &rest, err);
		if (!list)
			return tally_yaml_error(e->name, y, err, "no entitlements");
	}
	if (list->type != TALLY_YAML_LIST)
		return tally_yaml_error(e->name, list, err,
					"'entitlements' must be a list of maps");
	if (list->count == 0)
		return tally_yaml_error(e->name, list, err, "no entitlements");
	for (size_t i = 0; i < list->count; i++)
		if (yaml_row(e, list->items[i], err) < 0)
			return -1;
	return 0;
}

static int
read_yaml(struct entitlements *e, struct tally_bytes in, struct tally_err *err)
{
	struct tally_yaml *y;
	int rc;

	if (tally_yaml_parse(&y, e->name, in, err) < 0)
		return -1;
	rc = yaml_rows(e, y, err);
	tally_yaml_free(y);
	return rc;
}

static int
csv_row(struct entitlements *e, const struct tally_csv_row *cells, const size_t at[KEYS],
	struct tally_err *err)
{
	struct entitlement_row row = { .name = e->name,
				       .line = cells->cells[0].line,
				       .column = cells->cells[0].column };

	for (size_t k = 0; k < KEYS; k++) {
		const struct tally_csv_cell *cell;

		if (at[k] == SIZE_MAX)
			continue;
		cell = &cells->cells[at[k]];
		row.at[k] = (struct entitlement_value){ cell->text, cell->line, cell->column };
	}
	if (split_rights(&row, &row.at[KEY_RIGHTS], err) < 0)
		return -1;
	return add(e, &row, err);
}

static int
read_csv(struct entitlements *e, struct tally_bytes in, struct tally_err *err)
{
	struct tally_csv *csv;
	size_t at[KEYS];
	int rc;

	if (tally_csv_parse(&csv, e->name, in, err) < 0)
		return -1;
	rc = tally_csv_columns(csv, entitlement_keys, KEYS, at, err);
	if (rc == 0 && csv->count == 1)
		rc = tally_csv_error(csv, &csv->rows[0].cells[0], err,
				     "no entitlements, only the names of columns");
	for (size_t i = 1; rc == 0 && i < csv->count; i++)
		rc = csv_row(e, &csv->rows[i], at, err);
	tally_csv_free(csv);
	return rc;
}

static bool
ends_with(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n >= m && strcasecmp(name + n - m, ending) == 0;
}

/* The names of columns stand in a line with commas and without a colon; YAML that
 * says anything has a colon in its first line that is neither blank nor a comment. */
static bool
is_csv(const char *name, struct tally_bytes in)
{
	const uint8_t *end;
	size_t n;

	if (ends_with(name, ".csv"))
		return true;
	if (ends_with(name, ".yaml") || ends_with(name, ".yml") || in.len == 0)
		return false;
	end = memchr(in.p, '\n', in.len);
	n = end ? (size_t)(end - in.p) : in.len;
	return n > 0 && in.p[0] != '#' && memchr(in.p, ',', n) && !memchr(in.p, ':', n);
}

static int
compare_references(const void *a, const void *b)
{
	const struct entitlement *x = *(const struct entitlement *const *)a;
	const struct entitlement *y = *(const struct entitlement *const *)b;
	int c = strcmp(x->reference, y->reference);

	return c ? c : x < y ? -1 : x > y;
}

/* The first row, in the file's order, whose reference an earlier one has. */
static int
check_references(const struct entitlements *e, struct tally_err *err)
{
	const struct entitlement **order =
		tally_realloc_array(NULL, e->n, sizeof(const struct entitlement *));
	const struct entitlement *again = NULL;

	for (size_t i = 0; i < e->n; i++)
		order[i] = &e->p[i];
	qsort(order, e->n, sizeof(const struct entitlement *), compare_references);
	for (size_t i = 1; i < e->n; i++)
		if (order[i]->reference[0] != '\0' &&
		    strcmp(order[i - 1]->reference, order[i]->reference) == 0 &&
		    (!again || order[i] < again))
			again = order[i];
	free(order);
	if (again)
		return entitlement_refuse(e->name, &again->reference_place, err,
					  "another entitlement has this reference");
	return 0;
}

int
entitlements_parse(struct entitlements **out, const char *name, struct tally_bytes in,
		   struct tally_err *err)
{
	struct entitlements *e = tally_alloc(sizeof(*e));
	int rc;

	e->name = tally_strdup(name);
	rc = is_csv(name, in) ? read_csv(e, in, err) : read_yaml(e, in, err);
	if (rc == 0)
		rc = check_references(e, err);
	if (rc < 0) {
		entitlements_free(e);
		return -1;
	}
	*out = e;
	return 0;
}

void
entitlements_free(struct entitlements *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n; i++)
		entitlement_release(&e->p[i]);
	free(e->p);
	free(e->name);
	free(e);
}
