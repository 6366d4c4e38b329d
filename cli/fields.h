/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_FIELDS_H
#define TALLY_CLI_FIELDS_H
/* Every field of an entry by its name, for people and for programs. */
#include "tally/entry.h"
#include "tally/event.h"
#include "tally/json.h"

/* One JSON object: the record's fixed fields and the decoded groups. */
void cli_entry_json(struct tally_jsonw *w, const struct tally_entry *e,
		    const struct tally_event *ev);
/* What a person wants to know, as "key=value key=value"; printable. `known` is
 * the name that the VM had before this entry, or empty: an entry without a name
 * begins with it in parentheses, one with another name says what it was. */
void cli_entry_brief(struct tally_buf *out, unsigned kind, const struct tally_event *ev,
		     struct tally_bytes known);

#endif
