/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error that travels up: set once, prefixed on its way, cut at the end
 * with "..." where it would be too long. errno is never changed by a setter.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"

/* Marks that vsnprintf could not place all of `wanted` characters. */
static void
mark_cut(char *text, size_t size, int wanted)
{
	if (wanted < 0)
		text[0] = '\0';
	else if ((size_t)wanted >= size)
		memcpy(text + size - 4, "...", 4);
}

void
tally_err_set_(struct tally_err *err, enum tally_code code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	mark_cut(err->text, sizeof(err->text), vsnprintf(err->text, sizeof(err->text), fmt, ap));
	va_end(ap);
	errno = saved;
}

void
tally_err_sys_(struct tally_err *err, const char *fmt, ...)
{
	int saved = errno;
	char what[sizeof(err->text)], reason[128];
	va_list ap;

	va_start(ap, fmt);
	mark_cut(what, sizeof(what), vsnprintf(what, sizeof(what), fmt, ap));
	va_end(ap);
	tally_err_set_(err, saved == ENOSPC || saved == EDQUOT ? TALLY_FULL : TALLY_SYS, "%s: %s",
		       what, strerror_r(saved, reason, sizeof(reason)));
	errno = saved;
}

void
tally_err_prefix_(struct tally_err *err, const char *fmt, ...)
{
	int saved = errno;
	char before[sizeof(err->text)], old[sizeof(err->text)];
	va_list ap;

	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	mark_cut(before, sizeof(before), vsnprintf(before, sizeof(before), fmt, ap));
	va_end(ap);
	mark_cut(err->text, sizeof(err->text),
		 snprintf(err->text, sizeof(err->text), "%s: %s", before, old));
	errno = saved;
}

void
tally_err_clear(struct tally_err *err)
{
	err->code = TALLY_OK;
	err->text[0] = '\0';
}

int
tally_err_exit(const struct tally_err *err)
{
	switch (err->code) {
	case TALLY_FAILS:
		return 1;
	case TALLY_USE:
		return 2;
	case TALLY_OK: /* asked for without an error: ours, so never a quiet success */
	case TALLY_SYS:
	case TALLY_FULL:
	case TALLY_HELD:
	case TALLY_TPM:
		break;
	}
	return 3;
}

_Noreturn void
tally_assert_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "tally: internal error: %s:%d: %s\n", file, line, cond);
	abort();
}
