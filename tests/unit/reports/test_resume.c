/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an index leaves out of the time before a period is never missed: a report
 * from it is the report from all entries, byte by byte (reportlib.c compares the
 * two), whatever happened and wherever the period lies; and it reads less. Arguments:
 * the first seed, and how many (of one, what happened is told); without them a few.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include "reportlib.h"
#include "tally/err.h"
#include "tally/file.h"

#define DAYS  12U
#define HOSTS 3U
#define VMS   6U

static uint64_t seed_first = 1, seed_count = 30;

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static unsigned
below(uint64_t *seed, unsigned n)
{
	return (unsigned)(next_random(seed) >> 20) % n;
}

static void
stamp(struct tally_buf *b, unsigned second)
{
	tally_buf_addf(b, "2026-03-%02uT%02u:%02u:%02uZ", 1 + second / 86400, second / 3600 % 24,
		       second / 60 % 60, second % 60);
}

/* @ is a VM, # a number, $ a letter, % an instant of any day. */
static const char *const events_of[] = {
	"start @ vcpus=# os=http://microsoft.com/win/2k2$ tenant=$ software=s# memory_mib=#",
	"start @ vcpus=# os=http://microsoft.com/win/2k2$ name=n#",
	"start @",
	"start @ vcpus=# baseline=true",
	"start @ baseline=true domain_id=# tenant=$",
	"start @ baseline=true domain_id=# start_ticks=# state=5",
	"start @ baseline=true start_ticks=# software=s#",
	"start @ vcpus=# domain_id=# start_ticks=#",
	"stop @ cause=shutdown",
	"stop @ cause=shutdown",
	"stop @ cause=saved",
	"stop @ cause=unknown",
	"stop @ cause=vanished",
	"stop @ cause=shutdown not_before=%",
	"suspend @",
	"suspend @ cause=migrated",
	"suspend @ cause=pmsuspended",
	"resume @",
	"resume @",
	"crashed @",
	"config @ vcpus=#",
	"config @ memory_mib=# pinned=#",
	"config @ name=n#",
	"renamed @ name=n#",
	"os @ os=http://microsoft.com/win/2k2$ edition=e#",
	"os @ edition=standard",
	"os @ os=urn:$ evidence=operator from=% to=%",
	"tag @ tenant=$",
	"tag @ cost_center=$ environment=test",
	"tag @ tenant=$ from=%",
	"software @ add=s#",
	"software @ add=s# remove=s#",
	"software @ add=s# from=%",
	"migrate-out @",
	"migrate-out @ peer=h0",
	"migrate-in @ vcpus=#",
	"migrate-in @",
	"migrate-in @ os=http://microsoft.com/win/2k2$ tenant=$",
	"role @ role=standby",
	"role @ role=none",
	"defined @",
	"time-travel @",
	"host cores_per_socket=8 cluster=$ boot=1",
	"host cores_per_socket=8,8 cluster=$",
	"host cores_per_socket=8 region=$ boot=#",
	"heartbeat",
	"heartbeat",
	"heartbeat from=% to=%",
	"gap from=% to=% reason=r#",
	"gap-begin reason=r#",
	"gap-end",
	"host-failed",
	"host-retired",
	"conflict @",
	"unmanaged-vm @",
	"clock-step seconds=#",
	"clock-step seconds=-3600",
	"clock-step seconds=1800",
	"agent-start",
	"rebooted @",
	"200 @",
	"37 @",
};

static void
fill(struct tally_buf *b, const char *pattern, uint64_t *seed, unsigned now)
{
	for (const char *s = pattern; *s; s++)
		if (*s == '@')
			tally_buf_addf(b, "%c", 'a' + (int)below(seed, VMS));
		else if (*s == '$')
			tally_buf_addf(b, "%c", 'p' + (int)below(seed, 3));
		else if (*s == '#')
			tally_buf_addf(b, "%u", 1 + below(seed, 4));
		else if (*s == '%')
			stamp(b, below(seed, 3) ? now - now % 7200 : below(seed, DAYS * 86400));
		else
			tally_buf_add_u8(b, (uint8_t)*s);
}

