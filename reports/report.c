/* SPDX-License-Identifier: Apache-2.0 */
/* From ledgers to a report: survey, first reading, second reading, findings. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compare.h"
#include "report_internal.h"
#include "survey.h"
#include "tally/err.h"

#define CLASS_TAG "tally/report/v1"

uint64_t
report_average(const struct tally_report *r, const struct usage_row *row)
{
	tally_i128 run = row->sum[RUNNING] + row->sum[PAUSED], period = r->to - r->from;

	return (uint64_t)((run * 2000000 + period) / (period * 2));
}

void
report_millionths(char out[32], uint64_t millionths)
{
	snprintf(out, 32, "%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
}

static int
compare_surveys(const void *a, const void *b)
{
	const struct survey *x = a, *y = b;

	return tally_bytes_cmp(tally_buf_view(&x->host), tally_buf_view(&y->host));
}

struct survey_job {
	struct survey *surveys;
	const struct tally_report_ledger *ledgers;
	struct tally_err *errs; /* of those that failed */
};

static void
survey_one(void *arg, size_t i)
{
	struct survey_job *job = arg;

	if (survey_make(&job->surveys[i], &job->ledgers[i], &job->errs[i]) < 0)
		tally_err_prefix_(&job->errs[i], "%s", job->ledgers[i].origin);
}

/* All ledgers, in the order of their hosts' names. */
static int
survey_all(struct survey *surveys, const struct tally_report_ledger *ledgers, size_t n,
	   const struct tally_report_options *o, struct tally_err *err)
{
	struct survey_job job = { surveys, ledgers, tally_alloc((n + 1) * sizeof(*job.errs)) };
	size_t bad = 0;

	if (o->parallel)
		o->parallel(n, survey_one, &job);
	else
		for (size_t i = 0; i < n; i++)
			survey_one(&job, i);
	while (bad < n && job.errs[bad].code == TALLY_OK)
		bad++;
	if (bad < n)
		*err = job.errs[bad];
	free(job.errs);
	if (bad < n)
		return -1;
	if (n > 1)
		qsort(surveys, n, sizeof(*surveys), compare_surveys);
	for (size_t i = 1; i < n; i++)
		if (compare_surveys(&surveys[i - 1], &surveys[i]) == 0)
			return tally_err_set(err, TALLY_USE, "two ledgers of one host name: '%.*s'",
					     (int)surveys[i].host.len,
					     (const char *)surveys[i].host.p);
	return 0;
}

static struct tally_bytes
keep(struct tally_report *r, struct tally_bytes text)
{
	return strings_get(&r->strings, strings_add(&r->strings, text));
}

static void
take_ledgers(struct tally_report *r, const struct survey *surveys, size_t n)
{
	r->ledgers = tally_alloc((n + 1) * sizeof(*r->ledgers));
	r->n_ledgers = n;
	for (uint32_t i = 0; i < n; i++) {
		const struct survey *s = &surveys[i];
		struct report_ledger *l = &r->ledgers[i];

		l->host = keep(r, tally_buf_view(&s->host));
		l->origin = keep(r, tally_bytes_str(s->ledger->origin));
		l->size = s->ledger->size;
		memcpy(l->root, s->ledger->root, TALLY_HASH);
		l->checkpoint = s->wall;
		if (s->entries > 0 && (!r->has_issued || s->wall > r->issued)) {
			r->has_issued = true;
			r->issued = s->wall;
		}
		survey_note(s, i, &r->findings);
	}
}

static size_t
make_parts(struct tally_report *r, struct survey *surveys, struct part *parts)
{
	size_t n = 0;

	for (uint32_t i = 0; i < r->n_ledgers; i++) {
		struct survey *s = &surveys[i];
		uint32_t host = strings_add(&r->strings, r->ledgers[i].host);

		if (s->imported)
			part_init(&parts[n++], &r->sayings, i, host, false, s->ledger->entries);
		if (s->live)
			part_init(&parts[n++], &r->sayings, i, host, true,
				  s->imported ? s->ledger->entries2 : s->ledger->entries);
		if (s->aside.n > 0) {
			part_init(&parts[n], &r->sayings, i, host, true, aside_entries(&s->aside));
			parts[n++].aside = true;
		}
	}
	return n;
}

static void
add_item(struct tally_buf *b, struct tally_bytes item)
{
	tally_buf_add_u32(b, (uint32_t)item.len);
	tally_buf_add_bytes(b, item);
}

