/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enroller's decisions, one answer after another. The order of a record is: into
 * the file of its challenge, into the register, out. A death in between loses
 * nothing: at the start the register gets what the files have, and the same response,
 * come again, gets the same record and no second one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/log.h"
#include "enrol_desk.h"
#include "enrol_open.h"

struct desk {
	struct desk_options o;
	struct enrol_register *known;
	struct open_folder open;
	int alarms;        /* the folder of requests that raised one */
	const char *alarm; /* of the answer that is made, or NULL */
};

/* What comes out of an answer: a status and a text. */
static void
refuse(struct tally_tls_answer *out, unsigned status, const char *text)
{
	out->status = status;
	tally_buf_clear(&out->body);
	tally_buf_addf(&out->body, "%s\n", text);
}

/* The reason goes to the client where it is about what he sent, else to the log alone: so
 * does whom an alarm is about. */
static void
refuse_error(const struct desk *d, struct tally_tls_answer *out, const struct tally_tls_peer *peer,
	     const struct tally_err *err)
{
	char alarm[128];

	tally_log(err->code == TALLY_SYS ? TALLY_LOG_ERR : TALLY_LOG_WARNING, "%s (%s): %s",
		  peer->address, peer->name, err->text);
	if (d->alarm) {
		snprintf(alarm, sizeof(alarm), "alarm: %s", d->alarm);
		refuse(out, 403, alarm);
	} else if (err->code == TALLY_USE)
		refuse(out, 400, err->text);
	else if (err->code == TALLY_FAILS)
		refuse(out, 403, err->text);
	else
		refuse(out, 500, "the enroller cannot keep or sign");
}

static int64_t
now_of(const struct desk *d)
{
	return tally_clock_now(d->o.clock).wall.ns;
}

/* Into the register, where it is not there. What has come in since may speak against it. */
static int
settle(struct desk *d, struct tally_bytes record, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_enrolment_file f = { 0 };
	struct enrol_finding found = { .alarm = NULL };
	int r = tally_enrolment_file_read(&f, "record", record, false, arena, err);

	if (r == 0 && !enrol_register_has(d->known, &f.e, record)) {
		r = enrol_register_check(d->known, &f.e, &found, err);
		d->alarm = found.alarm;
		if (r == 0)
			r = enrol_register_add(d->known, &f.e, record, err);
	}
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return r;
}

/* A record that was made before the end, but may not have come into the register. One that
 * was not goes out to nobody, so that an alarm is no reason not to begin. */
static int
recover(void *ctx, const struct open_challenge *c, struct tally_err *err)
{
	struct desk *d = ctx;
	int r = settle(d, c->record, err);

	if (r < 0 && d->alarm) {
		tally_log(TALLY_LOG_WARNING, "a record that never went out: %s", err->text);
		tally_err_clear(err);
		r = 0;
	}
	d->alarm = NULL;
	return r;
}

