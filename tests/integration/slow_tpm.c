/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM that needs 200 ms a signature costs the agent's own writer: how long a
 * record waits for its commit, and how long until a note of the log's key covers it,
 * beside the same over a TPM that answers at once, in turn. The recorder, its threads and the
 * ledger are the real ones, the TPM is a fake one that sleeps.
 *
 *	slow_tpm RECORDS
 *
 * Exit 1 where half of the records waited for the TPM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "faketpm.h"
#include "recorder.h"
#include "tally/err.h"
#include "testlib.h"

#define SIGNATURE_MS 200
#define PAUSE_US     5000
#define POLL_US      50
#define TRIES        200000
#define MOST         1024 /* records, as many as the recorder keeps the times of */

struct run {
	struct faketpm tpm;
	struct tpm_starter starter;
	long sleep_ms;
	struct recorder *r;
	double note[MOST];                                 /* ms */
	double append_p50, append_p99, note_p50, note_p99; /* ms */
	unsigned quotes;
};

static void
die(const struct tally_err *err)
{
	fprintf(stderr, "slow_tpm: %s\n", err->text);
	exit(1);
}

static void
sleep_us(long us)
{
	const struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	(void)nanosleep(&t, NULL);
}

static double
milliseconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* At the begin of each call of the TPM's table. */
static void
sign_slowly(void *ctx, const char *call)
{
	const struct run *run = ctx;

	if (strcmp(call, "quote") == 0 && run->sleep_ms > 0)
		sleep_us(run->sleep_ms * 1000);
}

static int
start(void *ctx, struct tally_tpm **out, const char *dir, const char *transport,
      struct tally_err *err)
{
	struct run *run = ctx;

	(void)dir, (void)transport, (void)err;
	*out = &run->tpm.table;
	return 0;
}

static void
stop(void *ctx, struct tally_tpm *tpm)
{
	(void)ctx, (void)tpm;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
put(struct recorder *r)
{
	const struct tally_event ev = { .kind = TALLY_HEARTBEAT };

	recorder_put(r, &ev);
}

/* A record, and how long until there is one more note. */
static double
one(struct recorder *r)
{
	struct recorder_status before, now;
	double began;

	recorder_status(r, &before);
	began = milliseconds();
	put(r);
	for (unsigned i = 0; i < TRIES; i++) {
		recorder_status(r, &now);
		if (now.checkpoints > before.checkpoints)
			return milliseconds() - began;
		sleep_us(POLL_US);
	}
	fprintf(stderr, "slow_tpm: no note came\n");
	exit(1);
}

/* The session has begun and a note is attested. */
static void
warm_up(struct recorder *r)
{
	struct recorder_status s = { 0 };

	put(r);
	for (unsigned i = 0; i < TRIES && !s.has_attested; i++) {
		sleep_us(POLL_US);
		recorder_status(r, &s);
	}
	if (!s.has_attested)
		die(&s.failure);
}

static void
begin(struct run *run, const char *ledger)
{
	const struct tally_init_options made = { .origin = "example.com/slow",
						 .host = "slow",
						 .transport = "libtpms" };
	const struct recorder_options o = { .ledger = ledger,
					    .clock = tally_clock_real(),
					    .queue = 64,
					    .attest = true,
					    .tpm = &run->starter,
					    .threads = true };
	struct tally_err err = TALLY_ERR_INIT;

	run->starter = (struct tpm_starter){ run, start, stop };
	faketpm_init(&run->tpm);
	run->tpm.hook = sign_slowly;
	run->tpm.hook_ctx = run;
	if (tally_store_create(ledger, &made, &err) < 0 || recorder_open(&run->r, &o, &err) < 0 ||
	    recorder_start(run->r, &err) < 0)
		die(&err);
	warm_up(run->r);
}

static void
end(struct run *run, size_t n)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_status status;

	recorder_status(run->r, &status);
	if (recorder_close(run->r, &err) < 0)
		die(&err);
	qsort(run->note, n, sizeof(*run->note), by_value);
	run->append_p50 = status.latency_p50 / 1e3;
	run->append_p99 = status.latency_p99 / 1e3;
	run->note_p50 = run->note[n / 2];
	run->note_p99 = run->note[n * 99 / 100];
	run->quotes = run->tpm.quotes;
	faketpm_deinit(&run->tpm);
}

static void
row(const char *name, double slow, double fast)
{
	printf("%-28s  %8.2f ms  (baseline %.2f, difference %+.2f)\n", name, slow, fast,
	       slow - fast);
}

int
main(int argc, char **argv)
{
	static struct run fast, slow = { .sleep_ms = SIGNATURE_MS };
	size_t n = argc == 2 ? (size_t)strtoul(argv[1], NULL, 10) : 0;
	char *dir, *a, *b;

	if (n == 0 || n > MOST)
		return 2;
	dir = test_dir_make();
	a = test_path(dir, "fast");
	b = test_path(dir, "slow");
	begin(&fast, a);
	begin(&slow, b);
	/* In turn: what else the machine does meets both. */
	for (size_t i = 0; i < n; i++) {
		fast.note[i] = one(fast.r);
		sleep_us(PAUSE_US);
		slow.note[i] = one(slow.r);
		sleep_us(PAUSE_US);
	}
	end(&fast, n);
	end(&slow, n);
	row("slow-tpm-append-p50", slow.append_p50, fast.append_p50);
	row("slow-tpm-append-p99", slow.append_p99, fast.append_p99);
	row("slow-tpm-note-p50", slow.note_p50, fast.note_p50);
	row("slow-tpm-note-p99", slow.note_p99, fast.note_p99);
	printf("%-28s  %8u     (baseline %u)\n", "slow-tpm-signatures", slow.quotes, fast.quotes);
	free(a);
	free(b);
	test_dir_remove(dir);
	return slow.append_p50 >= SIGNATURE_MS / 2.0 || slow.note_p50 >= SIGNATURE_MS / 2.0;
}
