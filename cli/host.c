/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tally host replace`: a new ledger for a host whose TPM, board or disk was replaced.
 * Its first entry says which log it goes on from, and where that one ended: by the
 * old ledger, an export of it, or a checkpoint that somebody kept.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tally/err.h"
#include "tally/file.h"
#include "tally/note.h"
#include "tally/verify.h"
#include "cli.h"
#include "ledger.h"
#include "tpm_options.h"

#define CHECKPOINT_MAX (1U << 16)

struct options {
	struct cli_input input;
	const char *verb, *ledger, *old, *vkey;
	struct cli_tpm_options made;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		return cli_take_one(&o->input, &o->old, "--from", arg);
	case 'k':
		return cli_take_one(&o->input, &o->vkey, "--vkey", arg);
	case ARGP_KEY_INIT:
		cli_tpm_init(state, &o->made, &o->input);
		return 0;
	case ARGP_KEY_ARG:
		if (!o->verb)
			return cli_take_one(&o->input, &o->verb, "word", arg);
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "from", 'f', "OLD", 0,
	  "The old ledger, an export of it, or a file with its newest checkpoint", 0 },
	{ "vkey", 'k', "FILE", 0,
	  "The old log's verification line, which OLD is held against; a checkpoint needs it", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"replace LEDGER --from OLD",
	"Make a new ledger for a host whose TPM, board or disk was replaced, and print the new "
	"log's verification line. Its first entry names the old log with its size and root; an "
	"enroller confirms that with the new record ('tally enrol').\v"
	"Example:\n  tally host replace /var/lib/tallystick/ledger --from h1.export > h1.vkey\n",
	cli_tpm_children,
	NULL,
	NULL,
};

/* What is known of the old log. */
struct old {
	struct tally_buf origin;
	struct cli_succession s;
};

static void
set_old(struct old *old, struct tally_bytes origin, uint64_t size, const uint8_t root[TALLY_HASH])
{
	tally_buf_add_bytes(&old->origin, origin);
	old->s.origin = tally_buf_cstr(&old->origin);
	old->s.size = size;
	memcpy(old->s.root, root, TALLY_HASH);
}

/* Its newest checkpoint: what stands behind it nobody has signed for. `key` NULL: any. */
static int
old_of_ledger(struct old *old, const char *path, const struct tally_vkey *key,
	      struct tally_err *err)
{
	struct tally_store *store;
	struct cli_newest n;
	int r;

	if (tally_store_open(&store, path, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	r = cli_newest_read(&n, store, err);
	if (r > 0 && key && !tally_vkey_eq(key, tally_store_vkey(store)))
		r = tally_err_set(err, TALLY_FAILS, "%s: the ledger of another key than --vkey",
				  path);
	else if (r > 0)
		set_old(old, n.checkpoint.origin, n.checkpoint.size, n.checkpoint.root);
	else if (r == 0)
		r = cli_no_checkpoint(path, err);
	cli_newest_deinit(&n);
	tally_store_close(store);
	return r < 0 ? -1 : 0;
}

static int
read_vkey(struct tally_vkey *out, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_bytes line;
	int r = cli_read_input(path, 4096, &text, err);

	line = tally_buf_view(&text);
	while (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (r == 0 && tally_vkey_parse(out, line, err) < 0)
		r = tally_err_prefix(err, "%s:1", path);
	tally_buf_deinit(&text);
	return r;
}

static int
old_of_checkpoint(struct old *old, const char *path, const struct tally_vkey *key,
		  struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint c;
	struct tally_note note;
	int r = cli_read_input(path, CHECKPOINT_MAX, &text, err);

	if (r == 0 && (tally_note_parse(&note, tally_buf_view(&text), &scratch, err) < 0 ||
		       tally_checkpoint_parse(&c, note.text, false, err) < 0)) {
		err->code = TALLY_USE;
		r = tally_err_prefix(err, "%s", path);
	} else if (r == 0 && (key->type != TALLY_SIG_ED25519 ||
			      !tally_bytes_eq(tally_bytes_str(key->name), c.origin) ||
			      tally_note_verify(&note, key, err) != 1)) {
		r = tally_err_set(err, TALLY_FAILS, "%s: not signed by the key of --vkey", path);
	} else if (r == 0) {
		set_old(old, c.origin, c.size, c.root);
	}
	tally_buf_deinit(&text);
	tally_buf_deinit(&scratch);
	return r;
}

static int
old_of_export(struct old *old, const char *path, const struct tally_vkey *key,
	      struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	struct tally_export *x;
	int r = 0;

	if (tally_export_open(&x, path, err) < 0)
		return -1;
	tally_buf_addf(&file, "%s/checkpoint", path);
	if (key)
		r = old_of_checkpoint(old, tally_buf_cstr(&file), key, err);
	else
		set_old(old, tally_bytes_str(tally_export_origin(x)), tally_export_size(x),
			tally_export_root(x));
	tally_buf_deinit(&file);
	tally_export_close(x);
	return r;
}

static int
read_old(struct old *old, const struct options *o, struct tally_err *err)
{
	struct tally_buf data = TALLY_BUF_INIT;
	const struct tally_vkey *key = NULL;
	struct tally_vkey given = { 0 };
	struct stat st, is;
	bool ledger;

	if (stat(o->old, &st) < 0)
		return tally_err_sys(err, "%s", o->old);
	if (o->vkey && read_vkey(&given, o->vkey, err) < 0)
		return -1;
	if (o->vkey)
		key = &given;
	if (!S_ISDIR(st.st_mode))
		return key ? old_of_checkpoint(old, o->old, key, err)
			   : cli_missing("host", "--vkey for that checkpoint", err);
	tally_buf_addf(&data, "%s/data.mdb", o->old);
	ledger = stat(tally_buf_cstr(&data), &is) == 0;
	tally_buf_deinit(&data);
	return ledger ? old_of_ledger(old, o->old, key, err) : old_of_export(old, o->old, key, err);
}

static int
print_vkey(const char *path, struct tally_err *err)
{
	struct tally_buf vkey = TALLY_BUF_INIT;
	struct tally_store *store;
	int status;

	if (tally_store_open(&store, path, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	tally_vkey_text(&vkey, tally_store_vkey(store));
	tally_buf_add_u8(&vkey, '\n');
	status = cli_print(tally_buf_view(&vkey), err);
	tally_buf_deinit(&vkey);
	tally_store_close(store);
	return status;
}

/* As the enroller has to confirm it. */
static void
tell_old(const struct old *old)
{
	char root[2 * TALLY_HASH + 1];

	tally_hex(root, old->s.root, TALLY_HASH);
	fprintf(stderr, "It succeeds '%s %" PRIu64 " %s'\n", old->s.origin, old->s.size, root);
}

static int
replace(struct options *o, struct tally_err *err)
{
	struct old old = { .origin = TALLY_BUF_INIT };
	int status = cli_tpm_check(&o->made, err);

	if (status == 0)
		status = read_old(&old, o, err);
	if (status == 0)
		status = tally_dir_make_above(o->ledger, 0755, err);
	if (status == 0 && cli_ledger_succeed(o->ledger, o->made.tpm, o->made.origin, &old.s,
					      &o->made.passwords, err) < 0)
		status = cli_ledger_prefix(o->ledger, err);
	if (status == 0)
		status = print_vkey(o->ledger, err);
	if (status == 0)
		tell_old(&old);
	tally_buf_deinit(&old.origin);
	return status;
}

int
cli_host(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.verb)
		return cli_missing("host", "word (replace)", err);
	if (strcmp(o.verb, "replace") != 0)
		return tally_err_set(err, TALLY_USE, "'%s' is not replace", o.verb);
	if (!o.ledger)
		return cli_missing("host", "LEDGER", err);
	if (!o.old)
		return cli_missing("host", "--from", err);
	return replace(&o, err);
}