static int
open_alarms(struct desk *d, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	int r;

	tally_buf_addf(&path, "%s/alarms", d->o.dir);
	r = tally_dir_make(tally_buf_cstr(&path), 0700, err);
	if (r == 0) {
		d->alarms = open(tally_buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (d->alarms < 0)
			r = tally_err_sys(err, "%s", tally_buf_cstr(&path));
	}
	tally_buf_deinit(&path);
	return r;
}

int
desk_open(struct desk **out, const struct desk_options *o, struct tally_err *err)
{
	struct desk *d = tally_alloc(sizeof(*d));
	struct open_take taker = { d, recover };

	d->o = *o;
	d->alarms = d->open.fd = -1;
	if (enrol_register_open(&d->known, o->dir, o->disk, err) < 0 || open_alarms(d, err) < 0 ||
	    open_folder_open(&d->open, o->dir, o->disk, &taker, err) < 0) {
		desk_close(d);
		return -1;
	}
	*out = d;
	return 0;
}

void
desk_close(struct desk *d)
{
	if (!d)
		return;
	if (d->alarms >= 0)
		close(d->alarms);
	open_folder_close(&d->open);
	enrol_register_close(d->known);
	free(d);
}

/* What speaks against it before anything is proven. */
static int
look_at(const struct desk *d, const struct tally_tls_peer *peer, const struct tally_enrolment *e,
	struct tally_err *err)
{
	struct tally_err unasked = TALLY_ERR_INIT; /* an alarm has to be proven first */
	struct enrol_finding found;

	if (open_folder_admit(&d->open, peer->certificate, err) < 0)
		return -1;
	if (d->o.assets && desk_assets_check(d->o.assets, e->asset, peer->name, err) < 0)
		return -1;
	if (e->succeeds && enrol_register_check(d->known, e, &found, &unasked) == 0 &&
	    found.confirmed)
		return 0;
	return enrol_succession_check(e, d->o.succeeds, d->o.succeeds_count, err);
}

static int
challenge(struct desk *d, const struct tally_tls_peer *peer, struct tally_bytes body,
	  struct tally_buf *out, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_enrolment_file f = { 0 };
	struct open_challenge c = { .request = body, .time = now_of(d) };
	uint8_t nonce[TALLY_HASH];
	int r = tally_enrolment_file_read(&f, "request", body, true, arena, err);

	c.time -= c.time % TALLY_SECOND;
	memcpy(c.client, peer->certificate, TALLY_HASH);
	if (r == 0)
		r = open_folder_sweep(&d->open, c.time, err);
	if (r == 0)
		r = look_at(d, peer, &f.e, err);
	if (r == 0 && getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		r = tally_err_sys(err, "getrandom");
	if (r == 0)
		r = tally_challenge_make(out, &f, d->o.key, nonce, c.time, err);
	c.challenge = tally_buf_view(out);
	if (r == 0)
		r = open_folder_put(&d->open, &c, err);
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return r;
}

/* The newest signed request of each client that raised one, for whoever looks into it:
 * repeats of one who is refused do not fill the disk. */
static void
keep_alarm(const struct desk *d, const struct open_challenge *c)
{
	struct tally_err err = TALLY_ERR_INIT;
	char name[32], of[17];

	tally_hex(of, c->client, 8);
	snprintf(name, sizeof(name), "%s.request", of);
	if (tally_file_replace(d->o.disk, d->alarms, name, c->request, 0600, false, &err) < 0)
		tally_log(TALLY_LOG_ERR, "%s/alarms: %s", d->o.dir, err.text);
}

static int
make_record(struct desk *d, const struct tally_enrolment_file *request, struct tally_buf *record,
	    struct tally_buf *told, struct tally_err *err)
{
	struct tally_chain chain = { .class = TALLY_CLASS_SOFTWARE };
	const struct tally_enrolment *e = &request->e;
	struct enrol_finding found;
	enum tally_class class;
	char why[256];
	int r = tally_request_class(e, d->o.roots, now_of(d), &class, &chain, why, err);

	/* The option is a ceiling here: who asks does not choose. */
	if (r == 0 && d->o.class && enrol_choose_class(d->o.class, e, &class, err) < 0)
		tally_err_clear(err);
	if (r == 0) {
		r = enrol_register_check(d->known, e, &found, err);
		d->alarm = found.alarm;
	}
	if (r == 0)
		r = tally_record_make(record, request, &chain, class, now_of(d), d->o.key, err);
	if (r == 0)
		enrol_tell(told, e, class, why, found.again);
	tally_chain_deinit(&chain);
	return r;
}

/* The response has opened the challenge. */
static int
issue(struct desk *d, const struct tally_enrolment_file *request, struct open_challenge *c,
      struct tally_bytes body, struct tally_buf *out, struct tally_err *err)
{
	struct tally_buf told = TALLY_BUF_INIT;
	int r = make_record(d, request, out, &told, err);

	if (d->alarm)
		keep_alarm(d, c);
	if (r == 0) {
		tally_sha256(c->response, body);
		c->record = tally_buf_view(out);
		r = open_folder_put(&d->open, c, err);
	}
	if (r == 0)
		r = enrol_register_add(d->known, &request->e, tally_buf_view(out), err);
	if (r == 0) {
		while (told.len > 0 && told.p[told.len - 1] == '\n')
			told.len--;
		tally_log(TALLY_LOG_NOTICE, "%s", tally_buf_cstr(&told));
	}
	tally_buf_deinit(&told);
	return r;
}

/* It was answered before: with the same response the same record goes out, once the
 * register has it, which the first answer may not have come to. */
static int
repeat(struct desk *d, const struct tally_tls_peer *peer, const struct open_challenge *c,
       struct tally_bytes body, struct tally_buf *out, struct tally_err *err)
{
	uint8_t hash[TALLY_HASH];

	tally_sha256(hash, body);
	if (memcmp(hash, c->response, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "response: that challenge is answered");
	if (settle(d, c->record, err) < 0)
		return -1;
	tally_log(TALLY_LOG_NOTICE, "%s (%s): the same response again: its record again",
		  peer->address, peer->name);
	tally_buf_add_bytes(out, c->record);
	return 0;
}

static int
record(struct desk *d, const struct tally_tls_peer *peer, struct tally_bytes body,
       struct tally_buf *out, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(65536);
	struct tally_enrolment_file f = { 0 };
	struct open_challenge c = { 0 };
	struct tally_response answer;
	int r = tally_response_parse(&answer, body, arena, err);

	if (r < 0)
		(void)tally_lines_place("response", err);
	if (r == 0) {
		r = open_folder_get(&d->open, answer.challenge, &c, arena, err);
		if (r == 0)
			r = tally_err_set(
				err, TALLY_FAILS,
				"response: to no challenge that is open here: begin again");
		else if (r == 1 && memcmp(c.client, peer->certificate, TALLY_HASH) != 0)
			r = tally_err_set(err, TALLY_FAILS,
					  "response: to a challenge of another client");
	}
	if (r == 1 && c.record.len > 0) {
		r = repeat(d, peer, &c, body, out, err);
	} else if (r == 1) {
		r = tally_enrolment_file_read(&f, "request", c.request, true, arena, err);
		if (r == 0)
			r = tally_response_check(&f, c.challenge, body, d->o.key, now_of(d), err);
		if (r == 0)
			r = look_at(d, peer, &f.e, err);
		if (r == 0)
			r = issue(d, &f, &c, body, out, err);
	}
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return r;
}

void
desk_answer(void *ctx, const struct tally_tls_peer *peer, const char *path, struct tally_bytes body,
	    struct tally_tls_answer *out)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct desk *d = ctx;
	int r;

	d->alarm = NULL;
	tally_buf_clear(&out->body);
	if (strcmp(path, DESK_REQUEST) == 0) {
		r = challenge(d, peer, body, &out->body, &err);
	} else if (strcmp(path, DESK_RESPONSE) == 0) {
		r = record(d, peer, body, &out->body, &err);
	} else {
		refuse(out, 404, "not found");
		return;
	}
	if (r < 0)
		refuse_error(d, out, peer, &err);
	else
		out->status = 200;
}
