/* SPDX-License-Identifier: Apache-2.0 */
/* `tally log`: the entries of a ledger, in their order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/parse.h"
#include "tally/store.h"
#include "cli.h"
#include "fields.h"
#include "log.h"

struct options {
	struct cli_input input;
	const char *ledger;
	uint64_t from, to;
	bool has_vm, follow, json;
	uint8_t vm[TALLY_UUID];
	unsigned kind; /* 0: all */
};

static error_t
take_kind(struct options *o, const char *arg)
{
	uint64_t number;

	o->kind = tally_kind_find(tally_bytes_str(arg));
	if (o->kind != 0)
		return 0;
	if (!tally_parse_u64(&number, arg, strlen(arg), 255) || number == 0)
		return cli_refuse(&o->input, "--kind: '%s' is no kind of entry", arg);
	o->kind = (unsigned)number;
	return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		return cli_take_u64(&o->input, &o->from, "--from", arg);
	case 't':
		return cli_take_u64(&o->input, &o->to, "--to", arg);
	case 'v':
		o->has_vm = true;
		if (!tally_uuid_parse(o->vm, arg, strlen(arg)))
			return cli_refuse(&o->input, "--vm: '%s' is no UUID", arg);
		return 0;
	case 'k':
		return take_kind(o, arg);
	case 'w':
		o->follow = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "from", 'f', "N", 0, "The first index, 0 by default", 0 },
	{ "to", 't', "N", 0, "The index after the last, the ledger's size by default", 0 },
	{ "vm", 'v', "UUID", 0, "Only entries of this virtual machine", 0 },
	{ "kind", 'k', "K", 0, "Only entries of this kind, such as started", 0 },
	{ "follow", 'w', NULL, 0, "Go on as entries are appended", 0 },
	{ "json", 'j', NULL, 0, "One JSON object a line", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER",
	"List the entries of a ledger: index, time, kind, virtual machine, and what each says. "
	"Needs no lock: an agent goes on writing.\v"
	"Example:\n  tally log estate/h1 --kind stopped\n",
	NULL,
	NULL,
	NULL,
};

static bool
wanted(const struct options *o, const struct tally_entry *e, const struct tally_event *ev)
{
	if (o->kind != 0 && e->header.kind != o->kind)
		return false;
	return !o->has_vm || (ev->i.has_vm && memcmp(ev->i.vm, o->vm, TALLY_UUID) == 0);
}

/* Entries [from, to) of what is there now. */
static int
list(const struct options *o, struct tally_store *s, uint64_t from, uint64_t to,
     struct log_out *out, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_entries entries;
	struct tally_entry e;
	struct tally_event ev;
	int n = tally_store_entries(s, from, to, &entries, err);

	if (n < 0) {
		tally_arena_free(arena);
		return -1;
	}
	while ((n = entries.next(entries.ctx, &e, err)) > 0) {
		tally_arena_reset(arena);
		if (tally_event_decode(&ev, e.group, e.mask, arena, err) < 0) {
			n = tally_err_prefix(err, "%s: entry %llu", o->ledger,
					     (unsigned long long)e.header.index);
			break;
		}
		ev.kind = e.header.kind;
		if (!wanted(o, &e, &ev))
			log_out_pass(out, &ev);
		else if ((n = log_out_add(out, &e, &ev, err)) < 0)
			break;
	}
	if (n == 0)
		n = log_out_flush(out, err);
	entries.close(entries.ctx);
	tally_arena_free(arena);
	return n;
}

/* A table needs a terminal with room for its last column. */
static bool
is_wide(void)
{
	struct winsize w;

	return isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 &&
	       w.ws_col >= 140;
}

static int
run(const struct options *o, struct tally_store *s, struct tally_err *err)
{
	const struct timespec pause = { .tv_nsec = 200 * 1000 * 1000 };
	struct log_out *out = log_out_new(o->json, !o->follow && is_wide());
	uint8_t root[TALLY_HASH];
	uint64_t from = o->from, size, to;
	int status;

	do {
		status = tally_store_head(s, &size, root, err);
		to = size < o->to ? size : o->to;
		if (status == 0 && from < to) {
			status = list(o, s, from, to, out, err);
			from = to;
		} else if (status == 0 && o->follow) {
			(void)nanosleep(&pause, NULL);
		}
		if (status == 0 && fflush(stdout) != 0)
			status = tally_err_sys(err, "standard output");
	} while (status == 0 && o->follow && from < o->to);
	log_out_free(out);
	return status;
}

int
cli_log(int argc, char **argv, struct tally_err *err)
{
	struct options o = { .to = UINT64_MAX };
	struct tally_store *store;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.ledger)
		return cli_missing("log", "LEDGER", err);
	if (tally_store_open(&store, o.ledger, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	status = run(&o, store, err);
	tally_store_close(store);
	return status < 0 ? -1 : 0;
}
