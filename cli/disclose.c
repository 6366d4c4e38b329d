/* SPDX-License-Identifier: Apache-2.0 */
/* One licensor's view of an export that lies in a folder of ours. Only payloads change, and
 * of these only which groups stand in them: records, and with them the tree, stay. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tally/entry.h"
#include "tally/event.h"
#include "tally/file.h"
#include "tally/merkle.h"
#include "tally/parse.h"
#include "cli.h"
#include "disclose.h"

#define TILE        256U
#define ENTRY       (2U + TALLY_RECORD)
#define PAYLOAD_MAX (TILE * (1 + TALLY_GROUPS * (TALLY_SALT + 3 + (size_t)TALLY_GROUP_MAX)))
#define ALL         ((1U << TALLY_GROUPS) - 1)

bool
cli_pack_is_of(const struct tally_pack *pack, const char *licensor)
{
	return strcasecmp(tally_pack_vendor(pack), licensor) == 0;
}

int
cli_packs_of(struct cli_packs *packs, const char *licensor, struct tally_err *err)
{
	struct tally_buf vendors = TALLY_BUF_INIT;
	size_t kept = 0;
	int status = 0;

	for (size_t i = 0; i < packs->count; i++) {
		struct tally_pack *p = packs->packs[i];

		if (cli_pack_is_of(p, licensor)) {
			packs->packs[kept++] = p;
			continue;
		}
		tally_buf_addf(&vendors, "%s%s", vendors.len ? ", " : "", tally_pack_vendor(p));
		tally_pack_free(p);
	}
	packs->count = kept;
	if (kept == 0)
		status = tally_err_set(err, TALLY_USE, "--for: no rule pack is of '%s' (%s)",
				       licensor, tally_buf_cstr(&vendors));
	tally_buf_deinit(&vendors);
	return status;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, TALLY_UUID);
}

void
cli_disclosure_sort(struct cli_disclosure *d)
{
	if (d->count > 1)
		qsort(d->vms, d->count, sizeof(*d->vms), compare);
}

void
cli_disclosure_deinit(struct cli_disclosure *d)
{
	free(d->vms);
}

static bool
concerns(const struct cli_disclosure *d, const struct tally_event *ev)
{
	for (size_t i = 0; i < d->packs->count; i++) {
		const struct tally_pack *p = d->packs->packs[i];

		if (ev->m.os.len > 0 && tally_pack_counts_os(p, ev->m.os))
			return true;
		for (size_t k = 0; k < ev->m.software.count; k++)
			if (tally_pack_counts_software(p, ev->m.software.items[k]))
				return true;
	}
	return false;
}

/* In a row the same machine comes again and again. */
static void
note_vm(struct cli_disclosure *d, const uint8_t vm[TALLY_UUID])
{
	if (d->count > 0 && memcmp(d->vms[d->count - 1], vm, TALLY_UUID) == 0)
		return;
	if (d->count == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 256;
		d->vms = tally_realloc_array(d->vms, d->cap, sizeof(*d->vms));
	}
	memcpy(d->vms[d->count++], vm, TALLY_UUID);
}

enum sort { SECRET, BEGIN, COMMON, EVIDENCE };

/* What an entry without a machine is to a licensor. A kind that is not here is none of
 * his. */
static enum sort
sort_of(unsigned kind)
{
	switch (kind) {
	case TALLY_LEDGER_BEGIN:
		return BEGIN;
	case TALLY_HOST_FACTS:
	case TALLY_HOST_BOOT:
	case TALLY_HOST_RETIRED:
	case TALLY_HOST_FAILED:
	case TALLY_AGENT_START:
	case TALLY_AGENT_STOP:
	case TALLY_HEARTBEAT:
	case TALLY_GAP_BEGIN:
	case TALLY_GAP_END:
	case TALLY_GAP:
	case TALLY_CLOCK_STEP:
		return COMMON;
	case TALLY_SESSION_STATEMENT:
	case TALLY_ANCHOR_INTENT:
	case TALLY_ANCHOR:
	case TALLY_RECEIPT:
	case TALLY_ENROLMENT:
		return EVIDENCE;
	default:
		return SECRET;
	}
}

/* Which groups the licensor gets of an entry: of what cores and coverage need the metering,
 * of what a verdict rests on the operations. */
