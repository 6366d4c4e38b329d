/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's half of an enrolment. The ledger is taken like any writer takes it, for
 * its TPM serves one at a time: an agent that runs has to be stopped for request
 * and respond; accept leaves the entry to it.
 */
#include <errno.h>
#include <string.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/file.h"
#include "enrol.h"
#include "enrol_renew.h"
#include "ledger.h"

/* The order in which a certified key is looked for. */
static const enum tally_ek_template order[] = { TALLY_EK_L2, TALLY_EK_H2, TALLY_EK_H3, TALLY_EK_L1,
						TALLY_EK_H1 };

/* What a request says that is not in the TPM's info. */
struct facts {
	struct tally_buf certified, certificate[TALLY_CHAIN_MAX], vkey, next;
	struct tally_store_origins origins;
	enum tally_ek_template template;
	uint8_t nv[34]; /* name of the counter */
	struct tally_enrolment e;
	struct tally_arena *arena;
};

static void
facts_deinit(struct facts *f)
{
	tally_buf_deinit(&f->certified);
	for (size_t i = 0; i < TALLY_CHAIN_MAX; i++)
		tally_buf_deinit(&f->certificate[i]);
	tally_buf_deinit(&f->vkey);
	tally_buf_deinit(&f->next);
	tally_store_origins_deinit(&f->origins);
	tally_arena_free(f->arena);
}

/* 1 there is a certified key, 0 none. */
static int
find_certified(struct facts *f, struct tally_tpm *tpm, struct tally_err *err)
{
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		int r = tpm->endorsement(tpm->ctx, order[i], &f->certified, &f->certificate[0],
					 err);

		f->template = order[i];
		if (r != 0)
			return r;
	}
	return 0;
}

static int
read_certificates(struct facts *f, struct tally_tpm *tpm, struct tally_err *err)
{
	struct tally_enrolment *e = &f->e;
	int r = find_certified(f, tpm, err);

	if (r <= 0)
		return r;
	e->certified_public = tally_buf_view(&f->certified);
	e->certificate[e->certificates++] = tally_buf_view(&f->certificate[0]);
	for (unsigned i = 0; e->certificates < TALLY_CHAIN_MAX; i++) {
		struct tally_buf *b = &f->certificate[e->certificates];

		r = tpm->issuer(tpm->ctx, i, b, err);
		if (r <= 0)
			return r;
		e->certificate[e->certificates++] = tally_buf_view(b);
	}
	return 0;
}

static int
read_facts(struct facts *f, struct cli_ledger *l, const char *asset, struct tally_err *err)
{
	struct tally_enrolment *e = &f->e;
	struct tally_tpm_info info;

	if (l->tpm->info(l->tpm->ctx, &info, err) < 0 || read_certificates(f, l->tpm, err) < 0 ||
	    tally_store_origins_read(l->store, false, &f->origins, err) < 0)
		return -1;
	tally_vkey_text(&f->vkey, tally_store_vkey(l->store));
	e->succeeds = f->origins.succeeds;
	e->prev_origin = tally_buf_view(&f->origins.prev_origin);
	e->prev_size = f->origins.prev_size;
	memcpy(e->prev_root, f->origins.prev_root, TALLY_HASH);
	e->request = true;
	e->asset = tally_bytes_str(asset);
	e->ek_public = info.ek_public;
	e->ak_public = info.ak_public;
	if (info.nv_public.len > 0) {
		tally_tpm_name(f->nv, info.nv_public);
		e->nv = tally_bytes(f->nv, sizeof(f->nv));
	}
	tally_host_id(e->host_id, e->ek_public);
	e->origin = tally_bytes_str(tally_store_origin(l->store));
	e->vkey = tally_buf_view(&f->vkey);
	e->time = tally_clock_now(tally_clock_real()).wall.ns;
	e->time -= e->time % TALLY_SECOND;
	return 0;
}

/* What was made is read again before anybody gets it: no file that is refused. */
static int
sign_request(const struct facts *f, struct tally_store *store, struct tally_buf *out,
	     struct tally_err *err)
{
	struct tally_signer signer = tally_store_signer(store);
	struct tally_enrolment_file again = { 0 };
	struct tally_buf text = TALLY_BUF_INIT;
	int status;

	tally_enrolment_write(&text, &f->e);
	status = tally_note_sign(out, tally_buf_view(&text), &signer, err);
	if (status == 0)
		status = tally_enrolment_file_read(&again, "request", tally_buf_view(out), true,
						   f->arena, err);
	tally_enrolment_file_deinit(&again);
	tally_buf_deinit(&text);
	return status;
}

