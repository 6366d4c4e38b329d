/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers, their exports, and the questions asked about them. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fixture.h"
#include "tally/parse.h"

#define OK(l, call)                                                                                \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, (l)->err.text);                                  \
	} while (0)

static void
seal_open(struct ledger *l, bool lie)
{
	struct tally_bytes vkey = tally_bytes(l->vkey.p, l->vkey.len - 1);
	struct tally_seal_info info = {
		.origin = l->origin, .vkey = vkey, .version = "0", .ledger_pcr = l->pcr
	};
	struct tally_journal journal = tally_store_journal(l->store);

	if (lie)
		info.vkey = tally_bytes_str("example.com/other+00000000+AA==");
	OK(l, tally_seal_open(&l->seal, &l->tpm.table, &journal, &info, &l->err));
}

/* One endorsement key, and an attestation key for each ledger. */
static void
share_tpm(struct faketpm *f, const struct faketpm *with)
{
	EVP_PKEY_free(f->ek);
	f->ek = with->ek;
	assert_int_equal(EVP_PKEY_up_ref(f->ek), 1);
	tally_buf_clear(&f->ek_public);
	tally_buf_add_bytes(&f->ek_public, tally_buf_view(&with->ek_public));
}

static void
init(struct ledger *l, const char *origin, const char *host, bool lie, unsigned pcr,
     const char *transport, const struct ledger *old, const struct ledger *with)
{
	struct tally_init_options options = { .origin = origin,
					      .host = host,
					      .transport = "libtpms" };
	struct tally_event begin = { .kind = TALLY_LEDGER_BEGIN };
	uint8_t root[TALLY_HASH];
	uint64_t index;

	memset(l, 0, sizeof(*l));
	l->pcr = pcr;
	l->root = test_dir_make();
	l->path = test_path(l->root, "ledger");
	l->origin = tally_strdup(origin);
	test_clock_init(&l->clock, "2026-03-01T00:00:00Z");
	faketpm_init(&l->tpm);
	if (with)
		share_tpm(&l->tpm, &with->tpm);
	l->tpm.transport = transport;
	OK(l, tally_store_create(l->path, &options, &l->err));
	OK(l, tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err));
	tally_vkey_text(&l->vkey, tally_store_vkey(l->store));
	begin.i.host = tally_bytes_str(host);
	begin.o.origin = tally_bytes_str(origin);
	begin.o.vkey = tally_buf_view(&l->vkey);
	if (old) {
		begin.o.prev_origin = tally_bytes_str(old->origin);
		begin.o.has_prev_size = true;
		OK(l, tally_store_head(old->store, &begin.o.prev_size, root, &l->err));
		begin.o.prev_root = tally_bytes(root, TALLY_HASH);
	}
	OK(l, tally_store_append_event(l->store, &begin, &index, &l->err));
	tally_buf_add_u8(&l->vkey, '\n');
	(void)tally_buf_cstr(&l->vkey);
	seal_open(l, lie);
}

void
ledger_init(struct ledger *l, const char *origin, const char *host, bool lie)
{
	init(l, origin, host, lie, 0, "libtpms", NULL, NULL);
}

void
ledger_init_pcr(struct ledger *l, unsigned pcr)
{
	init(l, ORIGIN, "h1", false, pcr, "libtpms", NULL, NULL);
}

void
ledger_init_device(struct ledger *l, const char *origin, const struct ledger *old)
{
	init(l, origin, "h1", false, TALLY_LEDGER_PCR, "device", old, NULL);
}

void
ledger_init_beside(struct ledger *l, const char *origin, const struct ledger *with)
{
	init(l, origin, "h1", false, TALLY_LEDGER_PCR, "device", NULL, with);
}

void
ledger_deinit(struct ledger *l)
{
	tally_seal_close(l->seal);
	tally_store_close(l->store);
	faketpm_deinit(&l->tpm);
	test_dir_remove(l->root);
	tally_buf_deinit(&l->vkey);
	free(l->path);
	free(l->origin);
}

void
ledger_reboot(struct ledger *l)
{
	tally_seal_close(l->seal);
	faketpm_reset(&l->tpm);
	seal_open(l, false);
}

void
ledger_append(struct ledger *l, unsigned n)
{
	static unsigned serial;

	for (unsigned i = 0; i < n; i++, serial++) {
		struct tally_event ev = { .kind = i % 2 ? TALLY_STOPPED : TALLY_STARTED };
		char name[32];
		uint64_t index;

		test_clock_advance(&l->clock, TALLY_SECOND);
		snprintf(name, sizeof(name), "vm-%u", serial);
		ev.imported = true;
		ev.m.has_time = true;
		ev.m.time = (uint64_t)l->clock.now.wall.ns;
		ev.m.has_run = true;
		ev.m.run = serial / 2;
		ev.i.has_vm = true;
		ev.i.vm[15] = 1;
		ev.o.has_source = true;
		ev.o.source = TALLY_SRC_IMPORT;
		if (i % 2 == 0) {
			ev.m.has_vcpus = true;
			ev.m.vcpus = 2;
			ev.i.name = tally_bytes_str(name);
		}
		OK(l, tally_store_append_event(l->store, &ev, &index, &l->err));
	}
}

