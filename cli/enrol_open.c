/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenges that are out, one file each in the folder `open` of a register, named by
 * the hash of the challenge. A file is replaced whole: without an answer, then with
 * the response and the record that it got. Those without give way to newer ones; those
 * with stay until they are too old, and one client gets no more of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "enrol_open.h"

#define HEAD     "tallystick/enrolment-open/v1"
#define FILE_MAX (4U * ENROL_FILE_MAX)
#define AGE      (TALLY_SECOND * 86400 * TALLY_CHALLENGE_DAYS)

static void
write_text(struct tally_buf *out, const struct open_challenge *c)
{
	tally_buf_add_str(out, HEAD "\n");
	tally_lines_put_hash(out, "client", c->client);
	tally_lines_put_time(out, "time", c->time);
	tally_lines_put_base64(out, "request", c->request);
	tally_lines_put_base64(out, "challenge", c->challenge);
	if (c->record.len > 0) {
		tally_lines_put_hash(out, "response", c->response);
		tally_lines_put_base64(out, "record", c->record);
	}
}

static int
parse_text(struct open_challenge *c, struct tally_bytes text, struct tally_arena *arena,
	   struct tally_err *err)
{
	struct tally_lines l;

	*c = (struct open_challenge){ .time = 0 };
	tally_lines_open(&l, text, HEAD, err);
	tally_lines_hash(&l, "client", c->client);
	c->time = tally_lines_time(&l, "time");
	c->request = tally_lines_base64(&l, "request", ENROL_FILE_MAX, arena);
	c->challenge = tally_lines_base64(&l, "challenge", ENROL_FILE_MAX, arena);
	if (tally_lines_next(&l, "response")) {
		tally_lines_hash(&l, "response", c->response);
		c->record = tally_lines_base64(&l, "record", ENROL_FILE_MAX, arena);
	}
	return tally_lines_end(&l);
}

static struct open_known *
find(struct open_folder *f, const uint8_t id[TALLY_HASH])
{
	for (size_t i = 0; i < f->n; i++)
		if (memcmp(f->known[i].id, id, TALLY_HASH) == 0)
			return &f->known[i];
	return NULL;
}

static void
learn(struct open_folder *f, const uint8_t id[TALLY_HASH], const struct open_challenge *c)
{
	struct open_known *k = find(f, id);

	if (!k) {
		f->known = tally_realloc_array(f->known, f->n + 1, sizeof(*f->known));
		k = &f->known[f->n++];
	}
	*k = (struct open_known){ .time = c->time, .answered = c->record.len > 0 };
	memcpy(k->id, id, TALLY_HASH);
	memcpy(k->client, c->client, TALLY_HASH);
}

static int
drop(struct open_folder *f, size_t i, struct tally_err *err)
{
	char name[2 * TALLY_HASH + 1];

	tally_hex(name, f->known[i].id, TALLY_HASH);
	if (unlinkat(f->fd, name, 0) < 0 && errno != ENOENT)
		return tally_err_sys(err, "%s/%s", f->path, name);
	f->known[i] = f->known[--f->n];
	return 0;
}

static bool
is_of(const struct open_known *k, const uint8_t *client)
{
	return !client || memcmp(k->client, client, TALLY_HASH) == 0;
}

/* Of these the oldest, where they are as many as may be. */
static int
make_room(struct open_folder *f, const uint8_t *client, size_t most, struct tally_err *err)
{
	size_t n = 0, oldest = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (f->known[i].answered || !is_of(&f->known[i], client))
			continue;
		if (n++ == 0 || f->known[i].time < f->known[oldest].time)
			oldest = i;
	}
	return n < most ? 0 : drop(f, oldest, err);
}

int
open_folder_admit(const struct open_folder *f, const uint8_t client[TALLY_HASH],
		  struct tally_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->known[i].answered && is_of(&f->known[i], client);
	if (n < OPEN_RECORDS)
		return 0;
	return tally_err_set(err, TALLY_FAILS, "this certificate has got %d records in %d days",
			     OPEN_RECORDS, TALLY_CHALLENGE_DAYS);
}

