/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is wrong. A damaged export may have as many problems as
 * entries: past PROBLEMS_MAX they are counted and no longer kept. So are the remarks of one
 * path past REMARKS_MAX, which leaves those of the others their room. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "verify_internal.h"

static void
remarks_deinit(struct remarks *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->p[i]);
	free(r->p);
}

void
problems_deinit(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].check);
		free(p->items[i].file);
		free(p->items[i].text);
	}
	free(p->items);
	remarks_deinit(&p->verdicts);
	remarks_deinit(&p->remarks);
	*p = (struct problems){ 0 };
}

static char *
join(const char *dir, const char *file)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const char *slash = dir[0] && dir[strlen(dir) - 1] == '/' ? "" : "/";
	char *out;

	if (!file)
		return tally_strdup(dir);
	tally_buf_addf(&b, "%s%s%s", dir, slash, file);
	out = tally_strdup(tally_buf_cstr(&b));
	tally_buf_deinit(&b);
	return out;
}

__attribute__((format(printf, 5, 0))) static struct problem *
add(struct problems *p, const char *check, const char *dir, const char *file, const char *fmt,
    va_list args)
{
	struct problem *item;
	char text[1024];

	if (p->count == PROBLEMS_MAX) {
		p->dropped++;
		return NULL;
	}
	if (p->count == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 16;
		p->items = tally_realloc_array(p->items, p->cap, sizeof(*p->items));
	}
	item = &p->items[p->count++];
	vsnprintf(text, sizeof(text), fmt, args);
	*item = (struct problem){ tally_strdup(check), join(dir, file), tally_strdup(text), false,
				  0 };
	return item;
}

void
problem(struct problems *p, const char *check, const char *dir, const char *file, const char *fmt,
	...)
{
	va_list args;

	va_start(args, fmt);
	add(p, check, dir, file, fmt, args);
	va_end(args);
}

void
problem_entry(struct problems *p, const char *check, const char *dir, const char *file,
	      uint64_t entry, const char *fmt, ...)
{
	struct problem *item;
	va_list args;

	va_start(args, fmt);
	item = add(p, check, dir, file, fmt, args);
	va_end(args);
	if (item) {
		item->has_entry = true;
		item->entry = entry;
	}
}

__attribute__((format(printf, 2, 0))) static void
keep(struct remarks *r, const char *fmt, va_list args)
{
	char text[6144]; /* a path, and what is said of it */

	if (r->count == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->p = tally_realloc_array(r->p, r->cap, sizeof(*r->p));
	}
	vsnprintf(text, sizeof(text), fmt, args);
	r->p[r->count++] = tally_strdup(text);
}

void
remarks_begin(struct problems *p)
{
	p->spent = 0;
}

void
remark(struct problems *p, const char *fmt, ...)
{
	va_list args;

	if (p->spent == REMARKS_MAX) {
		p->unkept++;
		return;
	}
	p->spent++;
	va_start(args, fmt);
	keep(&p->remarks, fmt, args);
	va_end(args);
}

void
remark_verdict(struct problems *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	keep(&p->verdicts, fmt, args);
	va_end(args);
}
