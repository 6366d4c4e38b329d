/* SPDX-License-Identifier: Apache-2.0 */
/* A client and three real witnesses without a network between them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "tally/log.h"

#define WITNESSES 3

enum trouble { NONE, DOWN, GARBAGE, OTHER_NOTE, STATUS_500, CONFLICT_TEXT, SIZE_AGAIN, SIZE_OTHER };

struct world {
	char *root;
	struct memlog log;
	uint64_t size; /* of the newest note */
	struct tally_witness *witness[WITNESSES];
	enum trouble trouble[WITNESSES];
	unsigned posts[WITNESSES];
	struct tally_policy *policy;
	struct tally_witnessed witnessed;
	struct tally_http http;
	struct test_disk disk;
	int dir;
	struct tally_witness_client *client;
	struct tally_buf kept; /* all lines, in the order they came */
	char closed[600];
	unsigned reached;
	uint64_t reached_size;
	struct tally_buf reached_lines;
	int64_t now;
	uint64_t seconds; /* of the witnesses' clocks */
	struct tally_err err;
};

static int
newest(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err)
{
	struct world *w = ctx;

	(void)err;
	if (w->size == 0)
		return 0;
	*sequence = w->size; /* rises with it, as it does in a ledger */
	memlog_note(&w->log, w->size, note);
	return 1;
}

static int
consistency(void *ctx, uint64_t old, uint64_t size, uint8_t old_root[TALLY_HASH],
	    struct tally_proof *out, struct tally_err *err)
{
	struct world *w = ctx;
	struct tally_nodes nodes = memlog_nodes(&w->log);

	if (tally_root_at(old_root, old, &nodes, err) < 0)
		return -1;
	return tally_proof_consistency(out, old, size, &nodes, err);
}

static int
cosigned(void *ctx, uint64_t sequence, struct tally_bytes lines, struct tally_err *err)
{
	struct world *w = ctx;

	(void)err;
	assert_true(sequence <= w->size);
	tally_buf_add_bytes(&w->kept, lines);
	return 0;
}

static int
quorum(void *ctx, const struct tally_checkpoint *head, struct tally_bytes lines,
       struct tally_err *err)
{
	struct world *w = ctx;

	(void)err;
	w->reached++;
	w->reached_size = head->size;
	tally_buf_clear(&w->reached_lines);
	tally_buf_add_bytes(&w->reached_lines, lines);
	return 0;
}

static int
closing(void *ctx, const char *why, struct tally_err *err)
{
	struct world *w = ctx;

	(void)err;
	assert_string_equal(w->closed, "");
	snprintf(w->closed, sizeof(w->closed), "%s", why);
	return 0;
}

static int
post(void *ctx, const char *url, const char *type, struct tally_bytes body, size_t max,
     unsigned *status, struct tally_buf *answer, struct tally_err *err)
{
	struct world *w = ctx;
	size_t i = (size_t)(url[strlen("http://w")] - '0');

	(void)type, (void)max;
	assert_true(i < WITNESSES);
	assert_string_equal(url + strlen("http://w0"),
			    i == 1 ? "/prefix/add-checkpoint" : "/add-checkpoint");
	w->posts[i]++;
	tally_buf_clear(answer);
	*status = 200;
	switch (w->trouble[i]) {
	case DOWN:
		return tally_err_set(err, TALLY_SYS, "connection refused");
	case GARBAGE:
		tally_buf_add_str(answer, "\xe2\x80\x94 x AAAA\n");
		return 0;
	case OTHER_NOTE: /* what the next witness says, in its place */
		*status = witness_ask(w->witness[(i + 1) % WITNESSES], body, w->seconds, answer);
		return 0;
	case STATUS_500:
		*status = 500;
		tally_buf_add_str(answer, "<\x1b[31m\nsorry>");
		return 0;
	case CONFLICT_TEXT:
		*status = 409;
		tally_buf_add_str(answer, "five\n");
		return 0;
	case SIZE_AGAIN:
		*status = 409;
		tally_buf_add_str(answer, "3\n");
		return 0;
	case SIZE_OTHER:
		*status = 409;
		tally_buf_addf(answer, "%u\n", 1 + w->posts[i] % 2);
		return 0;
	case NONE:
		break;
	}
	*status = witness_ask(w->witness[i], body, w->seconds, answer);
	return 0;
}

