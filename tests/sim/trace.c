/* SPDX-License-Identifier: Apache-2.0 */
/* The history in words. The last lines are kept where they outlive a death of
 * this process, so that a failure can always be told from its end. */
#include <stdarg.h>
#include <string.h>

#include "sim.h"

static struct trace_tail *kept;

void
trace_keep(struct trace_tail *tail)
{
	kept = tail;
}

void
trace_print(const struct trace_tail *tail, FILE *out)
{
	const unsigned lines = sizeof(tail->line) / sizeof(tail->line[0]);
	unsigned from = tail->next > lines ? tail->next - lines : 0;
	for (unsigned i = from; i < tail->next; i++)
		(void)fprintf(out, "  %s\n", tail->line[i % lines]);
}

static void add_line(struct world *w, const struct host *h, const char *mark, const char *fmt,
		     va_list ap) __attribute__((format(printf, 4, 0)));

static void
add_line(struct world *w, const struct host *h, const char *mark, const char *fmt, va_list ap)
{
	char text[224];
	int64_t ms = w->now / MS;
	int n = snprintf(text, sizeof(text), "%d+%02d:%02d:%02d.%03d %-6s %s", (int)(ms / 86400000),
			 (int)(ms / 3600000 % 24), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
			 (int)(ms % 1000), h != NULL ? h->name : "-", mark);
	if (n > 0 && (size_t)n < sizeof(text))
		(void)vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	if (kept != NULL) {
		const unsigned lines = sizeof(kept->line) / sizeof(kept->line[0]);
		memcpy(kept->line[kept->next % lines], text, sizeof(text));
		kept->next++;
	}
	if (w->trace)
		(void)printf("%s\n", text);
}

void
sim_trace(struct world *w, const struct host *h, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add_line(w, h, "", fmt, ap);
	va_end(ap);
}

void
sim_fail(struct world *w, const struct host *h, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add_line(w, h, "BROKEN: ", fmt, ap);
	va_end(ap);
	if (world_failed(w))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(w->failure, sizeof(w->failure), fmt, ap);
	va_end(ap);
	if (h != NULL) {
		size_t n = strlen(w->failure);
		(void)snprintf(w->failure + n, sizeof(w->failure) - n, " (%s)", h->name);
	}
}