static void
make_id(struct tally_report *r, const struct tally_report_options *o)
{
	struct tally_buf b = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH];

	tally_buf_add(&b, CLASS_TAG, sizeof(CLASS_TAG));
	add_item(&b, tally_bytes_str(r->from_text));
	add_item(&b, tally_bytes_str(r->to_text));
	add_item(&b, tally_bytes_str(r->zone));
	for (size_t i = 0; i < r->n_ledgers; i++) {
		const struct report_ledger *l = &r->ledgers[i];
		char size[24];

		snprintf(size, sizeof(size), "%" PRIu64, l->size);
		add_item(&b, l->host);
		add_item(&b, l->origin);
		add_item(&b, tally_bytes_str(size));
		add_item(&b, tally_bytes(l->root, TALLY_HASH));
	}
	for (size_t i = 0; i < o->n_packs; i++) {
		add_item(&b, tally_bytes_str(o->packs[i]->id));
		add_item(&b, tally_bytes_str(o->packs[i]->version));
		add_item(&b, tally_bytes(o->packs[i]->sha256, TALLY_HASH));
	}
	for (size_t i = 0; i < r->n_inputs; i++) {
		add_item(&b, tally_bytes_str(r->inputs[i].name));
		add_item(&b, tally_bytes(r->inputs[i].hash, TALLY_HASH));
	}
	if (r->licensor) {
		add_item(&b, tally_bytes_str(r->licensor));
		add_item(&b, tally_bytes_str(r->with_high ? "high" : ""));
	}
	o->sha256(hash, tally_buf_view(&b));
	tally_hex(r->id, hash, TALLY_HASH);
	tally_buf_deinit(&b);
}

static int
compare_inputs(const void *a, const void *b)
{
	const struct report_input *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : memcmp(x->hash, y->hash, TALLY_HASH);
}

static void
add_input(struct tally_report *r, const struct tally_report_options *o,
	  const struct tally_report_input *in)
{
	struct report_input *input;

	r->inputs = tally_realloc_array(r->inputs, r->n_inputs + 1, sizeof(*r->inputs));
	input = &r->inputs[r->n_inputs++];
	input->name = tally_strdup(in->name);
	o->sha256(input->hash, in->content);
	qsort(r->inputs, r->n_inputs, sizeof(*r->inputs), compare_inputs);
}

static void
note_gaps(struct tally_report *r, uint32_t ledger)
{
	const struct host_coverage *c = &r->ledgers[ledger].coverage;

	for (size_t i = 0; i < c->gaps.n; i++) {
		const struct gap *gap = &c->gaps.p[i];
		struct finding *g = findings_count(&r->findings, F_GAP, ledger, 1);
		struct tally_bytes reason = report_text(r, gap->reason);
		char from[TALLY_TIME_TEXT], to[TALLY_TIME_TEXT];

		g->ns += gap->to - gap->from;
		finding_entry(g, ledger, gap->index);
		tally_wall_text(from, (struct tally_wall){ gap->from });
		tally_wall_text(to, (struct tally_wall){ gap->to });
		finding_case(g, "%s to %s%s%.*s%s", from, to, reason.len ? " (" : "",
			     (int)reason.len, (const char *)reason.p, reason.len ? ")" : "");
	}
}

static void
note_coverage(struct tally_report *r, uint32_t ledger)
{
	const struct host_coverage *c = &r->ledgers[ledger].coverage;
	const struct tally_bytes *host = &r->ledgers[ledger].host;
	uint64_t ratio;
	char text[32], missing[64];

	if (!coverage_ratio(&ratio, c->metered, c->powered) || c->metered * 100 >= c->powered * 99)
		return;
	report_millionths(text, ratio);
	tally_seconds_text(missing, c->powered - c->metered);
	finding_case(findings_count(&r->findings, F_COVERAGE_LOW, FLEET, 1),
		     "%.*s %s, %s s of its powered time unattested", (int)host->len,
		     (const char *)host->p, text, missing);
}

/* Nothing counted where nobody looked: a report of noughts has to say so. */
static void
note_nothing(struct tally_report *r)
{
	for (uint32_t i = 0; i < r->n_ledgers; i++)
		if (r->ledgers[i].coverage.powered > 0)
			return;
	for (uint32_t i = 0; i < r->n_ledgers; i++) {
		const struct tally_bytes *host = &r->ledgers[i].host;
		struct finding *g = findings_count(&r->findings, F_NOTHING_RECORDED, FLEET, 1);

		if (finding_tells(g))
			finding_case(g, "%.*s", (int)host->len, (const char *)host->p);
	}
}

