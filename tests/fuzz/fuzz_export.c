/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The export reader over a small folder: the input is a list of files, u8 length
 * of the name || name || u16 length || content. Nothing in it is pinned, so no
 * input is anchored; what holds can be opened and read to its end, and what does
 * not hold cannot be opened.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "tally/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64];

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type;
	if (at->level > 0)
		must(remove(path) == 0);
	return 0;
}

static void
leave(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(root);
}

static void
enter(void)
{
	const char *tmp = getenv("TMPDIR");

	if (root[0])
		return;
	snprintf(root, sizeof(root), "%.40s/tally-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(root) != NULL);
	atexit(leave);
}

/* Names stay inside: small letters, digits, dots and single slashes between. */
static bool
name_valid(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789./") == n &&
	       !strstr(name, "..") && !strstr(name, "//") && name[0] != '/' && name[0] != '.' &&
	       name[n - 1] != '/' && !strstr(name, "/.");
}

#define FILES 24
struct kept {
	char name[64];
	struct tally_buf content;
};
/* What the folder holds: most inputs differ from the last in one file only. */
static struct kept now[FILES];
static size_t kept_count;

/* Folders on the way to a file: made, or taken away where they are empty. */
static void
folders(char *path, bool wanted)
{
	char *begin = path + strlen(root) + 1;

	if (wanted) {
		for (char *slash = strchr(begin, '/'); slash; slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			mkdir(path, 0700);
			*slash = '/';
		}
		return;
	}
	for (char *slash = strrchr(begin, '/'); slash; slash = strrchr(begin, '/')) {
		*slash = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

static void
drop(size_t i)
{
	char path[192];

	snprintf(path, sizeof(path), "%.63s/%.63s", root, now[i].name);
	must(unlink(path) == 0);
	folders(path, false);
	tally_buf_deinit(&now[i].content);
	now[i] = now[--kept_count];
}

static void
put(const char *name, struct tally_bytes content)
{
	struct kept *k = now;
	char path[192];
	int fd;

	while (k < now + kept_count && strcmp(k->name, name) != 0)
		k++;
	if (k < now + kept_count && tally_bytes_eq(tally_buf_view(&k->content), content))
		return;
	snprintf(path, sizeof(path), "%s/%.63s", root, name);
	folders(path, true);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* a folder of that name, or a file where a folder should be */
	must(write(fd, content.p, content.len) == (ssize_t)content.len);
	must(ftruncate(fd, (off_t)content.len) == 0);
	close(fd);
	if (k == now + kept_count) {
		kept_count++;
		memcpy(k->name, name, strlen(name) + 1);
		k->content = (struct tally_buf)TALLY_BUF_INIT;
	}
	tally_buf_clear(&k->content);
	tally_buf_add_bytes(&k->content, content);
}

struct wanted {
	char name[64];
	struct tally_bytes content;
};

static size_t
parse(struct wanted *out, struct tally_bytes in)
{
	struct tally_cursor c;
	size_t n = 0;

	tally_cursor_init(&c, in);
	while (n < FILES && tally_cursor_left(&c) > 0) {
		struct tally_bytes name = tally_cursor_take(&c, tally_cursor_u8(&c));
		struct tally_bytes content = tally_cursor_take(&c, tally_cursor_u16(&c));
		struct wanted *w = &out[n];

		if (c.failed)
			break;
		if (name.len == 0 || name.len >= sizeof(w->name))
			continue;
		memcpy(w->name, name.p, name.len);
		w->name[name.len] = '\0';
		w->content = content;
		n += name_valid(w->name);
	}
	return n;
}

static void
make(struct tally_bytes in)
{
	struct wanted wanted[FILES];
	size_t n = parse(wanted, in);

	for (size_t left = kept_count; left > 0; left--) {
		size_t i = left - 1;
		bool stays = false;

		for (size_t j = 0; j < n; j++)
			stays = stays || strcmp(now[i].name, wanted[j].name) == 0;
		if (!stays)
			drop(i);
	}
	for (size_t j = 0; j < n; j++)
		put(wanted[j].name, wanted[j].content);
}

static void
read_all(struct tally_export *x)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entries entries;
	struct tally_entry entry;
	uint64_t count = 0;

	must(tally_export_entries(x, tally_export_size(x), &entries, &err) == 0);
	while (entries.next(entries.ctx, &entry, &err) == 1)
		must(entry.header.index == count++);
	must(count == tally_export_size(x));
	entries.close(entries.ctx);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_export *x;
	struct tally_verify *v;

	enter();
	make(tally_bytes(data, size));
	must(tally_verify_new(&v, &err) == 0);
	if (tally_verify_path(v, root, &err) == 0) {
		must(tally_verify_run(v, &err) == 0);
		must(tally_verify_exit(v) == (tally_verify_holds(v) ? 4 : 1));
		tally_verify_json(v, &text);
		tally_verify_text(v, &text);
		if (tally_export_open(&x, root, &err) == 0) {
			must(tally_verify_holds(v));
			read_all(x);
			tally_export_close(x);
		} else {
			/* A public mirror may hold, and has nothing to be read. */
			must(!tally_verify_holds(v) || err.code == TALLY_USE);
		}
	}
	tally_verify_free(v);
	tally_buf_deinit(&text);
	return 0;
}
