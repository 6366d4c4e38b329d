/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_ENTITLEMENT_INTERNAL_H
#define TALLY_REPORTS_ENTITLEMENT_INTERNAL_H
/* A row as it stands in the file, YAML or CSV: texts with their places, before
 * anything is made of them. */
#include "entitlement.h"

enum entitlement_key {
	KEY_PRODUCT,
	KEY_METRIC,
	KEY_QUANTITY,
	KEY_AGREEMENT,
	KEY_LEGAL_ENTITY,
	KEY_VALID_FROM,
	KEY_VALID_TO,
	KEY_MAINTENANCE_FROM,
	KEY_MAINTENANCE_TO,
	KEY_RIGHTS,
	KEY_ASSIGNED_HOST,
	KEY_ASSIGNED_DATE,
	KEY_REFERENCE,
	KEY_SCOPE,
	KEYS
};
extern const char *const entitlement_keys[KEYS];

struct entitlement_value {
	struct tally_bytes text; /* empty: not given */
	unsigned line, column;
};
#define ENTITLEMENT_RIGHTS 16 /* more of them in a row are refused */
struct entitlement_row {
	const char *name; /* of the file */
	unsigned line, column;
	struct entitlement_value at[KEYS];
	struct entitlement_value rights[ENTITLEMENT_RIGHTS];
	size_t n_rights;
};
/* Checks a row and makes an entitlement of it; after an error there is none. */
int entitlement_make(struct entitlement *e, const struct entitlement_row *row,
		     struct tally_err *err);
/* An error at a value's place. Yields -1. */
#define entitlement_refuse(name, v, err, ...)                                                      \
	(entitlement_refuse_((name), (v)->line, (v)->column, (err), __VA_ARGS__), -1)
void entitlement_refuse_(const char *name, unsigned line, unsigned column, struct tally_err *err,
			 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void entitlement_release(struct entitlement *e);

#endif
