/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_MACHINELIB_H
#define TALLY_TEST_MACHINELIB_H
/* A machine whose manager and records a test holds in its hands. */
#include "testlib.h"

#include "machine.h"

#define WORLD_MAX 256

struct record {
	struct tally_event ev; /* its texts point into the ones below */
	char name[256], os[256], tenant[64], cost_center[64], environment[64], reason[64],
		detail[128];
	struct tally_cpu_time cpu_time[4];
};
struct world {
	struct record rec[WORLD_MAX];
	size_t n;
	struct machine *m;
	struct tally_domain shown; /* what describe gives */
	int describes;             /* 1, 0 or -1 */
	unsigned asked;            /* how often it was */
	uint64_t cpu_ns;           /* 0: unknown */
};

extern const uint8_t uuid_a[16], uuid_b[16];

int world_setup(void **state);
int world_teardown(void **state);
/* 1000 s and `ms` milliseconds, on both clocks. */
struct tally_now at_ms(int64_t ms);
uint64_t wall_ms(int64_t ms);
/* VM a, "web", 2 vCPUs, pid 100 + id, start ticks 1000 + id. */
struct tally_domain domain(int64_t id, unsigned state);
void observe(struct world *w, unsigned what, unsigned cause, int64_t id, int64_t ms);
void observe_exit(struct world *w, int64_t id, int64_t ms);
bool list_none(struct world *w, int64_t ms);
bool list_one(struct world *w, int64_t id, unsigned state, int64_t ms);
bool list_first(struct world *w, int64_t id, unsigned state, int64_t ms);
/* An ordinary start of id 1 at 0 ms: one record. */
void started(struct world *w);

/* Record i is of that kind (and cause), at that time. */
#define assert_record(w, i, k, c, ms)                                                              \
	do {                                                                                       \
		assert_true((size_t)(i) < (w)->n);                                                 \
		assert_string_equal(tally_kind_name((w)->rec[i].ev.kind), tally_kind_name(k));     \
		assert_int_equal((w)->rec[i].ev.m.cause, c);                                       \
		assert_int_equal((w)->rec[i].ev.m.time, wall_ms(ms));                              \
	} while (0)
#define assert_text(w, i, field, expected)                                                         \
	do {                                                                                       \
		assert_non_null((w)->rec[i].ev.field.p);                                           \
		assert_int_equal((w)->rec[i].ev.field.len, strlen(expected));                      \
		assert_memory_equal((w)->rec[i].ev.field.p, expected, strlen(expected));           \
	} while (0)
#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
