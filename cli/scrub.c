/* SPDX-License-Identifier: Apache-2.0 */
/* `tally scrub`: whether ledgers on this disk are still what was written. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli.h"
#include "tally/store.h"

struct options {
	struct cli_input input;
	const char **paths;
	size_t count;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	o->paths = tally_realloc_array(o->paths, o->count + 1, sizeof(*o->paths));
	o->paths[o->count++] = arg;
	return 0;
}

static const struct argp argp = {
	NULL,
	parse,
	"LEDGER...",
	"Read all of a ledger and hash it again: every entry, every node of the tree, the newest "
	"note, the head; and make its index and its gists again from the entries. A report reads "
	"the index, so "
	"damage in an entry that no report reads is found here.\v"
	"Example:\n  tally scrub /var/lib/tallystick/ledger\n",
	NULL,
	NULL,
	NULL,
};

static int
scrub(const char *path, struct tally_buf *text, struct tally_err *err)
{
	struct tally_scrub found;
	struct tally_store *s;
	int r;

	if (tally_store_open(&s, path, TALLY_STORE_READ, NULL, err) < 0)
		return -1;
	r = tally_store_scrub(s, &found, err);
	tally_store_close(s);
	if (r < 0)
		return -1;
	tally_buf_addf(text, "%s: it holds: %" PRIu64 " entries, %" PRIu64 " of them indexed\n",
		       path, found.entries, found.indexed);
	return 0;
}

int
cli_scrub(int argc, char **argv, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct options o = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0) {
		free(o.paths);
		return status < 0 ? -1 : 0;
	}
	if (o.count == 0)
		status = cli_missing("scrub", "LEDGER", err);
	for (size_t i = 0; i < o.count && status == 0; i++)
		status = scrub(o.paths[i], &text, err);
	if (text.len > 0) {
		struct tally_err ignored = TALLY_ERR_INIT;

		/* What holds is said, also where a later one does not. */
		if (cli_print(tally_buf_view(&text), status < 0 ? &ignored : err) < 0)
			status = -1;
	}
	tally_buf_deinit(&text);
	free(o.paths);
	return status;
}
