/* SPDX-License-Identifier: Apache-2.0 */
/* Where rule packs lie, and reading them. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "cli.h"
#include "packs.h"

#define ENDING ".yaml"

void
cli_rules_dir(struct tally_buf *path, const char *given)
{
	/* In the build folder; as installed, wherever that was put. */
	static const char *const places[] = { "/../rules", "/../share/tallystick/rules" };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash;

	if (!given)
		given = getenv("TALLY_RULES");
	tally_buf_clear(path);
	if (given && *given) {
		tally_buf_add_str(path, given);
		return;
	}
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		char *real;

		tally_buf_clear(path);
		tally_buf_addf(path, "%.*s%s", (int)(slash - self), self, places[i]);
		real = realpath(tally_buf_cstr(path), NULL);
		if (real) {
			tally_buf_clear(path);
			tally_buf_add_str(path, real);
			free(real);
			return;
		}
	}
	tally_buf_clear(path);
	tally_buf_add_str(path, TALLY_RULESDIR);
}

static int
read_pack(struct tally_pack **out, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH];
	int status = cli_read_input(path, CLI_PACK_MOST, &text, err);

	if (status == 0)
		status = tally_pack_parse(out, path, tally_buf_view(&text), err);
	if (status == 0) {
		tally_sha256(hash, tally_buf_view(&text));
		tally_pack_set_hash(*out, hash);
	}
	tally_buf_deinit(&text);
	return status;
}

int
cli_packs_read(struct cli_packs *p, char *const *paths, size_t count, struct tally_err *err)
{
	int status = 0;

	p->count = 0;
	p->packs = tally_alloc((count + 1) * sizeof(struct tally_pack *));
	while (p->count < count && status == 0) {
		status = read_pack(&p->packs[p->count], paths[p->count], err);
		p->count += status == 0;
	}
	if (status == 0)
		status = tally_packs_settle(p->packs, count, err);
	if (status < 0)
		cli_packs_deinit(p);
	return status;
}

void
cli_packs_deinit(struct cli_packs *p)
{
	for (size_t i = 0; i < p->count; i++)
		tally_pack_free(p->packs[i]);
	free(p->packs);
	p->packs = NULL;
	p->count = 0;
}

static bool
is_pack(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > strlen(ENDING) &&
	       strcmp(name + n - strlen(ENDING), ENDING) == 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths of the folder's packs in the order of their names, to be freed one by one. */
static int
list_packs(const char *dir, char ***paths, size_t *count, struct tally_err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	if (!d)
		return tally_err_sys(err, "%s", dir);
	while ((errno = 0, e = readdir(d))) {
		struct tally_buf path = TALLY_BUF_INIT;

		if (!is_pack(e->d_name))
			continue;
		tally_buf_addf(&path, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/",
			       e->d_name);
		*paths = tally_realloc_array(*paths, *count + 1, sizeof(char *));
		(*paths)[(*count)++] = tally_strdup(tally_buf_cstr(&path));
		tally_buf_deinit(&path);
	}
	if (errno != 0) {
		int r = tally_err_sys(err, "%s", dir);

		(void)closedir(d);
		return r;
	}
	(void)closedir(d);
	if (*count > 1)
		qsort(*paths, *count, sizeof(char *), compare_names);
	return 0;
}

int
cli_packs_open(struct cli_packs *p, const char *given, struct tally_err *err)
{
	struct tally_buf dir = TALLY_BUF_INIT;
	char **paths = NULL;
	size_t count = 0;
	int status;

	p->packs = NULL;
	p->count = 0;
	cli_rules_dir(&dir, given);
	status = list_packs(tally_buf_cstr(&dir), &paths, &count, err);
	if (status == 0 && count == 0)
		status = tally_err_set(err, TALLY_SYS, "%s: no rule pack (*%s) is there",
				       tally_buf_cstr(&dir), ENDING);
	if (status == 0)
		status = cli_packs_read(p, paths, count, err);
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
	tally_buf_deinit(&dir);
	return status;
}

int
cli_packs_each(const char *given,
	       void (*each)(void *ctx, const char *path, struct tally_bytes content), void *ctx,
	       struct tally_err *err)
{
	struct tally_buf dir = TALLY_BUF_INIT;
	char **paths = NULL;
	size_t count = 0;
	int status = 0;

	cli_rules_dir(&dir, given);
	if (access(tally_buf_cstr(&dir), F_OK) == 0)
		status = list_packs(tally_buf_cstr(&dir), &paths, &count, err);
	for (size_t i = 0; i < count; i++) {
		struct tally_buf text = TALLY_BUF_INIT;

		if (status == 0)
			status = cli_read_input(paths[i], CLI_PACK_MOST, &text, err);
		if (status == 0)
			each(ctx, paths[i], tally_buf_view(&text));
		tally_buf_deinit(&text);
		free(paths[i]);
	}
	free(paths);
	tally_buf_deinit(&dir);
	return status;
}