/* A host is imported, live, or both; now and then it boots. */
static void
any_history(struct tally_buf *b, uint64_t seed, unsigned count)
{
	const size_t kinds = sizeof(events_of) / sizeof(*events_of);
	unsigned boot[HOSTS] = { 1, 1, 1 };

	for (unsigned i = 0; i < count; i++) {
		unsigned at = DAYS * 86400 / count * i, host = below(&seed, HOSTS);
		bool live = host == 0 ? false : host == 1 ? true : below(&seed, 2);

		at -= below(&seed, 3) ? at % 3600 : at % 30;
		if (below(&seed, 40) == 0)
			boot[host] += below(&seed, 3) ? 1 : boot[host] > 1 ? -1u : 0;
		tally_buf_addf(b, live ? "h%u!%u " : "h%u ", host, boot[host]);
		stamp(b, below(&seed, 25) ? at : at - below(&seed, at + 1) / 8);
		tally_buf_add_str(b, " ");
		fill(b, events_of[below(&seed, (unsigned)kinds)], &seed, at);
		tally_buf_add_str(b, "\n");
	}
}

/* One event of any kind, of one of the hosts. */
static void
any_event(struct tally_buf *b, bool live, uint64_t *seed, unsigned at)
{
	const size_t kinds = sizeof(events_of) / sizeof(*events_of);

	tally_buf_addf(b, live ? "h%u! " : "h%u ", below(seed, HOSTS));
	stamp(b, at);
	tally_buf_add_str(b, " ");
	fill(b, events_of[below(seed, (unsigned)kinds)], seed, at);
	tally_buf_add_str(b, "\n");
}

/* As it ought to be: a VM is in one place, is changed there, and moves. But one event of
 * so many (0: none) is none that ought to be. */
static void
good_history(struct tally_buf *b, uint64_t seed, unsigned count, bool live, unsigned bad)
{
	static const char *const changes[] = { "config @ vcpus=#",  "tag @ tenant=$",
					       "suspend @",         "resume @",
					       "software @ add=s#", "os @ os=urn:$",
					       "heartbeat" };
	const char *mark = live ? "!" : "";
	unsigned home[VMS] = { 0 }, runs = 0;

	for (unsigned h = 0; h < HOSTS; h++)
		tally_buf_addf(b,
			       "h%u%s 2026-03-01T00:00:00Z host cores_per_socket=8,8 cluster=c "
			       "boot=1\n",
			       h, mark);
	for (unsigned i = 0; i < count; i++) {
		unsigned at = DAYS * 86400 / count * i, vm = below(&seed, VMS), to;
		unsigned what = below(&seed, 12);
		char name = (char)('a' + (int)vm);

		if (bad > 0 && below(&seed, bad) == 0)
			any_event(b, live, &seed, at);
		tally_buf_addf(b, "h%u%s ", home[vm], mark);
		stamp(b, at);
		if (!(runs & 1u << vm)) {
			tally_buf_addf(b, " start %c vcpus=2 os=http://microsoft.com/win/2k22",
				       name);
			runs |= 1u << vm;
		} else if (what == 0) {
			tally_buf_addf(b, " stop %c cause=%s", name,
				       below(&seed, 2) ? "saved" : "shutdown");
			runs &= ~(1u << vm);
		} else if (what < 4) {
			to = (home[vm] + 1 + below(&seed, HOSTS - 1)) % HOSTS;
			tally_buf_addf(b, " migrate-out %c\nh%u%s ", name, to, mark);
			stamp(b, at + below(&seed, 3));
			tally_buf_addf(b, " migrate-in %c%s", name,
				       below(&seed, 2) ? " name=n1 tenant=p" : "");
			home[vm] = to;
		} else {
			char *one = tally_strdup(changes[what % 7]);

			if (strchr(one, '@'))
				*strchr(one, '@') = name;
			tally_buf_add_str(b, " ");
			fill(b, one, &seed, at);
			free(one);
		}
		tally_buf_add_str(b, "\n");
	}
}

struct tried {
	unsigned reports, shorter;
	uint64_t entries, indexed;
};

