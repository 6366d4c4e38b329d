/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of bundles. The first byte says what the rest is: even, an archive as it is;
 * odd, a list of members, u8 length of the name || name || u16 length || content, from which
 * an archive with its manifest is made, so that what lies behind these is reached. Nothing
 * is pinned, so nothing is anchored; and an archive that is accepted has one form only: each
 * bit of its headers is asked for.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tally/bundle.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/parse.h"
#include "tally/verify.h"
#include "tally/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMBERS 48

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
put(struct tally_buf *out, struct tally_buf *directory, const char *name,
    struct tally_bytes content)
{
	struct tally_zip_member m = { name, content.len, out->len,
				      tally_crc32(0, content.p, content.len) };

	tally_zip_local(out, &m);
	tally_buf_add_bytes(out, content);
	tally_zip_central(directory, &m);
}

/* In the order of the input: a wrong one is the input's. */
static void
build(struct tally_buf *out, struct tally_bytes in)
{
	struct tally_buf directory = TALLY_BUF_INIT, manifest = TALLY_BUF_INIT;
	struct tally_bundle_file files[MEMBERS];
	static char names[MEMBERS][256];
	struct tally_cursor c;
	size_t n = 0, at;

	tally_cursor_init(&c, in);
	while (n < MEMBERS && tally_cursor_left(&c) > 0) {
		struct tally_bytes name = tally_cursor_take(&c, tally_cursor_u8(&c));
		struct tally_bytes content = tally_cursor_take(&c, tally_cursor_u16(&c));

		if (c.failed)
			break;
		memcpy(names[n], name.p, name.len);
		names[n][name.len] = '\0';
		files[n] = (struct tally_bundle_file){ .name = names[n], .size = content.len };
		tally_sha256(files[n].sha256, content);
		put(out, &directory, names[n++], content);
	}
	tally_bundle_manifest(&manifest, files, n);
	put(out, &directory, "manifest.json", tally_buf_view(&manifest));
	at = out->len;
	tally_buf_add_bytes(out, tally_buf_view(&directory));
	tally_zip_end(out, n + 1, at, directory.len);
	tally_buf_deinit(&directory);
	tally_buf_deinit(&manifest);
}

/* 1 or 4, or no bundle at all. */
static int
verify(struct tally_bytes archive)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_verify *v;
	int fd = memfd_create("bundle", MFD_CLOEXEC), exit = -1;
	char path[64];

	must(fd >= 0 && write(fd, archive.p, archive.len) == (ssize_t)archive.len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(tally_verify_new(&v, &err) == 0);
	if (tally_verify_path(v, path, &err) == 0 && tally_verify_run(v, &err) == 0) {
		exit = tally_verify_exit(v);
		must(exit == (tally_verify_holds(v) ? 4 : 1));
		tally_verify_json(v, &text);
		tally_verify_text(v, &text);
	}
	tally_verify_free(v);
	tally_buf_deinit(&text);
	close(fd);
	return exit;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_buf archive = TALLY_BUF_INIT;

	if (size == 0)
		return 0;
	if (data[0] % 2 == 0) {
		tally_buf_add(&archive, data + 1, size - 1);
		(void)verify(tally_buf_view(&archive));
	} else {
		build(&archive, tally_bytes(data + 1, size - 1));
		must(verify(tally_buf_view(&archive)) != -1);
		/* The last byte counts the comment, of which there is none. */
		archive.p[archive.len - 1] ^= 1;
		must(verify(tally_buf_view(&archive)) == 1);
	}
	tally_buf_deinit(&archive);
	return 0;
}
