/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass over an export: bundle by bundle, each file read once. Two trees
 * grow: side 0 from the entries, side 1 from the hashes of level 0; they are
 * one until an entry and its hash disagree. At the end the side that gives the
 * checkpoint's root is true, and what disagrees with it is to blame.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "verify_internal.h"

#define LEVELS      8
#define ENTRY       (2 + TALLY_RECORD) /* in a bundle */
#define DIFFERENCES 256
#define BROKEN_MAX  8 /* files that cannot be read before the pass gives up */

struct side {
	struct tally_frontier frontier;
	uint8_t tile[LEVELS][TILE][TALLY_HASH];
};

/* A tile above level 0 that is not what a side gives. */
struct difference {
	unsigned level;
	uint64_t n;
	bool from[2];
};

struct pass {
	struct tally_export *x;
	const struct anchors *anchors;
	struct history *history;
	struct session *session;
	struct side side[2];
	bool diverged;
	uint64_t entry[DIFFERENCES]; /* that disagree with their hash */
	size_t entries;
	struct difference tile[DIFFERENCES];
	size_t tiles;
	unsigned broken; /* files that could not be used */
	bool given_up;
	struct tally_header before; /* of the last entry that is sound */
	bool has_before;
	struct tally_buf records, hashes, payload, other;
	struct tally_arena *arena;
};

static void
keep(void *ctx, unsigned level, uint64_t index, const uint8_t *hash)
{
	struct side *s = ctx;

	if (level % 8 == 0 && level / 8 < LEVELS)
		memcpy(s->tile[level / 8][index % TILE], hash, TALLY_HASH);
}

static void
roots(const struct pass *p, uint8_t out[2][TALLY_HASH])
{
	tally_frontier_root(&p->side[0].frontier, out[0]);
	if (p->diverged)
		tally_frontier_root(&p->side[1].frontier, out[1]);
	else
		memcpy(out[1], out[0], TALLY_HASH);
}

/* The fields that the tree itself cannot vouch for. */
static void
check_record(struct pass *p, uint64_t index, const uint8_t *record, const char *file)
{
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_header *b = &p->before;
	const char *dir = p->x->folder.path;
	struct problems *to = p->x->problems;
	struct tally_header h;

	if (tally_record_read(&h, record, &err) < 0) {
		problem_entry(to, "record", dir, file, index, "%s", err.text);
		return;
	}
	if (h.index != index)
		problem_entry(to, "record", dir, file, index,
			      "the record says that it is entry %" PRIu64, h.index);
	if ((h.kind == TALLY_LEDGER_BEGIN) != (index == 0))
		problem_entry(to, "record", dir, file, index,
			      index == 0 ? "the first entry is no ledger-begin"
					 : "a second ledger-begin");
	if (p->has_before ? h.boot != b->boot && h.boot != b->boot + 1 : h.boot == 0)
		problem_entry(to, "record", dir, file, index, "boot %u does not follow boot %u",
			      h.boot, p->has_before ? b->boot : 0);
	else if (p->has_before && h.boot == b->boot && h.uptime < b->uptime)
		problem_entry(to, "record", dir, file, index, "its uptime goes back");
	witnessed_entry(p->x, index, &h);
	attested_entry(p->x, &h);
	p->before = h;
	p->has_before = true;
}

/* Entry 0 names the log and its key. */
static void
check_begin(struct pass *p, const struct tally_operations *o, const char *file)
{
	struct tally_buf vkey = TALLY_BUF_INIT;

	if (!tally_bytes_eq(o->origin, tally_bytes_str(p->x->origin)))
		problem_entry(p->x->problems, "note", p->x->folder.path, file, 0,
			      "ledger-begin names another origin than the checkpoint");
	if (p->x->has_key)
		tally_vkey_text(&vkey, &p->x->key);
	if (p->x->has_key && !tally_bytes_eq(o->vkey, tally_buf_view(&vkey)))
		problem_entry(p->x->problems, "note", p->x->folder.path, file, 0,
			      "ledger-begin names another key than the checkpoint's");
	tally_buf_deinit(&vkey);
	p->x->succeeds = o->prev_origin.p && o->has_prev_size && o->prev_root.p;
	if (!p->x->succeeds)
		return;
	tally_buf_clear(&p->x->prev_origin);
	tally_buf_add_bytes(&p->x->prev_origin, o->prev_origin);
	p->x->prev_size = o->prev_size;
	memcpy(p->x->prev_root, o->prev_root.p, TALLY_HASH);
}

