/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a member stands in a one-line object. jansson keeps no places, and an
 * error needs one only after the line has been parsed, so this walks text that
 * is known to be JSON; on any other it stops at the end and finds nothing.
 */
#include <string.h>
#include "tally/err.h"
#include "tally/json.h"

static size_t
skip_space(struct tally_bytes s, size_t i)
{
	while (i < s.len && memchr(" \t\r\n", s.p[i], 4))
		i++;
	return i;
}

/* Behind the string that begins at i. */
static size_t
skip_string(struct tally_bytes s, size_t i)
{
	for (i++; i < s.len && s.p[i] != '"'; i++)
		if (s.p[i] == '\\')
			i++;
	return i < s.len ? i + 1 : s.len;
}

/* Behind the value that begins at i: at its comma or the object's end. */
static size_t
skip_value(struct tally_bytes s, size_t i)
{
	size_t depth = 0;

	while (i < s.len) {
		uint8_t c = s.p[i];

		if (c == '"') {
			i = skip_string(s, i);
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}'))
			break;
		if (c == '{' || c == '[')
			depth++;
		if (c == '}' || c == ']')
			depth--;
		i++;
	}
	return i;
}

/* The key as it stands between the quotes, or decoded where it has escapes. */
static bool
is_key(struct tally_bytes quoted, const char *key)
{
	struct tally_json_doc *doc;
	struct tally_err err;
	bool same;

	if (!memchr(quoted.p, '\\', quoted.len))
		return quoted.len >= 2 && tally_bytes_eq(tally_bytes(quoted.p + 1, quoted.len - 2),
							 tally_bytes_str(key));
	if (tally_json_parse(&doc, quoted, &err) < 0)
		return false;
	same = tally_bytes_eq(tally_json_string(tally_json_root(doc)), tally_bytes_str(key));
	tally_json_free(doc);
	return same;
}

size_t
tally_json_key_column(struct tally_bytes line, const char *key, bool value)
{
	size_t i = skip_space(line, 0);

	if (i >= line.len || line.p[i] != '{')
		return 1;
	for (i = skip_space(line, i + 1); i < line.len && line.p[i] == '"';
	     i = skip_space(line, i + 1)) {
		size_t start = i, after = skip_string(line, i);

		i = skip_space(line, after);
		if (i >= line.len || line.p[i] != ':')
			return 1;
		i = skip_space(line, i + 1);
		if (is_key(tally_bytes(line.p + start, after - start), key))
			return (value ? i : start) + 1;
		i = skip_value(line, i);
	}
	return 1;
}
