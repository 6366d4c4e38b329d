/* SPDX-License-Identifier: Apache-2.0 */
/* What travels between a host and an enroller: signed requests and records,
 * challenges, responses. What parses has one text. */
#include <string.h>
#include "tally/enrol.h"
#include "tally/err.h"

#define CHALLENGE  "tallystick/enrolment-challenge/v1"
#define RESPONSE   "tallystick/enrolment-response/v1"
#define OBJECT_MAX 512 /* bytes of a credential's parts */

static int
read_log(struct tally_enrolment_file *f, struct tally_err *err)
{
	const struct tally_enrolment *e = &f->e;

	if (tally_vkey_parse(&f->log, e->vkey, err) < 0 || f->log.type != TALLY_SIG_ED25519)
		return tally_err_set(err, TALLY_FAILS, "its vkey is not the key of a log");
	if (!tally_bytes_eq(tally_bytes_str(f->log.name), e->origin))
		return tally_err_set(err, TALLY_FAILS, "its vkey is of another origin");
	if (e->succeeds &&
	    (!tally_name_valid(e->prev_origin) || tally_bytes_eq(e->prev_origin, e->origin)))
		return tally_err_set(err, TALLY_FAILS,
				     "a succession to an origin that is none, or "
				     "its own");
	return 0;
}

int
tally_enrolment_file_read(struct tally_enrolment_file *f, const char *name,
			  struct tally_bytes content, bool request, struct tally_arena *arena,
			  struct tally_err *err)
{
	const char *kind = request ? "request" : "record";
	int r;

	memset(f, 0, sizeof(*f));
	if (tally_note_parse(&f->note, content, &f->scratch, err) < 0 ||
	    !tally_enrolment_recognised(f->note.text))
		return tally_err_set(err, TALLY_USE, "%s:1:1: no %s of an enrolment", name, kind);
	if (tally_enrolment_parse(&f->e, f->note.text, arena, err) < 0)
		return tally_lines_place(name, err);
	if (f->e.request != request)
		return tally_err_set(err, TALLY_USE, "%s:1:1: no %s, but a %s", name, kind,
				     request ? "record" : "request");
	if (read_log(f, err) < 0)
		return tally_err_prefix(err, "%s", name);
	if (!request)
		return 0;
	r = tally_note_verify(&f->note, &f->log, err);
	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "not signed by the log's key");
	return r < 0 ? tally_err_prefix(err, "%s", name) : 0;
}

void
tally_enrolment_file_deinit(struct tally_enrolment_file *f)
{
	tally_buf_deinit(&f->scratch);
	memset(f, 0, sizeof(*f));
}

int
tally_challenge_parse(struct tally_challenge *out, struct tally_bytes text,
		      struct tally_arena *arena, struct tally_err *err)
{
	struct tally_lines l;

	memset(out, 0, sizeof(*out));
	tally_lines_open(&l, text, CHALLENGE, err);
	tally_lines_hash(&l, "request", out->request);
	tally_lines_hash(&l, "nonce", out->nonce);
	out->time = tally_lines_time(&l, "time");
	do {
		size_t i = out->credentials;

		out->id_object[i] = tally_lines_base64(&l, "object", OBJECT_MAX, arena);
		out->encrypted_secret[i] = tally_lines_base64(&l, "seed", OBJECT_MAX, arena);
		out->credentials++;
	} while (out->credentials < TALLY_CREDENTIALS && tally_lines_next(&l, "object"));
	return tally_lines_end(&l);
}

void
tally_challenge_write(struct tally_buf *out, const struct tally_challenge *c)
{
	tally_buf_add_str(out, CHALLENGE "\n");
	tally_lines_put_hash(out, "request", c->request);
	tally_lines_put_hash(out, "nonce", c->nonce);
	tally_lines_put_time(out, "time", c->time);
	for (size_t i = 0; i < c->credentials; i++) {
		tally_lines_put_base64(out, "object", c->id_object[i]);
		tally_lines_put_base64(out, "seed", c->encrypted_secret[i]);
	}
}

int
tally_response_parse(struct tally_response *out, struct tally_bytes text, struct tally_arena *arena,
		     struct tally_err *err)
{
	struct tally_lines l;

	memset(out, 0, sizeof(*out));
	tally_lines_open(&l, text, RESPONSE, err);
	tally_lines_hash(&l, "challenge", out->challenge);
	do {
		out->secret[out->secrets++] =
			tally_lines_base64(&l, "secret", 2 * TALLY_HASH, arena);
	} while (out->secrets < TALLY_CREDENTIALS && tally_lines_next(&l, "secret"));
	return tally_lines_end(&l);
}

void
tally_response_write(struct tally_buf *out, const struct tally_response *r)
{
	tally_buf_add_str(out, RESPONSE "\n");
	tally_lines_put_hash(out, "challenge", r->challenge);
	for (size_t i = 0; i < r->secrets; i++)
		tally_lines_put_base64(out, "secret", r->secret[i]);
}
