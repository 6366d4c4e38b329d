/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H
/* This program as the session statement names it. */
#include "tally/bytes.h"

struct tally_err;
/* SHA-256 of this program's own file: what the session statement names. */
int program_hash(uint8_t out[TALLY_HASH], struct tally_err *err);

#endif
