/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enroller's decisions. It keeps nothing between its two steps: a challenge's
 * secrets are hashes of an Ed25519 signature, which is never told, over what the
 * challenge is about; whoever has the key makes them again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tally/enrol.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/merkle.h"
#include "tally/time.h"

#define AHEAD (TALLY_SECOND * 3600)
#define AGE   (TALLY_SECOND * 86400 * TALLY_CHALLENGE_DAYS)

/* The certified key where it is another than the one that names the host. */
static bool
has_second(const struct tally_enrolment *e)
{
	return e->certificates > 0 && !tally_bytes_eq(e->certified_public, e->ek_public);
}

static int
make_secrets(uint8_t out[TALLY_CREDENTIALS][TALLY_HASH], const uint8_t request[TALLY_HASH],
	     const uint8_t nonce[TALLY_HASH], int64_t time, struct tally_logkey *enroller,
	     struct tally_err *err)
{
	struct tally_signer signer = tally_logkey_signer(enroller);
	struct tally_buf b = TALLY_BUF_INIT;
	uint8_t signature[64];

	/* No note begins so, hence nobody gets this signed. */
	tally_buf_add_str(&b, "tallystick/enrolment-secret/v1");
	tally_buf_add_u8(&b, 0);
	tally_buf_add(&b, request, TALLY_HASH);
	tally_buf_add(&b, nonce, TALLY_HASH);
	tally_buf_add_u64(&b, (uint64_t)time);
	if (signer.sign(signer.ctx, tally_buf_view(&b), signature, err) < 0) {
		tally_buf_deinit(&b);
		return -1;
	}
	for (unsigned i = 0; i < TALLY_CREDENTIALS; i++) {
		tally_buf_clear(&b);
		tally_buf_add_u8(&b, (uint8_t)i);
		tally_buf_add(&b, signature, sizeof(signature));
		tally_sha256(out[i], tally_buf_view(&b));
	}
	explicit_bzero(signature, sizeof(signature));
	explicit_bzero(b.p, b.cap);
	tally_buf_deinit(&b);
	return 0;
}

int
tally_challenge_make(struct tally_buf *out, const struct tally_enrolment_file *request,
		     struct tally_logkey *enroller, const uint8_t nonce[TALLY_HASH], int64_t time,
		     struct tally_err *err)
{
	struct tally_buf object[TALLY_CREDENTIALS] = { TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_buf seed[TALLY_CREDENTIALS] = { TALLY_BUF_INIT, TALLY_BUF_INIT };
	const struct tally_enrolment *e = &request->e;
	uint8_t secret[TALLY_CREDENTIALS][TALLY_HASH], name[34];
	struct tally_challenge c = { .credentials = has_second(e) ? 2 : 1 };
	struct tally_ek ek;
	int r;

	c.time = time - time % TALLY_SECOND;
	memcpy(c.nonce, nonce, TALLY_HASH);
	tally_sha256(c.request, request->note.text);
	tally_tpm_name(name, e->ak_public);
	r = make_secrets(secret, c.request, c.nonce, c.time, enroller, err);
	for (size_t i = 0; i < c.credentials && r == 0; i++) {
		r = tally_ek_parse(&ek, i == 0 ? e->ek_public : e->certified_public, err);
		if (r == 0)
			r = tally_credential_make(&ek, name, tally_bytes(secret[i], TALLY_HASH),
						  &object[i], &seed[i], err);
		c.id_object[i] = tally_buf_view(&object[i]);
		c.encrypted_secret[i] = tally_buf_view(&seed[i]);
	}
	explicit_bzero(secret, sizeof(secret));
	if (r == 0)
		tally_challenge_write(out, &c);
	for (size_t i = 0; i < TALLY_CREDENTIALS; i++) {
		tally_buf_deinit(&object[i]);
		tally_buf_deinit(&seed[i]);
	}
	return r;
}

/* In a time that does not tell where they differ. */
static bool
is_secret(struct tally_bytes given, const uint8_t wanted[TALLY_HASH])
{
	uint8_t differs = given.len != TALLY_HASH;

	for (size_t i = 0; i < given.len && i < TALLY_HASH; i++)
		differs |= given.p[i] ^ wanted[i];
	return differs == 0;
}

static int
check_answer(const struct tally_enrolment_file *request, const struct tally_challenge *c,
	     const struct tally_response *answer, struct tally_logkey *enroller,
	     struct tally_err *err)
{
	uint8_t secret[TALLY_CREDENTIALS][TALLY_HASH];
	size_t wanted = has_second(&request->e) ? 2 : 1;
	int r = 0;

