/* SPDX-License-Identifier: Apache-2.0 */
/* An enroller who answers by himself: what is on the disk when he has answered, what he
 * confirms, and what he tells whom. The TPM is a fake one: its secrets are made again with
 * the enroller's key. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enrol_desk.h"
#include "enrol_open.h"
#include "faketpm.h"
#include "tally/enrol.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "testlib.h"

/* A host that asks: a log on a TPM. */
struct host {
	struct faketpm tpm;
	struct tally_logkey *log;
	struct tally_buf vkey;
	struct tally_enrolment e;
};
struct world {
	struct tally_logkey *key;
	struct tally_roots *roots;
	struct test_clock clock;
	struct test_disk disk;
	struct desk *desk;
	struct desk_options o;
	struct tally_tls_peer peer;
	struct host host, other;
	struct tally_tls_answer out;
	struct tally_err err;
	char *dir;
};

static void
host_init(struct host *h, const char *origin, const char *asset)
{
	struct tally_err err = TALLY_ERR_INIT;

	faketpm_init(&h->tpm);
	assert_int_equal(tally_logkey_generate(&h->log, origin, &err), 0);
	tally_vkey_text(&h->vkey, tally_logkey_vkey(h->log));
	h->e = (struct tally_enrolment){ .request = true,
					 .asset = tally_bytes_str(asset),
					 .ek_public = tally_buf_view(&h->tpm.ek_public),
					 .ak_public = tally_buf_view(&h->tpm.ak_public),
					 .origin = tally_bytes_str(origin),
					 .vkey = tally_buf_view(&h->vkey),
					 .time = test_wall("2026-03-01T00:00:00Z").ns };
	tally_host_id(h->e.host_id, h->e.ek_public);
}

static void
host_deinit(struct host *h)
{
	faketpm_deinit(&h->tpm);
	tally_logkey_free(h->log);
	tally_buf_deinit(&h->vkey);
}

