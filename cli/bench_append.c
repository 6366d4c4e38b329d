/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable appends beside plain LMDB. Both append in turns, round by round, so
 * that a disk that is slow for a while is slow for both; the figure is the
 * median round. Entries are prepared (seeds, salts, commitments) by a producer
 * on another core while the writer commits, as in the agent; it starts with
 * the round, so nothing is prepared in the time of the other.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "bench.h"
#include "cli.h"
#include "tally/store.h"

#define GROUPS_BYTES 300
#define MAX_ROUNDS   64
#define SLOTS        2 /* blocks between producer and writer */

/* What the producer hands over: prepared entries over one set of group bytes. */
struct block {
	struct tally_prepared *entry;
	bool full;
};

struct producer {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t change;
	size_t entries; /* a block */
	struct block block[SLOTS];
	size_t wanted; /* blocks of this round that are not begun */
	bool stop;
	uint8_t groups[GROUPS_BYTES];
};

static void
fill(struct producer *p, struct block *b)
{
	const struct tally_bytes groups[TALLY_GROUPS] = {
		tally_bytes(p->groups, 80), tally_bytes(p->groups + 80, 180),
		tally_bytes(p->groups + 260, GROUPS_BYTES - 260)
	};
	uint8_t seed[16][TALLY_SEED];

	for (size_t i = 0; i < p->entries; i++) {
		if (i % 16 == 0)
			tally_seeds(seed, 16);
		tally_prepare(&b->entry[i], TALLY_STARTED, 0, seed[i % 16], groups);
	}
}

static void *
produce(void *ctx)
{
	struct producer *p = ctx;

	for (size_t n = 0;; n++) {
		struct block *b = &p->block[n % SLOTS];
		bool stop;

		pthread_mutex_lock(&p->mutex);
		while ((b->full || p->wanted == 0) && !p->stop)
			pthread_cond_wait(&p->change, &p->mutex);
		stop = p->stop;
		p->wanted--;
		pthread_mutex_unlock(&p->mutex);
		if (stop)
			return NULL;
		fill(p, b);
		pthread_mutex_lock(&p->mutex);
		b->full = true;
		pthread_cond_broadcast(&p->change);
		pthread_mutex_unlock(&p->mutex);
	}
}

static int
producer_start(struct producer *p, size_t entries, struct tally_err *err)
{
	memset(p, 0, sizeof(*p));
	memset(p->groups, 0x5a, sizeof(p->groups));
	p->entries = entries;
	for (size_t i = 0; i < SLOTS; i++)
		p->block[i].entry = tally_alloc(entries * sizeof(*p->block[i].entry));
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->change, NULL);
	if (pthread_create(&p->thread, NULL, produce, p) != 0)
		return tally_err_set(err, TALLY_SYS, "no thread");
	return 0;
}

static void
producer_stop(struct producer *p)
{
	pthread_mutex_lock(&p->mutex);
	p->stop = true;
	pthread_cond_broadcast(&p->change);
	pthread_mutex_unlock(&p->mutex);
	pthread_join(p->thread, NULL);
	for (size_t i = 0; i < SLOTS; i++)
		free(p->block[i].entry);
}

