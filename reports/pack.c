/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack as a whole: its keys, the rules' validities, and packs beside each other.
 * Versions of one rule follow one another without a hole and without an overlap.
 */
#include <stdlib.h>
#include <string.h>
#include "pack_internal.h"
#include "tally/err.h"

struct pack_own {
	char *id, *version, *title, *vendor, *note;
	struct tally_list rules; /* struct raw_rule */
	struct tally_list tests; /* struct pack_test */
};

static const struct tally_field fields[] = {
	{ "pack", TALLY_F_STRING, offsetof(struct pack_own, id), true, 1, 128, NULL, 0 },
	{ "version", TALLY_F_STRING, offsetof(struct pack_own, version), true, 1, 64, NULL, 0 },
	{ "title", TALLY_F_STRING, offsetof(struct pack_own, title), true, 1, 255, NULL, 0 },
	{ "vendor", TALLY_F_STRING, offsetof(struct pack_own, vendor), true, 1, 255, NULL, 0 },
	{ "note", TALLY_F_STRING, offsetof(struct pack_own, note), false, 1, 4096, NULL, 0 },
	{ "rules", TALLY_F_LIST, offsetof(struct pack_own, rules), true, 0, 0, pack_rule_fields,
	  sizeof(struct raw_rule) },
	{ "tests", TALLY_F_LIST, offsetof(struct pack_own, tests), false, 0, 0, pack_test_fields,
	  sizeof(struct pack_test) },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL, 0 },
};

static struct raw_rule *
raw_at(const struct pack_own *own, size_t i)
{
	return (struct raw_rule *)own->rules.items + i;
}

static int
compare_rules(const void *a, const void *b)
{
	const struct rule *x = &(*(struct raw_rule *const *)a)->r,
			  *y = &(*(struct raw_rule *const *)b)->r;
	int c = strcmp(x->id, y->id);

	if (c == 0)
		c = (x->valid_from > y->valid_from) - (x->valid_from < y->valid_from);
	if (c == 0) /* so that of two equal ones the later in the file is told */
		c = (x->place.line > y->place.line) - (x->place.line < y->place.line);
	return c;
}

static int
refuse_at(const char *name, const struct rule_place *place, struct tally_err *err, const char *what,
	  const struct rule *rule, const struct rule *other)
{
	return tally_err_set(err, TALLY_USE, "%s:%u:%u: %s '%s' and its other version of line %u",
			     name, place->line, place->column, what, rule->id, other->place.line);
}

static int
check_validity(const char *name, const struct raw_rule *first, const struct raw_rule *second,
	       struct tally_err *err)
{
	const struct rule *a = &first->r, *b = &second->r;

	if (strcmp(a->id, b->id) != 0 || a->valid_to == b->valid_from)
		return 0;
	if (a->valid_from == b->valid_from)
		return refuse_at(name, &b->place, err, "doubled rule:", b, a);
	return refuse_at(name, &second->from_place, err,
			 a->valid_to > b->valid_from ? "overlapping validity of rule"
						     : "a hole in validity between rule",
			 b, a);
}

/* The rules in their order, copied out of the raws. */
static int
take_rules(struct tally_pack *p, struct tally_err *err)
{
	size_t n = p->own->rules.count;
	struct raw_rule **order = tally_realloc_array(NULL, n, sizeof(struct raw_rule *));
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		order[i] = raw_at(p->own, i);
	qsort(order, n, sizeof(struct raw_rule *), compare_rules);
	for (size_t i = 1; i < n && rc == 0; i++)
		rc = check_validity(p->path, order[i - 1], order[i], err);
	p->rules = tally_realloc_array(NULL, n, sizeof(*p->rules));
	p->n_rules = n;
	for (size_t i = 0; i < n; i++)
		p->rules[i] = order[i]->r;
	free(order);
	return rc;
}

static int
finish(struct tally_pack *p, const struct tally_yaml *root, struct tally_err *err)
{
	struct pack_own *own = p->own;
	struct pack_place at = { p->path, root, err };
	const struct tally_yaml *rules = pack_node(root, "rules"),
				*tests = pack_node(root, "tests");

	p->id = own->id;
	p->version = own->version;
	p->title = own->title;
	p->vendor = own->vendor;
	if (!pack_is_name(p->id, strlen(p->id)))
		return pack_error(&at, "pack",
				  "'pack' must be of small letters, digits, '-' and '.'");
	if (own->rules.count == 0)
		return pack_error(&at, "rules", "a pack without rules");
	for (size_t i = 0; i < own->rules.count; i++) {
		at.map = rules->items[i];
		if (pack_rule_finish(raw_at(own, i), &at) < 0)
			return -1;
	}
	if (take_rules(p, err) < 0)
		return -1;
	p->tests = own->tests.items;
	p->n_tests = own->tests.count;
	for (size_t i = 0; i < p->n_tests; i++) {
		at.map = tests->items[i];
		if (pack_test_finish(&p->tests[i], p, &at) < 0)
			return -1;
	}
	return 0;
}