static void
make_policy(struct world *w, const char *quorum_lines)
{
	static const char *const url[] = { "http://w0", "http://w1/prefix/", "http://w2" };
	struct tally_buf text = TALLY_BUF_INIT;

	tally_policy_free(w->policy);
	tally_buf_add_str(&text, "log ");
	memlog_vkey(&w->log, &text);
	for (size_t i = 0; i < WITNESSES; i++) {
		tally_buf_addf(&text, "witness w%zu ", i);
		tally_vkey_text(&text, tally_witness_vkey(w->witness[i]));
		tally_buf_addf(&text, " %s\n", url[i]);
	}
	tally_buf_add_str(&text, quorum_lines);
	if (tally_policy_parse(&w->policy, "policy", tally_buf_view(&text), &w->err) < 0)
		fail_msg("%s", w->err.text);
	tally_buf_deinit(&text);
}

static int
try_client(struct world *w)
{
	const struct tally_witness_client_options o = { .policy = w->policy,
							.origin = "example.com/log",
							.log = &w->witnessed,
							.http = &w->http,
							.disk = &w->disk.table,
							.dir = w->dir,
							.interval = { 60 * TALLY_SECOND } };

	tally_witness_client_free(w->client);
	w->client = NULL;
	return tally_witness_client_open(&w->client, &o, &w->err);
}

static void
start_client(struct world *w)
{
	if (try_client(w) < 0)
		fail_msg("%s", w->err.text);
}

static int
set_up(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	tally_log_level(0);
	w->root = test_dir_make();
	w->dir = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memlog_init(&w->log, "example.com/log");
	for (size_t i = 0; i < WITNESSES; i++) {
		char name[8], *dir;

		snprintf(name, sizeof(name), "w%zu", i);
		dir = test_path(w->root, name);
		w->witness[i] = witness_new(dir, &w->log);
		free(dir);
	}
	w->witnessed =
		(struct tally_witnessed){ w, newest, consistency, cosigned, quorum, closing };
	w->http = (struct tally_http){ w, post };
	test_disk_init(&w->disk, 0, EIO);
	w->now = 1000 * TALLY_SECOND;
	w->seconds = 50;
	w->size = 5;
	make_policy(w, "group g 2 w0 w1 w2\nquorum g\n");
	start_client(w);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	tally_witness_client_free(w->client);
	for (size_t i = 0; i < WITNESSES; i++)
		tally_witness_close(w->witness[i]);
	tally_policy_free(w->policy);
	memlog_deinit(&w->log);
	tally_buf_deinit(&w->kept), tally_buf_deinit(&w->reached_lines);
	close(w->dir);
	test_dir_remove(w->root);
	free(w);
	return 0;
}

/* So many seconds later; the wait until the next step, in seconds, or -1: never. */
static int64_t
step(struct world *w, int64_t seconds)
{
	struct tally_uptime next;

	w->now += seconds * TALLY_SECOND;
	w->seconds += (uint64_t)seconds;
	next = tally_witness_client_step(w->client, (struct tally_uptime){ w->now }, false);
	return next.ns == INT64_MAX ? -1 : (next.ns - w->now) / TALLY_SECOND;
}

static struct tally_witness_standing
standing(struct world *w)
{
	struct tally_witness_standing s;

	tally_witness_client_standing(w->client, &s);
	return s;
}

/* How many of the witnesses' lines in `lines` verify over the log's note of that size. */
static size_t
verified(struct world *w, uint64_t size, struct tally_bytes lines)
{
	struct tally_buf whole = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_note note;
	uint64_t time;
	size_t n = 0;

	memlog_note(&w->log, size, &whole);
	tally_buf_add_bytes(&whole, lines);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&whole), &scratch, &w->err), 0);
	for (size_t i = 0; i < WITNESSES; i++)
		n += tally_note_cosigned(&note, tally_witness_vkey(w->witness[i]), &time,
					 &w->err) == 1;
	tally_buf_deinit(&whole), tally_buf_deinit(&scratch);
	return n;
}

