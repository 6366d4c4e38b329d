/* SPDX-License-Identifier: Apache-2.0 */
/* The newest record of a ledger: by its name in `meta`, and where an older program has
 * kept no name, by looking once. */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "store_internal.h"

#define NAME "enrolment"

static void
append_record(struct tally_store *s, const char *text)
{
	struct tally_event ev = { .kind = TALLY_ENROLMENT };
	struct tally_err err = TALLY_ERR_INIT;
	uint64_t index;

	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_OPERATOR;
	ev.o.enrolment = tally_bytes_str(text);
	assert_ok(tally_store_append_event(s, &ev, &index, &err));
}

static void
append_others(struct tally_store *s, size_t n)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct batch b;
	uint64_t first;

	batch_init(&b, 0, n, 40);
	assert_ok(tally_store_append(s, b.entry, n, &first, &err));
	batch_deinit(&b);
}

static int
forget(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	MDB_val key = { strlen(NAME), NAME };
	int rc = mdb_del(txn, s->meta, &key, NULL);

	(void)ctx;
	return rc && rc != MDB_NOTFOUND ? store_mdb_err(err, rc, "del") : 0;
}

/* As an older program left it. */
static void
make_older(struct tally_store *s)
{
	struct tally_err err = TALLY_ERR_INIT;

	assert_ok(store_write(s, forget, NULL, &err));
}

/* In `meta`: 1 and the index, 0 no name. */
static int
named(struct tally_store *s, uint64_t *index)
{
	struct tally_err err = TALLY_ERR_INIT;
	MDB_txn *txn;
	int r;

	assert_ok(store_short_begin(s, &txn, &err));
	r = store_newest(s, txn, NAME, index, &err);
	store_short_end(s, txn);
	return r;
}

static void
is_newest(struct tally_store *s, const char *text)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store_origins o;

	assert_ok(tally_store_origins_read(s, true, &o, &err));
	if (!tally_bytes_eq(tally_buf_view(&o.record), tally_bytes_str(text)))
		fail_msg("'%s' is the newest, and not '%s'", tally_buf_cstr(&o.record), text);
	tally_store_origins_deinit(&o);
}

static int
setup(void **state)
{
	struct fixture *f = tally_alloc(sizeof(*f));
	struct tally_event ev = { .kind = TALLY_LEDGER_BEGIN };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	uint64_t index;

	fixture_init(f);
	fixture_create(f);
	s = fixture_open(f, TALLY_STORE_WRITE);
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_AGENT;
	assert_ok(tally_store_append_event(s, &ev, &index, &err));
	tally_store_close(s);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	fixture_deinit(*state);
	free(*state);
	return 0;
}

static void
the_newest_record_has_a_name(void **state)
{
	struct tally_store *s = fixture_open(*state, TALLY_STORE_WRITE);
	uint64_t index;

	append_others(s, 3);
	assert_int_equal(named(s, &index), 0);
	append_record(s, "one");
	append_record(s, "two");
	append_others(s, 5);
	assert_int_equal(named(s, &index), 1);
	assert_int_equal(index, 5);
	is_newest(s, "two");
	tally_store_close(s);
}

static void
an_older_ledger_is_looked_through_once(void **state)
{
	struct tally_store *s = fixture_open(*state, TALLY_STORE_WRITE);
	uint64_t index;

	append_record(s, "one");
	append_record(s, "two");
	append_others(s, 3 * STORE_SCAN); /* in several pieces */
	make_older(s);
	is_newest(s, "two");
	assert_int_equal(named(s, &index), 1);
	assert_int_equal(index, 2);
	is_newest(s, "two");
	append_record(s, "three");
	is_newest(s, "three");
	tally_store_close(s);
}

static void
that_there_is_none_is_kept_until_there_is_one(void **state)
{
	struct tally_store *s = fixture_open(*state, TALLY_STORE_WRITE);
	uint64_t index;

	append_others(s, 3);
	is_newest(s, "");
	assert_int_equal(named(s, &index), 1);
	assert_true(index == UINT64_MAX);
	is_newest(s, "");
	append_record(s, "one");
	is_newest(s, "one");
	tally_store_close(s);
}

static void
a_reader_finds_it_in_an_older_ledger_and_writes_nothing(void **state)
{
	struct tally_store *s = fixture_open(*state, TALLY_STORE_WRITE);
	uint64_t index;

	append_record(s, "one");
	append_others(s, 3);
	make_older(s);
	tally_store_close(s);
	s = fixture_open(*state, TALLY_STORE_READ);
	is_newest(s, "one");
	assert_int_equal(named(s, &index), 0);
	tally_store_close(s);
}

static void
a_name_that_leads_to_another_entry_is_an_error(void **state)
{
	struct tally_store *s = fixture_open(*state, TALLY_STORE_WRITE);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store_origins o;
	MDB_txn *txn;

	append_record(s, "one");
	append_others(s, 3);
	tally_store_close(s);
	s = fixture_open(*state, TALLY_STORE_WRITE);
	assert_int_equal(mdb_txn_begin(s->env, NULL, 0, &txn), 0);
	assert_ok(store_newest_put(s, txn, NAME, 3, &err));
	assert_int_equal(mdb_txn_commit(txn), 0);
	assert_int_equal(tally_store_origins_read(s, true, &o, &err), -1);
	assert_non_null(strstr(err.text, "entry 3: no enrolment"));
	tally_store_origins_deinit(&o);
	tally_store_close(s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_newest_record_has_a_name),
		CASE(an_older_ledger_is_looked_through_once),
		CASE(that_there_is_none_is_kept_until_there_is_one),
		CASE(a_reader_finds_it_in_an_older_ledger_and_writes_nothing),
		CASE(a_name_that_leads_to_another_entry_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
