/* SPDX-License-Identifier: Apache-2.0 */
/* Asking authorities for timestamps: in turn, seldom, and believing nothing that does not hold. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "testtsa.h"
#include "tally/enrolment.h"
#include "tally/entry.h"
#include "tally/log.h"

#define AUTHORITIES 2
#define HOUR        3600

enum trouble { NONE, DOWN, STATUS_500, GARBAGE, REFUSES, OTHER_NONCE, OTHER_TEXT, EARLY, VAGUE };

struct world {
	char *root;
	struct memlog log;
	uint64_t size;
	bool unreadable;
	struct testca ca, other;
	struct testtsa tsa[AUTHORITIES];
	struct tally_roots *roots;
	enum trouble trouble[AUTHORITIES];
	unsigned posts[AUTHORITIES], granted;
	uint64_t granted_size;
	struct tally_buf token;
	struct test_disk disk;
	struct test_clock clock;
	int dir;
	int64_t now;
	struct tally_http http;
	struct tally_timestamped stamped;
	struct tally_timestamp_client *client;
	struct tally_err err;
};

static int
newest(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err)
{
	struct world *w = ctx;

	if (w->unreadable)
		return tally_err_set(err, TALLY_SYS, "the ledger cannot be read");
	if (w->size == 0)
		return 0;
	*sequence = w->size;
	memlog_note(&w->log, w->size, note);
	return 1;
}

static int
granted(void *ctx, const struct tally_checkpoint *head, struct tally_bytes token,
	struct tally_err *err)
{
	struct world *w = ctx;

	(void)err;
	w->granted++;
	w->granted_size = head->size;
	tally_buf_clear(&w->token);
	tally_buf_add_bytes(&w->token, token);
	return 0;
}

/* A reply to the query, whose shape test_timestamp.c knows byte by byte. */
static int
post(void *ctx, const char *url, const char *type, struct tally_bytes body, size_t max,
     struct tally_http_answer *out, struct tally_err *err)
{
	struct tally_buf *answer = &out->body;
	struct world *w = ctx;
	size_t i = (size_t)(url[strlen("http://tsa")] - '0');
	struct testtsa_wish wish = { .accuracy = 1 };
	struct tally_buf token = TALLY_BUF_INIT;
	uint8_t imprint[TALLY_HASH], nonce[TALLY_TIMESTAMP_NONCE];

	(void)max;
	assert_true(i < AUTHORITIES);
	assert_string_equal(type, "application/timestamp-query");
	assert_true(body.len > 24 + TALLY_HASH + 3 + TALLY_TIMESTAMP_NONCE);
	memcpy(imprint, body.p + 24, sizeof(imprint));
	memset(nonce, 0, sizeof(nonce));
	/* INTEGER: a zero byte before a high bit, fewer bytes where it is small. */
	for (size_t n = body.p[24 + TALLY_HASH + 1], k = 0; k < n && k < TALLY_TIMESTAMP_NONCE; k++)
		nonce[TALLY_TIMESTAMP_NONCE - 1 - k] = body.p[24 + TALLY_HASH + 1 + n - k];
	w->posts[i]++;
	tally_buf_clear(answer);
	out->status = w->trouble[i] == STATUS_500 ? 500 : 200;
	wish.nonce = nonce;
	if (w->trouble[i] == DOWN)
		return tally_err_set(err, TALLY_SYS, "connection refused");
	if (w->trouble[i] == GARBAGE)
		tally_buf_add_str(answer, "<html>");
	if (w->trouble[i] == REFUSES)
		testtsa_reply(answer, 2, tally_bytes(NULL, 0));
	nonce[0] ^= w->trouble[i] == OTHER_NONCE;
	imprint[0] ^= w->trouble[i] == OTHER_TEXT;
	if (w->trouble[i] == EARLY)
		wish.time = "20260228235458Z";
	if (w->trouble[i] == VAGUE)
		wish.accuracy = 301;
	if (answer->len == 0) {
		testtsa_token(&token, &w->tsa[i], imprint, &wish);
		testtsa_reply(answer, 0, tally_buf_view(&token));
	}
	tally_buf_deinit(&token);
	return 0;
}

static int
open_client(struct world *w)
{
	static char first[] = "http://tsa0", second[] = "http://tsa1/path";
	static char *const url[] = { first, second };
	const struct tally_timestamp_client_options o = { .url = url,
							  .count = AUTHORITIES,
							  .roots = w->roots,
							  .log = &w->stamped,
							  .http = &w->http,
							  .disk = &w->disk.table,
							  .clock = &w->clock.table,
							  .dir = w->dir,
							  .interval = { HOUR * TALLY_SECOND } };

	tally_timestamp_client_free(w->client);
	w->client = NULL;
	return tally_timestamp_client_open(&w->client, &o, &w->err);
}