static void
all_are_asked_about_one_note_and_a_quorum_is_told_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(step(w, 0), 60);
	assert_int_equal(verified(w, 5, tally_buf_view(&w->kept)), 3);
	assert_int_equal(w->reached, 1);
	assert_int_equal(verified(w, 5, tally_buf_view(&w->reached_lines)), 3);
	assert_true(standing(w).size == 5 && standing(w).time == 50 && standing(w).owed == 0);
	assert_true(standing(w).asked && !standing(w).closed && standing(w).failing == 0);
	w->size = 300;
	assert_int_equal(step(w, 30), 30); /* not before its turn */
	assert_int_equal(w->posts[0], 1);
	tally_buf_clear(&w->kept);
	assert_int_equal(step(w, 30), 60);
	assert_int_equal(verified(w, 300, tally_buf_view(&w->kept)), 3);
	assert_int_equal(w->posts[0], 2);
	assert_int_equal(w->reached, 2);
	assert_true(step(w, 60) > 0 && w->posts[0] == 2); /* nothing is new */
}

static void
a_ledger_without_a_note_asks_nobody(void **state)
{
	struct world *w = *state;

	w->size = 0;
	assert_int_equal(step(w, 0), 60);
	assert_int_equal(w->posts[0], 0);
	assert_true(standing(w).asked); /* nobody has to wait */
}

static void
a_witness_that_is_down_is_asked_less_and_less_and_holds_nobody_up(void **state)
{
	struct world *w = *state;
	unsigned posts;

	w->trouble[2] = DOWN;
	assert_int_equal(step(w, 0), 5);
	assert_int_equal(w->reached, 1);
	assert_int_equal(standing(w).failing, 1);
	assert_string_equal(standing(w).failure, "w2: connection refused");
	assert_int_equal(step(w, 4), 1);
	assert_int_equal(w->posts[2], 1);
	assert_int_equal(step(w, 1), 10);
	assert_int_equal(step(w, 10), 20);
	assert_int_equal(w->posts[2], 3);
	for (int i = 0; i < 200; i++) {
		w->size++;
		step(w, 60);
	}
	posts = w->posts[2];
	assert_in_range(posts, 20, 32); /* in 200 minutes, every ten of them */
	assert_int_equal(w->posts[0], 201);
	w->trouble[2] = NONE;
	tally_buf_clear(&w->kept);
	step(w, 600);
	assert_int_equal(verified(w, w->size, tally_buf_view(&w->kept)), 1);
	assert_int_equal(standing(w).failing, 0);
	assert_string_equal(w->closed, "");
}

static void
what_an_outage_left_owed_is_covered_by_the_newest_note(void **state)
{
	struct world *w = *state;

	w->trouble[0] = w->trouble[1] = w->trouble[2] = DOWN;
	for (int i = 0; i < 30; i++) {
		step(w, 60);
		w->size += 7;
	}
	assert_int_equal(w->reached, 0);
	/* They have failed: so nobody waits for them. */
	assert_true(standing(w).asked && standing(w).owed > 0 && standing(w).size == 0);
	w->trouble[0] = w->trouble[1] = w->trouble[2] = NONE;
	step(w, 600);
	assert_int_equal(w->reached, 1);
	assert_true(w->reached_size == w->size);
	assert_true(standing(w).owed == 0 && standing(w).size == w->size);
}

static void
a_quorum_that_is_not_there_is_owed(void **state)
{
	struct world *w = *state;

	w->trouble[0] = w->trouble[1] = DOWN;
	step(w, 0);
	assert_int_equal(w->reached, 0);
	assert_true(standing(w).owed == 5);
	w->trouble[1] = NONE;
	w->size = 9; /* all the same, it is of the note that w2 has signed */
	step(w, 10);
	assert_int_equal(w->reached, 1);
	assert_true(w->reached_size == 5);
	assert_int_equal(verified(w, 5, tally_buf_view(&w->reached_lines)), 2);
}