static void
try(struct tried *t, const char *lines, uint64_t seed, unsigned periods)
{
	struct tally_buf from = TALLY_BUF_INIT, to = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct test_history h;
	uint64_t whole;

	if (seed_count == 1)
		fputs(lines, stdout);
	test_history_init(&h);
	test_history_add(&h, lines);
	for (unsigned i = 0; i < periods; i++) {
		unsigned begin = below(&seed, DAYS * 86400), length = 1 + below(&seed, 3 * 86400);

		begin -= below(&seed, 2) ? begin % 3600 : 0;
		tally_buf_clear(&from);
		tally_buf_clear(&to);
		stamp(&from, begin);
		stamp(&to, begin + length);
		report_margin = INT64_MAX;
		report_bytes(&h, tally_buf_cstr(&from), tally_buf_cstr(&to), "UTC", 'j', &out);
		whole = report_entries;
		report_margin = 0;
		report_bytes(&h, tally_buf_cstr(&from), tally_buf_cstr(&to), "UTC", 'j', &out);
		t->reports++;
		t->shorter += report_entries < whole;
		t->entries += whole;
		t->indexed += report_entries;
	}
	test_history_deinit(&h);
	tally_buf_deinit(&from);
	tally_buf_deinit(&to);
	tally_buf_deinit(&out);
}

static void
whatever_happened_the_report_is_the_same(void **state)
{
	struct tried t = { 0 };

	(void)state;
	for (uint64_t seed = seed_first; seed < seed_first + seed_count; seed++) {
		struct tally_buf b = TALLY_BUF_INIT;

		any_history(&b, seed * 7919, 100 + 10 * (unsigned)(seed % 40));
		try(&t, tally_buf_cstr(&b), seed, 6);
		tally_buf_deinit(&b);
	}
	print_message("%u reports, of which %u read less; entries %llu, %llu\n", t.reports,
		      t.shorter, (unsigned long long)t.entries, (unsigned long long)t.indexed);
	assert_true(t.shorter > 0);
}

static void
try_good(unsigned bad, const char *what)
{
	struct tried t = { 0 };

	for (uint64_t seed = seed_first; seed < seed_first + seed_count / 3; seed++) {
		struct tally_buf b = TALLY_BUF_INIT;

		good_history(&b, seed * 104729, 600, seed % 2, bad);
		try(&t, tally_buf_cstr(&b), seed, 6);
		tally_buf_deinit(&b);
	}
	print_message("%s: %u reports, of which %u read less; entries %llu, %llu\n", what,
		      t.reports, t.shorter, (unsigned long long)t.entries,
		      (unsigned long long)t.indexed);
	assert_true(t.shorter > t.reports / 2);
}

static void
of_an_orderly_history_little_is_read(void **state)
{
	(void)state;
	try_good(0, "orderly");
}

static void
what_ought_not_to_be_is_no_reason_to_read_all(void **state)
{
	(void)state;
	try_good(60, "one in sixty is bad");
}

/* Windows Server's rules, with windows short enough for these few days. */
static int
by_short_windows(void **state)
{
	struct tally_buf path = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	char *at;

	(void)state;
	tally_buf_addf(&path, "%s/windows-server.yaml", getenv("TALLY_PACKS"));
	assert_int_equal(tally_file_read(AT_FDCWD, tally_buf_cstr(&path), 1 << 20, &text, &err), 1);
	for (at = (char *)(uintptr_t)tally_buf_cstr(&text); (at = strstr(at, "90d"));)
		memcpy(at, "2d ", 3);
	report_by_pack(tally_buf_cstr(&text));
	report_with(NULL, "- {host: h0, asset: a}\n");
	tally_buf_deinit(&path);
	tally_buf_deinit(&text);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happened_the_report_is_the_same),
		cmocka_unit_test(of_an_orderly_history_little_is_read),
		cmocka_unit_test(what_ought_not_to_be_is_no_reason_to_read_all),
		cmocka_unit_test_setup(whatever_happened_the_report_is_the_same, by_short_windows),
		cmocka_unit_test(of_an_orderly_history_little_is_read),
		cmocka_unit_test(what_ought_not_to_be_is_no_reason_to_read_all),
	};
	int failed;

	if (argc == 3) {
		seed_first = strtoull(argv[1], NULL, 10);
		seed_count = strtoull(argv[2], NULL, 10);
	}
	failed = cmocka_run_group_tests_name("reports resume", tests, NULL, NULL);

	report_done();
	return failed;
}
