/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger says of a file of claims: whether it has seen the VMs, and
 * whether it holds the file whole, in part (a crash), or not. What is there of
 * it must be what the file and the options give now, to the byte.
 */
#include <stdlib.h>
#include <string.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/note.h"
#include "tally/store.h"
#include "cli.h"
#include "filed.h"
#include "ledger.h"
#include "map.h"

/* A VM of the file. */
struct wanted {
	const uint8_t *uuid; /* in the claim */
	bool seen;
};
struct reading {
	struct map_state *state;
	const struct map_file *file;
	struct cli_filed filed;
	struct wanted *vms; /* by UUID */
	size_t count;
	struct tally_buf encoded[TALLY_GROUPS];

	bool differs; /* what is there of it is not what it gives now */
};

static int
compare(const void *a, const void *b)
{
	return memcmp(((const struct wanted *)a)->uuid, ((const struct wanted *)b)->uuid,
		      TALLY_UUID);
}

static void
want_vms(struct reading *r)
{
	const struct map_file *f = r->file;
	size_t kept = 0;

	r->vms = tally_alloc((f->count + 1) * sizeof(*r->vms));
	for (size_t i = 0; i < f->count; i++)
		r->vms[i].uuid = f->claims[i].ev.i.vm;
	if (f->count > 1)
		qsort(r->vms, f->count, sizeof(*r->vms), compare);
	for (size_t i = 0; i < f->count; i++)
		if (i == 0 || compare(&r->vms[kept - 1], &r->vms[i]) != 0)
			r->vms[kept++] = r->vms[i];
	r->count = kept;
}

static struct wanted *
find(const struct reading *r, const uint8_t uuid[TALLY_UUID])
{
	struct wanted key = { .uuid = uuid };

	return bsearch(&key, r->vms, r->count, sizeof(key), compare);
}

static void
take_action(struct reading *r, const struct tally_entry *e, const struct tally_event *ev)
{
	if (ev->o.file_hash.len != TALLY_HASH)
		return; /* another action of an operator */
	cli_filed_begin(&r->filed, e, ev);
	if (r->filed.ours) {
		r->differs = false;
		r->state->due = r->filed.due;
	}
}

/* An entry that a file of claims made: the next one of the newest. */
static int
take_claim(struct reading *r, const struct tally_entry *e, struct tally_err *err)
{
	const struct map_file *f = r->file;
	uint64_t k = r->filed.got++;

	if (!r->filed.ours)
		return 0;
	r->filed.end = e->header.index + 1;
	if (k >= f->count || f->claims[k].ev.kind != e->header.kind) {
		r->differs = true;
		return 0;
	}
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_clear(&r->encoded[g]);
	if (tally_event_encode(&f->claims[k].ev, r->encoded, err) < 0)
		return -1;
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		r->differs |= !tally_bytes_eq(tally_buf_view(&r->encoded[g]), e->group[g]);
	return 0;
}

static bool
is_claim(unsigned kind)
{
	return kind == TALLY_OS_CLAIM || kind == TALLY_SOFTWARE || kind == TALLY_TAGS;
}

static int
take_entry(struct reading *r, const struct tally_entry *e, struct tally_arena *arena,
	   struct tally_err *err)
{
	const unsigned metering = 1u << TALLY_METERING, identity = 1u << TALLY_IDENTITY,
		       operations = 1u << TALLY_OPERATIONS;
	bool beside = !(e->header.flags & TALLY_FLAG_IMPORTED) && is_claim(e->header.kind);
	unsigned kind = e->header.kind, wanted;
	struct tally_event ev;
	struct wanted *vm;

