/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_COUNTED_H
#define TALLY_REPORTS_COUNTED_H
/* Which stays and hosts a version of a rule counts, for one product. */
#include "estate.h"
#include "rule.h"
#include "tokens.h"

/* Whether a right that somebody holds takes a stay out of the count: a text that
 * says so, 0 where none does. It depends on nothing but its arguments. */
struct counted_rights {
	void *ctx;
	uint32_t (*excludes)(void *ctx, const struct rule *r, uint32_t product, const char *right,
			     const struct host_facts *where, int64_t at);
	/* Whether what a rule needs maintenance for is under maintenance at the end. */
	bool (*maintained)(void *ctx, const struct rule *r, uint32_t product);
	/* What is on record as assigned to hosts: how many, and they, which are kept until
	 * the next call. NULL: nothing is. */
	size_t (*held)(void *ctx, const struct rule *r, uint32_t product,
		       const struct token_held **out);
};
enum counted_class {
	COUNTED_NOT,
	COUNTED_YES,
	COUNTED_UNKNOWN_OS,      /* in high, or in all */
	COUNTED_UNKNOWN_EDITION, /* as well */
	COUNTED_EDITION_TOLD,    /* counts whatever its edition, which nobody knows */
};
struct counted {
	const struct estate *estate;
	const struct rule *rule;
	uint32_t product;                    /* text of the positions */
	const char *software;                /* the one that counts; NULL: any of the rule's */
	const struct counted_rights *rights; /* NULL: none are held */
	uint8_t *classes;                    /* of each of the estate's claims */
	uint8_t *exclusions; /* of each: number + 1 of what may exclude it; 0: none */
};
void counted_init(struct counted *c, const struct estate *e, const struct rule *r, uint32_t product,
		  const char *software, const struct counted_rights *rights);
void counted_deinit(struct counted *c);
/* Whether the product occurs, whoever runs it and in what edition. */
bool counted_occurs(const struct counted *c);

/* In which readings a stay counts. */
enum { COUNTS_MEASURED = 1, COUNTS_HIGH = 2 };
unsigned counted_stay(const struct counted *c, const struct stay *s);
/* Why a stay of the rule's clock was left out, 0 where it was not. */
uint32_t counted_excluded(const struct counted *c, const struct stay *s);
/* Why it is not known whether a stay counts, NULL where it is. */
const char *counted_unresolved(const struct counted *c, const struct stay *s);
/* Whether a host counts by itself. */
bool counted_host(const struct counted *c, const struct host_facts *f);

#endif
