/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a request for enrolment and of an enrolment record. The keys in it
 * are looked at here, so that whoever holds a parsed one holds keys of the right
 * kind; who signed it, and what the certificates are worth, is asked elsewhere.
 */
#include <string.h>
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/parse.h"
#include "check_internal.h"
#include "chain_internal.h"

#define RECORD     "tallystick/enrolment/v1"
#define REQUEST    "tallystick/enrolment-request/v1"
#define PUBLIC_MAX 512
#define NAME_MAX_  255
#define VKEY_MAX   512

bool
tally_enrolment_recognised(struct tally_bytes text)
{
	static const char *const first[] = { RECORD "\n", REQUEST "\n" };

	for (size_t i = 0; i < 2; i++)
		if (text.len >= strlen(first[i]) && memcmp(text.p, first[i], strlen(first[i])) == 0)
			return true;
	return false;
}

static void
read_keys(struct tally_enrolment *e, struct tally_lines *l, struct tally_arena *arena)
{
	struct tally_err why = TALLY_ERR_INIT;
	uint8_t host_id[TALLY_HASH];
	EVP_PKEY *key = NULL;
	struct tally_ek ek;
	unsigned check;

	e->ek_public = tally_lines_base64(l, "ek", PUBLIC_MAX, arena);
	if (!l->failed &&
	    (tally_ek_parse(&ek, e->ek_public, &why) < 0 || ek.template != TALLY_EK_L2))
		tally_lines_refuse(l, "not an endorsement key of the template L-2");
	if (l->failed)
		return;
	tally_host_id(host_id, e->ek_public);
	if (memcmp(host_id, e->host_id, TALLY_HASH) != 0)
		tally_lines_refuse(l, "host_id is not the hash of this key");
	e->ak_public = tally_lines_base64(l, "ak", PUBLIC_MAX, arena);
	if (!l->failed && identity_load_ak(e->ak_public, &key, &check, &why) < 0)
		tally_lines_refuse(l, "%s", why.text);
	EVP_PKEY_free(key);
}

static void
read_certificates(struct tally_enrolment *e, struct tally_lines *l, struct tally_arena *arena)
{
	struct tally_err why = TALLY_ERR_INIT;
	struct tally_ek ek;

	if (!tally_lines_next(l, "certified"))
		return;
	e->certified_public = tally_lines_base64(l, "certified", PUBLIC_MAX, arena);
	if (!l->failed && tally_ek_parse(&ek, e->certified_public, &why) < 0)
		tally_lines_refuse(l, "%s", why.text);
	do {
		if (e->certificates == TALLY_CHAIN_MAX)
			tally_lines_refuse(l, "more than %d certificates", TALLY_CHAIN_MAX);
		if (l->failed)
			return;
		e->certificate[e->certificates++] =
			tally_lines_base64(l, "certificate", CERTIFICATE_MAX, arena);
	} while (tally_lines_next(l, "certificate"));
}

static void
read_succession(struct tally_enrolment *e, struct tally_lines *l)
{
	struct tally_bytes size;

	if (!tally_lines_next(l, "prev_origin"))
		return;
	e->succeeds = true;
	e->prev_origin = tally_lines_text(l, "prev_origin", NAME_MAX_);
	size = tally_lines_value(l, "prev_size");
	if (!l->failed &&
	    !tally_parse_u64(&e->prev_size, (const char *)size.p, size.len, UINT64_MAX))
		tally_lines_refuse(l, "'prev_size' is no number");
	tally_lines_hash(l, "prev_root", e->prev_root);
}

static void
read_class(struct tally_enrolment *e, struct tally_lines *l)
{
	struct tally_bytes word = tally_lines_value(l, "class");

	if (!l->failed &&
	    (tally_class_find(word, &e->class) == 0 || e->class == TALLY_CLASS_SELF_DECLARED))
		tally_lines_refuse(l, "no class that can be enrolled");
}

int
tally_enrolment_parse(struct tally_enrolment *out, struct tally_bytes text,
		      struct tally_arena *arena, struct tally_err *err)
{
	struct tally_lines l;

	memset(out, 0, sizeof(*out));
	if (text.len > TALLY_ENROLMENT_MAX)
		return tally_err_set(err, TALLY_USE, "1:1: more than %d bytes",
				     TALLY_ENROLMENT_MAX);
	out->request = text.len >= sizeof(REQUEST) - 1 &&
		       memcmp(text.p, REQUEST, sizeof(REQUEST) - 1) == 0;
	tally_lines_open(&l, text, out->request ? REQUEST : RECORD, err);
	tally_lines_hash(&l, "host_id", out->host_id);
	if (tally_lines_next(&l, "asset"))
		out->asset = tally_lines_text(&l, "asset", TALLY_ASSET_MAX);
	read_keys(out, &l, arena);
	read_certificates(out, &l, arena);
	if (tally_lines_next(&l, "nv"))
		out->nv = tally_lines_base64(&l, "nv", TPM_NAME, arena);
	out->origin = tally_lines_text(&l, "origin", NAME_MAX_);
	out->vkey = tally_lines_text(&l, "vkey", VKEY_MAX);
	read_succession(out, &l);
	if (!out->request)
		read_class(out, &l);
	out->time = tally_lines_time(&l, "time");
	return tally_lines_end(&l);
}

static void
put_text(struct tally_buf *out, const char *key, struct tally_bytes value)
{
	tally_buf_addf(out, "%s %.*s\n", key, (int)value.len, (const char *)value.p);
}

void
tally_enrolment_write(struct tally_buf *out, const struct tally_enrolment *e)
{
	tally_buf_add_str(out, e->request ? REQUEST "\n" : RECORD "\n");
	tally_lines_put_hash(out, "host_id", e->host_id);
	if (e->asset.len > 0)
		put_text(out, "asset", e->asset);
	tally_lines_put_base64(out, "ek", e->ek_public);
	tally_lines_put_base64(out, "ak", e->ak_public);
	if (e->certificates > 0)
		tally_lines_put_base64(out, "certified", e->certified_public);
	for (size_t i = 0; i < e->certificates; i++)
		tally_lines_put_base64(out, "certificate", e->certificate[i]);
	if (e->nv.len > 0)
		tally_lines_put_base64(out, "nv", e->nv);
	put_text(out, "origin", e->origin);
	put_text(out, "vkey", e->vkey);
	if (e->succeeds) {
		put_text(out, "prev_origin", e->prev_origin);
		tally_buf_addf(out, "prev_size %llu\n", (unsigned long long)e->prev_size);
		tally_lines_put_hash(out, "prev_root", e->prev_root);
	}
	if (!e->request)
		tally_buf_addf(out, "class %s\n", tally_class_name(e->class));
	tally_lines_put_time(out, "time", e->time);
}
