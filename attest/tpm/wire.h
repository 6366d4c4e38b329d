/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_WIRE_H
#define TPM_WIRE_H
/*
 * A TSS transport over a descriptor that carries bare commands and responses.
 * After the first failure it stays closed, for the state of an unanswered command
 * is unknown. One at a time a process.
 */
#include <stdbool.h>
#include <stdint.h>
#include <tss2/tss2_tcti.h>

struct tally_err;

#define WIRE_RESPONSE_MS 20000 /* of a socket */

/* Who is meant in what is told of failures; forgets the last one. First of all. */
void wire_name(const char *peer);
/* Takes the descriptor, which does not block. `device`: whole messages by read and write. */
void wire_open(TSS2_TCTI_CONTEXT **out, int fd, bool device);
void wire_close(TSS2_TCTI_CONTEXT *tcti); /* NULL ok */
/* What ended it, or NULL. */
const struct tally_err *wire_failure(void);
/* How long a response may take, all attempts together. */
void wire_set_timeout(int response_ms);

/* For who makes descriptors: until `events` or that end (tally_ticks_ms): 1, 0 at the end, -1. */
int wire_wait(int fd, short events, int64_t end);

#endif
