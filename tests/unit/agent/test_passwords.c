/* SPDX-License-Identifier: Apache-2.0 */
/* Files of passwords: what is copied for the TPM, and whose files are refused. */
#include "testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "passwords.h"
#include "tally/err.h"

struct place {
	char *dir, *tpm, *owner, *endorsement, *file;
	struct config c;
	struct tally_err err;
};

static int
setup(void **state)
{
	struct place *p = tally_alloc(sizeof(*p));
	p->dir = test_dir_make();
	p->tpm = test_path(p->dir, "tpm");
	assert_int_equal(mkdir(p->tpm, 0700), 0);
	p->owner = test_path(p->tpm, "owner.password");
	p->endorsement = test_path(p->tpm, "endorsement.password");
	p->file = test_path(p->dir, "secret");
	p->c.ledger = p->dir;
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;
	test_dir_remove(p->dir);
	free(p->tpm);
	free(p->owner);
	free(p->endorsement);
	free(p->file);
	free(p);
	return 0;
}

static void
write_secret(struct place *p, const char *text, mode_t mode)
{
	(void)unlink(p->file);
	test_file_write(p->file, text, strlen(text));
	assert_int_equal(chmod(p->file, mode), 0);
}

static void
holds(const char *path, const char *text)
{
	size_t n;
	char *has = test_file_read(path, &n);
	if (text == NULL) {
		assert_null(has);
		return;
	}
	assert_non_null(has);
	assert_string_equal(has, text);
	free(has);
}

static void
is_refused(struct place *p, enum tally_code code, const char *why)
{
	tally_err_clear(&p->err);
	assert_int_equal(passwords_place(&p->c, &p->err), -1);
	if (p->err.code != code || strstr(p->err.text, why) == NULL)
		fail_msg("%d: %s", (int)p->err.code, p->err.text);
	assert_non_null(strstr(p->err.text, p->file));
	assert_null(strstr(p->err.text, "sesame"));
	holds(p->owner, NULL);
}

static void
passwords_are_copied_for_the_tpm_and_for_nobody_else(void **state)
{
	struct place *p = *state;
	struct stat first, again;
	write_secret(p, "open sesame\n", 0600);
	p->c.tpm.owner_password_file = p->file;
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
	holds(p->owner, "open sesame\n");
	holds(p->endorsement, NULL);
	assert_int_equal(stat(p->owner, &first), 0);
	assert_int_equal(first.st_mode & 0777, 0600);
	/* The same once more writes nothing; another one takes its place. */
	p->c.tpm.endorsement_password_file = p->file;
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
	assert_int_equal(stat(p->owner, &again), 0);
	assert_int_equal(first.st_ino, again.st_ino);
	holds(p->endorsement, "open sesame\n");
	write_secret(p, "open barley", 0640);
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
	holds(p->owner, "open barley");
	holds(p->endorsement, "open barley");
}

static void
what_is_not_configured_stays_as_it_was_made(void **state)
{
	struct place *p = *state;
	test_file_write(p->owner, "old", 3);
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
	holds(p->owner, "old");
	holds(p->endorsement, NULL);
}

/* The meter does not stop for it; what the helper then lacks the TPM says. */
static void
without_its_file_what_the_ledger_was_made_with_stays(void **state)
{
	struct place *p = *state;
	p->c.tpm.owner_password_file = p->file;
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
	holds(p->owner, NULL);
	test_file_write(p->owner, "old", 3);
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
	holds(p->owner, "old");
	/* The other one is taken all the same. */
	write_secret(p, "open sesame", 0600);
	p->c.tpm.owner_password_file = "/nonexistent/secret";
	p->c.tpm.endorsement_password_file = p->file;
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
	holds(p->owner, "old");
	holds(p->endorsement, "open sesame");
}

static void
a_file_that_cannot_be_read_stops_nothing(void **state)
{
	struct place *p = *state;
	int r;
	if (geteuid() != 0) {
		print_message("skipped: not root, who alone can become somebody who may not\n");
		skip();
	}
	test_file_write(p->owner, "old", 3);
	write_secret(p, "open sesame", 0600);
	p->c.tpm.owner_password_file = p->file;
	assert_int_equal(chown(p->dir, 12345, 0) | chown(p->tpm, 12345, 0), 0);
	assert_int_equal(seteuid(12345), 0);
	r = passwords_place(&p->c, &p->err);
	assert_int_equal(seteuid(0), 0);
	if (r < 0)
		fail_msg("%s", p->err.text);
	holds(p->owner, "old");
}

static void
a_file_that_others_can_read_or_change_is_refused(void **state)
{
	static const mode_t hostile[] = { 0644, 0604, 0602, 0601, 0620, 0660, 0666 };
	struct place *p = *state;
	p->c.tpm.owner_password_file = p->file;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		write_secret(p, "open sesame", hostile[i]);
		is_refused(p, TALLY_USE, "others can read or change it");
	}
}

static void
a_file_of_another_user_is_refused(void **state)
{
	struct place *p = *state;
	if (geteuid() != 0) {
		print_message("skipped: not root, who alone can give files away\n");
		skip();
	}
	write_secret(p, "open sesame", 0600);
	assert_int_equal(chown(p->file, 12345, 0), 0);
	p->c.tpm.owner_password_file = p->file;
	is_refused(p, TALLY_USE, "neither root's nor of this user");
}

static void
what_holds_no_password_is_refused_by_its_path(void **state)
{
	struct place *p = *state;
	p->c.tpm.owner_password_file = p->file;
	write_secret(p, "\n", 0600);
	is_refused(p, TALLY_USE, "1 to 32 bytes");
	write_secret(p, "sesame sesame sesame sesame sesam", 0600);
	is_refused(p, TALLY_USE, "1 to 32 bytes");
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkfifo(p->file, 0600), 0);
	is_refused(p, TALLY_USE, "not a regular file");
	/* And the longest that there is. */
	write_secret(p, "sesame sesame sesame sesame sesa\r\n", 0600);
	assert_int_equal(passwords_place(&p->c, &p->err), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(passwords_are_copied_for_the_tpm_and_for_nobody_else),
		CASE(what_is_not_configured_stays_as_it_was_made),
		CASE(without_its_file_what_the_ledger_was_made_with_stays),
		CASE(a_file_that_cannot_be_read_stops_nothing),
		CASE(a_file_that_others_can_read_or_change_is_refused),
		CASE(a_file_of_another_user_is_refused),
		CASE(what_holds_no_password_is_refused_by_its_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