static void
after_a_restart_it_asks_once_and_goes_on_from_what_it_knows(void **state)
{
	struct world *w = *state;

	step(w, 0);
	start_client(w);
	assert_false(standing(w).asked);
	assert_true(standing(w).size == 5);
	step(w, 1);
	assert_true(standing(w).asked);
	assert_int_equal(w->posts[0], 2); /* no conflict on the way */
	assert_int_equal(w->reached, 1);  /* and nothing new */
	w->size = 100;
	step(w, 60);
	assert_int_equal(w->posts[0], 3);
	assert_true(w->reached_size == 100);
}

static void
what_it_has_forgotten_the_witness_tells(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->root, "witnesses"), *text;
	size_t n;

	step(w, 0);
	text = test_file_read(path, &n);
	for (size_t cut = 0; cut < n; cut += 13) {
		test_file_write(path, text, cut);
		start_client(w);
		w->size++;
		step(w, 60);
		assert_int_equal(standing(w).failing, 0);
		assert_true(standing(w).size == w->size);
	}
	assert_int_equal(unlink(path), 0);
	start_client(w);
	w->size++;
	step(w, 60);
	assert_true(standing(w).size == w->size);
	assert_string_equal(w->closed, "");
	free(text);
	free(path);
}

static void
answers_that_prove_nothing_are_failures_and_close_nothing(void **state)
{
	static const struct {
		enum trouble trouble;
		const char *told;
	} cases[] = {
		{ GARBAGE, "w0: note: malformed signature line 1" },
		{ OTHER_NOTE, "w0: note: the signature of witness.example.com/1 does not verify" },
		{ STATUS_500, "w0: it answers 500: < [31m sorry>" },
		{ CONFLICT_TEXT, "w0: it answers 409: five " },
		{ SIZE_AGAIN, "w0: it names the size that it was asked from as a conflict" },
		{ SIZE_OTHER, "w0: it names another size each time" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		start_client(w);
		w->trouble[0] = cases[i].trouble;
		w->size++;
		step(w, 1000);
		assert_int_equal(standing(w).failing, 1);
		/* All have one name, so that the key alone tells them apart. */
		if (cases[i].trouble == OTHER_NOTE)
			assert_non_null(strstr(standing(w).failure, "w0: "));
		else
			assert_string_equal(standing(w).failure, cases[i].told);
		assert_string_equal(w->closed, "");
		assert_false(standing(w).closed);
		assert_true(standing(w).size == w->size); /* the other two are enough */
	}
}

static void
assert_closed(struct world *w, const char *why)
{
	unsigned posts = w->posts[0] + w->posts[1] + w->posts[2];

	assert_true(standing(w).closed && standing(w).asked);
	if (!strstr(w->closed, why))
		fail_msg("closed: %s", w->closed);
	assert_string_equal(standing(w).failure, w->closed);
	assert_int_equal(step(w, 1000), -1);
	assert_int_equal(w->posts[0] + w->posts[1] + w->posts[2], posts);
}

static void
another_root_at_a_witnessed_size_closes_the_log(void **state)
{
	struct world *w = *state;

	step(w, 0);
	w->log.branch = 1;
	w->log.fork = 4;
	start_client(w);
	step(w, 60);
	assert_closed(w, "witness w0 (witness.example.com/1) has cosigned another history of this "
			 "log: its first 5 entries have another root there");
}

static void
a_history_that_does_not_grow_out_of_the_witnessed_one_closes_the_log(void **state)
{
	struct world *w = *state;

	step(w, 0);
	w->log.branch = 1;
	w->log.fork = 4;
	w->size = 9;
	step(w, 60);
	assert_closed(w, "the 5 entries that it knows are not the first of these 9");
}

static void
a_ledger_that_is_behind_its_witness_closes(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->root, "witnesses");

	w->size = 20;
	step(w, 0);
	/* Set back with what it knew of its witnesses, or without. */
	w->size = 11;
	start_client(w);
	step(w, 60);
	assert_closed(w, "has cosigned 20 entries of this log, and here only 11 were ever signed");
	w->closed[0] = '\0';
	assert_int_equal(unlink(path), 0);
	start_client(w);
	step(w, 60);
	assert_closed(w, "has cosigned 20 entries");
	free(path);
}