static void
open_it(struct world *w)
{
	desk_close(w->desk);
	w->desk = NULL;
	if (desk_open(&w->desk, &w->o, &w->err) < 0)
		fail_msg("%s", w->err.text);
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	assert_int_equal(tally_enrollerkey_generate(&w->key, "example.com/it", &w->err), 0);
	w->roots = tally_roots_new();
	w->dir = test_dir_make();
	test_clock_init(&w->clock, "2026-03-01T00:00:05Z");
	test_disk_init(&w->disk, 0, EIO);
	host_init(&w->host, "example.com/h1", "0042");
	host_init(&w->other, "example.com/h2", "0042");
	memset(w->peer.certificate, 1, TALLY_HASH);
	w->o = (struct desk_options){ .dir = w->dir,
				      .key = w->key,
				      .roots = w->roots,
				      .disk = &w->disk.table,
				      .clock = &w->clock.table };
	open_it(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	desk_close(w->desk);
	host_deinit(&w->host);
	host_deinit(&w->other);
	tally_logkey_free(w->key);
	tally_roots_free(w->roots);
	tally_buf_deinit(&w->out.body);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

static unsigned
records(const struct world *w)
{
	/* But for its folders and the lock. */
	return test_dir_count(w->dir) - 3;
}

static void
post(struct world *w, const char *path, struct tally_bytes body)
{
	desk_answer(w->desk, &w->peer, path, body, &w->out);
}

/* What the TPM would have opened. */
static void
answer(struct world *w, struct tally_bytes challenge, struct tally_buf *out)
{
	struct tally_signer signer = tally_logkey_signer(w->key);
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_response r = { .secrets = 1 };
	struct tally_buf b = TALLY_BUF_INIT;
	uint8_t signature[64], secret[TALLY_HASH];
	struct tally_challenge c;

	assert_int_equal(tally_challenge_parse(&c, challenge, arena, &w->err), 0);
	tally_buf_add_str(&b, "tallystick/enrolment-secret/v1");
	tally_buf_add_u8(&b, 0);
	tally_buf_add(&b, c.request, TALLY_HASH);
	tally_buf_add(&b, c.nonce, TALLY_HASH);
	tally_buf_add_u64(&b, (uint64_t)c.time);
	assert_int_equal(signer.sign(signer.ctx, tally_buf_view(&b), signature, &w->err), 0);
	tally_buf_clear(&b);
	tally_buf_add_u8(&b, 0);
	tally_buf_add(&b, signature, sizeof(signature));
	tally_sha256(secret, tally_buf_view(&b));
	tally_sha256(r.challenge, challenge);
	r.secret[0] = tally_bytes(secret, sizeof(secret));
	tally_buf_clear(out);
	tally_response_write(out, &r);
	tally_buf_deinit(&b);
	tally_arena_free(arena);
}

/* Up to the response that is to be posted; the status of the request. */
static unsigned
ask(struct world *w, const struct host *h, struct tally_buf *response)
{
	struct tally_signer signer = tally_logkey_signer(h->log);
	struct tally_buf text = TALLY_BUF_INIT, note = TALLY_BUF_INIT;

	tally_enrolment_write(&text, &h->e);
	assert_int_equal(tally_note_sign(&note, tally_buf_view(&text), &signer, &w->err), 0);
	post(w, DESK_REQUEST, tally_buf_view(&note));
	if (w->out.status == 200)
		answer(w, tally_buf_view(&w->out.body), response);
	tally_buf_deinit(&text);
	tally_buf_deinit(&note);
	return w->out.status;
}

/* The whole way; the status of its end. */
static unsigned
enrol(struct world *w, const struct host *h)
{
	struct tally_buf response = TALLY_BUF_INIT;

	if (ask(w, h, &response) == 200)
		post(w, DESK_RESPONSE, tally_buf_view(&response));
	tally_buf_deinit(&response);
	test_clock_advance(&w->clock, TALLY_SECOND);
	return w->out.status;
}

static bool
said(const struct world *w, const char *what)
{
	return strstr(tally_buf_cstr((struct tally_buf *)(uintptr_t)&w->out.body), what) != NULL;
}

static void
a_record_goes_out_once_the_register_has_it(void **state)
{
	struct world *w = *state;

	assert_int_equal(enrol(w, &w->host), 200);
	assert_true(said(w, "tallystick/enrolment/v1"));
	assert_int_equal(records(w), 1);
}

static void
a_response_that_comes_again_brings_its_record_into_the_register_at_every_fault(void **state)
{
	struct world *w = *state;
	struct tally_buf response = TALLY_BUF_INIT;
	unsigned n = 0;

	for (bool failed = true; failed;) {
		assert_int_equal(ask(w, &w->host, &response), 200);
		test_disk_init(&w->disk, ++n, EIO);
		post(w, DESK_RESPONSE, tally_buf_view(&response));
		failed = w->disk.failed;
		assert_int_equal(w->out.status, failed ? 500 : 200);
		test_disk_init(&w->disk, 0, EIO);
		post(w, DESK_RESPONSE, tally_buf_view(&response));
		assert_int_equal(w->out.status, 200);
		assert_int_equal(records(w), n);
		/* Once more is no second one. */
		post(w, DESK_RESPONSE, tally_buf_view(&response));
		assert_int_equal(w->out.status, 200);
		assert_int_equal(records(w), n);
		test_clock_advance(&w->clock, TALLY_SECOND);
	}
	assert_true(n > 6);
	tally_buf_deinit(&response);
}

static void
a_record_that_did_not_go_out_is_none_where_another_tpm_came_first(void **state)
{
	struct world *w = *state;
	struct tally_buf response = TALLY_BUF_INIT;

	/* The first one dies behind the file of its challenge. */
	assert_int_equal(ask(w, &w->host, &response), 200);
	test_disk_init(&w->disk, 5, EIO);
	post(w, DESK_RESPONSE, tally_buf_view(&response));
	assert_int_equal(w->out.status, 500);
	test_disk_init(&w->disk, 0, EIO);
	assert_int_equal(enrol(w, &w->other), 200);
	post(w, DESK_RESPONSE, tally_buf_view(&response));
	assert_int_equal(w->out.status, 403);
	assert_true(said(w, "alarm: the machine is enrolled with another TPM"));
	open_it(w);
	assert_int_equal(records(w), 1);
	post(w, DESK_RESPONSE, tally_buf_view(&response));
	assert_int_equal(w->out.status, 403);
	tally_buf_deinit(&response);
}

static void
a_client_is_told_an_alarm_and_not_whom_it_is_about(void **state)
{
	struct world *w = *state;

	assert_int_equal(enrol(w, &w->host), 200);
	assert_int_equal(enrol(w, &w->other), 403);
	assert_string_equal(tally_buf_cstr(&w->out.body),
			    "alarm: the machine is enrolled with another TPM\n");
}

static void
a_file_of_the_enroller_that_is_damaged_is_told_without_its_path(void **state)
{
	struct world *w = *state;
	struct tally_buf response = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH];
	char name[2 * TALLY_HASH + 1], *open, *path;

	assert_int_equal(ask(w, &w->host, &response), 200);
	tally_sha256(hash, tally_buf_view(&w->out.body));
	tally_hex(name, hash, TALLY_HASH);
	open = test_path(w->dir, "open");
	path = test_path(open, name);
	test_file_write(path, "x\n", 2);
	post(w, DESK_RESPONSE, tally_buf_view(&response));
	assert_int_equal(w->out.status, 500);
	assert_false(said(w, w->dir));
	tally_buf_deinit(&response);
	free(open);
	free(path);
}

/* The second log goes on from the first one. */
static void
succeed(struct world *w, struct enrol_succession *confirmed)
{
	struct tally_enrolment *e = &w->other.e;

	assert_int_equal(enrol(w, &w->host), 200);
	e->succeeds = true;
	e->prev_origin = w->host.e.origin;
	e->prev_size = 7;
	memset(e->prev_root, 0xab, TALLY_HASH);
	*confirmed = (struct enrol_succession){ .origin = e->prev_origin, .size = 7 };
	memset(confirmed->root, 0xab, TALLY_HASH);
	w->o.succeeds = confirmed;
	w->o.succeeds_count = 1;
	open_it(w);
}

static void
a_succession_is_confirmed_with_the_size_and_the_root_of_the_old_log(void **state)
{
	struct world *w = *state;
	struct enrol_succession confirmed;

	succeed(w, &confirmed);
	w->other.e.prev_size = 8;
	assert_int_equal(enrol(w, &w->other), 403);
	assert_true(said(w, "--succeeds 'example.com/h1 8 abab"));
	w->other.e.prev_size = 7;
	w->other.e.prev_root[31] ^= 1;
	assert_int_equal(enrol(w, &w->other), 403);
	w->other.e.prev_root[31] ^= 1;
	assert_int_equal(enrol(w, &w->other), 200);
}

static void
a_confirmation_is_for_one_log_which_needs_it_once(void **state)
{
	struct world *w = *state;
	struct enrol_succession confirmed;
	struct host third = { .log = NULL };

	succeed(w, &confirmed);
	assert_int_equal(enrol(w, &w->other), 200);
	host_init(&third, "example.com/h3", "0042");
	third.e.succeeds = true;
	third.e.prev_origin = w->host.e.origin;
	third.e.prev_size = 7;
	memset(third.e.prev_root, 0xab, TALLY_HASH);
	assert_int_equal(enrol(w, &third), 403);
	assert_true(said(w, "another log succeeds the old one"));
	w->o.succeeds_count = 0;
	open_it(w);
	assert_int_equal(enrol(w, &w->other), 200);
	w->other.e.prev_size = 6; /* what it goes on from is no other one now */
	assert_int_equal(enrol(w, &w->other), 403);
	host_deinit(&third);
}

static void
a_succession_is_read_as_three_words(void **state)
{
	static const char root[] =
		"0000000000000000000000000000000000000000000000000000000000000001";
	static const char *const wrong[] = { "",         "a",       "a 1",     "a 1 ",
					     "a  1 %s",  "a x %s",  "a -1 %s", " 1 %s",
					     "a 1 %s x", "a 1 0%s", "a 1 %s " };
	struct enrol_succession s;
	char text[128];

	(void)state;
	snprintf(text, sizeof(text), "example.com/h1 18446744073709551615 %s", root);
	assert_true(enrol_succession_read(&s, text));
	assert_true(s.size == UINT64_MAX && s.root[31] == 1);
	assert_true(tally_bytes_eq(s.origin, tally_bytes_str("example.com/h1")));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct tally_buf b = TALLY_BUF_INIT;
		const char *at = strstr(wrong[i], "%s");

		tally_buf_add(&b, wrong[i], at ? (size_t)(at - wrong[i]) : strlen(wrong[i]));
		if (at)
			tally_buf_addf(&b, "%s%s", root, at + 2);
		if (enrol_succession_read(&s, tally_buf_cstr(&b)))
			fail_msg("'%s' is one", tally_buf_cstr(&b));
		tally_buf_deinit(&b);
	}
}

