/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of a ledger: local where its lock is free, else the holder, asked
 * through its socket. A holder that does not listen is the error it was. */
#include <stdlib.h>
#include "store_internal.h"

struct tally_writer {
	struct tally_store *store; /* NULL: remote */
};

int
tally_writer_open(struct tally_writer **out, const char *path, const struct tally_clock *clock,
		  struct tally_err *err)
{
	struct tally_buf answer = TALLY_BUF_INIT;
	struct tally_err asked = TALLY_ERR_INIT;
	struct tally_store *store = NULL;
	int r = tally_store_open(&store, path, TALLY_STORE_WRITE, clock, err);

	if (r < 0 && err->code == TALLY_HELD)
		r = tally_control_ask(path, "{\"op\":\"status\"}", TALLY_CONTROL_MS, &answer,
				      &asked);
	tally_buf_deinit(&answer);
	if (r < 0)
		return -1;
	tally_err_clear(err);
	*out = tally_alloc(sizeof(**out));
	(*out)->store = store;
	return 0;
}

void
tally_writer_close(struct tally_writer *w)
{
	if (!w)
		return;
	tally_store_close(w->store);
	free(w);
}

bool
tally_writer_is_remote(const struct tally_writer *w)
{
	return w->store == NULL;
}

struct tally_store *
tally_writer_store(struct tally_writer *w)
{
	return w->store;
}