static void
a_size_that_was_signed_meanwhile_is_no_reason_to_close(void **state)
{
	struct world *w = *state;
	struct tally_buf body = TALLY_BUF_INIT;

	w->trouble[0] = DOWN;
	step(w, 0);
	/* Somebody else (an operator's command) had a newer note of ours cosigned. */
	w->trouble[0] = NONE;
	w->size = 8;
	memlog_request(&w->log, 0, 8, &body);
	assert_int_equal(witness_ask(w->witness[0], tally_buf_view(&body), 1, NULL), 200);
	assert_int_equal(step(w, 10), 0); /* on with the newest note at once */
	step(w, 0);
	assert_string_equal(w->closed, "");
	assert_true(standing(w).size == 8 && standing(w).failing == 0);
	assert_int_equal(verified(w, 8, tally_buf_view(&w->reached_lines)), 3);
	tally_buf_deinit(&body);
}

static void
a_disk_that_fails_costs_no_cosignature(void **state)
{
	struct world *w = *state;

	for (unsigned n = 1; n < 8; n++) {
		test_disk_init(&w->disk, n, ENOSPC);
		start_client(w);
		w->size++;
		step(w, 60);
		assert_true(w->disk.failed || n > 4);
		assert_true(standing(w).size == w->size);
	}
}

static void
refuses(struct world *w, const char *part, const char *told)
{
	struct tally_buf text = TALLY_BUF_INIT, vkey = TALLY_BUF_INIT;

	tally_vkey_text(&vkey, tally_witness_vkey(w->witness[0]));
	tally_buf_addf(&text, "%switness a %s%s\nquorum a\n", part[0] == 'l' ? part : "",
		       tally_buf_cstr(&vkey), part[0] == 'l' ? " http://w0" : part);
	tally_policy_free(w->policy);
	assert_int_equal(tally_policy_parse(&w->policy, "p", tally_buf_view(&text), &w->err), 0);
	assert_int_equal(try_client(w), -1);
	assert_string_equal(w->err.text, told);
	assert_int_equal(w->err.code, TALLY_USE);
	tally_buf_deinit(&text), tally_buf_deinit(&vkey);
}

static void
policies_that_cannot_be_fulfilled_are_refused_at_the_start(void **state)
{
	refuses(*state, "", "the witnesses that have a URL cannot reach the quorum");
	refuses(*state, " ftp://a", "witness a: 'ftp://a' is no http(s) URL");
	refuses(*state, "log log.example/a+c1f9cf96+Af0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY\n",
		"the policy names logs, but not example.com/log");
}

int
main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WORLD(all_are_asked_about_one_note_and_a_quorum_is_told_once),
		WORLD(a_ledger_without_a_note_asks_nobody),
		WORLD(a_witness_that_is_down_is_asked_less_and_less_and_holds_nobody_up),
		WORLD(what_an_outage_left_owed_is_covered_by_the_newest_note),
		WORLD(a_quorum_that_is_not_there_is_owed),
		WORLD(after_a_restart_it_asks_once_and_goes_on_from_what_it_knows),
		WORLD(what_it_has_forgotten_the_witness_tells),
		WORLD(answers_that_prove_nothing_are_failures_and_close_nothing),
		WORLD(another_root_at_a_witnessed_size_closes_the_log),
		WORLD(a_history_that_does_not_grow_out_of_the_witnessed_one_closes_the_log),
		WORLD(a_ledger_that_is_behind_its_witness_closes),
		WORLD(a_size_that_was_signed_meanwhile_is_no_reason_to_close),
		WORLD(a_disk_that_fails_costs_no_cosignature),
		WORLD(policies_that_cannot_be_fulfilled_are_refused_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