int
enrol_host_request(struct cli_ledger *l, const char *asset, bool new_key, struct tally_buf *out,
		   struct tally_err *err)
{
	struct facts f = { .arena = tally_arena_new(4096) };
	int status = read_facts(&f, l, asset, err);

	if (status == 0 && new_key) {
		status = enrol_next_key(l, &f.next, err);
		f.e.ak_public = tally_buf_view(&f.next);
	}
	if (status == 0)
		status = sign_request(&f, l->store, out, err);
	facts_deinit(&f);
	return status;
}

int
enrol_request(const struct enrol_options *o, struct tally_err *err)
{
	struct tally_buf note = TALLY_BUF_INIT;
	struct cli_ledger l;
	int status = cli_ledger_open(&l, o->arg[0], false, err);

	/* The session's statement first: a record stands behind one. */
	if (status == 0)
		status = cli_ledger_seal(&l, false, err);
	if (status == 0)
		status = enrol_host_request(&l, o->asset, o->new_key, &note, err);
	if (status == 0)
		status = tally_output_write(o->out ? o->out : "-", tally_buf_view(&note), err);
	if (status < 0)
		(void)cli_ledger_prefix(o->arg[0], err);
	status = cli_ledger_close(&l, status, err);
	tally_buf_deinit(&note);
	return status;
}

/* A challenge does not say for which key it is: the present one, or the one that waits.
 * The error is the first one's. */
static int
open_secret(struct tally_tpm *tpm, enum tally_ek_template t, const struct tally_challenge *c,
	    size_t i, struct tally_buf *secret, struct tally_err *err)
{
	struct tally_err second = TALLY_ERR_INIT;

	if (tpm->activate(tpm->ctx, t, false, c->id_object[i], c->encrypted_secret[i], secret,
			  err) == 0 ||
	    tpm->activate(tpm->ctx, t, true, c->id_object[i], c->encrypted_secret[i], secret,
			  &second) == 0)
		return 0;
	return -1;
}

static int
open_secrets(struct facts *f, struct tally_tpm *tpm, const struct tally_challenge *c,
	     struct tally_buf secret[TALLY_CREDENTIALS], struct tally_err *err)
{
	int certified = c->credentials > 1 ? find_certified(f, tpm, err) : 0;

	if (certified < 0)
		return -1;
	if (c->credentials > 1 && certified == 0)
		return tally_err_set(
			err, TALLY_FAILS,
			"it is for a TPM that has a certificate, which this one has not");
	for (size_t i = 0; i < c->credentials; i++)
		if (open_secret(tpm, i == 0 ? TALLY_EK_L2 : f->template, c, i, &secret[i], err) < 0)
			return tally_err_prefix(err,
						"credential %zu is not for this TPM and its "
						"attestation key",
						i + 1);
	return 0;
}

int
enrol_host_answer(struct tally_tpm *tpm, const char *name, struct tally_bytes text,
		  struct tally_buf *out, struct tally_err *err)
{
	struct tally_buf secret[TALLY_CREDENTIALS] = { TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct facts f = { .arena = tally_arena_new(4096) };
	struct tally_challenge c;
	struct tally_response r = { 0 };
	int status = tally_challenge_parse(&c, text, f.arena, err);

	if (status < 0)
		(void)tally_lines_place(name, err);
	else if ((status = open_secrets(&f, tpm, &c, secret, err)) < 0)
		(void)tally_err_prefix(err, "%s", name);
	if (status == 0) {
		tally_sha256(r.challenge, text);
		for (r.secrets = 0; r.secrets < c.credentials; r.secrets++)
			r.secret[r.secrets] = tally_buf_view(&secret[r.secrets]);
		tally_response_write(out, &r);
	}
	for (size_t i = 0; i < TALLY_CREDENTIALS; i++)
		tally_buf_deinit(&secret[i]);
	facts_deinit(&f);
	return status;
}

int
enrol_respond(const struct enrol_options *o, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT, dir = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct cli_ledger l = { 0 };
	int status = cli_read_input(o->arg[1], ENROL_FILE_MAX, &text, err);

	if (status == 0)
		status = cli_ledger_open(&l, o->arg[0], false, err);
	if (status == 0) {
		tally_buf_addf(&dir, "%s/tpm", o->arg[0]);
		status = tally_tpm_start(&l.tpm, NULL, tally_buf_cstr(&dir),
					 tally_store_transport(l.store), false, err);
		if (status < 0)
			(void)cli_ledger_prefix(o->arg[0], err);
	}
	if (status == 0)
		status = enrol_host_answer(l.tpm, o->arg[1], tally_buf_view(&text), &out, err);
	if (status == 0)
		status = tally_output_write(o->out ? o->out : "-", tally_buf_view(&out), err);
	status = cli_ledger_close(&l, status, err);
	tally_buf_deinit(&text);
	tally_buf_deinit(&dir);
	tally_buf_deinit(&out);
	return status;
}

/* What a verifier would hold against it, said before it is stored for ever. 1 where it is
 * the newest one there already: it is given again to go on. */
static int
check_record(const struct tally_enrolment_file *f, struct tally_store *store, const char *name,
	     struct tally_bytes record, struct tally_err *err)
{
	struct tally_store_origins o;
	const struct tally_record_ledger l = { tally_store_vkey(store),
					       tally_clock_now(tally_clock_real()).wall.ns, &o };
	int r = tally_store_origins_read(store, true, &o, err);

