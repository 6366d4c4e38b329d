/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_SANDBOX_H
#define TALLY_SANDBOX_H
/* What a process gives up for good, once it has what it needs. */

struct tally_err;

/* From now on, and in whatever this process starts: no new socket, no program,
 * no tracing, no mount, no kernel module; each fails with EPERM. Descriptors that
 * are open stay. To be called by the only thread. */
int tally_sandbox_enter(struct tally_err *err);

#endif
