/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the parts of an export that evidence is read from (a tile of entries,
 * its payloads, the notes), sealed by the real helper, without a ledger; and
 * measures what a checkpoint's evidence costs.
 *
 *	make_evidence DIR CHECKPOINTS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "memjournal.h"
#include "testlib.h"
#include "tally/err.h"

#define STATEMENT_ENTRY 70
#define EVIDENCE        "tallystick/evidence/v1"
#define ORIGIN          "example.com/memory"

static void
die(const struct tally_err *err)
{
	fprintf(stderr, "make_evidence: %s\n", err->text);
	exit(1);
}

static void
write_file(const char *dir, const char *name, const struct tally_buf *b)
{
	char *path = test_path(dir, name);

	test_file_write(path, b->p, b->len);
	free(path);
}

static void
make_folder(const char *dir, const char *name)
{
	char *path = test_path(dir, name);
	struct tally_err err;

	if (tally_dir_make(path, 0700, &err) < 0)
		die(&err);
	free(path);
}

/* The first entry is the statement; its payload has the third group only. */
static void
write_entries(const char *dir, const struct memjournal *j)
{
	struct tally_buf entries = TALLY_BUF_INIT, payloads = TALLY_BUF_INIT, group;
	struct tally_operations operations = {
		.statement = tally_buf_view(&j->session[0].statement),
		.quote = tally_buf_view(&j->session[0].quote),
	};
	struct tally_event ev = { .kind = TALLY_SESSION_STATEMENT, .o = operations };
	struct tally_buf groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_err err;

	if (tally_event_encode(&ev, groups, &err) < 0)
		die(&err);
	group = groups[TALLY_OPERATIONS];
	tally_buf_add_u16(&entries, 136);
	memset(tally_buf_grow(&entries, 136), 0, 136);
	entries.p[2] = 1;
	entries.p[3] = STATEMENT_ENTRY;
	tally_buf_add_u8(&payloads, 4);
	memset(tally_buf_grow(&payloads, 16), 0, 16); /* salt */
	tally_buf_add_u8(&payloads, (uint8_t)(group.len >> 16));
	tally_buf_add_u16(&payloads, (uint16_t)group.len);
	tally_buf_add_bytes(&payloads, tally_buf_view(&group));
	write_file(dir, "tile/entries/000.p/1", &entries);
	write_file(dir, "private/payload/000.p/1", &payloads);
	for (int i = 0; i < TALLY_GROUPS; i++)
		tally_buf_deinit(&groups[i]);
	tally_buf_deinit(&entries);
	tally_buf_deinit(&payloads);
}

static void
add_line(struct tally_buf *note, const uint8_t id[4], struct tally_bytes content)
{
	struct tally_buf line = TALLY_BUF_INIT;

	tally_buf_add(&line, id, 4);
	tally_buf_add_bytes(&line, content);
	tally_buf_add_str(note, "\xe2\x80\x94 " ORIGIN " ");
	tally_buf_add_base64(note, line.p, line.len);
	tally_buf_add_str(note, "\n");
	tally_buf_deinit(&line);
}

static void
write_notes(const char *dir, const struct memjournal *j)
{
	static const uint8_t log_id[4] = { 1, 2, 3, 4 }, log_signature[64];
	struct tally_buf notes = TALLY_BUF_INIT, note = TALLY_BUF_INIT, id = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH];

	for (size_t i = 0; i < j->notes; i++) {
		tally_buf_clear(&id);
		tally_buf_add_str(&id, ORIGIN "\n\xff" EVIDENCE);
		tally_buf_add_u8(&id, 0);
		tally_buf_add_bytes(&id, tally_buf_view(&j->note[i].ak_public));
		tally_host_id(hash, tally_buf_view(&id)); /* SHA-256 */
		tally_buf_clear(&note);
		tally_buf_add_bytes(&note, tally_buf_view(&j->note[i].text));
		tally_buf_add_str(&note, "\n");
		add_line(&note, log_id, tally_bytes(log_signature, sizeof(log_signature)));
		add_line(&note, hash, tally_buf_view(&j->note[i].blob));
		tally_buf_add_u32(&notes, (uint32_t)note.len);
		tally_buf_add_bytes(&notes, tally_buf_view(&note));
	}
	write_file(dir, "private/notes", &notes);
	tally_buf_deinit(&notes);
	tally_buf_deinit(&note);
	tally_buf_deinit(&id);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
milliseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
checkpoints(struct tally_tpm *tpm, struct memjournal *j, size_t n)
{
	const struct tally_seal_info about = { .origin = ORIGIN,
					       .vkey = tally_bytes_str("none"),
					       .version = TALLY_VERSION };
	double *took = calloc(n, sizeof(*took));
	struct tally_seal *seal = NULL;
	struct tally_err err;

	if (!took)
		abort();
	if (tally_seal_open(&seal, tpm, &j->table, &about, &err) < 0)
		die(&err);
	for (size_t i = 0; i < n; i++) {
		double begin = milliseconds();

		memjournal_append(j);
		if (tally_seal_checkpoint(seal, &err) != 1)
			die(&err);
		took[i] = milliseconds() - begin;
	}
	tally_seal_close(seal);
	qsort(took, n, sizeof(*took), compare);
	printf("evidence of %zu checkpoints: p50 %.2f ms, p99 %.2f ms, most %.2f ms\n", n,
	       took[n / 2], took[n * 99 / 100], took[n - 1]);
	free(took);
}

int
main(int argc, char **argv)
{
	struct memjournal *j = tally_alloc(sizeof(*j));
	struct tally_tpm *tpm = NULL;
	struct tally_err err;
	double begin = milliseconds();
	char *state;

	if (argc != 3)
		return 2;
	for (const char *const *f =
		     (const char *const[]){ "", "tile", "tile/entries", "tile/entries/000.p",
					    "private", "private/payload", "private/payload/000.p",
					    NULL };
	     *f; f++)
		make_folder(argv[1], *f);
	memjournal_init(j);
	state = test_path(argv[1], "tpm");
	if (tally_tpm_start(&tpm, NULL, state, "libtpms", true, &err) < 0)
		die(&err);
	printf("a new TPM: %.1f ms", milliseconds() - begin);
	tally_tpm_stop(tpm);
	begin = milliseconds();
	if (tally_tpm_start(&tpm, NULL, state, "libtpms", false, &err) < 0)
		die(&err);
	printf(", its start: %.1f ms\n", milliseconds() - begin);
	checkpoints(tpm, j, (size_t)strtoul(argv[2], NULL, 10));
	tally_tpm_stop(tpm);
	write_entries(argv[1], j);
	write_notes(argv[1], j);
	memjournal_deinit(j);
	free(state);
	free(j);
	return 0;
}
