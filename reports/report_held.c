/* SPDX-License-Identifier: Apache-2.0 */
/* What a report is made from beside ledgers and rules: licences that are held, and
 * the roster. Read first, for rights exclude machines; compared last. */
#include <stdlib.h>
#include "entitlement_match.h"
#include "report_internal.h"
#include "roster.h"
#include "survey.h"
#include "tally/err.h"

static struct entitlement_match
match_of(struct tally_report *r)
{
	return (struct entitlement_match){ .held = r->entitlements,
					   .packs = r->packs,
					   .n_packs = r->n_packs,
					   .positions = &r->positions,
					   .rights = r->entitlements ? &r->rights.rights : NULL,
					   .from = r->from,
					   .to = r->to,
					   .findings = &r->findings };
}

static const char *
path_of(const struct tally_report_input *in)
{
	return in->path ? in->path : in->name;
}

/* Errors tell the path, the report the name. */
static void
rename_to(char **name, const struct tally_report_input *in)
{
	free(*name);
	*name = tally_strdup(in->name);
}

int
report_held_read(struct tally_report *r, const struct tally_report_options *o,
		 struct tally_err *err)
{
	if (o->entitlements) {
		if (o->n_packs == 0)
			return tally_err_set(err, TALLY_USE,
					     "%s: entitlements say nothing without rule packs",
					     o->entitlements->name);
		if (entitlements_parse(&r->entitlements, path_of(o->entitlements),
				       o->entitlements->content, err) < 0 ||
		    entitlements_settle(r->entitlements, o->zone, err) < 0)
			return -1;
		rename_to(&r->entitlements->name, o->entitlements);
	}
	if (o->roster) {
		if (roster_parse(&r->roster, path_of(o->roster), o->roster->content, err) < 0 ||
		    roster_settle(r->roster, o->zone, err) < 0)
			return -1;
		rename_to(&r->roster->name, o->roster);
	}
	return 0;
}

void
report_held_free(struct tally_report *r)
{
	entitlements_free(r->entitlements);
	roster_free(r->roster);
	tally_buf_deinit(&r->shortfalls);
	held_rights_deinit(&r->rights);
}

const struct counted_rights *
report_rights(struct tally_report *r)
{
	if (!r->entitlements)
		return NULL;
	held_rights_split(&r->estate, r->entitlements);
	held_rights_init(&r->rights, r->entitlements, &r->estate, r->to);
	return &r->rights.rights;
}

static void
judge_roster(struct tally_report *r, const struct survey *surveys)
{
	struct roster_host *hosts = tally_alloc((r->n_ledgers + 1) * sizeof(*hosts));

	for (uint32_t i = 0; i < r->n_ledgers; i++)
		hosts[i] = (struct roster_host){ .name = r->ledgers[i].host,
						 .asset = tally_buf_view(&surveys[i].asset),
						 .ledger = i,
						 .seen_from = r->ledgers[i].coverage.begin,
						 .seen_to = r->ledgers[i].coverage.end,
						 .retired = r->estate.hosts[i].retired };
	roster_judge(r->roster, hosts, r->n_ledgers, r->from, r->to, &r->findings);
	free(hosts);
}

int
report_held_match(struct tally_report *r, const struct survey *surveys, struct tally_err *err)
{
	struct entitlement_match m = match_of(r);

	if (r->roster)
		judge_roster(r, surveys);
	if (!r->entitlements)
		return 0;
	if (entitlements_match(&m, err) < 0)
		return -1;
	entitlements_check_editions(&m);
	r->n_shortfalls = entitlements_short(&m, &r->shortfalls);
	return 0;
}

size_t
tally_report_short(const struct tally_report *r, struct tally_bytes *lines)
{
	*lines = tally_buf_view(&r->shortfalls);
	return r->n_shortfalls;
}

/* What each of them must have, the other one refuses. */
enum tally_report_role
tally_report_role(const struct tally_report_input *in)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct entitlements *e;
	struct roster *r;

	if (entitlements_parse(&e, in->name, in->content, &err) == 0) {
		entitlements_free(e);
		return TALLY_REPORT_ENTITLEMENTS;
	}
	if (roster_parse(&r, in->name, in->content, &err) == 0) {
		roster_free(r);
		return TALLY_REPORT_ROSTER;
	}
	return TALLY_REPORT_OTHER;
}