int
tally_pack_parse(struct tally_pack **out, const char *path, struct tally_bytes in,
		 struct tally_err *err)
{
	const char *slash = strrchr(path, '/');
	struct tally_yaml *root;
	struct tally_pack *p;
	int rc;

	if (tally_yaml_parse(&root, path, in, err) < 0)
		return -1;
	p = tally_alloc(sizeof(*p));
	p->path = tally_strdup(path);
	p->name = tally_strdup(slash ? slash + 1 : path);
	p->own = tally_alloc(sizeof(*p->own));
	rc = tally_yaml_read(path, root, fields, p->own, err);
	if (rc == 0)
		rc = finish(p, root, err);
	tally_yaml_free(root);
	if (rc < 0) {
		tally_pack_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void
tally_pack_free(struct tally_pack *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->own->rules.count; i++)
		pack_rule_deinit(raw_at(p->own, i));
	for (size_t i = 0; i < p->own->tests.count; i++)
		pack_test_deinit((struct pack_test *)p->own->tests.items + i);
	tally_yaml_release(fields, p->own);
	free(p->own);
	free(p->rules);
	free(p->name);
	free(p->path);
	free(p);
}

static int
compare_packs(const void *a, const void *b)
{
	const struct tally_pack *x = *(struct tally_pack *const *)a,
				*y = *(struct tally_pack *const *)b;
	int c = strcmp(x->id, y->id);

	return c ? c : strcmp(x->path, y->path);
}

/* A rule of both, or NULL: both lists ascend. */
static const struct rule *
shared_rule(const struct tally_pack *a, const struct tally_pack *b, const struct rule **other)
{
	for (size_t i = 0, k = 0; i < a->n_rules && k < b->n_rules;) {
		int c = strcmp(a->rules[i].id, b->rules[k].id);

		if (c == 0) {
			*other = &a->rules[i];
			return &b->rules[k];
		}
		if (c < 0)
			i++;
		else
			k++;
	}
	return NULL;
}

int
tally_packs_settle(struct tally_pack **packs, size_t n, struct tally_err *err)
{
	if (n > 1)
		qsort(packs, n, sizeof(struct tally_pack *), compare_packs);
	for (size_t i = 1; i < n; i++)
		if (strcmp(packs[i - 1]->id, packs[i]->id) == 0)
			return tally_err_set(err, TALLY_USE, "%s:1:1: the pack '%s' is %s, too",
					     packs[i]->path, packs[i]->id, packs[i - 1]->path);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++) {
			const struct rule *other = NULL;
			const struct rule *r = shared_rule(packs[i], packs[k], &other);

			if (r)
				return tally_err_set(err, TALLY_USE,
						     "%s:%u:%u: rule '%s' stands in %s:%u:%u, too",
						     packs[k]->path, r->place.line, r->place.column,
						     r->id, packs[i]->path, other->place.line,
						     other->place.column);
		}
	}
	return 0;
}

const struct rule *
pack_rule(const struct tally_pack *p, struct tally_bytes id, int64_t at)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (tally_bytes_eq(id, tally_bytes_str(p->rules[i].id)) &&
		    p->rules[i].valid_from <= at && at < p->rules[i].valid_to)
			return &p->rules[i];
	return NULL;
}

void
tally_pack_set_hash(struct tally_pack *p, const uint8_t hash[TALLY_HASH])
{
	memcpy(p->sha256, hash, TALLY_HASH);
}

const char *
tally_pack_id(const struct tally_pack *p)
{
	return p->id;
}

const char *
tally_pack_path(const struct tally_pack *p)
{
	return p->path;
}

size_t
tally_pack_rules(const struct tally_pack *p)
{
	return p->n_rules;
}

size_t
tally_pack_tests(const struct tally_pack *p)
{
	return p->n_tests;
}

const char *
tally_pack_vendor(const struct tally_pack *p)
{
	return p->vendor;
}

bool
tally_pack_counts_os(const struct tally_pack *p, struct tally_bytes os)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (rule_os_fits(&p->rules[i].os, os))
			return true;
	return false;
}

bool
tally_pack_counts_software(const struct tally_pack *p, struct tally_bytes software)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (rule_in(&p->rules[i].software, software))
			return true;
	return false;
}
