/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that cannot fail: aborts with a message when there is none, because
 * no caller could do anything better and half-done work is recovered anyhow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/bytes.h"

static void *
must(void *p)
{
	if (!p) {
		fputs("tally: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
tally_alloc(size_t n)
{
	return must(calloc(1, n ? n : 1));
}

void *
tally_realloc_array(void *p, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return must(NULL);
	return must(realloc(p, n ? n : 1));
}

char *
tally_strdup(const char *s)
{
	return must(strdup(s));
}

char *
tally_strndup(const char *s, size_t n)
{
	return must(strndup(s, n));
}
