/* SPDX-License-Identifier: Apache-2.0 */
/* Claims, corrections, and the rows of `vms` that follow from them. */
#include <string.h>
#include "../../../reports/claims.h"
#include "randomlib.h"
#include "reportlib.h"

#define HOST "h1 00:00 host cores_per_socket=8\nh2 00:00 host cores_per_socket=8\n"
#define START                                                                                      \
	HOST "h1 10:00 start a vcpus=1 os=urn:x edition=e1 evidence=operator tenant=t "            \
	     "cost_center=c name=n\n"
#define STOP "h1 14:00 stop a cause=shutdown\n"
#define RUN(r, where, expected)                                                                    \
	assert_figure(r, "usage", "scope=fleet " where, "run_seconds", expected)

static void
time_belongs_to_whoever_owned_the_vm_then(void **state)
{
	const struct tally_json *r = report_of_day(START "h1 11:00 tag a tenant=u\n" STOP);

	(void)state;
	assert_figure(r, "usage", "scope=tenant id=t", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=tenant id=u", "run_seconds", "10800");
	assert_figure(r, "usage", "scope=cost_center id=c", "run_seconds", "14400");
	assert_int_equal(rows(r, "vms", ""), 1);
	assert_figure(r, "vms", "", "tenant", "u");
}

static void
an_os_claim_that_names_an_os_speaks_of_the_edition_too(void **state)
{
	const struct tally_json *r =
		report_of_day(START "h1 11:00 os a os=urn:y evidence=disk\n" STOP);

	(void)state;
	RUN(r, "product=urn:x edition=e1", "3600");
	RUN(r, "product=urn:y edition=", "10800");
	r = report_of_day(START "h1 11:00 os a edition=e2 evidence=disk\n" STOP);
	RUN(r, "product=urn:x edition=e2", "10800");
	assert_figure(r, "vms", "edition=e2", "evidence", "operator");
}

static void
an_os_that_is_stated_as_unknown_is_unclassified(void **state)
{
	const struct tally_json *r = report_of_day(START "h1 11:00 os a os=\n" STOP);

	(void)state;
	RUN(r, "product=unclassified", "10800");
	assert_figure(r, "vms", "product=unclassified", "evidence", "none");
	assert_figure(
		r, "findings", "kind=os-unknown", "text",
		"1 VM ran without a known OS, 10800 s in all: VM n "
		"(00000000-0000-0000-0000-000000000061) for 10800 s from 2026-03-01T11:00:00Z");
}

static void
a_new_start_forgets_the_claims_of_the_run_before(void **state)
{
	const struct tally_json *r = report_of_day(START STOP "h1 15:00 start a vcpus=1\n"
							      "h1 16:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "product=unclassified edition=", "3600");
	assert_figure(r, "usage", "scope=tenant id=", "run_seconds", "3600");
}

static void
a_continuing_baseline_changes_what_it_gives(void **state)
{
	const struct tally_json *r =
		report_of_day(START "h1 11:00 start a vcpus=1 tenant=u baseline=true\n" STOP);

	(void)state;
	RUN(r, "product=urn:x edition=e1", "14400");
	assert_figure(r, "usage", "scope=tenant id=u", "run_seconds", "10800");
}

static void
a_correction_holds_for_its_span_and_then_the_earlier_claim_shows_again(void **state)
{
	const struct tally_json *r = report_of_day(
		START STOP
		"h1 20:00 os a os=urn:y edition=e9 evidence=vendor from=11:00 to=12:00 by=ann\n");

	(void)state;
	RUN(r, "product=urn:x edition=e1", "10800");
	RUN(r, "product=urn:y edition=e9", "3600");
	assert_int_equal(rows(r, "vms", ""), 3);
	assert_int_equal(rows(r, "vms", "product=urn:y evidence=vendor"), 1);
	assert_figure(r, "findings", "kind=os-conflict", "text",
		      "host h1: 1 claim of an OS disagrees with another: VM n "
		      "(00000000-0000-0000-0000-000000000061) from 2026-03-01T11:00:00Z: a "
		      "correction by ann says "
		      "urn:y, recorded was urn:x");
}

static void
a_correction_acts_in_every_ledger(void **state)
{
	const struct tally_json *r = report_of_day(
		START STOP "h2 15:00 start a vcpus=1 tenant=t\nh2 16:00 stop a cause=shutdown\n"
			   "h2 20:00 tag a tenant=v from=13:00 to=15:30\n");

	(void)state;
	assert_figure(r, "usage", "scope=tenant id=t product=urn:x", "run_seconds", "10800");
	assert_figure(r, "usage", "scope=tenant id=v product=urn:x", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=tenant id=v product=unclassified", "run_seconds", "1800");
	assert_figure(r, "usage", "scope=tenant id=t product=unclassified", "run_seconds", "1800");
	r = report_of_day(START STOP "h1 20:00 tag a tenant=v from=13:00 to=15:30\n");
	assert_figure(r, "usage", "scope=tenant id=v", "run_seconds", "3600");
}

static void
of_claims_that_cover_an_instant_the_one_recorded_last_wins(void **state)
{
	const struct tally_json *r = report_of_day(
		START "h1 10:30 tag a tenant=v from=10:10\nh1 11:00 tag a tenant=w\n" STOP
		      "h1 20:00 tag a tenant=z from=10:20 to=10:40\nh1 20:00 tag a tenant=y "
		      "from=10:20 to=10:30\n");

	(void)state;
	assert_figure(r, "usage", "scope=tenant id=t", "run_seconds", "600");
	assert_figure(r, "usage", "scope=tenant id=v", "run_seconds",
		      "1800"); /* :10-:20, :40-:00 */
	assert_figure(r, "usage", "scope=tenant id=y", "run_seconds", "600");
	assert_figure(r, "usage", "scope=tenant id=z", "run_seconds", "600");
	assert_figure(r, "usage", "scope=tenant id=w", "run_seconds", "10800");
}

static void
a_correction_of_what_a_start_left_out_holds(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 09:00 tag a tenant=v from=09:00\nh1 10:00 start a vcpus=1\n" STOP);

	(void)state;
	assert_figure(r, "usage", "scope=tenant id=v", "run_seconds", "14400");
	r = report_of_day(
		HOST
		"h1 09:00 tag a tenant=v from=09:00\nh1 10:00 start a vcpus=1 tenant=t\n" STOP);
	assert_figure(r, "usage", "scope=tenant id=t", "run_seconds", "14400");
}

static void
a_correction_that_only_ends_begins_at_its_own_instant(void **state)
{
	const struct tally_json *r = report_of_day(START "h1 11:00 tag a tenant=v to=12:00\n" STOP);

	(void)state;
	assert_figure(r, "usage", "scope=tenant id=v", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=tenant id=t", "run_seconds", "10800");
	/* And one whose span is empty never holds. */
	r = report_of_day(START "h1 13:00 tag a tenant=v to=12:00\n" STOP);
	assert_int_equal(rows(r, "usage", "scope=tenant id=v"), 0);
}

static void
corrections_hold_over_saved_time(void **state)
{
	const struct tally_json *r =
		report_of_day(START "h1 14:00 stop a cause=saved\nh1 20:00 tag a tenant=v "
				    "from=15:00 to=16:00\nh1 22:00 start a vcpus=1\n");

	(void)state;
	assert_figure(r, "usage", "scope=tenant id=v", "states.saved", "3600");
	assert_figure(r, "usage", "scope=tenant id=t", "states.saved", "25200");
}

/* An operator's words come late, of any boot, and witness nothing. */
static void
what_an_operator_writes_beside_a_live_host_is_no_sight_of_it(void **state)
{
	static const char live[] = "h1! 09:59 host cores_per_socket=8\n"
				   "h1! 10:00 start a vcpus=1 os=urn:x tenant=t\n"
				   "h1! 14:00 heartbeat from=10:00 to=14:00\n";
	struct tally_buf lines = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	tally_buf_addf(&lines, "%sh1!2 20:00 tag a tenant=v from=11:00 to=12:00\n", live);
	r = report_of_day(tally_buf_cstr(&lines));
	RUN(r, "product=urn:x", "14400");
	assert_figure(r, "usage", "scope=tenant id=v", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=tenant id=t", "run_seconds", "10800");
	assert_figure(r, "coverage", "host=h1", "powered_seconds", "14460");
	assert_figure(r, "coverage", "host=h1", "metered_seconds", "14400");
	assert_int_equal(rows(r, "findings", "kind=host-crash"), 0);
	/* Nor does it stand between what the host saw before and after it. */
	tally_buf_addf(&lines, "h1! 20:00 heartbeat from=14:00 to=20:00\n"
			       "h1! 21:00 stop a cause=shutdown\n");
	r = report_of_day(tally_buf_cstr(&lines));
	RUN(r, "product=urn:x", "39600");
	assert_figure(r, "coverage", "host=h1", "powered_seconds", "39660");
	assert_int_equal(rows(r, "findings", "kind=missed-stop"), 0);
	tally_buf_deinit(&lines);
}

static void
what_an_operator_writes_beside_an_import_adds_no_time_of_the_host(void **state)
{
	const struct tally_json *r = report_of_day(
		START STOP "h1! 20:00 os a os=urn:y edition=e9 evidence=vendor from=11:00 "
			   "to=12:00\nh1! 20:00 tag a tenant=v cost_center=d from=11:00 to=12:00\n"
			   "h1! 20:00 software a add=q from=1970-01-01T00:00:00Z\n");

	(void)state;
	assert_figure(r, "coverage", "host=h1", "powered_seconds", "50400");
	assert_figure(r, "coverage", "host=h1", "metered_seconds", "50400");
	RUN(r, "product=urn:x edition=e1", "10800");
	RUN(r, "product=urn:y edition=e9", "3600");
	assert_figure(r, "usage", "scope=tenant id=v product=urn:y", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=cost_center id=d", "run_seconds", "3600");
	assert_figure(r, "vms", "product=urn:y", "software", "q");
	assert_figure(r, "vms", "product=urn:y", "tenant", "v");
	assert_figure(r, "vms", "first=2026-03-01T12:00:00Z", "software", "q");
	assert_figure(r, "vms", "first=2026-03-01T12:00:00Z", "tenant", "t");
}

/* Key by key: the later of two wins where both hold, and behind its end the earlier. */
static void
a_second_correction_wins_and_its_end_shows_the_first_again(void **state)
{
	const struct tally_json *r =
		report_of_day(START STOP "h1! 20:00 os a os=urn:y edition=f from=11:00\n"
					 "h1! 20:01 os a os=urn:z edition=g from=12:00 to=13:00\n"
					 "h1! 20:02 tag a tenant=u cost_center=d from=11:00\n"
					 "h1! 20:03 tag a tenant=v from=12:00 to=13:00\n"
					 "h1! 20:04 software a add=p,q from=11:00\n"
					 "h1! 20:05 software a remove=q from=12:00 to=13:00\n");

	(void)state;
	RUN(r, "product=urn:x edition=e1", "3600");
	RUN(r, "product=urn:y edition=f", "7200");
	RUN(r, "product=urn:z edition=g", "3600");
	assert_figure(r, "usage", "scope=tenant id=t", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=tenant id=u", "run_seconds", "7200");
	assert_figure(r, "usage", "scope=tenant id=v", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=cost_center id=c", "run_seconds", "3600");
	assert_figure(r, "vms", "product=urn:x", "software", "");
	assert_figure(r, "vms", "first=2026-03-01T11:00:00Z", "software", "p,q");
	assert_figure(r, "vms", "product=urn:z", "software", "p");
	assert_figure(r, "vms", "first=2026-03-01T13:00:00Z", "software", "p,q");
	assert_figure(r, "usage", "scope=cost_center id=d product=urn:z", "run_seconds", "3600");
}

static struct slot
tag_environment(struct strings *strings, const char *environment, const char *from)
{
	struct slot e = { .h = { .kind = TALLY_TAGS } };
	struct tally_event ev = { .kind = TALLY_TAGS };

	ev.i.has_vm = true;
	ev.m.environment = tally_bytes_str(environment);
	ev.m.has_from = from != NULL;
	ev.m.from = from ? (uint64_t)test_wall(from).ns : 0;
	slot_say(&e, &ev, strings);
	return e;
}

/* The one key that no list of the report shows by itself. */
static void
an_environment_is_corrected_as_the_other_keys_are(void **state)
{
	struct slot own, first, second;
	struct correction fix[2];
	struct corrected corrected;
	struct claims *c = claims_new();
	struct effective now;
	struct strings strings;

	(void)state;
	strings_init(&strings);
	own = tag_environment(&strings, "production", NULL);
	first = tag_environment(&strings, "test", "2026-03-01T11:00:00Z");
	second = tag_environment(&strings, "dr", "2026-03-01T12:00:00Z");
	assert_false(correction_read(&fix[0], &own, &strings));
	assert_true(claims_take(c, &own, 1, NULL));
	assert_true(correction_read(&fix[0], &first, &strings));
	fix[0].order = 2;
	assert_true(correction_read(&fix[1], &second, &strings));
	fix[1].order = 4;
	corrected_init(&corrected, fix, 2);
#define IS(text)                                                                                   \
	(claims_effective(&now, c, &corrected),                                                    \
	 tally_bytes_eq(strings_get(&strings, now.value[CLAIM_ENVIRONMENT]),                       \
			tally_bytes_str(text)))
	assert_true(IS("production"));
	corrected_begin(&corrected, &fix[0]);
	assert_true(IS("test"));
	corrected_begin(&corrected, &fix[1]);
	assert_true(IS("dr"));
	corrected_end(&corrected, &fix[1]);
	assert_true(IS("test"));
	corrected_end(&corrected, &fix[0]);
	assert_true(IS("production"));
#undef IS
	corrected_deinit(&corrected);
	claims_unref(&c);
	slot_deinit(&own);
	slot_deinit(&first);
	slot_deinit(&second);
	strings_deinit(&strings);
}

static void
software_is_the_union_over_run_time(void **state)
{
	const struct tally_json *r =
		report_of_day(START "h1 11:00 software a add=q,p\nh1 12:00 software a add=r "
				    "remove=p\nh1 12:00 suspend a cause=pmsuspended\n"
				    "h1 12:30 software a add=never\nh1 13:00 software a "
				    "remove=never\nh1 13:00 resume a\n" STOP);

	(void)state;
	assert_figure(r, "vms", "", "software", "p,q,r");
}

static void
a_software_correction_acts_where_it_was_recorded_in_the_order(void **state)
{
	/* The correction removes p over all of the time; the later entry adds it again. */
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=1 os=urn:x software=p\nh1 10:30 os a os=urn:y\n"
		     "h1 11:00 software a remove=p from=10:00\nh1 12:00 os a os=urn:z\nh1 12:00 "
		     "software a add=p,q\n"
		     "h1 13:00 os a os=urn:w\nh1 13:00 software a remove=q\n" STOP);

	(void)state;
	assert_figure(r, "vms", "product=urn:x", "software", "");
	assert_figure(r, "vms", "product=urn:y", "software", "");
	assert_figure(r, "vms", "product=urn:z", "software", "p,q");
	assert_figure(r, "vms", "product=urn:w", "software", "p");
}

static void
runs_of_one_product_share_a_row_over_a_stop(void **state)
{
	const struct tally_json *r = report_of_day(
		START STOP
		"h2 15:00 start a vcpus=3 os=urn:x edition=e1 name=m\n"
		"h2 16:00 stop a cause=shutdown\n"
		"h1 17:00 start a vcpus=1 os=urn:y\nh1 18:00 stop a cause=shutdown\n"
		"h1 19:00 start a vcpus=1 os=urn:x edition=e1\nh1 20:00 stop a cause=shutdown\n");

	(void)state;
	assert_int_equal(rows(r, "vms", ""), 3);
	assert_figure(r, "vms", "first=2026-03-01T10:00:00Z", "last", "2026-03-01T16:00:00Z");
	assert_figure(r, "vms", "first=2026-03-01T10:00:00Z", "run_seconds", "18000");
	assert_figure(r, "vms", "first=2026-03-01T10:00:00Z", "vcpu_seconds", "25200");
	assert_figure(r, "vms", "first=2026-03-01T10:00:00Z", "hosts", "h1,h2");
	assert_figure(r, "vms", "first=2026-03-01T10:00:00Z", "name", "m");
	assert_figure(r, "vms", "first=2026-03-01T19:00:00Z", "run_seconds", "3600");
}

static void
a_name_follows_config_and_migration(void **state)
{
	const struct tally_json *r =
		report_of_day(START "h1 11:00 config a name=m\nh1 12:00 migrate-out a\nh2 12:00 "
				    "migrate-in a vcpus=1\nh2 13:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "vms", "", "name", "m");
	assert_figure(r, "vms", "", "last", "2026-03-01T13:00:00Z");
}

static void
claims_that_disagree_are_a_finding_where_their_evidence_differs(void **state)
{
	(void)state;
	assert_int_equal(
		rows(report_of_day(START "h1 11:00 os a os=urn:y evidence=operator\n" STOP),
		     "findings", "kind=os-conflict"),
		0);
	assert_figure(
		report_of_day(START "h1 11:00 os a os=urn:y evidence=disk\n" STOP), "findings",
		"kind=os-conflict", "text",
		"host h1: 1 claim of an OS disagrees with another: VM n "
		"(00000000-0000-0000-0000-000000000061) at 2026-03-01T11:00:00Z: disk says urn:y, "
		"operator said urn:x");
}

enum { FIXES = 60, WORDS = 6 };

/* What holds by the definition: all that is in force, in the order of recording. */
static void
by_definition(const struct claims *c, const struct correction *fix, uint32_t value[CLAIM_KEYS],
	      bool software[WORDS])
{
	size_t step = 0;

	memcpy(value, c->value, sizeof(c->value));
	memset(software, 0, WORDS);
	for (size_t i = 0; i <= FIXES; i++) {
		uint64_t until = i < FIXES ? fix[i].order : UINT64_MAX;

		for (; step < c->n_steps && c->steps[step].order < until; step++) {
			const struct software_step *s = &c->steps[step];

			if (s->replace)
				memset(software, 0, WORDS);
			for (uint32_t k = 0; k < s->add.n; k++)
				software[s->add.p[k]] = true;
			for (uint32_t k = 0; k < s->remove.n; k++)
				software[s->remove.p[k]] = false;
		}
		if (i == FIXES || !fix[i].active)
			continue;
		for (unsigned key = 0; key < CLAIM_KEYS; key++)
			if (fix[i].has[key] && fix[i].order >= c->order[key])
				value[key] = fix[i].value[key];
		for (uint32_t k = 0; k < fix[i].add.n; k++)
			software[fix[i].add.p[k]] = true;
		for (uint32_t k = 0; k < fix[i].remove.n; k++)
			software[fix[i].remove.p[k]] = false;
	}
}

static void
random_words(uint64_t *seed, struct ids *ids)
{
	for (unsigned i = random_below(seed, 3); i > 0; i--)
		ids_add(ids, random_below(seed, WORDS));
}

static void
random_claims(uint64_t *seed, struct claims *c)
{
	for (unsigned key = 0; key < CLAIM_KEYS; key++) {
		c->value[key] = 100 + random_below(seed, 3);
		c->order[key] = 2 * random_below(seed, FIXES);
	}
	for (unsigned i = 0, n = random_below(seed, 4), order = 0; i < n; i++) {
		struct software_step s = { .order = order += 2 * (1 + random_below(seed, 20)),
					   .replace = random_below(seed, 3) == 0 };

		random_words(seed, &s.add);
		random_words(seed, &s.remove);
		c->steps = array_grow(c->steps, &c->cap_steps, c->n_steps, sizeof(*c->steps));
		c->steps[c->n_steps++] = s;
	}
}

static void
random_fix(uint64_t *seed, struct correction *k, size_t number)
{
	*k = (struct correction){ .order = 2 * number + 1 };
	k->has_software = random_below(seed, 2);
	if (k->has_software) {
		random_words(seed, &k->add);
		random_words(seed, &k->remove);
		return;
	}
	for (unsigned key = 0; key < CLAIM_KEYS; key++) {
		k->has[key] = random_below(seed, 3) == 0;
		k->value[key] = (uint32_t)number;
	}
}

static void
corrections_in_force_act_as_if_each_were_done_in_its_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 60; seed++) {
		uint64_t at = seed;
		struct correction fix[FIXES];
		struct corrected corrected;
		struct claims *c = claims_new();

		random_claims(&at, c);
		for (size_t i = 0; i < FIXES; i++)
			random_fix(&at, &fix[i], i);
		corrected_init(&corrected, fix, FIXES);
		for (unsigned turn = 0; turn < 4 * FIXES; turn++) {
			struct correction *k = &fix[random_below(&at, FIXES)];
			struct effective now;
			struct ids is = { 0 };
			uint32_t value[CLAIM_KEYS], n = 0;
			bool software[WORDS];

			(k->active ? corrected_end : corrected_begin)(&corrected, k);
			claims_effective(&now, c, &corrected);
			claims_software(&is, c, &corrected);
			by_definition(c, fix, value, software);
			assert_memory_equal(now.value, value, sizeof(value));
			for (uint32_t i = 0; i < WORDS; i++)
				if (software[i])
					assert_true(n < is.n && is.p[n++] == i);
			assert_int_equal(n, is.n);
			ids_deinit(&is);
		}
		corrected_deinit(&corrected);
		for (size_t i = 0; i < FIXES; i++) {
			ids_deinit(&fix[i].add);
			ids_deinit(&fix[i].remove);
		}
		claims_unref(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_belongs_to_whoever_owned_the_vm_then),
		cmocka_unit_test(an_os_claim_that_names_an_os_speaks_of_the_edition_too),
		cmocka_unit_test(an_os_that_is_stated_as_unknown_is_unclassified),
		cmocka_unit_test(a_new_start_forgets_the_claims_of_the_run_before),
		cmocka_unit_test(a_continuing_baseline_changes_what_it_gives),
		cmocka_unit_test(
			a_correction_holds_for_its_span_and_then_the_earlier_claim_shows_again),
		cmocka_unit_test(a_correction_acts_in_every_ledger),
		cmocka_unit_test(of_claims_that_cover_an_instant_the_one_recorded_last_wins),
		cmocka_unit_test(a_correction_of_what_a_start_left_out_holds),
		cmocka_unit_test(a_correction_that_only_ends_begins_at_its_own_instant),
		cmocka_unit_test(corrections_hold_over_saved_time),
		cmocka_unit_test(what_an_operator_writes_beside_a_live_host_is_no_sight_of_it),
		cmocka_unit_test(what_an_operator_writes_beside_an_import_adds_no_time_of_the_host),
		cmocka_unit_test(a_second_correction_wins_and_its_end_shows_the_first_again),
		cmocka_unit_test(an_environment_is_corrected_as_the_other_keys_are),
		cmocka_unit_test(corrections_in_force_act_as_if_each_were_done_in_its_order),
		cmocka_unit_test(software_is_the_union_over_run_time),
		cmocka_unit_test(a_software_correction_acts_where_it_was_recorded_in_the_order),
		cmocka_unit_test(runs_of_one_product_share_a_row_over_a_stop),
		cmocka_unit_test(a_name_follows_config_and_migration),
		cmocka_unit_test(claims_that_disagree_are_a_finding_where_their_evidence_differs),
	};
	int failed = cmocka_run_group_tests_name("reports claims", tests, NULL, NULL);

	report_done();
	return failed;
}
