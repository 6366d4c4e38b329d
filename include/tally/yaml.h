/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_YAML_H
#define TALLY_YAML_H
/*
 * YAML read into a small tree with places, then walked against a schema:
 * unknown and doubled keys are refused with line and column (in characters).
 * Anchors, aliases, tags, several documents, and more than 1 MiB or 32 levels
 * are refused; a byte order mark at the begin goes. A text without any node is a map without keys.
 */
#include "tally/bytes.h"
#include "tally/time.h"

struct tally_err;

enum tally_yaml_type { TALLY_YAML_SCALAR, TALLY_YAML_LIST, TALLY_YAML_MAP };

struct tally_yaml {
	enum tally_yaml_type type;
	unsigned line, column; /* from 1 */
	bool quoted;           /* a scalar in quotes */
	char *text;            /* scalar: UTF-8, no NUL inside */
	size_t count;          /* list, map */
	struct tally_yaml **items;
	char **keys; /* map */
	struct tally_yaml_place {
		unsigned line, column;
	} * key_places;
};

/* `name` stands before each error: "NAME:LINE:COLUMN: what" (TALLY_USE). */
int tally_yaml_parse(struct tally_yaml **out, const char *name, struct tally_bytes in,
		     struct tally_err *err);
void tally_yaml_free(struct tally_yaml *y);
const struct tally_yaml *tally_yaml_get(const struct tally_yaml *map, const char *key);

/* The schema walker. */
enum tally_field_type {
	TALLY_F_STRING,
	TALLY_F_U64,
	TALLY_F_BOOL,
	TALLY_F_SPAN,
	TALLY_F_STRINGS,
	TALLY_F_MAP,
	TALLY_F_LIST
};
struct tally_field {
	const char *key;
	enum tally_field_type type;
	size_t offset; /* in the target: char *, uint64_t, bool, struct tally_span, struct
			  tally_strings, struct tally_list, or the struct itself for MAP */
	bool required;
	/* U64; for SPAN in nanoseconds, for STRING in bytes; 0, 0 = no bound. A span
	 * of 0 needs a min of 0 and a max. */
	uint64_t min, max;
	const struct tally_field *fields; /* MAP, and each map of a LIST; ends with key NULL */
	size_t size;                      /* LIST: of one item */
};
struct tally_strings {
	char **items;
	size_t count;
};
struct tally_list { /* of maps; an item begins as zeros */
	void *items;
	size_t count;
};
/* Fills `target` (whose defaults the caller has set) from a map. Strings, those
 * of the defaults too, are allocated or NULL; tally_yaml_release frees them by
 * the same table, and so it must after an error. Numbers and bools are plain,
 * not quoted; a bool is true or false, no other word. */
int tally_yaml_read(const char *name, const struct tally_yaml *map,
		    const struct tally_field *fields, void *target, struct tally_err *err);
void tally_yaml_release(const struct tally_field *fields, void *target);
/* An error at a node's place, for checks that the table cannot say. Yields -1. */
#define tally_yaml_error(name, node, err, ...)                                                     \
	(tally_yaml_error_((name), (node), (err), __VA_ARGS__), -1)
void tally_yaml_error_(const char *name, const struct tally_yaml *node, struct tally_err *err,
		       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