static int
set_up(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	struct tally_buf der = TALLY_BUF_INIT;

	tally_log_level(0);
	w->root = test_dir_make();
	w->dir = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memlog_init(&w->log, "example.com/log");
	testca_init(&w->ca, "Timestamp Root", NULL);
	testca_init(&w->other, "Somebody", NULL);
	for (size_t i = 0; i < AUTHORITIES; i++)
		testtsa_init(&w->tsa[i], &w->ca, NULL, false);
	w->roots = tally_roots_new();
	testca_der(&der, w->ca.certificate);
	assert_int_equal(
		tally_roots_add(w->roots, tally_buf_view(&der), TALLY_CLASS_SOFTWARE, &w->err), 0);
	tally_buf_deinit(&der);
	w->http = (struct tally_http){ w, post };
	w->stamped = (struct tally_timestamped){ w, newest, granted };
	test_disk_init(&w->disk, 0, EIO);
	test_clock_init(&w->clock, "2026-03-01T00:00:00Z");
	w->now = 1000 * TALLY_SECOND;
	w->size = 5;
	if (open_client(w) < 0)
		fail_msg("%s", w->err.text);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	tally_timestamp_client_free(w->client);
	tally_roots_free(w->roots);
	for (size_t i = 0; i < AUTHORITIES; i++)
		testtsa_deinit(&w->tsa[i]);
	testca_deinit(&w->ca), testca_deinit(&w->other);
	memlog_deinit(&w->log);
	tally_buf_deinit(&w->token);
	close(w->dir);
	test_dir_remove(w->root);
	free(w);
	return 0;
}

/* So many seconds later (its clock stands still); seconds until it wants to be called again. */
static int64_t
step(struct world *w, int64_t seconds)
{
	w->now += seconds * TALLY_SECOND;
	return (tally_timestamp_client_step(w->client, (struct tally_uptime){ w->now }).ns -
		w->now) /
	       TALLY_SECOND;
}

static struct tally_timestamp_standing
standing(struct world *w)
{
	struct tally_timestamp_standing s;

	tally_timestamp_client_standing(w->client, &s);
	return s;
}

static void
one_authority_is_enough_and_one_timestamp_an_interval(void **state)
{
	struct tally_buf text = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct world *w = *state;
	uint8_t imprint[TALLY_HASH];
	struct tally_timestamp t;
	struct tally_note note;

	assert_int_equal(step(w, 0), HOUR);
	assert_int_equal(w->posts[0], 1);
	assert_int_equal(w->posts[1], 0);
	assert_int_equal(w->granted_size, 5);
	memlog_note(&w->log, 5, &text);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&text), &scratch, &w->err), 0);
	tally_sha256(imprint, note.text);
	assert_int_equal(
		tally_timestamp_check(&t, w->roots, tally_buf_view(&w->token), imprint, &w->err),
		1);
	assert_true(standing(w).size == 5 && standing(w).time == t.by && standing(w).owed == 0);
	w->size = 6;
	assert_int_equal(step(w, 10), HOUR - 10);
	assert_int_equal(step(w, HOUR - 10), HOUR);
	assert_int_equal(w->granted, 2);
	/* What has one needs no other. */
	assert_int_equal(step(w, HOUR), HOUR);
	assert_int_equal(w->granted, 2);
	tally_buf_deinit(&text), tally_buf_deinit(&scratch);
}

static void
what_one_cannot_do_the_next_is_asked_for(void **state)
{
	struct world *w = *state;

	w->trouble[0] = DOWN;
	assert_int_equal(step(w, 0), HOUR);
	assert_true(w->posts[0] == 1 && w->posts[1] == 1 && w->granted == 1);
	assert_string_equal(standing(w).failure, "");
	w->size = 6; /* who answered last is asked first */
	assert_int_equal(step(w, HOUR), HOUR);
	assert_true(w->posts[0] == 1 && w->posts[1] == 2 && w->granted == 2);
}

