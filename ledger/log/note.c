/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (c2sp.org/signed-note): a text that ends with a newline, a blank
 * line, and signature lines. Parsing is strict and checks no signature; a note
 * has one form, so that no bit of it can change unseen but inside a signature.
 */
#include <string.h>
#include "log_internal.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/parse.h"

#define DASH      "\xe2\x80\x94 " /* U+2014 and a space */
#define DASH_LEN  4
#define ID        4
#define SIGNATURE 64

static bool
characters_valid(struct tally_bytes in)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.p[i] < ' ' && in.p[i] != '\n')
			return false;
	return tally_utf8_valid(in.p, in.len);
}

/* "— name base64"; the signature goes behind what is in scratch. */
static bool
parse_line(struct tally_note_line *out, struct tally_bytes line, struct tally_buf *scratch)
{
	size_t before = scratch->len;
	const uint8_t *space;

	if (line.len < DASH_LEN || memcmp(line.p, DASH, DASH_LEN) != 0)
		return false;
	line = tally_bytes(line.p + DASH_LEN, line.len - DASH_LEN);
	space = memchr(line.p, ' ', line.len);
	if (!space)
		return false;
	out->name = tally_bytes(line.p, (size_t)(space - line.p));
	if (!tally_name_valid(out->name) ||
	    !tally_unbase64(scratch, (const char *)space + 1,
			    (size_t)(line.p + line.len - space - 1)) ||
	    scratch->len - before <= ID)
		return false;
	memcpy(out->id, scratch->p + before, ID);
	out->sig_len = scratch->len - before - ID;
	return true;
}

/* Where the text ends: behind the newline before the last blank line. */
static size_t
text_length(struct tally_bytes in)
{
	for (size_t n = in.len; n >= 2; n--)
		if (in.p[n - 2] == '\n' && in.p[n - 1] == '\n')
			return n - 1;
	return 0;
}

int
tally_note_parse(struct tally_note *out, struct tally_bytes in, struct tally_buf *scratch,
		 struct tally_err *err)
{
	struct tally_cursor c;
	size_t n, at;

	out->lines = 0;
	if (in.len > TALLY_NOTE_MAX)
		return tally_err_set(err, TALLY_FAILS, "note: longer than %d bytes",
				     TALLY_NOTE_MAX);
	if (in.len == 0 || !characters_valid(in))
		return tally_err_set(err, TALLY_FAILS, "note: empty, or no plain UTF-8");
	n = text_length(in);
	if (n == 0)
		return tally_err_set(err, TALLY_FAILS, "note: no blank line before signatures");
	out->text = tally_bytes(in.p, n);
	tally_cursor_init(&c, tally_bytes(in.p + n + 1, in.len - n - 1));
	at = scratch->len;
	while (tally_cursor_left(&c) > 0) {
		if (out->lines == TALLY_NOTE_LINES)
			return tally_err_set(err, TALLY_FAILS, "note: more than %d signature lines",
					     TALLY_NOTE_LINES);
		if (!parse_line(&out->line[out->lines], tally_cursor_line(&c), scratch))
			return tally_err_set(err, TALLY_FAILS, "note: malformed signature line %zu",
					     out->lines + 1);
		out->lines++;
	}
	if (out->lines == 0)
		return tally_err_set(err, TALLY_FAILS, "note: no signature line");
	/* Only now does scratch no longer move. */
	for (size_t i = 0; i < out->lines; at += ID + out->line[i].sig_len, i++)
		out->line[i].sig = scratch->p + at + ID;
	return 0;
}

static bool
line_is_of(const struct tally_note_line *line, struct tally_bytes name, const uint8_t id[ID])
{
	return tally_bytes_eq(line->name, name) && memcmp(line->id, id, ID) == 0;
}

const struct tally_note_line *
tally_note_find(const struct tally_note *note, struct tally_bytes name, const uint8_t id[4])
{
	for (size_t i = 0; i < note->lines; i++)
		if (line_is_of(&note->line[i], name, id))
			return &note->line[i];
	return NULL;
}

size_t
tally_note_lines_of(const struct tally_note *note, struct tally_bytes name)
{
	size_t n = 0;

	for (size_t i = 0; i < note->lines; i++)
		n += tally_bytes_eq(note->line[i].name, name);
	return n;
}