/* One that is answered, of this client. */
static void
put_answered(struct world *w, struct open_folder *f, unsigned n)
{
	struct open_challenge c = { .time = tally_clock_now(&w->clock.table).wall.ns,
				    .request = tally_bytes_str("r"),
				    .challenge = tally_bytes(&n, sizeof(n)) };

	c.time -= c.time % TALLY_SECOND;
	memcpy(c.client, w->peer.certificate, TALLY_HASH);
	assert_int_equal(open_folder_put(f, &c, &w->err), 0);
	c.record = tally_bytes_str("r");
	assert_int_equal(open_folder_put(f, &c, &w->err), 0);
}

static int
sync_nothing(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	return 0;
}

static void
one_certificate_gets_so_many_records_in_thirty_days_and_no_more(void **state)
{
	struct world *w = *state;
	struct open_take nobody = { 0 };
	struct open_folder f;
	const uint8_t other[TALLY_HASH] = { 2 };

	w->disk.table.fsync = w->disk.table.fdatasync = sync_nothing;
	desk_close(w->desk);
	w->desk = NULL;
	assert_int_equal(open_folder_open(&f, w->dir, &w->disk.table, &nobody, &w->err), 0);
	for (unsigned n = 0; n < DESK_RECORDS; n++) {
		assert_int_equal(open_folder_admit(&f, w->peer.certificate, &w->err), 0);
		put_answered(w, &f, n);
	}
	assert_int_equal(f.n, DESK_RECORDS); /* none gave way */
	assert_int_equal(open_folder_admit(&f, w->peer.certificate, &w->err), -1);
	assert_int_equal(w->err.code, TALLY_FAILS);
	assert_int_equal(open_folder_admit(&f, other, &w->err), 0);
	test_clock_advance(&w->clock, 31 * 86400 * TALLY_SECOND);
	assert_int_equal(open_folder_sweep(&f, tally_clock_now(&w->clock.table).wall.ns, &w->err),
			 0);
	assert_int_equal(open_folder_admit(&f, w->peer.certificate, &w->err), 0);
	open_folder_close(&f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_record_goes_out_once_the_register_has_it),
		CASE(a_response_that_comes_again_brings_its_record_into_the_register_at_every_fault),
		CASE(a_record_that_did_not_go_out_is_none_where_another_tpm_came_first),
		CASE(a_client_is_told_an_alarm_and_not_whom_it_is_about),
		CASE(a_file_of_the_enroller_that_is_damaged_is_told_without_its_path),
		CASE(a_succession_is_confirmed_with_the_size_and_the_root_of_the_old_log),
		CASE(a_confirmation_is_for_one_log_which_needs_it_once),
		CASE(a_succession_is_read_as_three_words),
		CASE(one_certificate_gets_so_many_records_in_thirty_days_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
