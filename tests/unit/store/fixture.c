/* SPDX-License-Identifier: Apache-2.0 */
/* See fixture.h. */
#include "fixture.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/file.h"

static struct tally_now
fake_now(void *ctx)
{
	struct fake_clock *c = ctx;

	c->now.wall.ns += 1000;
	c->now.uptime.ns += 1000;
	return c->now;
}

static int
fake_boot_id(void *ctx, uint8_t out[16])
{
	struct fake_clock *c = ctx;

	if (c->no_boot_id)
		return -1;
	memcpy(out, c->boot_id, 16);
	return 0;
}

void
fake_clock_init(struct fake_clock *c)
{
	memset(c, 0, sizeof(*c));
	c->clock = (struct tally_clock){ c, fake_now, fake_boot_id };
	c->now.wall.ns = INT64_C(1700000000) * TALLY_SECOND;
	c->now.uptime.ns = 5 * TALLY_SECOND;
	memset(c->boot_id, 0x11, 16);
}

void
fixture_assert_ok(int r, const struct tally_err *err, const char *file, int line)
{
	if (r < 0)
		print_error("%s:%d: %s\n", file, line, err->text);
	assert_true(r >= 0);
}

void
fixture_init(struct fixture *f)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(f->root, sizeof(f->root), "%s/tally-store-XXXXXX",
		 tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->path, sizeof(f->path), "%s/ledger", f->root);
	snprintf(f->out, sizeof(f->out), "%s/export", f->root);
	fake_clock_init(&f->clock);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void
remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
fixture_deinit(struct fixture *f)
{
	remove_tree(f->root);
}

void
fixture_create(struct fixture *f)
{
	struct tally_init_options o = { .origin = "example.org/log", .transport = "libtpms" };
	struct tally_err err = TALLY_ERR_INIT;

	assert_ok(tally_store_create(f->path, &o, &err));
}

struct tally_store *
fixture_open(struct fixture *f, enum tally_store_mode mode)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s = NULL;

	assert_ok(tally_store_open(&s, f->path, mode, &f->clock.clock, &err));
	return s;
}

void
batch_init(struct batch *b, uint64_t serial, size_t n, size_t bytes)
{
	size_t each = bytes < 24 ? 24 : bytes;

	b->entry = tally_alloc(n * sizeof(*b->entry));
	b->bytes = tally_alloc(n * each);
	for (size_t i = 0; i < n; i++) {
		uint8_t *p = b->bytes + i * each, seed[TALLY_SEED];
		struct tally_bytes group[TALLY_GROUPS] = { tally_bytes(p, 8),
							   tally_bytes(p + 8, each - 16),
							   tally_bytes(p + each - 8, 8) };

		memset(p, (int)(serial + i) & 0xff, each);
		tally_put_u64(p, serial + i);
		tally_put_u64(p + each - 8, ~(serial + i));
		tally_seed(seed);
		tally_prepare(&b->entry[i], TALLY_STARTED, 0, seed, group);
	}
}

void
batch_deinit(struct batch *b)
{
	free(b->entry);
	free(b->bytes);
}

int
append_serials(struct tally_store *s, uint64_t serial, size_t n, size_t bytes,
	       struct tally_err *err)
{
	struct batch b;
	uint64_t first;
	int r;

	batch_init(&b, serial, n, bytes);
	r = tally_store_append(s, b.entry, n, &first, err);
	if (r == 0)
		assert_int_equal(first, serial);
	batch_deinit(&b);
	return r;
}

static void
check_entry(struct tally_store *s, uint64_t i, const struct tally_entry *e,
	    uint8_t leaf[TALLY_HASH])
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	uint8_t salt[TALLY_GROUPS][TALLY_SALT], commitment[TALLY_HASH];
	struct tally_header h;

	assert_int_equal(e->header.index, i);
	assert_int_equal(e->group[0].len, 8);
	assert_int_equal(tally_get_u64(e->group[0].p), i);
	assert_int_equal(tally_get_u64(e->group[2].p), ~i);
	assert_int_equal(tally_store_entry(s, i, &record, group, salt, &err), 1);
	assert_int_equal(record.len, TALLY_RECORD);
	assert_ok(tally_record_read(&h, record.p, &err));
	assert_int_equal(h.index, i);
	assert_int_equal(h.uptime, e->header.uptime);
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		assert_true(tally_bytes_eq(tally_buf_view(&group[k]), e->group[k]));
		tally_commitment(commitment, k, salt[k], e->group[k]);
		assert_memory_equal(commitment, record.p + 40 + 32 * k, TALLY_HASH);
		tally_buf_deinit(&group[k]);
	}
	tally_hash_leaf(leaf, tally_buf_view(&record));
	tally_buf_deinit(&record);
}

uint64_t
check_ledger(const char *path, uint64_t acknowledged)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	uint8_t root[TALLY_HASH], mine[TALLY_HASH], leaf[TALLY_HASH];
	struct tally_checkpoint cp = { .size = UINT64_MAX };
	struct tally_note parsed;
	struct tally_frontier f;
	struct tally_store *s;
	struct tally_entries it;
	struct tally_entry e;
	struct tally_scrub scrub;
	uint64_t size, sequence;

	assert_ok(tally_store_open(&s, path, TALLY_STORE_READ, NULL, &err));
	assert_ok(tally_store_head(s, &size, root, &err));
	assert_true(size >= acknowledged);
	if (tally_store_last_note(s, &sequence, &note, &err) > 0) {
		assert_ok(tally_note_parse(&parsed, tally_buf_view(&note), &scratch, &err));
		assert_int_equal(tally_note_verify(&parsed, tally_store_vkey(s), &err), 1);
		assert_ok(tally_checkpoint_parse(&cp, parsed.text, false, &err));
		assert_true(cp.size <= size);
	}
	tally_frontier_init(&f);
	assert_ok(tally_store_entries(s, 0, UINT64_MAX, &it, &err));
	for (uint64_t i = 0; i < size; i++) {
		assert_int_equal(it.next(it.ctx, &e, &err), 1);
		check_entry(s, i, &e, leaf);
		tally_frontier_add(&f, leaf, NULL, NULL);
		if (f.size == cp.size) {
			tally_frontier_root(&f, mine);
			assert_memory_equal(mine, cp.root, TALLY_HASH);
		}
	}
	assert_int_equal(it.next(it.ctx, &e, &err), 0);
	it.close(it.ctx);
	tally_frontier_root(&f, mine);
	assert_memory_equal(mine, root, TALLY_HASH);
	assert_ok(tally_store_scrub(s, &scrub, &err));
	assert_int_equal(scrub.entries, size);
	assert_true(note.len == 0 || scrub.indexed >= cp.size);
	tally_buf_deinit(&note);
	tally_buf_deinit(&scratch);
	tally_store_close(s);
	return size;
}

int
read_whole(const char *dir, const char *name, struct tally_buf *out)
{
	struct tally_err err = TALLY_ERR_INIT;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	assert_true(fd >= 0);
	r = tally_file_read(fd, name, 1u << 26, out, &err);
	close(fd);
	return r;
}
