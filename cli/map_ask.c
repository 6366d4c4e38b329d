/* SPDX-License-Identifier: Apache-2.0 */
/* Claims into a ledger that an agent holds: the agent is asked to append them, as
 * many at once as a line of its socket has room for (FORMAT.md section 14). */
#include <string.h>

#include "tally/err.h"
#include "tally/json.h"
#include "ledger.h"
#include "map.h"

#define LINE_ROOM 60000 /* bytes of a request's entries */

struct request {
	const char *ledger;
	struct tally_buf entries;
};

static int
send_entries(struct request *r, struct tally_err *err)
{
	struct tally_buf line = TALLY_BUF_INIT;
	int status;

	if (r->entries.len == 0)
		return 0;
	tally_buf_addf(&line, "{\"op\":\"append\",\"entries\":[%s]}", tally_buf_cstr(&r->entries));
	status = cli_ledger_ask(r->ledger, tally_buf_cstr(&line), err);
	tally_buf_deinit(&line);
	tally_buf_clear(&r->entries);
	return status;
}

static int
add_entry(struct request *r, const struct tally_event *ev, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status = cli_ledger_entry_json(&text, ev, err);

	if (status == 0 && r->entries.len + text.len >= LINE_ROOM)
		status = send_entries(r, err);
	if (r->entries.len > 0)
		tally_buf_add_str(&r->entries, ",");
	tally_buf_add_bytes(&r->entries, tally_buf_view(&text));
	tally_buf_deinit(&text);
	return status;
}

int
map_ask(const char *ledger, const struct map_file *f, const struct map_state *state,
	const struct map_action *a, struct tally_err *err)
{
	struct request r = { .ledger = ledger };
	struct tally_event action = map_action_event(f, a);
	int status = state->progress == MAP_NEW ? add_entry(&r, &action, err) : 0;

	for (size_t i = (size_t)state->have;
	     status == 0 && state->progress != MAP_DONE && i < f->count; i++)
		status = add_entry(&r, &f->claims[i].ev, err);
	if (status == 0)
		status = send_entries(&r, err);
	if (status == 0)
		status = cli_ledger_ask(ledger, "{\"op\":\"checkpoint\"}", err);
	tally_buf_deinit(&r.entries);
	return status;
}
