/* SPDX-License-Identifier: Apache-2.0 */
/* What of an export a report's page carries along: bundles as they were checked, and the
 * notes at its head. */
#include <string.h>
#include "verify_internal.h"

#define NOTES_MAX (256U << 20)

const struct tally_vkey *
tally_export_vkey(const struct tally_export *x)
{
	return &x->key;
}

int
tally_export_bundle(struct tally_export *x, uint64_t n, struct tally_buf *entries,
		    struct tally_buf *payload, struct tally_err *err)
{
	return export_bundle(x, n, entries, payload, err);
}

static bool
is_attested(const struct tally_export *x, struct tally_bytes bytes)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err ignored = TALLY_ERR_INIT;
	struct tally_note note;
	bool is = tally_note_parse(&note, bytes, &scratch, &ignored) == 0 &&
		  tally_note_lines_of(&note, tally_bytes_str(x->origin)) > 1;

	tally_buf_deinit(&scratch);
	return is;
}

static void
take_note(struct tally_buf *out, struct tally_bytes note)
{
	tally_buf_clear(out);
	tally_buf_add_bytes(out, note);
}

/* The file was parsed when the export was checked; here it is not believed either. */
static void
take_notes(const struct tally_export *x, struct tally_bytes in, struct tally_buf *newest,
	   struct tally_buf *attested)
{
	size_t at = 0;

	while (in.len - at >= 4) {
		uint32_t length = tally_get_u32(in.p + at);
		struct tally_bytes note = tally_bytes(in.p + at + 4, length);

		if (length > in.len - at - 4)
			return;
		take_note(newest, note);
		if (is_attested(x, note))
			take_note(attested, note);
		at += 4 + (size_t)length;
	}
}

int
tally_export_notes(struct tally_export *x, struct tally_buf *newest, struct tally_buf *attested,
		   struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	enum found found = folder_read(&x->folder, "private/notes", NOTES_MAX, &file, err);

	tally_buf_clear(newest);
	tally_buf_clear(attested);
	if (found == FOUND && file.len <= NOTES_MAX)
		take_notes(x, tally_buf_view(&file), newest, attested);
	tally_buf_deinit(&file);
	if (found == BROKEN)
		return -1;
	if (newest->len == 0 &&
	    folder_read(&x->folder, "checkpoint", TALLY_NOTE_MAX, newest, err) != FOUND)
		return err->code == TALLY_OK
			       ? tally_err_set(err, TALLY_FAILS, "%s: changed while it was read",
					       x->folder.path)
			       : -1;
	return 0;
}
