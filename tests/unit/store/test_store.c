/* SPDX-License-Identifier: Apache-2.0 */
/* Making, opening, appending and reading a ledger. */
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store_internal.h"

static void
a_new_ledger_is_empty_and_knows_its_origin(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf vkey = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	uint8_t root[TALLY_HASH], none[TALLY_HASH];
	struct tally_store *s;
	struct fixture f;
	struct stat st;
	char name[160];
	uint64_t size;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_string_equal(tally_store_origin(s), "example.org/log");
	assert_string_equal(tally_store_transport(s), "libtpms");
	assert_string_equal(tally_store_path(s), f.path);
	assert_ok(tally_store_head(s, &size, root, &err));
	assert_int_equal(size, 0);
	tally_sha256(none, tally_bytes(NULL, 0));
	assert_memory_equal(root, none, TALLY_HASH);
	assert_int_equal(tally_store_checkpoint(s, &err), 0);
	tally_vkey_text(&vkey, tally_store_vkey(s));
	tally_buf_add_str(&vkey, "\n");
	snprintf(name, sizeof(name), "%s/keys", f.path);
	assert_int_equal(read_whole(name, "log.vkey", &text), 1);
	assert_true(tally_bytes_eq(tally_buf_view(&vkey), tally_buf_view(&text)));
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(name, sizeof(name), "%s/keys/log.key", f.path);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	tally_buf_deinit(&vkey);
	tally_buf_deinit(&text);
	tally_store_close(s);
	fixture_deinit(&f);
}