/* cosignature/v1: a time, and a signature over it and the text. */
static bool
cosignature_valid(const struct tally_note_line *line, struct tally_bytes text,
		  const struct tally_vkey *key)
{
	struct tally_buf message = TALLY_BUF_INIT;
	bool valid;

	if (line->sig_len != 8 + SIGNATURE || tally_get_u64(line->sig) > INT64_MAX)
		return false;
	log_cosigned_message(&message, text, tally_get_u64(line->sig));
	valid = log_ed25519_verify(line->sig + 8, tally_buf_view(&message), key->key);
	tally_buf_deinit(&message);
	return valid;
}

int
tally_note_verify(const struct tally_note *note, const struct tally_vkey *key,
		  struct tally_err *err)
{
	int result = 0;

	for (size_t i = 0; i < note->lines; i++) {
		const struct tally_note_line *line = &note->line[i];
		bool valid;

		if (!line_is_of(line, tally_bytes_str(key->name), key->id))
			continue;
		if (key->type == TALLY_SIG_COSIGNATURE)
			valid = cosignature_valid(line, note->text, key);
		else
			valid = (key->type == TALLY_SIG_ED25519 ||
				 key->type == TALLY_SIG_ENROLLER) &&
				line->sig_len == SIGNATURE &&
				log_ed25519_verify(line->sig, note->text, key->key);
		if (!valid)
			return tally_err_set(err, TALLY_FAILS,
					     "note: the signature of %s does not verify",
					     key->name);
		result = 1;
	}
	return result;
}

void
tally_note_add_line(struct tally_buf *note, const char *name, const uint8_t id[4],
		    struct tally_bytes sig)
{
	struct tally_buf blob = TALLY_BUF_INIT;

	tally_buf_add(&blob, id, ID);
	tally_buf_add_bytes(&blob, sig);
	tally_buf_addf(note, DASH "%s ", name);
	tally_buf_add_base64(note, blob.p, blob.len);
	tally_buf_add_u8(note, '\n');
	tally_buf_deinit(&blob);
}

int
tally_note_sign(struct tally_buf *out, struct tally_bytes text, const struct tally_signer *signer,
		struct tally_err *err)
{
	uint8_t signature[SIGNATURE];

	TALLY_ASSERT(text.len > 0 && text.p[text.len - 1] == '\n');
	if (signer->sign(signer->ctx, text, signature, err) < 0)
		return -1;
	tally_buf_add_bytes(out, text);
	tally_buf_add_u8(out, '\n');
	tally_note_add_line(out, signer->vkey->name, signer->vkey->id,
			    tally_bytes(signature, sizeof(signature)));
	return 0;
}

static void
add_again(struct tally_buf *out, const struct tally_note_line *line)
{
	char name[TALLY_NAME_MAX + 1];

	TALLY_ASSERT(line->name.len <= TALLY_NAME_MAX);
	memcpy(name, line->name.p, line->name.len);
	name[line->name.len] = '\0';
	tally_note_add_line(out, name, line->id, tally_bytes(line->sig, line->sig_len));
}

int
tally_note_public(struct tally_buf *out, const struct tally_note *note,
		  const struct tally_vkey *key, struct tally_err *err)
{
	struct tally_bytes name = tally_bytes_str(key->name);
	const struct tally_note_line *line = tally_note_find(note, name, key->id);

	if (!line)
		return tally_err_set(err, TALLY_FAILS, "note: no signature of the log's key");
	tally_buf_add_bytes(out, note->text);
	tally_buf_add_u8(out, '\n');
	add_again(out, line);
	for (size_t i = 0; i < note->lines; i++)
		if (!tally_bytes_eq(note->line[i].name, name))
			add_again(out, &note->line[i]);
	return 0;
}

void
tally_evidence_key_id(uint8_t out[4], const char *origin, struct tally_bytes ak_public)
{
	static const char identifier[] = "tallystick/evidence/v1"; /* hashed with its zero byte */
	struct tally_buf key = TALLY_BUF_INIT;

	tally_buf_add_u8(&key, TALLY_SIG_EVIDENCE);
	tally_buf_add(&key, identifier, sizeof(identifier));
	tally_buf_add_bytes(&key, ak_public);
	log_key_id(out, tally_bytes_str(origin), tally_buf_view(&key));
	tally_buf_deinit(&key);
}
