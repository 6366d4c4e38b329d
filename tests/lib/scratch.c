/* SPDX-License-Identifier: Apache-2.0 */
/* Folders and files of a test, outside the source tree, gone afterwards. */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "testlib.h"

static void
need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

char *
test_path(const char *dir, const char *name)
{
	char *path = NULL;

	need(asprintf(&path, "%s/%s", dir, name) >= 0, name);
	return path;
}

char *
test_dir_make(void)
{
	const char *base = getenv("TMPDIR");
	char *path = test_path(base && *base ? base : "/tmp", "tally-test-XXXXXX");

	need(mkdtemp(path) != NULL, path);
	return path;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
test_dir_remove(char *path)
{
	need(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, path);
	free(path);
}

unsigned
test_dir_count(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	need(d != NULL, path);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

void
test_file_write(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "we");

	need(f != NULL, path);
	need(n == 0 || fwrite(p, 1, n, f) == n, path);
	need(fclose(f) == 0, path);
}

char *
test_file_read(const char *path, size_t *n)
{
	FILE *f = fopen(path, "re");
	struct tally_buf b = TALLY_BUF_INIT;
	size_t got;

	if (!f)
		return NULL;
	do {
		tally_buf_reserve(&b, 65536);
		got = fread(b.p + b.len, 1, 65535, f);
		b.len += got;
	} while (got > 0);
	need(!ferror(f), path);
	fclose(f);
	tally_buf_cstr(&b);
	if (n)
		*n = b.len;
	return (char *)b.p;
}

const char *
test_vectors(void)
{
	const char *path = getenv("TALLY_VECTORS");

	return path && access(path, R_OK) == 0 ? path : NULL;
}
