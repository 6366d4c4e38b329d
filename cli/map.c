/* SPDX-License-Identifier: Apache-2.0 */
/* `tally map`: claims from a CMDB into a ledger, as entries of an operator. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/file.h"
#include "cli.h"
#include "ledger.h"
#include "map.h"

struct options {
	struct cli_input input;
	const char *ledger, *from, *by, *reason, *since, *zone;
	bool unknown_ok;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		return cli_take_one(&o->input, &o->from, "--from", arg);
	case 'b':
		return cli_take_one(&o->input, &o->by, "--by", arg);
	case 'r':
		return cli_take_one(&o->input, &o->reason, "--reason", arg);
	case 's':
		return cli_take_one(&o->input, &o->since, "--since", arg);
	case 'z':
		return cli_take_one(&o->input, &o->zone, "--tz", arg);
	case 'u':
		o->unknown_ok = true;
		return 0;
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "from", 'f', "FILE.csv", 0, "The file of claims", 0 },
	{ "by", 'b', "NAME", 0, "Who claims it, or else the user", 0 },
	{ "reason", 'r', "TEXT", 0, "Why, for rows that do not say it themselves", 0 },
	{ "since", 's', "T", 0, "From when rows hold that do not say it, or else always", 0 },
	{ "tz", 'z', "ZONE", 0, "The IANA time zone of dates and months, or else UTC", 0 },
	{ "unknown-ok", 'u', NULL, 0, "Take VMs that this ledger never saw", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER --from FILE.csv",
	"Bring claims about virtual machines in, from a CMDB: software, system, tenant, cost "
	"centre and environment, each with its author, reason and span. They are corrections: "
	"what was recorded before stays in the ledger. The whole file is checked before anything "
	"is stored; a repeat after a crash goes on where it stopped; the same file a second time "
	"is refused.\v"
	"Example:\n  tally map /var/lib/tallystick/ledger --from cmdb.csv --by ann "
	"--reason 'CMDB of 1 April'\n",
	NULL,
	NULL,
	NULL,
};

static int
read_file(const char *path, struct tally_buf *out, struct tally_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	while (n > 0 && out->len <= TALLY_CSV_MAX) {
		uint8_t *p = tally_buf_grow(out, 65536);

		do {
			n = read(fd, p, 65536);
		} while (n < 0 && errno == EINTR);
		out->len -= 65536 - (n > 0 ? (size_t)n : 0);
	}
	if (n < 0)
		(void)tally_err_sys(err, "%s", path);
	close(fd);
	return n < 0 ? -1 : 0;
}

static int
tell(const struct options *o, const struct map_file *f, const struct map_state *s)
{
	size_t always = 0;

	for (size_t i = 0; i < f->count; i++)
		always += f->claims[i].ev.m.from == 0;
	printf("%zu %s of %zu %s mapped", f->count - (size_t)s->have,
	       f->count - s->have == 1 ? "claim" : "claims", f->rows,
	       f->rows == 1 ? "row" : "rows");
	if (s->have > 0)
		printf(", %" PRIu64 " were there already", s->have);
	printf("\n");
	if (always > 0)
		printf("%zu of the claims %s since ever: neither 'from' nor --since says from "
		       "when\n",
		       always, always == 1 ? "holds" : "hold");
	if (o->unknown_ok && s->unknown > 0)
		printf("%zu of the claims %s of VMs that this ledger never saw\n", s->unknown,
		       s->unknown == 1 ? "is" : "are");
	return 0;
}

/* One at a time, also where an agent holds the ledger: the folder is locked. */
static int
lock_folder(const char *path, int *fd, struct tally_err *err)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return tally_err_sys(err, "%s", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return tally_err_set(err, TALLY_HELD, "%s: another 'tally map' is at work on it",
				     path);
	return tally_err_sys(err, "%s: lock", path);
}

static int
look(const struct options *o, const struct map_file *f, const struct map_action *a,
     struct tally_store *store, bool held, struct map_state *state, struct tally_err *err)
{
	struct cli_progress progress;
	char hex[2 * TALLY_HASH + 1];
	int status;

