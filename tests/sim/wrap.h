/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WRAP_H
#define SIM_WRAP_H
/* The calls between the product's own parts that the simulation listens to, by
 * the linker's --wrap: the names are the linker's. */
#include "coverage.h"
#include "recorder.h"
#include "seal_step.h"
#include "tally/store.h"
#include "vms.h"

struct host;
void witness_running(struct host *h); /* whose calls they are from now on; NULL nobody's */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void __wrap_recorder_put(struct recorder *r, const struct tally_event *ev);
void __real_recorder_put(struct recorder *r, const struct tally_event *ev);
int __wrap_tally_store_open(struct tally_store **out, const char *path, enum tally_store_mode mode,
			    const struct tally_clock *clock, struct tally_err *err);
int __real_tally_store_open(struct tally_store **out, const char *path, enum tally_store_mode mode,
			    const struct tally_clock *clock, struct tally_err *err);
int __wrap_tally_store_append(struct tally_store *s, const struct tally_prepared *entries, size_t n,
			      uint64_t *first, struct tally_err *err);
int __real_tally_store_append(struct tally_store *s, const struct tally_prepared *entries, size_t n,
			      uint64_t *first, struct tally_err *err);
void __wrap_vms_count(struct vm_row *row, const struct run *run, const struct effective *claims,
		      uint32_t vcpus, int64_t from, int64_t to);
void __real_vms_count(struct vm_row *row, const struct run *run, const struct effective *claims,
		      uint32_t vcpus, int64_t from, int64_t to);
void __wrap_host_coverage_make(struct host_coverage *out, struct part_coverage *const parts[],
			       size_t n, const struct gaps *gaps, const struct span *period,
			       const struct strings *strings);
void __real_host_coverage_make(struct host_coverage *out, struct part_coverage *const parts[],
			       size_t n, const struct gaps *gaps, const struct span *period,
			       const struct strings *strings);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#endif
