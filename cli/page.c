/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence of a page: of each ledger its key, the notes at its head, and all entries
 * with their payloads, in the bundles of an export. All or nothing: figures that rest on
 * many ledgers cannot be worked out again from some of them.
 */
#include <string.h>

#include "tally/err.h"
#include "tally/json.h"
#include "tally/merkle.h"
#include "tally/verify.h"
#include "ledger.h"
#include "page.h"

#define BUNDLE  256U
#define ALL     ((1U << TALLY_GROUPS) - 1)
#define ATTESTS 1000 /* so many notes are looked through for one that the TPM attested */

struct page {
	struct tally_jsonw *w;
	struct tally_buf text; /* base64 of one value */
	struct tally_buf entries, payload;
	struct tally_buf newest, attested;
	uint64_t bytes;
	bool too_much;
};

static void
put_base64(struct page *p, const char *key, const struct tally_buf *bytes)
{
	tally_buf_clear(&p->text);
	tally_buf_add_base64(&p->text, bytes->p, bytes->len);
	tally_jsonw_key(p->w, key);
	tally_jsonw_string(p->w, tally_buf_view(&p->text));
	p->bytes += bytes->len;
}

static void
put_bundle(struct page *p)
{
	tally_jsonw_object(p->w);
	put_base64(p, "entries", &p->entries);
	put_base64(p, "payload", &p->payload);
	tally_jsonw_end(p->w);
}

/* As in the payload files of an export. */
static int
add_stored(struct page *p, struct tally_store *store, uint64_t index, struct tally_err *err)
{
	struct tally_buf record = TALLY_BUF_INIT, group[TALLY_GROUPS] = { TALLY_BUF_INIT };
	uint8_t salt[TALLY_GROUPS][TALLY_SALT];
	int r = tally_store_entry(store, index, &record, group, salt, err);

	if (r == 0)
		(void)tally_err_set(err, TALLY_FAILS, "entry %llu is not there",
				    (unsigned long long)index);
	if (r > 0) {
		tally_buf_add_u16(&p->entries, (uint16_t)record.len);
		tally_buf_add_bytes(&p->entries, tally_buf_view(&record));
		tally_buf_add_u8(&p->payload, ALL);
	}
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		if (r > 0) {
			tally_buf_add(&p->payload, salt[k], TALLY_SALT);
			tally_buf_add_u8(&p->payload, (uint8_t)(group[k].len >> 16));
			tally_buf_add_u16(&p->payload, (uint16_t)group[k].len);
			tally_buf_add_bytes(&p->payload, tally_buf_view(&group[k]));
		}
		tally_buf_deinit(&group[k]);
	}
	tally_buf_deinit(&record);
	return r > 0 ? 0 : -1;
}

static int
take_bundle(struct page *p, const struct cli_source *src, uint64_t n, struct tally_err *err)
{
	uint64_t end = (n + 1) * BUNDLE < src->ledger.size ? (n + 1) * BUNDLE : src->ledger.size;

	if (src->export)
		return tally_export_bundle(src->export, n, &p->entries, &p->payload, err);
	tally_buf_clear(&p->entries);
	tally_buf_clear(&p->payload);
	for (uint64_t i = n * BUNDLE; i < end; i++)
		if (add_stored(p, src->store, i, err) < 0)
			return -1;
	return 0;
}

static bool
is_attested(const struct tally_buf *bytes, const char *origin)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err ignored = TALLY_ERR_INIT;
	struct tally_note note;
	bool is = tally_note_parse(&note, tally_buf_view(bytes), &scratch, &ignored) == 0 &&
		  tally_note_lines_of(&note, tally_bytes_str(origin)) > 1;

	tally_buf_deinit(&scratch);
	return is;
}

/* The note of the size that the report rests on, though newer ones may have come. */
static int
take_newest(struct page *p, const struct cli_source *src, uint64_t *sequence, struct tally_err *err)
{
	int r = tally_store_last_note(src->store, sequence, &p->newest, err);

	while (r > 0) {
		struct tally_buf scratch = TALLY_BUF_INIT;
		struct tally_checkpoint cp = { 0 };
		struct tally_note note;

		r = tally_note_parse(&note, tally_buf_view(&p->newest), &scratch, err);
		if (r == 0)
			r = tally_checkpoint_parse(&cp, note.text, false, err);
		tally_buf_deinit(&scratch);
		if (r < 0 || cp.size <= src->ledger.size)
			return r;
		if (*sequence == 0)
			break;
		r = tally_store_note(src->store, --*sequence, &p->newest, err);
	}
	return r < 0 ? -1
		     : tally_err_set(err, TALLY_FAILS, "%s: its checkpoint is gone", src->path);
}