static void
make_coverage(struct tally_report *r, const struct plan *plan, const struct survey *surveys)
{
	struct part_coverage *parts[3];

	for (uint32_t i = 0; i < r->n_ledgers; i++) {
		size_t n = 0;

		for (size_t p = 0; p < plan->n_parts; p++)
			if (plan->parts[p].ledger == i)
				parts[n++] = &plan->coverage[p];
		host_coverage_make(&r->ledgers[i].coverage, parts, n, &plan->gaps[i],
				   &surveys[i].powered, &plan->period, &r->strings);
		note_gaps(r, i);
		note_coverage(r, i);
	}
	note_nothing(r);
}

/* Rules look back farther than the period. */
static int64_t
reach(const struct tally_report *r, const struct tally_report_options *o)
{
	return o->n_packs > 0 ? positions_reach(o->packs, o->n_packs, r->from, r->to) : r->from;
}

static struct estate *
begin_estate(struct tally_report *r, const struct tally_report_options *o)
{
	if (o->n_packs == 0 && !o->prices && !o->roster && !o->stays)
		return NULL;
	estate_init(&r->estate, &r->strings, reach(r, o), r->to);
	r->has_estate = true;
	return &r->estate;
}

static int
make_positions(struct tally_report *r, const struct tally_report_options *o, struct tally_err *err)
{
	struct positions_request q = { .estate = &r->estate,
				       .packs = o->packs,
				       .n_packs = o->n_packs,
				       .from = r->from,
				       .to = r->to,
				       .zone = o->zone,
				       .findings = &r->findings,
				       .parallel = o->parallel,
				       .threads = o->threads };

	r->packs = o->packs;
	r->n_packs = o->n_packs;
	q.rights = report_rights(r);
	return o->n_packs > 0 ? positions_make(&r->positions, &q, err) : 0;
}

/* Both readings, and what they find; 1: they have to be whole. */
static int
read_ledgers(struct tally_report *r, struct part *parts, size_t n_parts,
	     const struct survey *surveys, const struct tally_report_options *o, bool whole,
	     struct tally_err *err)
{
	struct span period = { r->from, r->to };
	struct tally_bytes *names = tally_alloc((r->n_ledgers + 1) * 2 * sizeof(*names));
	struct tally_bytes *origins = names + r->n_ledgers + 1;
	struct resume resume;
	struct plan plan;
	int rc = resume_begin(&resume, parts, n_parts, whole ? INT64_MIN : reach(r, o), err);

	if (rc < 0) {
		free(names);
		return -1;
	}
	for (size_t i = 0; i < r->n_ledgers; i++) {
		names[i] = r->ledgers[i].host;
		origins[i] = r->ledgers[i].origin;
	}
	rc = plan_make(&plan, &r->residence, &r->strings, &r->findings, parts, n_parts,
		       r->n_ledgers, &period, &resume, o->parallel, err);
	if (rc == 0 && resume.refused) {
		rc = 1;
	} else if (rc == 0) {
		make_coverage(r, &plan, surveys);
		rc = sweep_make(&r->sweep, &plan, parts, n_parts, names, r->n_ledgers,
				begin_estate(r, o), err);
		if (rc == 0 && resume.refused)
			rc = 1;
	}
	plan_deinit(&plan);
	if (rc == 0)
		rc = make_positions(r, o, err);
	if (rc == 0)
		rc = report_held_match(r, surveys, err);
	if (rc == 0)
		rc = report_charges(r, o, err);
	findings_finish(&r->findings, names, origins);
	free(names);
	return rc;
}

/* All but the report that this one supersedes: that one has them, too. */
static void
add_inputs(struct tally_report *r, const struct tally_report_options *o)
{
	if (o->prices) {
		struct tally_report_input list = { o->prices->file,
						   tally_buf_view(&o->prices->content) };

		add_input(r, o, &list);
	}
	if (o->entitlements)
		add_input(r, o, o->entitlements);
	if (o->roster)
		add_input(r, o, o->roster);
}

/* Last of all: what it holds is compared as it stands. */
static void
supersede(struct tally_report *r, const struct compare *old, const struct survey *surveys)
{
	struct tally_bytes *origins = tally_alloc((r->n_ledgers + 1) * sizeof(*origins));

	for (size_t i = 0; i < r->n_ledgers; i++)
		origins[i] = r->ledgers[i].origin;
	compare_report(old, r, surveys, origins);
	TALLY_ASSERT(old->id.len == sizeof(r->supersedes) - 1);
	memcpy(r->supersedes, old->id.p, old->id.len);
	free(origins);
}

