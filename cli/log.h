/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_LOG_H
#define TALLY_CLI_LOG_H
/* Where listed entries go: JSON lines, a table on a terminal, or plain columns. */
#include "tally/entry.h"

struct tally_err;
struct log_out;

struct log_out *log_out_new(bool json, bool table);
void log_out_free(struct log_out *o);
int log_out_add(struct log_out *o, const struct tally_entry *e, const struct tally_event *ev,
		struct tally_err *err);
/* An entry that is not listed, for the names that later ones lack. */
void log_out_pass(struct log_out *o, const struct tally_event *ev);
/* What is still held back goes out. */
int log_out_flush(struct log_out *o, struct tally_err *err);

#endif