	if (kind == TALLY_OPERATOR_ACTION)
		wanted = operations;
	else if (beside)
		wanted = metering | identity | operations;
	else if (kind >= TALLY_DEFINED && kind <= TALLY_CONFLICT)
		wanted = identity;
	else
		return 0;
	if (tally_event_decode(&ev, e->group, e->mask & wanted, arena, err) < 0)
		return tally_err_prefix(err, "entry %llu", (unsigned long long)e->header.index);
	ev.kind = kind;
	if (kind == TALLY_OPERATOR_ACTION) {
		take_action(r, e, &ev);
		return 0;
	}
	if (beside && tally_event_is_correction(&ev))
		return ev.o.has_source && ev.o.source == TALLY_SRC_OPERATOR ? take_claim(r, e, err)
									    : 0;
	vm = ev.i.has_vm ? find(r, ev.i.vm) : NULL;
	if (vm)
		vm->seen = true;
	return 0;
}

static int
read_entries(struct reading *r, struct tally_store *store, struct cli_progress *progress,
	     struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_entries entries;
	struct tally_entry e;
	int n = tally_store_entries(store, 0, r->state->size, &entries, err);

	if (n == 0) {
		while ((n = entries.next(entries.ctx, &e, err)) > 0) {
			tally_arena_reset(arena);
			if (take_entry(r, &e, arena, err) < 0) {
				n = -1;
				break;
			}
			if (e.header.index % 4096 == 0)
				cli_progress_show(progress, e.header.index, r->state->size);
		}
		entries.close(entries.ctx);
	}
	tally_arena_free(arena);
	return n;
}

static int
check_vms(struct reading *r, bool unknown_ok, struct tally_err *err)
{
	for (size_t i = 0; i < r->file->count; i++) {
		const struct map_claim *c = &r->file->claims[i];

		if (find(r, c->ev.i.vm)->seen)
			continue;
		r->state->unknown++;
		if (!unknown_ok)
			return tally_csv_error(
				r->file->csv, c->vm, err,
				"this ledger never saw the VM (--unknown-ok takes it "
				"all the same)");
	}
	return 0;
}

static int
decide(struct reading *r, struct tally_err *err)
{
	static const struct cli_filed_words words = { "mapping", "claims", "map" };
	struct map_state *s = r->state;
	enum cli_filed_state is;

	if (cli_filed_state(&is, &r->filed, &words, err) < 0)
		return -1;
	if (is == CLI_FILED_WHOLE)
		s->progress = MAP_DONE;
	if (is != CLI_FILED_PART)
		return 0;
	s->progress = MAP_PARTIAL;
	s->have = r->filed.got;
	if (r->differs || s->due != r->file->count)
		return tally_err_set(
			err, TALLY_USE,
			"this file was broken off at %llu of %llu claims, which were made "
			"with other options: repeat it with those",
			(unsigned long long)r->filed.got, (unsigned long long)r->filed.due);
	return 0;
}

/* Whether the newest note covers everything of this file, and carries its evidence. */
static int
read_seal(struct reading *r, struct tally_store *store, struct tally_err *err)
{
	struct cli_newest newest;
	int n = cli_newest_read(&newest, store, err);

	r->state->covered = n > 0 && newest.checkpoint.size >= r->filed.end;
	r->state->sealed = r->state->covered &&
			   tally_note_lines_of(&newest.note, newest.checkpoint.origin) > 1;
	cli_newest_deinit(&newest);
	return n < 0 ? -1 : 0;
}

int
map_ledger_read(struct map_state *out, struct tally_store *store, const struct map_file *f,
		const uint8_t hash[TALLY_HASH], bool unknown_ok, struct cli_progress *progress,
		struct tally_err *err)
{
	struct reading r = { .state = out, .file = f, .filed.hash = hash };
	uint8_t root[TALLY_HASH];
	int status;

	*out = (struct map_state){ 0 };
	want_vms(&r);
	status = tally_store_head(store, &out->size, root, err);
	if (status >= 0)
		status = read_entries(&r, store, progress, err);
	if (status >= 0 && decide(&r, err) < 0)
		status = tally_err_prefix(err, "%s", tally_store_path(store));
	if (status >= 0 && out->progress == MAP_DONE)
		status = read_seal(&r, store, err);
	else if (status >= 0)
		status = check_vms(&r, unknown_ok, err);
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_deinit(&r.encoded[g]);
	tally_buf_deinit(&r.filed.name);
	free(r.vms);
	return status < 0 ? -1 : 0;
}