/* One block, `batch` entries a commit. */
static int
consume(struct producer *p, struct tally_store *s, size_t slot, size_t batch, struct tally_err *err)
{
	struct block *b = &p->block[slot % SLOTS];
	uint64_t first;

	pthread_mutex_lock(&p->mutex);
	while (!b->full)
		pthread_cond_wait(&p->change, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
	for (size_t i = 0; i < p->entries; i += batch) {
		if (tally_store_append(s, b->entry + i, batch, &first, err) < 0)
			return -1;
	}
	pthread_mutex_lock(&p->mutex);
	b->full = false;
	pthread_cond_broadcast(&p->change);
	pthread_mutex_unlock(&p->mutex);
	return 0;
}

struct pair {
	struct tally_store *ours;
	struct tally_plain *plain;
	char ours_path[512], plain_path[512];
};

static int
pair_open(struct pair *p, const char *dir, size_t batch, struct tally_err *err)
{
	struct tally_init_options o = { .origin = "bench.invalid/append" };
	int a = snprintf(p->ours_path, sizeof(p->ours_path), "%s/ours-%zu", dir, batch);
	int b = snprintf(p->plain_path, sizeof(p->plain_path), "%s/plain-%zu", dir, batch);

	if (a < 0 || b < 0 || (size_t)a + 10 > sizeof(p->ours_path) ||
	    (size_t)b + 10 > sizeof(p->plain_path))
		return tally_err_set(err, TALLY_USE, "%s: too long a path", dir);
	if (mkdir(p->plain_path, 0700) < 0)
		return tally_err_sys(err, "%s", p->plain_path);
	if (tally_store_create(p->ours_path, &o, err) < 0 ||
	    tally_store_open(&p->ours, p->ours_path, TALLY_STORE_WRITE, NULL, err) < 0)
		return -1;
	return tally_plain_open(&p->plain, p->plain_path, err);
}

static double
file_bytes(const char *dir)
{
	char path[544];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
plain_block(struct pair *pair, size_t entries, size_t batch, struct tally_err *err)
{
	static const uint8_t zero[1024];
	struct tally_bytes value = tally_bytes(zero, tally_store_value_size(GROUPS_BYTES));

	for (size_t i = 0; i < entries; i += batch) {
		if (tally_plain_append(pair->plain, value, batch, err) < 0)
			return -1;
	}
	return 0;
}

/* What one case does: `rounds` times `blocks` blocks of `block` entries. */
struct plan {
	size_t batch, block, blocks, rounds;
};

static int
one_round(struct pair *pair, struct producer *p, const struct plan *plan, size_t round,
	  double *plain, double *ours, struct tally_err *err)
{
	double n = (double)(plan->blocks * plan->block), at = cli_seconds();

	for (size_t i = 0; i < plan->blocks; i++) {
		if (plain_block(pair, plan->block, plan->batch, err) < 0)
			return -1;
	}
	*plain = n / (cli_seconds() - at);
	at = cli_seconds();
	pthread_mutex_lock(&p->mutex);
	p->wanted = plan->blocks;
	pthread_cond_broadcast(&p->change);
	pthread_mutex_unlock(&p->mutex);
	for (size_t i = 0; i < plan->blocks; i++) {
		if (consume(p, pair->ours, round * plan->blocks + i, plan->batch, err) < 0)
			return -1;
	}
	*ours = n / (cli_seconds() - at);
	return 0;
}

static int
all_rounds(struct pair *pair, const struct plan *plan, struct bench_case *c, struct tally_err *err)
{
	double ours[MAX_ROUNDS], plain[MAX_ROUNDS];
	struct producer *p = tally_alloc(sizeof(*p));
	int r = producer_start(p, plan->block, err);

	TALLY_ASSERT(plan->rounds <= MAX_ROUNDS);
	if (r == 0) {
		for (size_t i = 0; i < plan->rounds && r == 0; i++)
			r = one_round(pair, p, plan, i, &plain[i], &ours[i], err);
		producer_stop(p);
	}
	free(p);
	if (r < 0)
		return -1;
	qsort(ours, plan->rounds, sizeof(ours[0]), by_value);
	qsort(plain, plan->rounds, sizeof(plain[0]), by_value);
	c->ours = ours[plan->rounds / 2];
	c->baseline = plain[plan->rounds / 2];
	return 0;
}

/* Two lines: the rate, and the bytes of what was written. */
static int
measure(const char *dir, const struct plan *plan, struct bench_case out[2], struct tally_err *err)
{
	double entries = (double)(plan->block * plan->blocks * plan->rounds);
	struct pair pair = { 0 };
	int r;

	out[0] = (struct bench_case){ .name = "append", .batch = plan->batch, .unit = "events/s" };
	out[1] = (struct bench_case){ .name = "size", .batch = plan->batch, .unit = "bytes/event" };
	r = pair_open(&pair, dir, plan->batch, err);
	if (r == 0)
		r = all_rounds(&pair, plan, &out[0], err);
	tally_store_close(pair.ours);
	tally_plain_close(pair.plain);
	out[1].ours = file_bytes(pair.ours_path) / entries;
	out[1].baseline = file_bytes(pair.plain_path) / entries;
	return r;
}

int
tally_bench_append(const struct bench_options *o, struct tally_buf *out, struct tally_err *err)
{
	static const struct plan plans[] = { { 1, 32, 2, 64 },
					     { 256, 1024, 16, 12 },
					     { 4096, 4096, 16, 7 } };
	struct bench_case c[6];

	for (size_t i = 0; i < 3; i++) {
		if (measure(o->dir, &plans[i], c + 2 * i, err) < 0)
			return -1;
	}
	/* A few thousand single commits say nothing of the size: the file's
	 * fixed pages outweigh them. */
	c[1] = c[2];
	c[2] = c[3];
	c[3] = c[4];
	c[4] = c[5];
	bench_write(out, c, 5, o->json);
	return 0;
}