	if (c->credentials != wanted || answer->secrets != wanted)
		return tally_err_set(err, TALLY_FAILS,
				     "%zu credentials and %zu secrets, where %zu are wanted",
				     c->credentials, answer->secrets, wanted);
	if (make_secrets(secret, c->request, c->nonce, c->time, enroller, err) < 0)
		return -1;
	for (size_t i = 0; i < wanted && r == 0; i++)
		if (!is_secret(answer->secret[i], secret[i]))
			r = tally_err_set(err, TALLY_FAILS,
					  "secret %zu is not what was sealed: not by the TPM with "
					  "that endorsement key, not with that attestation key, or "
					  "not for a challenge of this enroller",
					  i + 1);
	explicit_bzero(secret, sizeof(secret));
	return r;
}

int
tally_response_check(const struct tally_enrolment_file *request, struct tally_bytes challenge,
		     struct tally_bytes response, struct tally_logkey *enroller, int64_t now,
		     struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_challenge c = { 0 };
	struct tally_response answer = { 0 };
	uint8_t hash[TALLY_HASH];
	int r = 0;

	if (tally_challenge_parse(&c, challenge, arena, err) < 0)
		r = tally_lines_place("challenge", err);
	else if (tally_response_parse(&answer, response, arena, err) < 0)
		r = tally_lines_place("response", err);
	if (r == 0) {
		tally_sha256(hash, request->note.text);
		if (memcmp(hash, c.request, TALLY_HASH) != 0)
			r = tally_err_set(err, TALLY_FAILS, "challenge: made for another request");
	}
	if (r == 0 && (c.time > now + AHEAD || c.time < now - AGE))
		r = tally_err_set(err, TALLY_FAILS,
				  "challenge: not of the last %d days: make another one",
				  TALLY_CHALLENGE_DAYS);
	if (r == 0) {
		tally_sha256(hash, challenge);
		if (memcmp(hash, answer.challenge, TALLY_HASH) != 0)
			r = tally_err_set(err, TALLY_FAILS, "response: to another challenge");
	}
	if (r == 0 && check_answer(request, &c, &answer, enroller, err) < 0)
		r = tally_err_prefix(err, "response");
	tally_arena_free(arena);
	return r;
}

int
tally_request_class(const struct tally_enrolment *e, const struct tally_roots *roots, int64_t now,
		    enum tally_class *class, struct tally_chain *chain, char why[256],
		    struct tally_err *err)
{
	struct tally_ek ek;
	char root[2 * TALLY_HASH + 1];
	int r;

	*class = TALLY_CLASS_SOFTWARE;
	*chain = (struct tally_chain){ .class = TALLY_CLASS_SOFTWARE };
	if (e->certificates == 0) {
		snprintf(why, 256, "the TPM has no certificate");
		return 0;
	}
	if (tally_ek_parse(&ek, e->certified_public, err) < 0)
		return -1;
	r = tally_chain_check(roots, e->certificate, e->certificates, &ek, now, chain, err);
	if (r < 0)
		return -1;
	tally_hex(root, chain->root, TALLY_HASH);
	if (chain->software)
		snprintf(why, 256, "its certificate says that it is a software TPM");
	else if (r == 0)
		snprintf(why, 256, "its certificate leads to none of %zu pinned roots",
			 tally_roots_count(roots));
	else
		snprintf(why, 256, "its certificate leads to the pinned root with SHA-256 %s",
			 root);
	if (r == 1)
		*class = chain->class;
	return 0;
}

int
tally_record_make(struct tally_buf *out, const struct tally_enrolment_file *request,
		  const struct tally_chain *chain, enum tally_class class, int64_t time,
		  struct tally_logkey *enroller, struct tally_err *err)
{
	struct tally_signer signer = tally_logkey_signer(enroller);
	struct tally_enrolment e = request->e;
	struct tally_buf text = TALLY_BUF_INIT;
	int r;

	e.request = false;
	e.class = class;
	e.time = time - time % TALLY_SECOND;
	/* Its own certificate, then those that lead on; what leads nowhere is left out,
	 * but where nothing leads anywhere all of it stays for who pins another root. */
	if (chain->links > 0) {
		TALLY_ASSERT(chain->links < TALLY_CHAIN_MAX);
		e.certificates = 1;
		for (size_t i = 0; i < chain->links; i++)
			e.certificate[e.certificates++] = tally_buf_view(&chain->link[i]);
	}
	tally_enrolment_write(&text, &e);
	if (text.len > TALLY_ENROLMENT_MAX)
		r = tally_err_set(err, TALLY_FAILS, "the record has more than %d bytes",
				  TALLY_ENROLMENT_MAX);
	else
		r = tally_note_sign(out, tally_buf_view(&text), &signer, err);
	tally_buf_deinit(&text);
	return r;
}
