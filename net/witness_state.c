/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness's folder. `state` is replaced whole, so it is the old one or the
 * new one, and it is there from the begin: a witness without it has forgotten
 * what it cosigned, and must not be started again. What it knows of logs that
 * have left the list stays, for they may come back.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "witness_internal.h"

#define KEY       "key"
#define STATE     "state"
#define LOCK      "lock"
#define KEY_MAX   1024
#define STATE_MAX (16U << 20)

static const char header[] = "tallystick-witness 1";

static int
open_folder(const char *path, struct tally_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? tally_err_sys(err, "%s", path) : fd;
}

static int
make_files(int dir, const char *path, const char *name, const struct tally_disk *disk,
	   struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_logkey *key = NULL;
	int r = -1;

	if (faccessat(dir, KEY, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return tally_err_set(err, TALLY_USE, "%s: it has a witness's key already", path);
	if (tally_logkey_generate(&key, name, err) < 0)
		return -1;
	/* The key last: with it the folder is a witness's. */
	tally_buf_addf(&text, "%s\n", header);
	r = tally_file_replace(disk, dir, STATE, tally_buf_view(&text), 0600, false, err);
	tally_buf_clear(&text);
	tally_buf_reserve(&text, KEY_MAX);
	tally_logkey_text(key, &text);
	if (r == 0)
		r = tally_file_replace(disk, dir, KEY, tally_buf_view(&text), 0600, false, err);
	explicit_bzero(text.p, text.cap);
	tally_buf_deinit(&text);
	tally_logkey_free(key);
	return r;
}

int
tally_witness_make(const char *path, const char *name, const struct tally_disk *disk,
		   struct tally_err *err)
{
	int dir, r;

	if (tally_dir_make(path, 0700, err) < 0 || (dir = open_folder(path, err)) < 0)
		return -1;
	r = make_files(dir, path, name, disk, err);
	close(dir);
	return r;
}

struct witness_log *
witness_find(struct tally_witness *w, struct tally_bytes origin)
{
	for (size_t i = 0; i < w->n_logs; i++)
		if (tally_bytes_eq(tally_bytes_str(w->log[i].origin), origin))
			return &w->log[i];
	return NULL;
}

static struct witness_log *
find_or_add(struct tally_witness *w, struct tally_bytes origin)
{
	struct witness_log *log = witness_find(w, origin);

	if (log)
		return log;
	w->log = tally_realloc_array(w->log, w->n_logs + 1, sizeof(*w->log));
	log = &w->log[w->n_logs++];
	*log = (struct witness_log){ .origin = tally_strndup((const char *)origin.p, origin.len) };
	return log;
}

/* "VKEY [ORIGIN]": the origin goes to the end of the line, blanks and all. */
static int
read_log(struct tally_witness *w, struct tally_bytes line, struct tally_err *err)
{
	const uint8_t *blank = memchr(line.p, ' ', line.len);
	struct tally_bytes origin = { NULL, 0 };
	struct witness_log *log;
	struct tally_vkey key;

	if (blank) {
		origin = tally_bytes(blank + 1, (size_t)(line.p + line.len - blank - 1));
		line.len = (size_t)(blank - line.p);
	}
	if (tally_vkey_parse(&key, line, err) < 0)
		return -1;
	if (key.type != TALLY_SIG_ED25519)
		return tally_err_set(err, TALLY_USE, "not the key of a log");
	if (!blank)
		origin = tally_bytes_str(key.name);
	if (origin.len == 0 || origin.len > TALLY_NAME_MAX ||
	    !tally_utf8_valid(origin.p, origin.len) || memchr(origin.p, '\0', origin.len))
		return tally_err_set(err, TALLY_USE, "malformed origin");
	log = find_or_add(w, origin);
	for (size_t i = 0; i < log->n_keys; i++)
		if (tally_vkey_eq(&log->keys[i], &key))
			return tally_err_set(err, TALLY_USE, "the same key twice");
	log->keys = tally_realloc_array(log->keys, log->n_keys + 1, sizeof(*log->keys));
	log->keys[log->n_keys++] = key;
	return 0;
}

static int
read_logs(struct tally_witness *w, const char *name, struct tally_bytes text, struct tally_err *err)
{
	unsigned number = 0, logs = 0;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		size_t n = end ? (size_t)(end - text.p) : text.len;
		struct tally_bytes line = tally_bytes(text.p, n);

		n += end != NULL;
		text = tally_bytes(text.p + n, text.len - n);
		number++;
		if (line.len == 0 || line.p[0] == '#')
			continue;
		if (++logs > WITNESS_LOGS)
			return tally_err_set(err, TALLY_USE, "%s:%u:1: more than %d logs", name,
					     number, WITNESS_LOGS);
		if (read_log(w, line, err) < 0)
			return tally_err_prefix(err, "%s:%u:1", name, number);
	}
	if (logs == 0)
		return tally_err_set(err, TALLY_USE, "%s: no log in it", name);
	return 0;
}

/* One log: the three lines of its checkpoint. */
static int
read_seen(struct tally_witness *w, struct tally_cursor *c, struct tally_err *err)
{
	const uint8_t *begin = c->p;
	struct tally_checkpoint head;
	struct witness_log *log;

	for (int i = 0; i < 3; i++)
		(void)tally_cursor_line(c);
	if (c->failed)
		return tally_err_set(err, TALLY_FAILS, "cut short");
	if (tally_checkpoint_parse(&head, tally_bytes(begin, (size_t)(c->p - begin)), true, err) <
	    0)
		return -1;
	log = find_or_add(w, head.origin);
	if (log->seen)
		return tally_err_set(err, TALLY_FAILS, "one log twice");
	log->seen = true;
	log->size = head.size;
	memcpy(log->root, head.root, TALLY_HASH);
	return 0;
}

static int
read_state(struct tally_witness *w, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_cursor c;
	int r = tally_file_read(w->dir, STATE, STATE_MAX, &text, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS,
				  "it is gone, and with it what was cosigned: a witness that has "
				  "forgotten must be replaced by a new one with a new key");
	tally_cursor_init(&c, tally_buf_view(&text));
	if (r > 0 && !tally_bytes_eq(tally_cursor_line(&c), tally_bytes_str(header)))
		r = tally_err_set(err, TALLY_FAILS, "the first line is not '%s'", header);
	while (r > 0 && tally_cursor_left(&c) > 0)
		if (read_seen(w, &c, err) < 0)
			r = -1;
	tally_buf_deinit(&text);
	return r < 0 ? tally_err_prefix(err, "%s/%s", w->path, STATE) : 0;
}

static int
read_key(struct tally_witness *w, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int r;

	tally_buf_reserve(&text, KEY_MAX + 1);
	r = tally_file_read(w->dir, KEY, KEY_MAX, &text, err);
	if (r == 0)
		r = tally_err_set(err, TALLY_SYS, "not there: no witness was made in this folder");
	if (r > 0)
		r = tally_logkey_parse(&w->key, tally_buf_view(&text), err);
	if (r == 0 && w->key && tally_logkey_vkey(w->key)->type != TALLY_SIG_ED25519)
		r = tally_err_set(err, TALLY_FAILS, "an enroller's key, and no witness's");
	explicit_bzero(text.p, text.cap);
	tally_buf_deinit(&text);
	if (r < 0)
		return tally_err_prefix(err, "%s/%s", w->path, KEY);
	tally_cosigner_vkey(&w->vkey, w->key);
	return 0;
}

static int
take_lock(struct tally_witness *w, struct tally_err *err)
{
	w->lock = tally_file_lock(w->dir, LOCK, err);
	if (w->lock >= 0)
		return 0;
	return err->code == TALLY_HELD
		       ? tally_err_set(err, TALLY_HELD, "%s: another witness runs here", w->path)
		       : tally_err_prefix(err, "%s", w->path);
}

int
tally_witness_open(struct tally_witness **out, const char *path, const char *logs_name,
		   struct tally_bytes logs, const struct tally_disk *disk, struct tally_err *err)
{
	struct tally_witness *w = tally_alloc(sizeof(*w));

	w->disk = disk;
	w->path = tally_strdup(path);
	w->lock = -1;
	w->dir = open_folder(path, err);
	if (w->dir < 0 || read_key(w, err) < 0 || take_lock(w, err) < 0 ||
	    read_logs(w, logs_name, logs, err) < 0 || read_state(w, err) < 0) {
		tally_witness_close(w);
		return -1;
	}
	*out = w;
	return 0;
}

void
tally_witness_close(struct tally_witness *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_logs; i++) {
		free(w->log[i].origin);
		free(w->log[i].keys);
	}
	tally_logkey_free(w->key);
	if (w->lock >= 0)
		close(w->lock);
	if (w->dir >= 0)
		close(w->dir);
	free(w->log);
	free(w->path);
	free(w);
}

int
witness_persist(struct tally_witness *w, struct witness_log *log, uint64_t size,
		const uint8_t root[TALLY_HASH], struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int r;

	tally_buf_addf(&text, "%s\n", header);
	for (size_t i = 0; i < w->n_logs; i++) {
		const struct witness_log *l = &w->log[i];

		if (l == log)
			tally_checkpoint_text(&text, l->origin, size, root);
		else if (l->seen)
			tally_checkpoint_text(&text, l->origin, l->size, l->root);
	}
	r = tally_file_replace(w->disk, w->dir, STATE, tally_buf_view(&text), 0600, false, err);
	tally_buf_deinit(&text);
	if (r < 0)
		return tally_err_prefix(err, "%s/%s", w->path, STATE);
	log->seen = true;
	log->size = size;
	memcpy(log->root, root, TALLY_HASH);
	return 0;
}
