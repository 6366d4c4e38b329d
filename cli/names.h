/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_NAMES_H
#define TALLY_CLI_NAMES_H
/* The names that VMs had last, as entries go by: most entries have a UUID only. */
#include "tally/event.h"

struct names;
struct names *names_new(void);
void names_free(struct names *n); /* NULL ok */
/* That of the entry's VM; empty where it has none, or none was learnt. */
struct tally_bytes names_find(const struct names *n, const struct tally_event *ev);
void names_learn(struct names *n, const struct tally_event *ev);

#endif