static int
make(struct tally_report *r, struct survey *surveys, const struct tally_report_ledger *ledgers,
     size_t n, const struct tally_report_options *o, bool whole, struct tally_err *err)
{
	struct part *parts = tally_alloc((3 * n + 1) * sizeof(*parts));
	struct compare old = { 0 };
	size_t n_parts = 0;
	int rc = o->old ? compare_read(&old, o->old, r, err) : 0;

	if (rc == 0)
		rc = report_held_read(r, o, err);
	if (rc == 0)
		rc = survey_all(surveys, ledgers, n, o, err);
	if (rc == 0) {
		take_ledgers(r, surveys, n);
		rc = o->old ? compare_ledgers(&old, r, surveys, err) : 0;
	}
	if (rc == 0) {
		n_parts = make_parts(r, surveys, parts);
		rc = read_ledgers(r, parts, n_parts, surveys, o, whole, err);
	}
	if (rc == 0 && o->old)
		rc = report_correct(r, &old, err);
	if (rc == 0)
		add_inputs(r, o);
	if (rc == 0 && o->old) {
		supersede(r, &old, surveys);
		add_input(r, o, o->old);
	}
	if (rc == 0)
		make_id(r, o);
	for (size_t i = 0; i < n_parts; i++)
		part_deinit(&parts[i]);
	compare_deinit(&old);
	free(parts);
	return rc;
}

/* 1: only a reading of all entries can tell. */
static int
make_once(struct tally_report **out, const struct tally_report_ledger *ledgers, size_t n,
	  const struct tally_report_options *o, bool whole, struct tally_err *err)
{
	struct survey *surveys;
	struct tally_report *r;
	int rc;

	r = tally_alloc(sizeof(*r));
	r->from = o->from.ns;
	r->to = o->to.ns;
	tally_wall_text(r->from_text, o->from);
	tally_wall_text(r->to_text, o->to);
	r->zone = tally_strdup(tally_zone_name(o->zone));
	r->tool = tally_strdup(o->tool);
	r->licensor = o->licensor ? tally_strdup(o->licensor) : NULL;
	r->with_high = o->with_high || !o->licensor;
	r->tzdata = tally_strdup(o->tzdata);
	strings_init(&r->strings);
	sayings_init(&r->sayings, &r->strings);
	residence_init(&r->residence, false);
	findings_init(&r->findings, n);
	surveys = tally_alloc((n + 1) * sizeof(*surveys));
	rc = make(r, surveys, ledgers, n, o, whole, err);
	for (size_t i = 0; i < n; i++)
		survey_deinit(&surveys[i]);
	free(surveys);
	if (rc != 0) {
		tally_report_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

int
tally_report_make(struct tally_report **out, const struct tally_report_ledger *ledgers, size_t n,
		  const struct tally_report_options *o, struct tally_err *err)
{
	int rc;

	TALLY_ASSERT(o->sha256 && n < UINT32_MAX);
	if (o->from.ns >= o->to.ns)
		return tally_err_set(err, TALLY_USE,
				     "the period is empty: its end must lie behind its begin");
	rc = make_once(out, ledgers, n, o, false, err);
	return rc > 0 ? make_once(out, ledgers, n, o, true, err) : rc;
}

int
tally_report_fits(uint64_t bytes, struct tally_err *err)
{
	if (bytes <= TALLY_REPORT_MAX)
		return 0;
	return tally_err_set(err, TALLY_USE,
			     "the report has %" PRIu64 " bytes, and more than %" PRIu32
			     " would not be read again: a shorter period, or fewer ledgers",
			     bytes, TALLY_REPORT_MAX);
}

void
tally_report_free(struct tally_report *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_ledgers; i++)
		host_coverage_deinit(&r->ledgers[i].coverage);
	charges_deinit(&r->charges);
	positions_deinit(&r->positions);
	report_held_free(r);
	if (r->has_estate)
		estate_deinit(&r->estate);
	if (r->sweep.residence)
		sweep_deinit(&r->sweep);
	residence_deinit(&r->residence);
	sayings_deinit(&r->sayings);
	findings_deinit(&r->findings);
	strings_deinit(&r->strings);
	for (size_t i = 0; i < r->n_inputs; i++)
		free(r->inputs[i].name);
	free(r->inputs);
	free(r->ledgers);
	free(r->zone);
	free(r->tool);
	free(r->licensor);
	free(r->tzdata);
	free(r);
}
