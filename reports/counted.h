/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_COUNTED_H
#define TALLY_REPORTS_COUNTED_H
/* Which stays and hosts a version of a rule counts, for one product. */
#include "estate.h"
#include "rule.h"
#include "tokens.h"

/* Whether a right that somebody holds takes a stay out of the count: a text that
 * says so, 0 where none does. They depend on nothing but their arguments, change
 * nothing, and are asked from several threads. */
struct counted_rights {
	const void *ctx;
	uint32_t (*excludes)(const void *ctx, const struct rule *r, uint32_t product,
			     const char *right, const struct host_facts *where, int64_t at);
	/* How many units of what serves a rule are under maintenance at the end. */
	amount (*maintained)(const void *ctx, const struct rule *r, uint32_t product);
	/* Whether anything is held for it at all. NULL: nothing is. */
	bool (*holds)(const void *ctx, const struct rule *r, uint32_t product);
	/* What is on record as assigned to hosts: how many, and they, the caller's to free.
	 * NULL: nothing is. */
	size_t (*held)(const void *ctx, const struct rule *r, uint32_t product,
		       struct token_held **out);
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
	/* Of each: in which readings a stay with nothing else to say counts, and whether a
	 * right may exclude it. */
	uint8_t *plain;
};
void counted_init(struct counted *c, const struct estate *e, const struct rule *r, uint32_t product,
		  const char *software, const struct counted_rights *rights);
void counted_deinit(struct counted *c);
/* Whether the product occurs, whoever runs it and in what edition; or may, for it is held
 * and of some guests nobody knows what they run. */
bool counted_occurs(const struct counted *c);

/* In which readings a stay counts. */
enum { COUNTS_MEASURED = 1, COUNTS_HIGH = 2, COUNTS_PERHAPS = 4 };
unsigned counted_stay_asked(const struct counted *c, const struct stay *s);
static inline unsigned
counted_stay(const struct counted *c, const struct stay *s)
{
	unsigned in = c->plain[s->claims];

	if (s->standby || s->uncertain || (in & COUNTS_PERHAPS))
		return counted_stay_asked(c, s);
	return c->rule->clock >> s->state & 1 ? in : 0;
}
/* Why a stay of the rule's clock was left out, 0 where it was not. */
uint32_t counted_excluded(const struct counted *c, const struct stay *s);
/* Why it is not known whether a stay counts, over [from, to) of it. */
enum counted_why {
	WHY_NOT, /* it is known */
	WHY_OS,
	WHY_EDITION,
	WHY_END,
	WHY_VCPUS,
	WHY_HOST,
	WHY_RETIRED,
	COUNTED_WHYS
};
/* `where`: facts of its host, which may change while it stays. */
enum counted_why counted_unresolved(const struct counted *c, const struct stay *s,
				    const struct host_facts *where);
const char *counted_why_text(enum counted_why why); /* "unknown OS", ...; not of WHY_NOT */
/* Whether a host counts by itself. */
bool counted_host(const struct counted *c, const struct host_facts *f);

#endif
