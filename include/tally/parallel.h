/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_PARALLEL_H
#define TALLY_PARALLEL_H
/* Work that falls into jobs of which none needs another. */
#include <stddef.h>

/*
 * Calls job(arg, i) once for each i below n, in no order, on as many threads as the
 * process may use processors, the caller's among them, and returns when all are done.
 * Where no thread can be had the caller's does the rest, as it does where another call
 * has them. The others take no signals, and end a moment after the last call.
 * What a job writes no other job reads or writes.
 */
void tally_parallel(size_t n, void (*job)(void *arg, size_t i), void *arg);
/* How many threads that are for many jobs, at least one. */
size_t tally_parallel_threads(void);

#endif
