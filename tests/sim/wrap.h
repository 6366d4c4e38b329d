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
/* Of the type that the product's own has: the linker looks at none. */
__typeof__(recorder_put) __wrap_recorder_put, __real_recorder_put;
__typeof__(tally_store_open) __wrap_tally_store_open, __real_tally_store_open;
__typeof__(tally_store_append) __wrap_tally_store_append, __real_tally_store_append;
__typeof__(vms_count) __wrap_vms_count, __real_vms_count;
__typeof__(host_coverage_make) __wrap_host_coverage_make, __real_host_coverage_make;
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#endif