int
open_folder_sweep(struct open_folder *f, int64_t now, struct tally_err *err)
{
	for (size_t i = f->n; i-- > 0;)
		if (f->known[i].time < now - AGE && drop(f, i, err) < 0)
			return -1;
	return 0;
}

static int
take(struct open_folder *f, const char *name, struct open_take *taker, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(65536);
	struct tally_buf text = TALLY_BUF_INIT;
	uint8_t id[TALLY_HASH];
	struct open_challenge c;
	int r = 0;

	if (tally_unhex(id, TALLY_HASH, name, strlen(name))) {
		r = tally_file_read(f->fd, name, FILE_MAX, &text, err);
		if (r == 1 && parse_text(&c, tally_buf_view(&text), arena, err) < 0) {
			r = tally_err_prefix(err, "%s", name);
		} else if (r == 1) {
			learn(f, id, &c);
			r = c.record.len > 0 ? taker->take(taker->ctx, &c, err) : 0;
		}
	}
	tally_buf_deinit(&text);
	tally_arena_free(arena);
	return r < 0 ? -1 : 0;
}

int
open_folder_open(struct open_folder *f, const char *dir, const struct tally_disk *disk,
		 struct open_take *taker, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	struct dirent *e;
	DIR *d = NULL;
	int r = 0;

	*f = (struct open_folder){ .fd = -1, .disk = disk };
	tally_buf_addf(&path, "%s/open", dir);
	f->path = tally_strdup(tally_buf_cstr(&path));
	tally_buf_deinit(&path);
	if (tally_dir_make(f->path, 0700, err) < 0)
		return -1;
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0 || !(d = opendir(f->path)))
		return tally_err_sys(err, "%s", f->path);
	while (r == 0 && (errno = 0, e = readdir(d)))
		r = take(f, e->d_name, taker, err);
	if (r == 0 && errno != 0)
		r = tally_err_sys(err, "%s", f->path);
	else if (r < 0)
		r = tally_err_prefix(err, "%s", f->path);
	closedir(d);
	return r;
}

void
open_folder_close(struct open_folder *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->known);
	free(f->path);
}

int
open_folder_put(struct open_folder *f, const struct open_challenge *c, struct tally_err *err)
{
	char name[2 * TALLY_HASH + 1];
	struct tally_buf text = TALLY_BUF_INIT;
	uint8_t id[TALLY_HASH];
	int r = 0;

	tally_sha256(id, c->challenge);
	tally_hex(name, id, TALLY_HASH);
	if (!find(f, id) && (make_room(f, c->client, OPEN_CLIENT, err) < 0 ||
			     make_room(f, NULL, OPEN_ALL, err) < 0))
		return -1;
	write_text(&text, c);
	r = tally_file_replace(f->disk, f->fd, name, tally_buf_view(&text), 0600, false, err);
	if (r == 0)
		learn(f, id, c);
	else
		r = tally_err_prefix(err, "%s", f->path);
	tally_buf_deinit(&text);
	return r;
}

int
open_folder_get(struct open_folder *f, const uint8_t id[TALLY_HASH], struct open_challenge *c,
		struct tally_arena *arena, struct tally_err *err)
{
	char name[2 * TALLY_HASH + 1];
	struct tally_buf text = TALLY_BUF_INIT;
	int r;

	if (!find(f, id))
		return 0;
	tally_hex(name, id, TALLY_HASH);
	r = tally_file_read(f->fd, name, FILE_MAX, &text, err);
	if (r == 1 && parse_text(c, tally_buf_view(&text), arena, err) < 0) {
		err->code = TALLY_SYS; /* our own file, and no client's affair */
		r = tally_err_prefix(err, "%s", name);
	}
	tally_buf_deinit(&text);
	return r < 0 ? tally_err_prefix(err, "%s", f->path) : r;
}