/* Without these nothing behind them can be judged; what a meter says may be withheld. */
static void
check_withheld(struct pass *p, unsigned kind, uint64_t index, const char *file)
{
	const char *what = kind == TALLY_LEDGER_BEGIN        ? "ledger-begin"
			   : kind == TALLY_SESSION_STATEMENT ? "the session statement"
			   : kind == TALLY_RECEIPT           ? "the receipt"
			   : kind == TALLY_ENROLMENT         ? "the enrolment record"
			   : kind == TALLY_ANCHOR_INTENT     ? "the anchor's intent"
			   : kind == TALLY_ANCHOR            ? "the anchor"
							     : NULL;

	if (!what)
		return;
	problem_entry(p->x->problems, "missing", p->x->folder.path, file, index,
		      "%s is not disclosed", what);
	p->session->blind = p->session->blind || kind == TALLY_SESSION_STATEMENT;
}

/* A payload whose record is sound. 0, or -1 where it does not fit. */
static int
check_payload(struct pass *p, uint64_t index, const struct payload *payload, const uint8_t *record,
	      const char *file)
{
	struct tally_event ev = { .kind = record[1] };
	struct tally_err err = TALLY_ERR_INIT;
	const char *dir = p->x->folder.path;
	unsigned k = payload_mismatch(payload, record);
	uint8_t root[2][TALLY_HASH];

	if (k < TALLY_GROUPS) {
		problem_entry(p->x->problems, "payload", dir, file, index,
			      "group %u is not what the entry committed to", k + 1);
		p->session->blind = p->session->blind || record[1] == TALLY_SESSION_STATEMENT;
		return -1;
	}
	tally_arena_reset(p->arena);
	enrolment_entry(p->x, record[1], index);
	if (tally_event_decode(&ev, payload->group, payload->mask, p->arena, &err) < 0) {
		problem_entry(p->x->problems, "payload", dir, file, index, "%s", err.text);
		return 0;
	}
	if (!(payload->mask & (1U << TALLY_OPERATIONS))) {
		check_withheld(p, record[1], index, file);
		if (ev.kind == TALLY_REPORT_ISSUED)
			issued_hidden(p->x, index);
		return 0;
	}
	if (index == 0)
		check_begin(p, &ev.o, file);
	if (ev.kind == TALLY_SESSION_STATEMENT) {
		roots(p, root);
		sessions_begin(p->session, p->x, index, &ev.o, (const uint8_t(*)[TALLY_HASH])root,
			       file);
		if (p->session->open) {
			enrolment_session(p->x, p->session, file);
			anchored_session(p->x, p->session, file);
		}
	}
	if (ev.kind == TALLY_RECEIPT) {
		witnessed_receipt(p->x, index, &ev.o, file);
		anchored_receipt(p->x, index);
	}
	if (ev.kind == TALLY_ANCHOR_INTENT)
		anchored_intent(p->x, p->session, index, &ev.o, file);
	if (ev.kind == TALLY_ANCHOR)
		anchored_take(p->x, p->session, index, &ev.o, file);
	if (ev.kind == TALLY_REPORT_ISSUED)
		issued_take(p->x, index, tally_get_u64(record + 16), &ev);
	if (ev.kind == TALLY_ENROLMENT)
		enrolment_take(p->x, p->anchors, p->session, index, tally_get_u64(record + 16),
			       ev.o.enrolment, file);
	return 0;
}

/* The first time that an entry and its hash disagree the sides part. */
static void
disagree(struct pass *p, uint64_t index)
{
	if (!p->diverged)
		p->side[1] = p->side[0];
	p->diverged = true;
	if (p->entries < DIFFERENCES)
		p->entry[p->entries++] = index;
}

/* Where a payload file stands while its bundle is gone through. */
struct payloads {
	char name[PATH_ROOM];
	bool usable;      /* from here on */
	bool framed;      /* as many payloads as entries, and nothing left over */
	unsigned failed;  /* one after another */
	unsigned partial; /* so many just before did not disclose all */
	size_t at, ends[TILE + 1];
	unsigned taken;
};

/* A mask that lost a bit leaves bytes to the next payload, which by chance may be
 * those of one that discloses nothing: where one fails behind some that did not
 * disclose all, each of the last few may be damaged. */