static void
nothing_that_does_not_hold_is_kept(void **state)
{
	static const struct {
		enum trouble trouble;
		const char *says;
	} cases[] = {
		{ DOWN, "connection refused" },
		{ STATUS_500, "it answers 500" },
		{ GARBAGE, "malformed" },
		{ REFUSES, "refused with status 2" },
		{ OTHER_NONCE, "another query" },
		{ OTHER_TEXT, "something else" },
		{ EARLY, "its time is 302 s behind this host's clock" },
		{ VAGUE, "its time may be 301 s off" },
	};
	struct world *w = *state;
	int64_t pause = 5;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		w->trouble[0] = w->trouble[1] = cases[i].trouble;
		assert_int_equal(step(w, i == 0 ? 0 : pause), i == 0            ? 5
							      : 2 * pause > 600 ? 600
										: 2 * pause);
		pause = i == 0 ? 5 : 2 * pause > 600 ? 600 : 2 * pause;
		assert_int_equal(w->granted, 0);
		if (!strstr(standing(w).failure, cases[i].says))
			fail_msg("not '%s' in '%s'", cases[i].says, standing(w).failure);
		assert_int_equal(standing(w).owed, 5);
	}
	/* The newest note covers what was owed all the while. */
	w->trouble[0] = NONE;
	w->size = 9;
	assert_int_equal(step(w, pause), HOUR);
	assert_true(w->granted == 1 && w->granted_size == 9 && standing(w).owed == 0);
}

static void
an_authority_must_lead_to_the_roots_that_are_wanted(void **state)
{
	struct world *w = *state;

	tally_roots_free(w->roots);
	w->roots = tally_roots_new();
	assert_int_equal(open_client(w), 0);
	assert_int_equal(step(w, 0), 5);
	assert_non_null(strstr(standing(w).failure, "none of the roots"));
	tally_roots_free(w->roots);
	w->roots = NULL; /* none are wanted: the verifier will judge */
	assert_int_equal(open_client(w), 0);
	assert_int_equal(step(w, 0), HOUR);
	assert_int_equal(w->granted, 1);
}

static void
after_a_restart_nobody_is_asked_for_what_was_given(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->root, "timestamps");

	assert_int_equal(step(w, 0), HOUR);
	assert_int_equal(open_client(w), 0);
	assert_true(standing(w).size == 5 && standing(w).time > 0);
	assert_int_equal(step(w, 0), HOUR);
	assert_int_equal(w->granted, 1);
	/* A file that is not understood is left behind. */
	test_file_write(path, "tallystick-timestamps 1\n5\n", 26);
	assert_int_equal(open_client(w), 0);
	assert_int_equal(standing(w).size, 0);
	assert_int_equal(step(w, 0), HOUR);
	assert_int_equal(w->granted, 2);
	free(path);
}

static void
a_disk_that_fails_costs_a_timestamp_more_and_nothing_else(void **state)
{
	struct world *w = *state;

	test_disk_init(&w->disk, 1, ENOSPC);
	assert_int_equal(step(w, 0), HOUR);
	assert_int_equal(w->granted, 1);
	assert_int_equal(open_client(w), 0);
	assert_int_equal(step(w, 0), HOUR);
	assert_int_equal(w->granted, 2);
}

static void
a_ledger_without_a_note_or_that_cannot_be_read_is_looked_at_again(void **state)
{
	struct world *w = *state;

	w->size = 0;
	assert_int_equal(step(w, 0), 1);
	w->unreadable = true;
	assert_int_equal(step(w, 1), 5);
	assert_string_equal(standing(w).failure, "the ledger cannot be read");
	w->unreadable = false;
	w->size = 1;
	assert_int_equal(step(w, 5), HOUR);
	assert_int_equal(w->granted, 1);
}

static void
a_url_that_is_none_is_refused(void **state)
{
	static char scheme[] = "ftp://tsa", user[] = "http://me:secret@tsa";
	static char *const bad[] = { scheme, user };
	struct world *w = *state;

	for (size_t i = 0; i < 2; i++) {
		const struct tally_timestamp_client_options o = { .url = &bad[i],
								  .count = 1,
								  .log = &w->stamped,
								  .http = &w->http,
								  .dir = w->dir };
		struct tally_timestamp_client *c;

		assert_int_equal(tally_timestamp_client_open(&c, &o, &w->err), -1);
		assert_string_equal(w->err.text,
				    "timestamps: URL number 1 is no http(s) URL without a user");
		assert_int_equal(w->err.code, TALLY_USE);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_authority_is_enough_and_one_timestamp_an_interval),
		TEST(what_one_cannot_do_the_next_is_asked_for),
		TEST(nothing_that_does_not_hold_is_kept),
		TEST(an_authority_must_lead_to_the_roots_that_are_wanted),
		TEST(after_a_restart_nobody_is_asked_for_what_was_given),
		TEST(a_disk_that_fails_costs_a_timestamp_more_and_nothing_else),
		TEST(a_ledger_without_a_note_or_that_cannot_be_read_is_looked_at_again),
		TEST(a_url_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