void
ledger_checkpoint(struct ledger *l)
{
	OK(l, tally_seal_checkpoint(l->seal, &l->err));
}

char *
ledger_export(struct ledger *l, const char *name, bool public_only)
{
	char *dir = test_path(l->root, name);

	OK(l, tally_store_export(l->store, dir, public_only, NULL, NULL, &l->err));
	return dir;
}

/* nftw has no context. */
static struct files found;
static size_t skip;

static int
collect(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	if (type != FTW_F)
		return 0;
	found.name = tally_realloc_array(found.name, found.count + 1, sizeof(char *));
	found.name[found.count++] = tally_strdup(path + skip);
	return 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct files
files_of(const char *dir)
{
	found = (struct files){ NULL, 0 };
	skip = strlen(dir) + 1;
	assert_int_equal(nftw(dir, collect, 16, FTW_PHYS), 0);
	qsort(found.name, found.count, sizeof(char *), compare_names);
	return found;
}

void
files_free(struct files *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->name[i]);
	free(f->name);
}

static void
make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

void
copy_export(const char *from, const char *to)
{
	struct files f = files_of(from);

	for (size_t i = 0; i < f.count; i++) {
		char *source = test_path(from, f.name[i]), *target = test_path(to, f.name[i]);
		size_t n;
		char *bytes = test_file_read(source, &n);

		make_folders(target);
		test_file_write(target, bytes, n);
		free(bytes), free(source), free(target);
	}
	files_free(&f);
}

struct edit
edit_open(const char *dir, const char *name)
{
	struct edit e = { .path = test_path(dir, name) };

	e.bytes = test_file_read(e.path, &e.n);
	if (!e.bytes)
		fail_msg("%s: not there", e.path);
	return e;
}

void
edit_write(const struct edit *e, const void *p, size_t n)
{
	test_file_write(e->path, p, n);
}

void
edit_close(struct edit *e)
{
	test_file_write(e->path, e->bytes, e->n);
	free(e->path);
	free(e->bytes);
}

struct tally_verify *
verified(const char *anchor, const char *const *paths)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;

	assert_int_equal(tally_verify_new(&v, &err), 0);
	if (anchor)
		assert_int_equal(tally_verify_anchor(v, "pins", tally_bytes_str(anchor), &err), 0);
	for (; *paths; paths++)
		if (tally_verify_path(v, *paths, &err) < 0)
			fail_msg("%s", err.text);
	if (tally_verify_run(v, &err) < 0)
		fail_msg("%s", err.text);
	return v;
}

struct tally_verify *
verified_one(const char *anchor, const char *path)
{
	const char *const paths[] = { path, NULL };

	return verified(anchor, paths);
}

bool
names(const struct tally_verify *v, const char *check, const char *dir, const char *file,
      int64_t entry)
{
	char *path = file[0] ? test_path(dir, file) : tally_strdup(dir);
	bool yes = false;

	for (size_t i = 0; i < tally_verify_problems(v) && !yes; i++) {
		const struct tally_problem *p = tally_verify_problem(v, i);

		yes = strcmp(p->file, path) == 0 && (!check || strcmp(p->check, check) == 0) &&
		      (entry < 0 || (p->has_entry && p->entry == (uint64_t)entry));
	}
	free(path);
	return yes;
}

void
tell_problems(const struct tally_verify *v)
{
	for (size_t i = 0; i < tally_verify_problems(v); i++) {
		const struct tally_problem *p = tally_verify_problem(v, i);

		print_message("  %s: %s: %lld: %s\n", p->check, p->file,
			      p->has_entry ? (long long)p->entry : -1, p->text);
	}
}

/* The payloads again, without the operations of entry `index`. */
void
edit_withhold(const struct edit *e, uint64_t index)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_cursor c;

	tally_cursor_init(&c, tally_bytes(e->bytes, e->n));
	for (uint64_t i = 0; tally_cursor_left(&c) > 0; i++) {
		assert_int_equal(tally_cursor_u8(&c), 7);
		tally_buf_add_u8(&out, i == index ? 3 : 7);
		for (unsigned k = 0; k < 3; k++) {
			const uint8_t *begin = c.p;

			tally_cursor_take(&c, 17);
			tally_cursor_take(&c, tally_cursor_u16(&c));
			if (k < 2 || i != index)
				tally_buf_add(&out, begin, (size_t)(c.p - begin));
		}
	}
	edit_write(e, out.p, out.len);
	tally_buf_deinit(&out);
}
