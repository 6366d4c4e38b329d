/* SPDX-License-Identifier: Apache-2.0 */
/* One file, or a folder of them. Anything that can be read will do for a file, a
 * pipe too; in a folder only what is a file counts, by way of links as well. */
#include "pins.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tally/err.h"

static int
read_one(const char *path, struct tally_buf *text, struct tally_err *err)
{
	FILE *f = fopen(path, "re");
	int status = 0;
	size_t n;

	if (!f)
		return tally_err_sys(err, "%s", path);
	do {
		n = fread(tally_buf_grow(text, 4096), 1, 4096, f);
		text->len -= 4096 - n;
	} while (n == 4096 && text->len <= PINS_MAX);
	if (ferror(f))
		status = tally_err_sys(err, "%s", path);
	else if (text->len > PINS_MAX)
		status = tally_err_set(err, TALLY_USE, "%s: more than %u bytes are no list of keys",
				       path, PINS_MAX);
	fclose(f);
	return status;
}

static int
one(const char *path, int (*take)(void *, const char *, struct tally_bytes, struct tally_err *),
    void *ctx, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status = read_one(path, &text, err);

	if (status == 0)
		status = take(ctx, path, tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	return status;
}

static int
is_shown(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int
pins_each(const char *path,
	  int (*take)(void *ctx, const char *name, struct tally_bytes content,
		      struct tally_err *err),
	  void *ctx, struct tally_err *err)
{
	struct tally_buf name = TALLY_BUF_INIT;
	struct dirent **list = NULL;
	struct stat st;
	int n, status = 0;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return one(path, take, ctx, err);
	n = scandir(path, &list, is_shown, by_bytes);
	if (n < 0)
		return tally_err_sys(err, "%s", path);
	for (int i = 0; i < n; i++) {
		tally_buf_clear(&name);
		tally_buf_addf(&name, "%s/%s", path, list[i]->d_name);
		if (status == 0 && stat(tally_buf_cstr(&name), &st) == 0 && S_ISREG(st.st_mode))
			status = one(tally_buf_cstr(&name), take, ctx, err);
		free(list[i]);
	}
	free(list);
	tally_buf_deinit(&name);
	return status;
}
