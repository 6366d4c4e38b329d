/* SPDX-License-Identifier: Apache-2.0 */
/* private/ of an export: payloads with their salts (never the seed), every note,
 * the evidence rows. Folders 0700, files 0600. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "export_internal.h"

#define PIECE (1u << 20) /* bytes collected before they are written */

int
export_private_begin(struct store_export *x, struct tally_err *err)
{
	/* The umask may only take rights away; this folder never had them. */
	if (mkdirat(x->dirfd, "private", 0700) < 0)
		return tally_err_sys(err, "private");
	return export_file(x, "private/format", tally_bytes_str("tallystick-export 1\n"), err);
}

void
export_payload_add(struct store_export *x, const struct store_leaf *leaf)
{
	uint8_t salts[TALLY_GROUPS][TALLY_SALT];
	struct tally_buf *b = &x->payload;

	tally_salts(salts, leaf->entry.seed);
	tally_buf_add_u8(b, (1u << TALLY_GROUPS) - 1);
	for (int k = 0; k < TALLY_GROUPS; k++) {
		struct tally_bytes group = leaf->entry.group[k];

		tally_buf_add(b, salts[k], TALLY_SALT);
		tally_buf_add_u8(b, (uint8_t)(group.len >> 16));
		tally_buf_add_u16(b, (uint16_t)group.len);
		tally_buf_add_bytes(b, group);
	}
}

int
export_payload_flush(struct store_export *x, uint64_t bundle, unsigned width, struct tally_err *err)
{
	char number[TALLY_TILE_PATH], path[TALLY_TILE_PATH + 32];
	int r;

	tally_tile_path(number, -2, bundle, width);
	snprintf(path, sizeof(path), "private/payload/%s", number);
	r = export_file(x, path, tally_buf_view(&x->payload), err);
	tally_buf_clear(&x->payload);
	return r;
}

/* One value of `note` or `att`, as this export shows it. */
typedef void show(struct store_export *x, uint64_t number, struct tally_bytes value,
		  struct tally_buf *out);

static void
show_note(struct store_export *x, uint64_t number, struct tally_bytes value, struct tally_buf *out)
{
	const struct export_view *v = &x->view;

	if (v->has_row && number == v->row.note)
		value = tally_buf_view(&v->row_note);
	else if (number == v->note_seq)
		value = tally_buf_view(&v->note);
	tally_buf_add_u32(out, (uint32_t)value.len);
	tally_buf_add_bytes(out, value);
}

static void
show_row(struct store_export *x, uint64_t number, struct tally_bytes value, struct tally_buf *out)
{
	uint8_t row[TALLY_ROW];

	if (number == x->view.row.number) {
		tally_row_write(row, &x->view.row);
		value = tally_bytes(row, sizeof(row));
	}
	tally_buf_add_bytes(out, value);
}

/* At most STORE_SCAN values from `*next` on, up to `last`, in one transaction.
 * Every number must be there. */
static int
collect(struct store_export *x, MDB_dbi dbi, uint64_t *next, uint64_t last, show *f,
	struct tally_buf *out, struct tally_err *err)
{
	MDB_txn *txn;
	int r;

	if (store_short_begin(x->s, &txn, err) < 0)
		return -1;
	for (unsigned i = 0; i < STORE_SCAN && *next <= last && out->len < PIECE; i++) {
		struct tally_bytes value;

		r = store_get(txn, dbi, store_key(next), &value, err);
		if (r <= 0) {
			store_short_end(x->s, txn);
			return r < 0 ? -1
				     : tally_err_set(err, TALLY_FAILS, "number %llu: missing",
						     (unsigned long long)*next);
		}
		f(x, (*next)++, value, out);
	}
	store_short_end(x->s, txn);
	return 0;
}

/* Values 0 .. last of a database into one file. */
static int
put_list(struct store_export *x, const char *path, MDB_dbi dbi, bool any, uint64_t last, show *f,
	 struct tally_err *err)
{
	struct tally_buf piece = TALLY_BUF_INIT;
	int fd = export_open(x, path, err), r = 0;
	uint64_t next = 0;

	if (fd < 0)
		return -1;
	while (any && next <= last && r == 0) {
		tally_buf_clear(&piece);
		r = collect(x, dbi, &next, last, f, &piece, err);
		if (r < 0)
			tally_err_prefix_(err, "%s", path);
		else
			r = export_append(fd, path, tally_buf_view(&piece), err);
	}
	if (close(fd) < 0 && r == 0)
		r = tally_err_sys(err, "%s: close", path);
	tally_buf_deinit(&piece);
	return r;
}

int
export_history(struct store_export *x, struct tally_err *err)
{
	const struct export_view *v = &x->view;
	bool pending;

	if (put_list(x, "private/notes", x->s->note, true, v->note_seq, show_note, err) < 0)
		return -1;
	/* What is pending is no evidence yet. */
	pending = v->has_row && v->row.state == TALLY_ROW_PENDING;
	return put_list(x, "private/evidence", x->s->att,
			v->has_row && (!pending || v->row.number > 0), v->row.number - pending,
			show_row, err);
}