#define BLAMED 3
static void
blame_before(struct pass *p, const struct payloads *l, uint64_t index)
{
	for (unsigned i = 1; i <= l->partial && i <= BLAMED; i++)
		problem_entry(p->x->problems, "payload", p->x->folder.path, l->name, index - i,
			      "its payload may be longer than it says");
}

static void
take_payload(struct pass *p, struct payloads *l, uint64_t index, const uint8_t *record)
{
	struct payload payload;
	bool fits;

	if (!l->usable) {
		/* What evidence rests on may be lost before its note is looked at. */
		if (!record || record[1] == TALLY_SESSION_STATEMENT)
			p->session->blind = true;
		return;
	}
	if (!payload_take(&payload, tally_buf_view(&p->payload), &l->at)) {
		l->usable = false;
		if (!record || record[1] == TALLY_SESSION_STATEMENT)
			p->session->blind = true;
		if (l->failed > 0)
			return;
		problem_entry(p->x->problems, "format", p->x->folder.path, l->name, index,
			      "malformed payload");
		blame_before(p, l, index);
		return;
	}
	l->ends[++l->taken] = l->at;
	p->x->withheld += payload.mask == 0;
	p->x->partly += payload.mask != 0 && payload.mask != (1U << TALLY_GROUPS) - 1;
	if (!record) {
		/* Whatever it was: a statement may be lost with it. */
		p->session->blind = true;
		l->failed = 0;
		return;
	}
	/* Behind a wrong length everything is wrong: that is one problem, not 256. */
	if (!l->framed && l->failed > 0 && payload_mismatch(&payload, record) < TALLY_GROUPS) {
		l->usable = false;
		if (record[1] == TALLY_SESSION_STATEMENT)
			p->session->blind = true;
		return;
	}
	fits = check_payload(p, index, &payload, record, l->name) == 0;
	if (!fits)
		blame_before(p, l, index);
	l->failed = fits ? 0 : l->failed + 1;
	l->partial = fits && payload.mask != (1U << TALLY_GROUPS) - 1 ? l->partial + 1 : 0;
}

static void
add_leaf(struct pass *p, const uint8_t from_entry[TALLY_HASH], const uint8_t from_tile[TALLY_HASH])
{
	tally_frontier_add(&p->side[0].frontier, from_entry, keep, &p->side[0]);
	if (p->diverged)
		tally_frontier_add(&p->side[1].frontier, from_tile, keep, &p->side[1]);
}

static int
look_at_notes(struct pass *p, struct tally_err *err)
{
	uint64_t size = p->side[0].frontier.size;
	uint8_t root[2][TALLY_HASH];

	if (!p->history || history_next(p->history) != size)
		return 0;
	roots(p, root);
	return history_at(p->history, size, (const uint8_t(*)[TALLY_HASH])root, err);
}

/* Entries of one bundle; what is unusable is NULL, but never both. */
static int
check_entries(struct pass *p, uint64_t n, unsigned width, const uint8_t *records,
	      const uint8_t *hashes, struct payloads *payloads, struct tally_err *err)
{
	char name[PATH_ROOM];
	uint8_t leaf[TALLY_HASH];

	export_tile_name(name, -1, n, width);
	for (unsigned i = 0; i < width; i++) {
		const uint8_t *record = records ? records + i * ENTRY + 2 : NULL;
		const uint8_t *hash = hashes ? hashes + i * TALLY_HASH : leaf;
		uint64_t index = n * TILE + i;

		if (record)
			tally_hash_leaf(leaf, tally_bytes(record, TALLY_RECORD));
		else
			memcpy(leaf, hash, TALLY_HASH);
		if (memcmp(leaf, hash, TALLY_HASH) != 0) {
			disagree(p, index);
			record = NULL;
		}
		if (record)
			check_record(p, index, record, name);
		if (payloads)
			take_payload(p, payloads, index, record);
		add_leaf(p, leaf, hash);
		if (look_at_notes(p, err) < 0)
			return -1;
	}
	return 0;
}

/* The length before each record. */
static bool
lengths_valid(struct pass *p, uint64_t n, unsigned width, const char *name)
{
	for (unsigned i = 0; i < width; i++) {
		if (tally_get_u16(p->records.p + (size_t)i * ENTRY) == TALLY_RECORD)
			continue;
		problem_entry(p->x->problems, "format", p->x->folder.path, name, n * TILE + i,
			      "an entry that is not %d bytes long", TALLY_RECORD);
		return false;
	}
	return true;
}

