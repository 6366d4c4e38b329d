/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle over the year of an estate: seconds to write and to verify it, each by this very
 * program in a process of its own, the peak of anonymous memory while it verifies, and its
 * size. Beside verifying: hashing the file once, which nobody can do without.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/file.h"
#include "tally/note.h"
#include "tally/store.h"
#include "bench.h"
#include "cli.h"
#include "sample.h"

#define CHUNK (UINT32_C(1) << 20)

struct scene {
	struct sample_size size;
	char ledgers[4200], file[4200], pins[4200];
	double write, verify, hash, anon, mib;
};

/* Ledgers, and a line of each, as somebody pinned them. */
static int
make(struct scene *s, struct tally_err *err)
{
	struct tally_buf pins = TALLY_BUF_INIT, path = TALLY_BUF_INIT;
	struct sample_history h;
	struct tally_store *store;
	int status;

	if (sample_make(&h, &s->size, err) < 0)
		return -1;
	status = sample_write_ledgers(&h, s->ledgers, err);
	sample_deinit(&h);
	for (unsigned i = 0; i < s->size.hosts && status == 0; i++) {
		tally_buf_clear(&path);
		tally_buf_addf(&path, "%s/h%03u", s->ledgers, i);
		status = tally_store_open(&store, tally_buf_cstr(&path), TALLY_STORE_READ,
					  tally_clock_real(), err);
		if (status < 0)
			break;
		tally_vkey_text(&pins, tally_store_vkey(store));
		tally_buf_add_u8(&pins, '\n');
		tally_store_close(store);
	}
	if (status == 0)
		status = tally_output_write(s->pins, tally_buf_view(&pins), err);
	tally_buf_deinit(&pins);
	tally_buf_deinit(&path);
	return status;
}

/* tally bundle LEDGER... --from T --to T -o FILE */
static int
write_bundle(struct scene *s, struct tally_err *err)
{
	static const char *const words[] = { "--from", "2026-01-01", "--to", "2027-01-01", "-o" };
	char **argv = tally_alloc((s->size.hosts + 16) * sizeof(*argv));
	struct tally_buf path = TALLY_BUF_INIT;
	double mib;
	size_t n = 0;
	int status;

	argv[n++] = tally_strdup("tally");
	argv[n++] = tally_strdup("bundle");
	for (unsigned h = 0; h < s->size.hosts; h++) {
		tally_buf_clear(&path);
		tally_buf_addf(&path, "%s/h%03u", s->ledgers, h);
		argv[n++] = tally_strdup(tally_buf_cstr(&path));
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		argv[n++] = tally_strdup(words[i]);
	argv[n++] = tally_strdup(s->file);
	status = bench_run_self(argv, &s->write, &mib, err);
	while (n > 0)
		free(argv[--n]);
	free(argv);
	tally_buf_deinit(&path);
	return status;
}

/* Nothing but an exit of 0 counts: it holds, and is anchored. */
static int
verify_bundle(struct scene *s, struct tally_err *err)
{
	char *argv[] = { tally_strdup("tally"),    tally_strdup("verify"), tally_strdup(s->file),
			 tally_strdup("--anchor"), tally_strdup(s->pins),  NULL };
	int status = bench_run_self(argv, &s->verify, &s->anon, err);

	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return status;
}

static int
hash_plainly(struct scene *s, struct tally_err *err)
{
	struct tally_sha256 *hash = tally_sha256_new();
	uint8_t *piece = tally_alloc(CHUNK), out[TALLY_HASH];
	int fd = open(s->file, O_RDONLY | O_CLOEXEC), status = 0;
	double began = cli_seconds();
	uint64_t all = 0;
	ssize_t n = 0;

	while (fd >= 0 && (n = read(fd, piece, CHUNK)) > 0) {
		tally_sha256_add(hash, piece, (size_t)n);
		all += (size_t)n;
	}
	if (fd < 0 || n < 0)
		status = tally_err_sys(err, "%s", s->file);
	tally_sha256_end(hash, out);
	s->hash = cli_seconds() - began;
	s->mib = (double)all / CHUNK;
	if (fd >= 0)
		close(fd);
	tally_sha256_free(hash);
	free(piece);
	return status;
}

int
tally_bench_bundle(const struct bench_options *o, struct tally_buf *out, struct tally_err *err)
{
	struct scene *s = tally_alloc(sizeof(*s));
	struct bench_case c[4];
	int status = 0;

	s->size = (struct sample_size){ o->events, o->machines, o->hosts, 1 };
	if (snprintf(s->ledgers, sizeof(s->ledgers), "%s/ledgers", o->dir) >= 4200 ||
	    snprintf(s->file, sizeof(s->file), "%s/bundle.zip", o->dir) >= 4200 ||
	    snprintf(s->pins, sizeof(s->pins), "%s/pins", o->dir) >= 4200)
		status = tally_err_set(err, TALLY_USE, "%s: too long a path", o->dir);
	if (status == 0)
		status = make(s, err);
	if (status == 0)
		status = write_bundle(s, err);
	if (status == 0)
		status = verify_bundle(s, err);
	if (status == 0)
		status = hash_plainly(s, err);
	if (status == 0) {
		c[0] = (struct bench_case){ "bundle-write", o->events, 0, s->write, "s" };
		c[1] = (struct bench_case){ "bundle-verify", o->events, s->hash, s->verify, "s" };
		c[2] = (struct bench_case){ "bundle-memory", o->events, 0, s->anon,
					    "MiB anonymous" };
		c[3] = (struct bench_case){ "bundle-size", o->events, 0, s->mib, "MiB" };
		bench_write(out, c, 4, o->json);
	}
	free(s);
	return status;
}