static unsigned
mask_of(const struct cli_disclosure *d, unsigned kind, const struct tally_event *ev)
{
	static const unsigned groups[] = {
		[BEGIN] = ALL,
		[COMMON] = 1U << TALLY_METERING,
		[EVIDENCE] = 1U << TALLY_OPERATIONS,
	};

	if (!ev->i.has_vm)
		return groups[sort_of(kind)];
	return d->count > 0 && bsearch(ev->i.vm, d->vms, d->count, sizeof(*d->vms), compare) ? ALL
											     : 0;
}

/* A payload as it lies in the file. */
struct raw {
	unsigned mask;
	struct tally_bytes whole[TALLY_GROUPS], group[TALLY_GROUPS]; /* with and without salt */
};

static bool
take(struct raw *r, struct tally_cursor *c)
{
	*r = (struct raw){ .mask = tally_cursor_u8(c) };
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		const uint8_t *begin = c->p;
		size_t n;

		if (!(r->mask & 1U << k))
			continue;
		(void)tally_cursor_take(c, TALLY_SALT);
		n = (size_t)tally_cursor_u8(c) << 16;
		n |= tally_cursor_u16(c);
		r->group[k] = tally_cursor_take(c, n);
		if (!c->failed)
			r->whole[k] = tally_bytes(begin, (size_t)(c->p - begin));
	}
	return !c->failed && r->mask <= ALL;
}

struct pass {
	struct cli_disclosure *d;
	struct tally_arena *arena;
	struct tally_buf entries, payload, out;
	bool redact;
};

static int
take_entry(struct pass *p, const uint8_t *record, struct tally_cursor *c, struct tally_err *err)
{
	struct tally_header h;
	struct tally_event ev;
	struct raw raw;
	unsigned mask;

	if (tally_record_read(&h, record, err) < 0)
		return -1;
	if (!take(&raw, c))
		return tally_err_set(err, TALLY_FAILS, "malformed payload");
	tally_arena_reset(p->arena);
	if (tally_event_decode(&ev, raw.group, raw.mask, p->arena, err) < 0)
		return -1;
	if (!p->redact) {
		if (ev.i.has_vm && concerns(p->d, &ev))
			note_vm(p->d, ev.i.vm);
		return 0;
	}
	mask = mask_of(p->d, h.kind, &ev) & raw.mask;
	tally_buf_add_u8(&p->out, (uint8_t)mask);
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		if (mask & 1U << k)
			tally_buf_add_bytes(&p->out, raw.whole[k]);
	return 0;
}

/* A bundle of entries and its payloads. */
static int
take_bundle(struct pass *p, const char *dir, uint64_t n, unsigned width, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	char tile[TALLY_TILE_PATH];
	struct tally_cursor c;
	int status;

	tally_buf_clear(&p->entries);
	tally_buf_clear(&p->payload);
	tally_buf_clear(&p->out);
	tally_tile_path(tile, -1, n, width);
	tally_buf_addf(&path, "%s/%s", dir, tile);
	status = cli_read_input(tally_buf_cstr(&path), TILE * ENTRY, &p->entries, err);
	tally_tile_path(tile, -2, n, width);
	tally_buf_clear(&path);
	tally_buf_addf(&path, "%s/private/payload/%s", dir, tile);
	if (status == 0)
		status = cli_read_input(tally_buf_cstr(&path), PAYLOAD_MAX, &p->payload, err);
	if (status == 0 && p->entries.len != (size_t)width * ENTRY)
		status = tally_err_set(err, TALLY_FAILS, "%s: not its size", tile);
	tally_cursor_init(&c, tally_buf_view(&p->payload));
	for (unsigned i = 0; i < width && status == 0; i++)
		status = take_entry(p, p->entries.p + (size_t)i * ENTRY + 2, &c, err);
	if (status == 0 && p->redact)
		status = tally_output_write(tally_buf_cstr(&path), tally_buf_view(&p->out), err);
	tally_buf_deinit(&path);
	return status;
}

int
cli_disclose(struct cli_disclosure *d, const char *dir, uint64_t size, bool redact,
	     struct tally_err *err)
{
	struct pass p = { .d = d, .arena = tally_arena_new(4096), .redact = redact };
	unsigned width;
	int status = 0;

	for (uint64_t n = 0; status == 0 && (width = tally_tile_width(size, 0, n)) > 0; n++)
		status = take_bundle(&p, dir, n, width, err);
	tally_arena_free(p.arena);
	tally_buf_deinit(&p.entries);
	tally_buf_deinit(&p.payload);
	tally_buf_deinit(&p.out);
	return status < 0 ? tally_err_prefix(err, "--for") : 0;
}