static int
take_notes(struct page *p, const struct cli_source *src, struct tally_err *err)
{
	uint64_t sequence, last;
	int r;

	if (src->export)
		return tally_export_notes(src->export, &p->newest, &p->attested, err);
	tally_buf_clear(&p->attested);
	if (take_newest(p, src, &sequence, err) < 0)
		return -1;
	last = sequence > ATTESTS ? sequence - ATTESTS : 0;
	for (;;) {
		r = tally_store_note(src->store, sequence, &p->attested, err);
		if (r < 0)
			return -1;
		if (r > 0 && is_attested(&p->attested, src->ledger.origin))
			return 0;
		if (sequence-- == last)
			break;
	}
	tally_buf_clear(&p->attested);
	return 0;
}

static int
put_ledger(struct page *p, const struct cli_source *src, bool entries, struct tally_err *err)
{
	const struct tally_vkey *vkey =
		src->export ? tally_export_vkey(src->export) : tally_store_vkey(src->store);

	if (take_notes(p, src, err) < 0)
		return -1;
	tally_jsonw_object(p->w);
	tally_jsonw_key(p->w, "bundles");
	tally_jsonw_array(p->w);
	for (uint64_t n = 0; entries && !p->too_much && n * BUNDLE < src->ledger.size; n++) {
		if (take_bundle(p, src, n, err) < 0)
			return -1;
		put_bundle(p);
		p->too_much = p->bytes > CLI_PAGE_EVIDENCE;
	}
	tally_jsonw_end(p->w);
	tally_jsonw_key(p->w, "notes");
	tally_jsonw_array(p->w);
	tally_jsonw_string(p->w, tally_buf_view(&p->newest));
	if (p->attested.len > 0 &&
	    !tally_bytes_eq(tally_buf_view(&p->attested), tally_buf_view(&p->newest)))
		tally_jsonw_string(p->w, tally_buf_view(&p->attested));
	tally_jsonw_end(p->w);
	tally_jsonw_key(p->w, "origin");
	tally_jsonw_str(p->w, src->ledger.origin);
	tally_buf_clear(&p->text);
	tally_vkey_text(&p->text, vkey);
	tally_jsonw_key(p->w, "vkey");
	tally_jsonw_string(p->w, tally_buf_view(&p->text));
	tally_jsonw_end(p->w);
	return 0;
}

static int
put_all(struct page *p, const struct cli_sources *s, bool entries, struct tally_err *err)
{
	tally_jsonw_object(p->w);
	tally_jsonw_key(p->w, "complete");
	tally_jsonw_bool(p->w, entries);
	tally_jsonw_key(p->w, "ledgers");
	tally_jsonw_array(p->w);
	for (size_t i = 0; i < s->count && !p->too_much; i++)
		if (put_ledger(p, &s->items[i], entries, err) < 0)
			return -1;
	return 0;
}

static int
make(const struct cli_sources *s, bool entries, bool *too_much, struct tally_buf *out,
     struct tally_err *err)
{
	struct page p = { .w = tally_jsonw_new(out, true) };
	int r = put_all(&p, s, entries, err);

	*too_much = p.too_much;
	if (r == 0 && !p.too_much) {
		tally_jsonw_end(p.w);
		tally_jsonw_end(p.w);
	}
	tally_jsonw_free(p.w);
	tally_buf_deinit(&p.text);
	tally_buf_deinit(&p.entries);
	tally_buf_deinit(&p.payload);
	tally_buf_deinit(&p.newest);
	tally_buf_deinit(&p.attested);
	return r;
}

int
cli_page_evidence(const struct cli_sources *s, struct tally_buf *out, struct tally_err *err)
{
	uint64_t least = 0;
	bool too_much = false;

	for (size_t i = 0; i < s->count; i++)
		least += s->items[i].ledger.size < CLI_PAGE_EVIDENCE
				 ? s->items[i].ledger.size * TALLY_RECORD
				 : CLI_PAGE_EVIDENCE;
	if (least <= CLI_PAGE_EVIDENCE && make(s, true, &too_much, out, err) < 0)
		return -1;
	if (least <= CLI_PAGE_EVIDENCE && !too_much)
		return 0;
	tally_buf_clear(out);
	return make(s, false, &too_much, out, err);
}