static void
ends_of(size_t ends[TILE + 1], size_t unit)
{
	for (unsigned w = 0; w <= TILE; w++)
		ends[w] = w * unit;
}

/* A file of the pass with its narrower predecessors. 1 usable, 0 not, -1. */
static int
read_tile(struct pass *p, int level, uint64_t n, unsigned width, size_t unit, struct tally_buf *out,
	  struct tally_err *err)
{
	size_t ends[TILE + 1];
	char name[PATH_ROOM];
	int r;

	export_tile_name(name, level, n, width);
	r = export_read(p->x, name, width * unit, true, out, err);
	if (r == 0 && ++p->broken >= BROKEN_MAX)
		p->given_up = true;
	if (r <= 0)
		return r;
	ends_of(ends, unit);
	if (export_narrower(p->x, level, n, width, tally_buf_view(out), ends, "tile", err) < 0)
		return -1;
	return 1;
}

static int
check_tile(struct pass *p, unsigned level, uint64_t n, unsigned width, struct tally_err *err)
{
	int r = read_tile(p, (int)level, n, width, TALLY_HASH, &p->other, err);
	struct difference d = { .level = level, .n = n };

	if (r <= 0)
		return r;
	for (int side = 0; side < 2; side++)
		d.from[side] = memcmp(p->other.p, p->side[side && p->diverged].tile[level],
				      p->other.len) != 0;
	if ((d.from[0] || d.from[1]) && p->tiles < DIFFERENCES)
		p->tile[p->tiles++] = d;
	return 0;
}

/* Tiles above level 0 that the last of `full` complete bundles has filled. */
static int
check_filled(struct pass *p, uint64_t full, struct tally_err *err)
{
	for (unsigned level = 1; level < LEVELS && full > 0 && full % TILE == 0; level++) {
		full /= TILE;
		if (check_tile(p, level, full - 1, TILE, err) < 0)
			return -1;
	}
	return 0;
}

/* Those that the end of the tree leaves partial. */
static int
check_partial(struct pass *p, struct tally_err *err)
{
	for (unsigned level = 1; level < LEVELS; level++) {
		uint64_t nodes = p->x->size >> (8 * level);

		if (nodes % TILE != 0 &&
		    check_tile(p, level, nodes / TILE, (unsigned)(nodes % TILE), err) < 0)
			return -1;
	}
	return 0;
}

static int
read_payloads(struct pass *p, uint64_t n, unsigned width, struct payloads *l, struct tally_err *err)
{
	const size_t most = width * (1 + TALLY_GROUPS * (TALLY_SALT + 3 + (size_t)TALLY_GROUP_MAX));
	int r;

	export_tile_name(l->name, LEVEL_PAYLOAD, n, width);
	r = export_read(p->x, l->name, most, false, &p->payload, err);
	l->usable = r > 0;
	l->framed = r > 0 && payload_count(tally_buf_view(&p->payload)) == width;
	if (r == 0 && ++p->broken >= BROKEN_MAX)
		p->given_up = true;
	return r < 0 ? -1 : 0;
}

/* Nothing is left over, and narrower files hold the same. */
static int
end_payloads(struct pass *p, uint64_t n, unsigned width, struct payloads *l, struct tally_err *err)
{
	if (!l->usable) {
		/* A statement may have stood in what is lost. */
		p->session->blind = true;
		return 0;
	}
	if (l->at != p->payload.len) {
		blame_before(p, l, n * TILE + width);
		problem(p->x->problems, "format", p->x->folder.path, l->name,
			"%zu bytes behind the last payload", p->payload.len - l->at);
		return 0;
	}
	return export_narrower(p->x, LEVEL_PAYLOAD, n, width, tally_buf_view(&p->payload), l->ends,
			       "payload", err);
}

static void
keep_digest(struct pass *p)
{
	struct tally_export *x = p->x;

	if (x->digests == x->digests_cap) {
		x->digests_cap = x->digests_cap ? 2 * x->digests_cap : 64;
		x->digest = tally_realloc_array(x->digest, x->digests_cap, sizeof(*x->digest));
	}
	export_digest(x->digest[x->digests++], tally_buf_view(&p->records),
		      tally_buf_view(&p->payload));
}

