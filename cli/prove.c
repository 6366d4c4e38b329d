/* SPDX-License-Identifier: Apache-2.0 */
/* `tally prove`: an offline inclusion proof (FORMAT.md section 9). */
#include <errno.h>
#include <string.h>

#include "tally/err.h"
#include "cli.h"
#include "ledger.h"

struct options {
	struct cli_input input;
	const char *ledger;
	bool has_index;
	uint64_t index;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (!o->ledger)
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	if (o->has_index)
		return cli_refuse(&o->input, "more than one INDEX is given: '%s'", arg);
	o->has_index = true;
	return cli_take_u64(&o->input, &o->index, "INDEX", arg);
}

static const struct argp_option argp_options[] = { { 0 } };
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER INDEX",
	"Write an offline proof (c2sp.org/tlog-proof@v1) that entry INDEX is in the ledger, as of "
	"its "
	"newest checkpoint, to standard output. 'tally verify' checks it.\v"
	"Example:\n  tally prove estate/h1 17 > entry-17.proof\n",
	NULL,
	NULL,
	NULL,
};

static int
prove(struct tally_store *s, const struct cli_newest *n, uint64_t index, struct tally_buf *out,
      struct tally_err *err)
{
	struct tally_tlog_proof p = { .index = index };
	struct tally_nodes nodes = tally_store_nodes(s);
	struct tally_buf record = TALLY_BUF_INIT, note = TALLY_BUF_INIT;
	struct tally_proof inclusion;
	uint8_t leaf[TALLY_HASH];
	int status;

	if (index >= n->checkpoint.size)
		return tally_err_set(
			err, TALLY_USE,
			"entry %llu is not under the newest checkpoint, which covers %llu entries",
			(unsigned long long)index, (unsigned long long)n->checkpoint.size);
	status = tally_store_entry(s, index, &record, NULL, NULL, err);
	if (status == 0)
		status = tally_err_set(err, TALLY_FAILS, "entry %llu is missing",
				       (unsigned long long)index);
	if (status > 0)
		status = tally_proof_inclusion(&inclusion, index, n->checkpoint.size, &nodes, err);
	if (status == 0) {
		tally_hash_leaf(leaf, tally_buf_view(&record));
		/* A damaged ledger shall not hand out a proof that fails elsewhere. */
		status = tally_check_inclusion(index, n->checkpoint.size, leaf, inclusion.hash[0],
					       inclusion.count, n->checkpoint.root, err);
	}
	if (status == 0)
		status = tally_note_public(&note, &n->note, tally_store_vkey(s), err);
	if (status == 0) {
		p.extra = tally_buf_view(&record);
		p.hashes = inclusion.count;
		memcpy(p.hash, inclusion.hash, (size_t)inclusion.count * TALLY_HASH);
		p.checkpoint = tally_buf_view(&note);
		tally_tlog_proof_text(out, &p);
	}
	tally_buf_deinit(&record);
	tally_buf_deinit(&note);
	return status;
}

int
cli_prove(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_store *store;
	struct cli_newest newest;
	struct tally_buf text = TALLY_BUF_INIT;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.ledger)
		return cli_missing("prove", "LEDGER", err);
	if (!o.has_index)
		return cli_missing("prove", "INDEX", err);
	if (tally_store_open(&store, o.ledger, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	status = cli_newest_read(&newest, store, err);
	if (status == 0)
		status = cli_no_checkpoint(o.ledger, err);
	else if (status > 0)
		status = prove(store, &newest, o.index, &text, err);
	if (status == 0)
		status = cli_print(tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	cli_newest_deinit(&newest);
	tally_store_close(store);
	return status < 0 ? -1 : 0;
}
