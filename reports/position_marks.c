/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes that hold something of note: a host, and where it stood meanwhile. */
#include "position_internal.h"

void
position_mark(struct position_marks *m, const struct estate *e, uint32_t host, int64_t from,
	      int64_t to)
{
	m->any = true;
	ids_add(&m->at[SCOPE_HOST], e->hosts[host].name);
	while (from < to) {
		const struct host_facts *f = estate_facts(e, host, from);

		ids_add(&m->at[SCOPE_CLUSTER], f->cluster);
		ids_add(&m->at[SCOPE_REGION], f->region);
		if (f->to <= from)
			break;
		from = f->to;
	}
}

bool
position_marked(const struct position_marks *m, const struct position *p)
{
	const struct ids *ids = &m->at[p->scope];

	if (p->scope == SCOPE_FLEET)
		return m->any;
	for (uint32_t i = 0; i < ids->n; i++)
		if (ids->p[i] == p->id)
			return true;
	return false;
}

void
position_marks_deinit(struct position_marks *m)
{
	for (unsigned i = 0; i < SCOPES; i++)
		ids_deinit(&m->at[i]);
}