static int
check_bundle(struct pass *p, uint64_t n, struct tally_err *err)
{
	unsigned width = tally_tile_width(p->x->size, 0, n);
	struct payloads payloads = { .usable = false };
	char name[PATH_ROOM];
	int records, hashes;

	records = read_tile(p, -1, n, width, ENTRY, &p->records, err);
	hashes = records < 0 ? -1 : read_tile(p, 0, n, width, TALLY_HASH, &p->hashes, err);
	if (hashes < 0)
		return -1;
	export_tile_name(name, -1, n, width);
	if (records > 0 && !lengths_valid(p, n, width, name))
		records = 0;
	if (records == 0 && hashes == 0) {
		p->given_up = true;
		return 0;
	}
	tally_buf_clear(&p->payload);
	if (p->x->private && read_payloads(p, n, width, &payloads, err) < 0)
		return -1;
	if (check_entries(p, n, width, records > 0 ? p->records.p : NULL,
			  hashes > 0 ? p->hashes.p : NULL, p->x->private ? &payloads : NULL,
			  err) < 0)
		return -1;
	if (p->x->private && end_payloads(p, n, width, &payloads, err) < 0)
		return -1;
	if (records > 0)
		keep_digest(p);
	return width == TILE ? check_filled(p, n + 1, err) : 0;
}

/* What disagrees with the true side; with neither true, both are named. */
static void
tell_entries(struct pass *p, int truth)
{
	char name[PATH_ROOM];

	for (size_t i = 0; i < p->entries; i++) {
		uint64_t index = p->entry[i], n = index / TILE;
		unsigned width = tally_tile_width(p->x->size, 0, n);

		if (truth != 0) {
			export_tile_name(name, -1, n, width);
			problem_entry(p->x->problems, "tile", p->x->folder.path, name, index,
				      "the entry does not hash to the tree");
		}
		if (truth != 1) {
			export_tile_name(name, 0, n, width);
			problem_entry(p->x->problems, "tile", p->x->folder.path, name, index,
				      "not the hash of the entry");
		}
	}
}

static void
tell_tiles(struct pass *p, int truth)
{
	char name[PATH_ROOM];

	for (size_t i = 0; i < p->tiles; i++) {
		const struct difference *d = &p->tile[i];

		if (truth < 0 ? !d->from[0] || !d->from[1] : !d->from[truth])
			continue;
		export_tile_name(name, (int)d->level, d->n,
				 tally_tile_width(p->x->size, d->level, d->n));
		problem(p->x->problems, "tile", p->x->folder.path, name,
			"not the hashes of the tree below it");
	}
}

static int
judge(struct pass *p)
{
	uint8_t root[2][TALLY_HASH];
	size_t before = p->x->problems->count;
	int truth = -1;

	roots(p, root);
	for (int side = 1; side >= 0; side--)
		if (memcmp(root[side], p->x->root, TALLY_HASH) == 0)
			truth = side;
	tell_entries(p, truth);
	tell_tiles(p, truth);
	if (truth < 0 && p->broken == 0 && p->x->problems->count == before)
		problem(p->x->problems, "root", p->x->folder.path, "checkpoint",
			"the entries do not hash to the checkpoint's root");
	return truth;
}

static int
run(struct pass *p, struct tally_err *err)
{
	uint64_t bundles = p->x->size / TILE + (p->x->size % TILE != 0);

	for (uint64_t n = 0; n < bundles && !p->given_up; n++)
		if (check_bundle(p, n, err) < 0)
			return -1;
	if (p->given_up)
		return p->history ? history_drain(p->history, err) : 0;
	if (check_partial(p, err) < 0)
		return -1;
	return p->history ? history_end(p->history, judge(p), err) : (judge(p), 0);
}

int
tree_check(struct tally_export *x, const struct anchors *anchors, struct history *h,
	   struct session *session, struct tally_err *err)
{
	struct pass *p = tally_alloc(sizeof(*p));
	int r;

	p->x = x;
	p->anchors = anchors;
	p->history = h;
	p->session = session;
	p->arena = tally_arena_new(65536);
	tally_frontier_init(&p->side[0].frontier);
	r = run(p, err);
	tally_buf_deinit(&p->records);
	tally_buf_deinit(&p->hashes);
	tally_buf_deinit(&p->payload);
	tally_buf_deinit(&p->other);
	tally_arena_free(p->arena);
	free(p);
	return r;
}