static void
a_ledger_is_not_made_over_anything(void **state)
{
	struct tally_init_options o = { .host = "web 1+\n../x" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;
	char path[128];

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	assert_int_equal(tally_store_create(f.path, &o, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	check_ledger(f.path, 0);
	/* A folder with nothing but tpm/ is fine: the TPM was there first. */
	snprintf(path, sizeof(path), "%s/other", f.root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/other/tpm", f.root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/other", f.root);
	assert_ok(tally_store_create(path, &o, &err));
	assert_ok(tally_store_open(&s, path, TALLY_STORE_READ, NULL, &err));
	assert_memory_equal(tally_store_origin(s), "tallystick.invalid/web-1--..-x-", 31);
	tally_store_close(s);
	o.origin = "a b";
	snprintf(path, sizeof(path), "%s/third", f.root);
	assert_int_equal(tally_store_create(path, &o, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_int_not_equal(access(path, F_OK), 0);
	fixture_deinit(&f);
}

static void
entries_come_back_as_they_were_appended(void **state)
{
	static const size_t batches[] = { 1, 1, 14, 1, 239, 1, 4096, 7, 10000, 3000 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;
	uint64_t n = 0;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		assert_ok(append_serials(s, n, batches[i], 40 + 90 * i, &err));
		n += batches[i];
		if (i % 3 == 2)
			assert_int_equal(tally_store_checkpoint(s, &err), 1);
	}
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	assert_int_equal(tally_store_checkpoint(s, &err), 0);
	tally_store_close(s);
	assert_int_equal(check_ledger(f.path, n), n);
	/* The same once more behind a new opening. */
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, n, 70000, 24, &err));
	tally_store_close(s);
	assert_int_equal(check_ledger(f.path, n + 70000), n + 70000);
	fixture_deinit(&f);
}

static void
a_group_of_the_greatest_length_is_kept_and_a_longer_one_refused(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	uint8_t *big = tally_alloc(TALLY_GROUP_MAX + 1), seed[TALLY_SEED] = { 0 };
	struct tally_bytes view[TALLY_GROUPS];
	struct tally_prepared e;
	struct tally_store *s;
	struct fixture f;
	uint64_t first;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	memset(big, 7, TALLY_GROUP_MAX + 1);
	for (int k = 0; k < TALLY_GROUPS; k++)
		view[k] = tally_bytes(big, TALLY_GROUP_MAX);
	tally_prepare(&e, 200, 0, seed, view);
	assert_ok(tally_store_append(s, &e, 1, &first, &err));
	assert_int_equal(tally_store_entry(s, 0, &record, group, NULL, &err), 1);
	for (int k = 0; k < TALLY_GROUPS; k++) {
		assert_true(tally_bytes_eq(tally_buf_view(&group[k]), view[k]));
		tally_buf_deinit(&group[k]);
	}
	assert_int_equal(tally_store_entry(s, 1, &record, NULL, NULL, &err), 0);
	e.group[1] = tally_bytes(big, TALLY_GROUP_MAX + 1);
	assert_int_equal(tally_store_append(s, &e, 1, &first, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	tally_buf_deinit(&record);
	free(big);
	tally_store_close(s);
	fixture_deinit(&f);
}

/* Every proof made from the stored nodes holds against the head. */
static void
proofs_from_the_stored_nodes_hold(void **state)
{
	static const size_t sizes[] = { 1,   2,    15,   16,    17,    255,   256,
					257, 1008, 1009, 16127, 16128, 16300, 70000 };
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t root[TALLY_HASH], old_root[TALLY_HASH], leaf[TALLY_HASH];
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_nodes nodes;
	struct tally_proof proof;
	struct tally_store *s;
	struct fixture f;
	uint64_t size = 0, old = 0;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	nodes = tally_store_nodes(s);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		assert_ok(append_serials(s, size, sizes[k] - (size_t)size, 24, &err));
		assert_ok(tally_store_head(s, &size, root, &err));
		assert_int_equal(size, sizes[k]);
		for (uint64_t i = 0; i<size; i += size> 300 ? 97 : 1) {
			assert_int_equal(tally_store_entry(s, i, &record, NULL, NULL, &err), 1);
			tally_hash_leaf(leaf, tally_buf_view(&record));
			assert_ok(tally_proof_inclusion(&proof, i, size, &nodes, &err));
			assert_ok(tally_check_inclusion(i, size, leaf, proof.hash[0], proof.count,
							root, &err));
		}
		if (old > 0) {
			assert_ok(tally_proof_consistency(&proof, old, size, &nodes, &err));
			assert_ok(tally_check_consistency(old, size, proof.hash[0], proof.count,
							  old_root, root, &err));
		}
		old = size;
		memcpy(old_root, root, TALLY_HASH);
	}
	assert_int_equal(tally_proof_inclusion(&proof, size, size, &nodes, &err), -1);
	tally_buf_deinit(&record);
	tally_store_close(s);
	fixture_deinit(&f);
}

static struct tally_header
header_of(struct tally_store *s, uint64_t index)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_header h;

	assert_int_equal(tally_store_entry(s, index, &record, NULL, NULL, &err), 1);
	assert_ok(tally_record_read(&h, record.p, &err));
	tally_buf_deinit(&record);
	return h;
}

static void
boots_are_numbered_and_uptime_never_falls_in_one(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;
	uint64_t before;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 1, 24, &err));
	assert_int_equal(header_of(s, 0).boot, 1);
	before = header_of(s, 0).uptime;
	f.clock.now.uptime.ns = 0; /* a clock that lies */
	assert_ok(append_serials(s, 1, 1, 24, &err));
	assert_int_equal(header_of(s, 1).boot, 1);
	assert_int_equal(header_of(s, 1).uptime, before);
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_WRITE); /* the agent alone was restarted */
	assert_ok(append_serials(s, 2, 1, 24, &err));
	assert_int_equal(header_of(s, 2).boot, 1);
	assert_int_equal(header_of(s, 2).uptime, before);
	tally_store_close(s);
	memset(f.clock.boot_id, 0x22, 16);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 3, 1, 24, &err));
	assert_int_equal(header_of(s, 3).boot, 2);
	assert_true(header_of(s, 3).uptime < before);
	tally_store_close(s);
	/* No boot_id: a smaller uptime is the only sign of a boot. */
	f.clock.no_boot_id = true;
	f.clock.now.uptime.ns = TALLY_SECOND;
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 4, 1, 24, &err));
	assert_int_equal(header_of(s, 4).boot, 3);
	assert_ok(append_serials(s, 5, 1, 24, &err));
	assert_int_equal(header_of(s, 5).boot, 3);
	f.clock.now.uptime.ns = 0;
	assert_ok(append_serials(s, 6, 1, 24, &err));
	assert_int_equal(header_of(s, 6).boot, 4);
	tally_store_close(s);
	fixture_deinit(&f);
}