	if (r == 0)
		r = tally_record_fits(f, name, record, &l, err);
	tally_store_origins_deinit(&o);
	return r;
}

static void
make_entry(struct tally_event *ev, struct tally_bytes record)
{
	*ev = (struct tally_event){ .kind = TALLY_ENROLMENT };
	ev->o.has_source = true;
	ev->o.source = TALLY_SRC_OPERATOR;
	ev->o.enrolment = record;
}

static int
append_here(struct cli_ledger *l, struct tally_bytes record, struct tally_err *err)
{
	struct tally_event ev;
	uint64_t index;

	make_entry(&ev, record);
	if (tally_store_append_event(l->store, &ev, &index, err) < 0 ||
	    cli_ledger_checkpoint(l, err) < 0)
		return -1;
	return 0;
}

int
enrol_host_accept(struct cli_ledger *l, const struct tally_enrolment_file *f, const char *name,
		  struct tally_bytes record, struct tally_err *err)
{
	int r = check_record(f, l->store, name, record, err);

	if (r == 0)
		r = append_here(l, record, err);
	return r < 0 ? -1 : enrol_take_next_key(tally_store_path(l->store), f->e.ak_public, err);
}

/* Through the agent's control socket: it looks at the record itself. */
static int
append_there(const char *path, struct tally_bytes record, struct tally_err *err)
{
	struct tally_event ev;
	struct tally_buf groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_buf request = TALLY_BUF_INIT;
	int status;

	make_entry(&ev, record);
	status = tally_event_encode(&ev, groups, err);

	tally_buf_add_str(&request, "{\"op\":\"append\",\"entries\":[{\"groups\":[");
	for (size_t i = 0; i < TALLY_GROUPS; i++) {
		tally_buf_add_str(&request, i > 0 ? ",\"" : "\"");
		tally_buf_add_base64(&request, groups[i].p, groups[i].len);
		tally_buf_add_str(&request, "\"");
		tally_buf_deinit(&groups[i]);
	}
	tally_buf_addf(&request, "],\"kind\":%u}]}", ev.kind);
	if (status == 0)
		status = cli_ledger_ask(path, tally_buf_cstr(&request), err);
	if (status == 0)
		status = cli_ledger_ask(path, "{\"op\":\"checkpoint\"}", err);
	tally_buf_deinit(&request);
	return status;
}

/* Looked at here as well: what does not hold is another exit code than an agent's no. */
static int
accept_there(const char *path, const struct tally_enrolment_file *f, const char *name,
	     struct tally_bytes record, struct tally_err *err)
{
	struct tally_store *reader;
	int status = tally_store_open(&reader, path, TALLY_STORE_READ, tally_clock_real(), err);

	if (status == 0) {
		status = check_record(f, reader, name, record, err);
		tally_store_close(reader);
	}
	if (status == 0)
		status = append_there(path, record, err);
	return status < 0 ? -1 : enrol_take_next_key(path, f->e.ak_public, err);
}

int
enrol_accept(const struct enrol_options *o, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_enrolment_file f = { 0 };
	struct cli_ledger l = { 0 };
	int status = cli_read_input(o->arg[1], ENROL_FILE_MAX, &record, err);

	if (status == 0)
		status = tally_enrolment_file_read(&f, o->arg[1], tally_buf_view(&record), false,
						   arena, err);
	if (status == 0)
		status = cli_ledger_open(&l, o->arg[0], true, err);
	if (status == 0 && !l.store) {
		status = accept_there(o->arg[0], &f, o->arg[1], tally_buf_view(&record), err);
	} else if (status == 0) {
		status = cli_ledger_seal(&l, false, err);
		if (status == 0)
			status = enrol_host_accept(&l, &f, o->arg[1], tally_buf_view(&record), err);
	}
	status = cli_ledger_close(&l, status, err);
	tally_enrolment_file_deinit(&f);
	tally_buf_deinit(&record);
	tally_arena_free(arena);
	return status;
}