	cli_progress_begin(&progress, "map: entries read");
	status = map_ledger_read(state, store, f, a->hash, o->unknown_ok, &progress, err);
	cli_progress_end(&progress);
	if (status < 0 || state->progress != MAP_DONE || !(held ? state->covered : state->sealed))
		return status;
	tally_hex(hex, a->hash, TALLY_HASH);
	return tally_err_set(err, TALLY_USE, "%s: this file was mapped before (SHA-256 %s)",
			     o->from, hex);
}

/* By the agent that holds the ledger: it may write between our look and our asking,
 * but no claims. Whether its checkpoints are attested is its own affair. */
static int
map_by_holder(const struct options *o, const struct map_file *f, const struct map_action *a,
	      struct map_state *state, struct tally_err *err)
{
	struct tally_store *store;
	int status;

	if (tally_store_open(&store, o->ledger, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	status = look(o, f, a, store, true, state, err);
	tally_store_close(store);
	return status == 0 ? map_ask(o->ledger, f, state, a, err) : -1;
}

static int
map_by_ourselves(const struct options *o, struct cli_ledger *l, const struct map_file *f,
		 const struct map_action *a, struct map_state *state, struct tally_err *err)
{
	if (look(o, f, a, l->store, false, state, err) < 0 || cli_ledger_seal(l, false, err) < 0 ||
	    map_store(l->store, f, state, a, err) < 0)
		return -1;
	return cli_ledger_checkpoint(l, err) < 0 ? -1 : 0;
}

static int
map_into(const struct options *o, const struct map_file *f, const struct map_action *a,
	 struct tally_err *err)
{
	struct map_state state = { 0 };
	struct cli_ledger l;
	int fd, status = lock_folder(o->ledger, &fd, err);

	if (status == 0)
		status = cli_ledger_open(&l, o->ledger, true, err);
	if (status == 0) {
		status = l.store ? map_by_ourselves(o, &l, f, a, &state, err)
				 : map_by_holder(o, f, a, &state, err);
		status = cli_ledger_close(&l, status, err);
	}
	if (fd >= 0)
		close(fd);
	if (status < 0)
		return err->code == TALLY_USE ? -1 : cli_ledger_prefix(o->ledger, err);
	if (state.progress == MAP_DONE)
		state.have = f->count;
	return tell(o, f, &state);
}

static int
run(const struct options *o, const struct map_defaults *d, struct tally_err *err)
{
	const char *slash = strrchr(o->from, '/');
	struct map_action a = { .name = slash ? slash + 1 : o->from,
				.by = d->by,
				.reason = d->reason };
	struct tally_buf text = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH];
	struct map_file f = { 0 };
	int status = read_file(o->from, &text, err);

	if (status == 0) {
		tally_sha256(hash, tally_buf_view(&text));
		a.hash = hash;
		status = map_parse(&f, o->from, tally_buf_view(&text), d, err);
	}
	if (status == 0)
		status = map_into(o, &f, &a, err);
	map_file_deinit(&f);
	tally_buf_deinit(&text);
	return status < 0 ? -1 : 0;
}

static int
check(const struct options *o, struct tally_err *err)
{
	if (!o->ledger)
		return cli_missing("map", "LEDGER", err);
	if (!o->from)
		return cli_missing("map", "--from FILE.csv", err);
	if (cli_check_by(o->by, err) < 0)
		return -1;
	if (o->reason &&
	    (strlen(o->reason) > MAP_WORDS_MAX || !tally_utf8_valid(o->reason, strlen(o->reason))))
		return tally_err_set(err, TALLY_USE, "--reason: UTF-8 of at most %d bytes",
				     MAP_WORDS_MAX);
	return 0;
}

int
cli_map(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_buf user = TALLY_BUF_INIT;
	struct tally_zone *zone = NULL;
	struct map_defaults d = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	status = check(&o, err);
	if (status == 0 && tally_zone_open(&zone, o.zone ? o.zone : "UTC", err) < 0)
		status = tally_err_prefix(err, "--tz");
	if (status == 0 && o.since && tally_zone_parse_t(zone, o.since, &d.since, err) < 0)
		status = tally_err_prefix(err, "--since");
	if (status == 0) {
		cli_user_name(&user);
		d.by = o.by ? o.by : tally_buf_cstr(&user);
		d.reason = o.reason;
		d.zone = zone;
		status = run(&o, &d, err);
	}
	tally_zone_free(zone);
	tally_buf_deinit(&user);
	return status;
}
