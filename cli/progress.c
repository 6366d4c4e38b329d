/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress: a line on stderr, only where that is a terminal and only from the
 * second second on; four times a second at most, and wiped at the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tally/wait.h"
#include "cli.h"

void
cli_progress_begin(struct cli_progress *p, const char *what)
{
	*p = (struct cli_progress){ .what = what,
				    .began = tally_ticks(),
				    .tty = isatty(STDERR_FILENO) == 1 };
}

void
cli_progress_show(struct cli_progress *p, uint64_t done, uint64_t all)
{
	int64_t now;

	if (!p->tty)
		return;
	now = tally_ticks();
	if (now - p->began < TALLY_SECOND || now - p->shown < TALLY_SECOND / 4)
		return;
	p->shown = now;
	if (all > 0)
		fprintf(stderr, "\r\033[K%s: %" PRIu64 " of %" PRIu64 " (%" PRIu64 " %%)", p->what,
			done, all, (uint64_t)((tally_i128)done * 100 / all));
	else
		fprintf(stderr, "\r\033[K%s: %" PRIu64, p->what, done);
	(void)fflush(stderr);
}

void
cli_progress_end(struct cli_progress *p)
{
	if (p->shown != 0)
		fputs("\r\033[K", stderr);
	p->shown = 0;
}
