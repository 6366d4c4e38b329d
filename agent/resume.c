/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the ledger's live entries; imported ones are another's history. */
#include "resume.h"

#include <stdlib.h>
#include <string.h>

#include "tally/entry.h"
#include "tally/err.h"

static struct resume_run *
find(struct resume *r, const uint8_t uuid[TALLY_UUID])
{
	for (size_t i = 0; i < r->count; i++) {
		if (memcmp(r->open[i].dom.uuid, uuid, TALLY_UUID) == 0)
			return &r->open[i];
	}
	return NULL;
}

static void
begin(struct resume *r, const struct tally_event *ev)
{
	struct resume_run *run = find(r, ev->i.vm);
	if (run == NULL) {
		r->open = tally_realloc_array(r->open, r->count + 1, sizeof(*r->open));
		run = &r->open[r->count++];
	}
	*run = (struct resume_run){ .run = ev->m.run };
	memcpy(run->dom.uuid, ev->i.vm, TALLY_UUID);
	run->dom.id = ev->o.has_domain_id ? ev->o.domain_id : -1;
	run->dom.state = ev->m.has_state ? ev->m.state : TALLY_ST_RUNNING;
	run->dom.vcpus = ev->m.vcpus;
	run->dom.memory_mib = ev->m.memory_mib;
	run->dom.pid = ev->o.pid;
	run->dom.start_ticks = ev->o.start_ticks;
	if (ev->i.name.len < sizeof(run->dom.name) && ev->i.name.len > 0)
		memcpy(run->dom.name, ev->i.name.p, ev->i.name.len);
}

static void
take(struct resume *r, const struct tally_event *ev, const struct tally_header *h,
     const uint8_t boot_id[16])
{
	struct resume_run *run = ev->i.has_vm ? find(r, ev->i.vm) : NULL;
	r->witnessed.ns = (int64_t)(ev->m.has_time ? ev->m.time : h->wall);
	r->uptime.ns = (int64_t)(ev->m.has_uptime ? ev->m.uptime : h->uptime);
	if (ev->m.has_run && ev->m.run >= r->next_run)
		r->next_run = ev->m.run + 1;
	switch (ev->kind) {
	case TALLY_HOST_BOOT:
		r->same_boot = ev->o.boot_id.len == 16 && memcmp(ev->o.boot_id.p, boot_id, 16) == 0;
		r->count = 0; /* nothing runs over a boot */
		break;
	case TALLY_AGENT_START:
		r->agent_began = true;
		break;
	case TALLY_AGENT_STOP:
		r->agent_began = false;
		break;
	case TALLY_STARTED:
	case TALLY_BASELINE:
		if (ev->i.has_vm)
			begin(r, ev);
		break;
	case TALLY_RESUMED:
		if (run != NULL)
			run->dom.state = TALLY_ST_RUNNING;
		break;
	case TALLY_SUSPENDED:
		if (run != NULL && ev->m.has_state)
			run->dom.state = ev->m.state;
		break;
	case TALLY_STOPPED:
		if (run != NULL)
			*run = r->open[--r->count];
		break;
	default:
		break;
	}
}

int
resume_read(struct resume *out, struct tally_store *store, const uint8_t boot_id[16],
	    struct tally_err *err)
{
	struct tally_entries entries = { 0 };
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_entry e;
	uint8_t root[TALLY_HASH];
	uint64_t size;
	int rc = -1, more;
	*out = (struct resume){ .next_run = 1 };
	if (tally_store_head(store, &size, root, err) < 0 ||
	    tally_store_entries(store, 0, size, &entries, err) < 0)
		goto out;
	while ((more = entries.next(entries.ctx, &e, err)) == 1) {
		struct tally_event ev = { 0 };
		if (e.header.flags & TALLY_FLAG_IMPORTED)
			continue;
		tally_arena_reset(arena);
		if (tally_event_decode(&ev, e.group, e.mask, arena, err) < 0) {
			(void)tally_err_prefix(err, "entry %llu",
					       (unsigned long long)e.header.index);
			goto out;
		}
		ev.kind = e.header.kind;
		take(out, &ev, &e.header, boot_id);
	}
	if (!out->same_boot)
		out->count = 0;
	rc = more;
out:
	if (entries.close != NULL)
		entries.close(entries.ctx);
	tally_arena_free(arena);
	if (rc < 0)
		resume_release(out);
	return rc;
}

void
resume_release(struct resume *r)
{
	free(r->open);
	r->open = NULL;
	r->count = 0;
}
