/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's log. A message is one line and one write(2), so that lines of
 * threads and processes do not mix. errno is kept.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include "tally/bytes.h"
#include "tally/csv.h"
#include "tally/log.h"

static atomic_int most_verbose_now = TALLY_LOG_INFO;
static atomic_int prefix_now = -1; /* -1: not decided yet */

void
tally_log_level(enum tally_level most_verbose)
{
	atomic_store(&most_verbose_now, (int)most_verbose);
}

void
tally_log_prefix(int on)
{
	atomic_store(&prefix_now, on != 0);
}

static bool
with_prefix(void)
{
	int on = atomic_load(&prefix_now);

	if (on < 0) {
		on = !isatty(STDERR_FILENO);
		atomic_store(&prefix_now, on);
	}
	return on;
}

static void
write_line(struct tally_bytes line)
{
	while (line.len > 0) {
		ssize_t n = write(STDERR_FILENO, line.p, line.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere left to say it */
		line = tally_bytes(line.p + n, line.len - (size_t)n);
	}
}

void
tally_log(enum tally_level level, const char *fmt, ...)
{
	int saved = errno, n;
	char text[2048];
	struct tally_buf line = TALLY_BUF_INIT;
	va_list ap;

	if ((int)level > atomic_load(&most_verbose_now))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (with_prefix())
		tally_buf_addf(&line, "<%d>", (int)level);
	if (n >= 0) {
		tally_printable(&line, tally_bytes_str(text));
		if ((size_t)n >= sizeof(text))
			tally_buf_add_str(&line, "...");
	}
	tally_buf_add_u8(&line, '\n');
	write_line(tally_buf_view(&line));
	tally_buf_deinit(&line);
	errno = saved;
}