static void
a_held_ledger_is_refused_with_the_pid(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct tally_writer *w;
	struct fixture f;
	int to_child[2], to_us[2], status;
	char text[64], byte;
	pid_t child;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(to_us), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct tally_err e = TALLY_ERR_INIT;
		struct tally_store *held;

		close(to_child[1]);
		if (tally_store_open(&held, f.path, TALLY_STORE_WRITE, NULL, &e) < 0)
			_exit(1);
		(void)!write(to_us[1], "x", 1);
		(void)!read(to_child[0], &byte, 1);
		_exit(0); /* without closing: the kernel gives the lock back */
	}
	close(to_child[0]);
	assert_int_equal(read(to_us[0], &byte, 1), 1);
	assert_int_equal(tally_store_open(&s, f.path, TALLY_STORE_WRITE, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_HELD);
	snprintf(text, sizeof(text), "held by process %ld", (long)child);
	assert_non_null(strstr(err.text, text));
	/* Nobody listens: the holder cannot be asked either. */
	assert_int_equal(tally_writer_open(&w, f.path, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_HELD);
	assert_non_null(strstr(err.text, text));
	/* A reader needs no lock. */
	s = fixture_open(&f, TALLY_STORE_READ);
	assert_int_equal(append_serials(s, 0, 1, 24, &err), -1);
	tally_store_close(s);
	close(to_child[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_ok(tally_writer_open(&w, f.path, NULL, &err));
	assert_false(tally_writer_is_remote(w));
	assert_non_null(tally_writer_store(w));
	tally_writer_close(w);
	close(to_us[0]);
	close(to_us[1]);
	fixture_deinit(&f);
}

static void
a_full_map_grows(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	struct fixture f;
	uint64_t n = 0;

	(void)state;
	fixture_init(&f);
	store_map_size = 1u << 18;
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	for (int i = 0; i < 40; i++) {
		assert_ok(append_serials(s, n, 500, 300, &err));
		n += 500;
		if (i % 10 == 0)
			assert_int_equal(tally_store_checkpoint(s, &err), 1);
	}
	tally_store_close(s);
	assert_int_equal(check_ledger(f.path, n), n);
	store_map_size = (size_t)64 << 30;
	fixture_deinit(&f);
}

static void
a_reader_sees_entries_that_another_process_appends_beyond_its_map(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t root[TALLY_HASH];
	struct tally_entries it;
	struct tally_entry e;
	struct tally_store *s;
	struct fixture f;
	uint64_t size;
	int status;
	pid_t child;

	(void)state;
	fixture_init(&f);
	store_map_size = 1u << 18;
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_READ);
	assert_ok(tally_store_head(s, &size, root, &err));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct tally_err e2 = TALLY_ERR_INIT;
		struct tally_store *w;

		store_map_size = (size_t)1 << 30;
		if (tally_store_open(&w, f.path, TALLY_STORE_WRITE, NULL, &e2) < 0 ||
		    append_serials(w, 0, 25000, 300, &e2) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_ok(tally_store_head(s, &size, root, &err));
	assert_int_equal(size, 25000);
	assert_ok(tally_store_entries(s, 100, UINT64_MAX, &it, &err));
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 100; i < size; i++) {
			assert_int_equal(it.next(it.ctx, &e, &err), 1);
			assert_int_equal(tally_get_u64(e.group[0].p), i);
			assert_int_equal(e.mask, 7);
		}
		assert_int_equal(it.next(it.ctx, &e, &err), 0);
		assert_ok(it.rewind(it.ctx, &err));
	}
	it.close(it.ctx);
	tally_store_close(s);
	store_map_size = (size_t)64 << 30;
	fixture_deinit(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_ledger_is_empty_and_knows_its_origin),
		cmocka_unit_test(a_ledger_is_not_made_over_anything),
		cmocka_unit_test(entries_come_back_as_they_were_appended),
		cmocka_unit_test(a_group_of_the_greatest_length_is_kept_and_a_longer_one_refused),
		cmocka_unit_test(proofs_from_the_stored_nodes_hold),
		cmocka_unit_test(boots_are_numbered_and_uptime_never_falls_in_one),
		cmocka_unit_test(a_held_ledger_is_refused_with_the_pid),
		cmocka_unit_test(a_full_map_grows),
		cmocka_unit_test(a_reader_sees_entries_that_another_process_appends_beyond_its_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
