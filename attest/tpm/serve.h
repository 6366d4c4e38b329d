/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_SERVE_H
#define TPM_SERVE_H
/* The helper's loop: protocol.h over a chip. */
#include "chip.h"

/* Until SHUTDOWN, the end of the stream or a malformed message. 1 after a
 * SHUTDOWN that waits for its answer, 0 after the others. */
int serve(int fd, struct chip *c, struct tally_err *err);
/* Answers with a status and a text, or with nothing but the status. */
void serve_answer(int fd, const struct tally_err *err);
/* Answers the first request, whatever it is, with the error. */
void serve_failure(int fd, const struct tally_err *err);

#endif
