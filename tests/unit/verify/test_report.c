/* SPDX-License-Identifier: Apache-2.0 */
/* Reports, computed again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "tally/pack.h"
#include "tally/report.h"

static struct ledger one, two;
static char *first, *second, *older, *mirror, *path;
static struct tally_buf text;

static const struct tally_report_input *superseded; /* by what is made next */
static struct tally_pack *pack;                     /* what it is made by; NULL: no rules */

static int
root_at(void *ctx, uint64_t size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	return tally_export_root_at(ctx, size, root, err);
}

/* A report over [0, size) of the exports, each up to what it holds. */
static void
make_report(struct tally_buf *out, char *const *dirs, size_t n, uint64_t beyond, const char *tool)
{
	struct tally_report_options options = { .from = test_wall("2026-03-01T00:00:00Z"),
						.to = test_wall("2026-03-02T00:00:00Z"),
						.tool = tool,
						.tzdata = tally_zone_tzdata(),
						.sha256 = tally_sha256,
						.old = superseded,
						.packs = &pack,
						.n_packs = pack != NULL };
	struct tally_report_ledger ledgers[2] = { 0 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_export *x[2];
	struct tally_report *r;
	struct tally_zone *zone;

	assert_int_equal(tally_zone_open(&zone, "UTC", &err), 0);
	options.zone = zone;
	for (size_t i = 0; i < n; i++) {
		if (tally_export_open(&x[i], dirs[i], &err) < 0)
			fail_msg("%s", err.text);
		ledgers[i].origin = tally_export_origin(x[i]);
		ledgers[i].size = tally_export_size(x[i]);
		ledgers[i].beyond = beyond;
		memcpy(ledgers[i].root, tally_export_root(x[i]), TALLY_HASH);
		ledgers[i].root_at = root_at;
		ledgers[i].root_ctx = x[i];
		assert_int_equal(
			tally_export_entries(x[i], ledgers[i].size, &ledgers[i].entries, &err), 0);
		assert_int_equal(
			tally_export_entries(x[i], ledgers[i].size, &ledgers[i].entries2, &err), 0);
	}
	if (tally_report_make(&r, ledgers, n, &options, &err) < 0)
		fail_msg("%s", err.text);
	tally_report_json(r, out);
	(void)tally_buf_cstr(out);
	tally_report_free(r);
	for (size_t i = 0; i < n; i++) {
		ledgers[i].entries.close(ledgers[i].entries.ctx);
		ledgers[i].entries2.close(ledgers[i].entries2.ctx);
		tally_export_close(x[i]);
	}
	tally_zone_free(zone);
}

static int
set_up(void **state)
{
	char *dirs[2];

	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	ledger_append(&one, 20);
	ledger_checkpoint(&one);
	older = ledger_export(&one, "older", false);
	ledger_append(&one, 20);
	ledger_checkpoint(&one);
	first = ledger_export(&one, "export", false);
	mirror = ledger_export(&one, "mirror", true);
	ledger_init(&two, "example.com/second", "h2", false);
	ledger_append(&two, 10);
	ledger_checkpoint(&two);
	second = ledger_export(&two, "export", false);
	path = test_path(one.root, "report.json");
	dirs[0] = first, dirs[1] = second;
	make_report(&text, dirs, 2, 0, "tally " TALLY_VERSION);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	tally_buf_deinit(&text);
	ledger_deinit(&one);
	ledger_deinit(&two);
	free(first), free(second), free(older), free(mirror), free(path);
	return 0;
}

static int
verdict3(struct tally_bytes report, const char *a, const char *b, const char *c, const char *check,
	 const char *says)
{
	const char *paths[] = { path, a, b, c, NULL };
	struct tally_buf pins = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct tally_verify *v;
	int exit;

	test_file_write(path, report.p, report.len);
	tally_buf_add_bytes(&pins, tally_buf_view(&one.vkey));
	tally_buf_add_bytes(&pins, tally_buf_view(&two.vkey));
	v = verified(tally_buf_cstr(&pins), paths);
	exit = tally_verify_exit(v);
	tally_verify_text(v, &out);
	if ((check && !names(v, check, path, "", -1)) ||
	    (says && !strstr(tally_buf_cstr(&out), says)))
		fail_msg("not told: %s", tally_buf_cstr(&out));
	tally_verify_free(v);
	tally_buf_deinit(&pins), tally_buf_deinit(&out);
	return exit;
}

static int
verdict(struct tally_bytes report, const char *a, const char *b, const char *check,
	const char *says)
{
	return verdict3(report, a, b, NULL, check, says);
}

static void
a_report_comes_out_again_from_its_exports(void **state)
{
	(void)state;
	assert_int_equal(verdict(tally_buf_view(&text), first, second, NULL, "it holds"), 0);
	assert_int_equal(verdict(tally_buf_view(&text), second, first, NULL, "it holds"), 0);
}

static const char rules[] =
	"pack: test\nversion: \"1\"\ntitle: Test\nvendor: Nobody\n"
	"rules:\n"
	"  - rule: test/vm\n    title: Guests\n    metric: instances\n    of: vms\n"
	"    valid_from: 2020-01-01\n"
	"    source: {text: here, read: 2026-01-01}\n"
	"    unit: vm\n    product: test\n    guests: {os: [\"http://x.example/os\"]}\n"
	"tests:\n"
	"  - {rule: test/vm, source: here, input: {vms: [{vcpus: 2}]}, expect: 1}\n";

static void
a_report_by_rules_is_checked_together_with_them(void **state)
{
	struct tally_bytes yaml = tally_bytes_str(rules);
	char *dirs[] = { first, second }, *pack_path = test_path(one.root, "rules.yaml");
	const char *alone[] = { first, pack_path, NULL };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf made = TALLY_BUF_INIT;
	struct tally_verify *v;
	uint8_t hash[TALLY_HASH];

	(void)state;
	if (tally_pack_parse(&pack, "rules.yaml", yaml, &err) < 0)
		fail_msg("%s", err.text);
	tally_sha256(hash, yaml);
	tally_pack_set_hash(pack, hash);
	make_report(&made, dirs, 2, 0, "tally " TALLY_VERSION);
	assert_non_null(strstr(tally_buf_cstr(&made), "\"id\": \"test\""));
	test_file_write(pack_path, yaml.p, yaml.len);
	assert_int_equal(
		verdict3(tally_buf_view(&made), first, second, pack_path, NULL, "it holds"), 0);
	assert_int_equal(verdict(tally_buf_view(&made), first, second, "report",
				 "neither installed nor among the paths"),
			 1);
	/* Another version of it is another pack. */
	test_file_write(pack_path, yaml.p, yaml.len - 1);
	assert_int_equal(verdict3(tally_buf_view(&made), first, second, pack_path, "report",
				  "rule pack test (SHA-256 "),
			 1);
	/* The machine's packs are found by their content. */
	assert_int_equal(tally_verify_new(&v, &err), 0);
	tally_verify_input(v, "anything", yaml);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(tally_verify_path(v, dirs[i], &err), 0);
	assert_int_equal(tally_verify_path(v, path, &err), 0);
	assert_int_equal(tally_verify_run(v, &err), 0);
	assert_true(tally_verify_holds(v));
	tally_verify_free(v);
	/* What no report was made from has no business among the paths. */
	assert_int_equal(tally_verify_new(&v, &err), 0);
	for (size_t i = 0; alone[i]; i++)
		assert_int_equal(tally_verify_path(v, alone[i], &err), 0);
	assert_int_equal(tally_verify_run(v, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	tally_verify_free(v);
	tally_pack_free(pack);
	pack = NULL;
	tally_buf_deinit(&made);
	free(pack_path);
}

/* What a report says of another one cannot be seen without that. */
static void
a_report_that_supersedes_one_is_checked_together_with_it(void **state)
{
	struct tally_buf before = TALLY_BUF_INIT, now = TALLY_BUF_INIT, other = TALLY_BUF_INIT;
	char *dirs[] = { first, second }, *early[] = { older, second };
	char *old_path = test_path(one.root, "old.json"), *made, *at;
	struct tally_report_input old = { .name = "old.json" };

	(void)state;
	make_report(&before, early, 2, 0, "tally " TALLY_VERSION);
	old.content = tally_buf_view(&before);
	superseded = &old;
	make_report(&now, dirs, 2, 0, "tally " TALLY_VERSION);
	superseded = NULL;
	test_file_write(old_path, before.p, before.len);
	assert_int_equal(verdict3(tally_buf_view(&now), first, second, old_path, NULL, "it holds"),
			 0);
	assert_int_equal(
		verdict(tally_buf_view(&now), first, second, "report", "which it supersedes"), 1);
	/* Another report than the one that it names, though it says the same id. */
	tally_buf_add_bytes(&other, tally_buf_view(&before));
	tally_buf_add_str(&other, "\n");
	test_file_write(old_path, other.p, other.len);
	assert_int_equal(verdict3(tally_buf_view(&now), first, second, old_path, "report", NULL),
			 1);
	/* What changed is told otherwise. */
	test_file_write(old_path, before.p, before.len);
	made = (char *)now.p;
	at = strstr(made, " -> ");
	assert_non_null(at);
	at[4] = at[4] == '1' ? '2' : '1';
	assert_int_equal(verdict3(tally_buf_view(&now), first, second, old_path, "report",
				  "is not what comes out"),
			 1);
	free(old_path);
	tally_buf_deinit(&before), tally_buf_deinit(&now), tally_buf_deinit(&other);
}

static void
no_changed_bit_of_a_report_holds(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	for (size_t bit = 0; bit < text.len * 8; bit += 23) {
		const char *paths[] = { path, first, second };
		struct tally_verify *v;
		bool recognised = true;

		text.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		test_file_write(path, text.p, text.len);
		text.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(tally_verify_new(&v, &err), 0);
		for (size_t i = 0; i < 3 && recognised; i++)
			recognised = tally_verify_path(v, paths[i], &err) == 0;
		/* Without its first byte it is a file from which nothing was made. */
		recognised = recognised && tally_verify_run(v, &err) == 0;
		assert_true(recognised || bit < 8);
		if (recognised) {
			/* tool and tzdata are the report's own words. */
			if (tally_verify_exit(v) != 1)
				assert_non_null(memmem(text.p + (bit / 8 > 40 ? bit / 8 - 40 : 0),
						       60, "\"t", 2));
		}
		tally_verify_free(v);
	}
}

static void
the_line_that_differs_is_told_in_both_wordings(void **state)
{
	struct tally_buf changed = TALLY_BUF_INIT;
	char *word;

	(void)state;
	tally_buf_add_bytes(&changed, tally_buf_view(&text));
	word = strstr(tally_buf_cstr(&changed), "self-declared\",");
	assert_non_null(word);
	word[0] = 'S';
	assert_int_equal(verdict(tally_buf_view(&changed), first, second, "report",
				 "it says '\"class\": \"Self-declared\",', they say "
				 "'\"class\": \"self-declared\",'"),
			 1);
	tally_buf_deinit(&changed);
	/* Behind the last line there is nothing to tell. */
	assert_int_equal(verdict(tally_bytes(text.p, text.len - 1), first, second, "report",
				 "is not what comes out of the entries [report]"),
			 1);
}

static void
another_program_or_tzdata_is_stated_and_no_fault(void **state)
{
	struct tally_buf other = TALLY_BUF_INIT;
	char *dirs[] = { first, second };

	(void)state;
	make_report(&other, dirs, 2, 0, "tally 0.0.1");
	assert_int_equal(verdict(tally_buf_view(&other), first, second, NULL,
				 "made by tally 0.0.1, computed again by tally"),
			 0);
	tally_buf_deinit(&other);
}

/* It is told on, and must not be told as what the verifier found. */
static void
a_program_of_more_lines_than_one_is_no_program(void **state)
{
	static const char *const tools[] = { "tally 0.1.0\nr2.json: issued: entry 4",
					     "tally \r\x1b[2K0.1.0", "tally \xe2\x80\xae 0.1.0" };
	struct tally_buf other = TALLY_BUF_INIT;
	char *dirs[] = { first };

	(void)state;
	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		tally_buf_clear(&other);
		make_report(&other, dirs, 1, 0, tools[i]);
		assert_int_equal(verdict(tally_buf_view(&other), first, NULL, "report",
					 "its head holds what is no plain word"),
				 1);
	}
	tally_buf_deinit(&other);
}

static void
what_lay_behind_the_checkpoint_is_taken_from_the_report(void **state)
{
	struct tally_buf other = TALLY_BUF_INIT;
	char *dirs[] = { first };

	(void)state;
	make_report(&other, dirs, 1, 17, "tally " TALLY_VERSION);
	assert_int_equal(verdict(tally_buf_view(&other), first, NULL, NULL,
				 "17 entries of " ORIGIN " lay behind its checkpoint"),
			 0);
	tally_buf_deinit(&other);
}

static void
a_report_of_an_older_checkpoint_comes_out_of_a_newer_export(void **state)
{
	struct tally_buf old = TALLY_BUF_INIT;
	char *dirs[] = { older };

	(void)state;
	make_report(&old, dirs, 1, 0, "tally " TALLY_VERSION);
	assert_int_equal(verdict(tally_buf_view(&old), first, NULL, NULL, "it holds"), 0);
	/* The other way round there are too few entries. */
	dirs[0] = first;
	tally_buf_clear(&old);
	make_report(&old, dirs, 1, 0, "tally " TALLY_VERSION);
	assert_int_equal(verdict(tally_buf_view(&old), older, NULL, "report", NULL), 1);
	tally_buf_deinit(&old);
}

static void
a_report_without_all_its_exports_does_not_hold(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;

	(void)state;
	assert_int_equal(verdict(tally_buf_view(&text), first, NULL, "report",
				 "no export of example.com/second"),
			 1);
	assert_int_equal(verdict(tally_buf_view(&text), mirror, second, "report", NULL), 1);
	/* With none at all it was asked wrongly. */
	assert_int_equal(tally_verify_new(&v, &err), 0);
	assert_int_equal(tally_verify_path(v, path, &err), 0);
	assert_int_equal(tally_verify_run(v, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	tally_verify_free(v);
}

static void
a_report_over_a_damaged_export_does_not_hold(void **state)
{
	struct edit e = edit_open(second, "private/payload/000.p/12");

	(void)state;
	e.bytes[300] ^= 1;
	edit_write(&e, e.bytes, e.n);
	e.bytes[300] ^= 1;
	assert_int_equal(verdict(tally_buf_view(&text), first, second, NULL, "payload"), 1);
	edit_close(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_comes_out_again_from_its_exports),
		cmocka_unit_test(a_report_by_rules_is_checked_together_with_them),
		cmocka_unit_test(a_report_that_supersedes_one_is_checked_together_with_it),
		cmocka_unit_test(no_changed_bit_of_a_report_holds),
		cmocka_unit_test(the_line_that_differs_is_told_in_both_wordings),
		cmocka_unit_test(another_program_or_tzdata_is_stated_and_no_fault),
		cmocka_unit_test(a_program_of_more_lines_than_one_is_no_program),
		cmocka_unit_test(what_lay_behind_the_checkpoint_is_taken_from_the_report),
		cmocka_unit_test(a_report_of_an_older_checkpoint_comes_out_of_a_newer_export),
		cmocka_unit_test(a_report_without_all_its_exports_does_not_hold),
		cmocka_unit_test(a_report_over_a_damaged_export_does_not_hold),
	};

	return cmocka_run_group_tests_name("verify report", tests, set_up, tear_down);
}
