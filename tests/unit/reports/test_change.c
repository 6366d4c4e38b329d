/* SPDX-License-Identifier: Apache-2.0 */
/* The words of changes: what they become, and what is refused at which character. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "../../../reports/change.h"

static struct tally_changes *list;
static struct tally_err err;

static int
setup(void **state)
{
	(void)state;
	list = tally_changes_new();
	err = (struct tally_err)TALLY_ERR_INIT;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tally_changes_free(list);
	return 0;
}

static const struct change *
takes(enum tally_change kind, const char *words)
{
	if (tally_changes_add(list, kind, words, &err) < 0)
		fail_msg("%s", err.text);
	return &list->p[list->n - 1];
}

static void
a_host_has_cores_of_each_socket_and_texts_with_commas(void **state)
{
	const struct change *c = takes(TALLY_CHANGE_ADD_HOST,
				       "a\\,b,cores=2x16+8,cpu=Xeon\\, 2.4 \\\\,max-sockets=4,"
				       "threads=2,hypervisor=vmware,cluster=c,region=r,"
				       "partitioning=p,os=http://suse.com/sles/15,like=h1");

	(void)state;
	assert_int_equal(c->what, CHANGE_ADD_HOST);
	assert_string_equal(c->subject, "a,b");
	assert_string_equal(c->value[KEY_CPU], "Xeon, 2.4 \\");
	assert_string_equal(c->value[KEY_LIKE], "h1");
	assert_int_equal(c->sockets, 3);
	assert_int_equal(c->cores[0], 16);
	assert_int_equal(c->cores[1], 16);
	assert_int_equal(c->cores[2], 8);
	assert_int_equal(c->max_sockets, 4);
	assert_int_equal(c->threads, 2);
	assert_true(c->hypervisor > 0);
}

static void
what_grows_is_told_by_the_key(void **state)
{
	(void)state;
	assert_int_equal(takes(TALLY_CHANGE_GROW, "web*,vcpus=8")->what, CHANGE_GROW_VMS);
	assert_int_equal(list->p[0].vcpus, 8);
	assert_int_equal(takes(TALLY_CHANGE_GROW, "web*,copies=20,to=h1,os=rhel")->what,
			 CHANGE_COPY_VMS);
	assert_int_equal(list->p[1].copies, 20);
	assert_int_equal(list->p[1].number, 2);
	assert_int_equal(takes(TALLY_CHANGE_GROW, "h*,cores=24+24,cluster=c1")->what,
			 CHANGE_GROW_HOSTS);
	assert_int_equal(takes(TALLY_CHANGE_GROW, "h1,max-sockets=4")->what, CHANGE_GROW_HOSTS);
}

static void
a_place_is_a_host_a_cluster_either_or_none(void **state)
{
	static const struct {
		const char *words;
		enum change_place to;
		const char *place;
	} rows[] = {
		{ "a,to=h1", PLACE_EITHER, "h1" },
		{ "a,to=host:gone", PLACE_HOST, "gone" },
		{ "a,to=cluster:c1", PLACE_CLUSTER, "c1" },
		{ "a,to=gone", PLACE_GONE, "gone" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct change *c = takes(TALLY_CHANGE_MOVE, rows[i].words);

		assert_int_equal(c->to, rows[i].to);
		assert_string_equal(c->place, rows[i].place);
		assert_int_equal(c->what, CHANGE_MOVE_VMS);
	}
	assert_int_equal(takes(TALLY_CHANGE_MOVE, "host:h*,to=cluster:new")->what,
			 CHANGE_MOVE_HOSTS);
	assert_int_equal(takes(TALLY_CHANGE_REMOVE_HOST, "h3")->to, PLACE_NONE);
}

static const struct {
	enum tally_change kind;
	const char *words, *error;
} refused[] = {
	{ TALLY_CHANGE_ADD_HOST, "", "character 1: a name of 1 to 255 bytes is wanted here" },
	{ TALLY_CHANGE_ADD_HOST, ",cores=8", "character 1: a name of 1" },
	{ TALLY_CHANGE_ADD_HOST, "h", "character 1: says not what the host is" },
	{ TALLY_CHANGE_ADD_HOST, "h,", "character 3: KEY=VALUE is wanted here" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores", "character 3: KEY=VALUE is wanted here" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=", "character 9: 'cores' is empty" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=8,", "character 11: KEY=VALUE is wanted here" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=8,cores=8", "character 11: 'cores' stands there twice" },
	{ TALLY_CHANGE_ADD_HOST, "h,vcpus=8", "character 3: unknown key 'vcpus' (it knows like, " },
	{ TALLY_CHANGE_ADD_HOST, "h,Cores=8", "character 3: unknown key 'Cores'" },
	{ TALLY_CHANGE_ADD_HOST, "\xc3\xbc,kores=8", "character 3: unknown key 'kores'" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=0", "character 9: 'cores' must be those of each socket" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=8+", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=+8", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=x8", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=0x8", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=2x", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=1024x8+8", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=99999999999999999999", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=-8", "character 9: 'cores' must be" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=8+8,max-sockets=1",
	  "character 25: 'max-sockets' is less than the 2 sockets" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=8,threads=0", "character 19: 'threads' must be a whole" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=8,hypervisor=abacus",
	  "no hypervisor is called 'abacus'" },
	{ TALLY_CHANGE_ADD_HOST, "h,cores=8,os=sles",
	  "character 14: 'os' must be a libosinfo URI" },
	{ TALLY_CHANGE_REMOVE_HOST, "h,cores=8", "unknown key 'cores' (it knows to)" },
	{ TALLY_CHANGE_REMOVE_HOST, "h,to=host:", "character 6: 'to' names nothing" },
	{ TALLY_CHANGE_MOVE, "a", "character 1: says not where to" },
	{ TALLY_CHANGE_MOVE, "host:h1,to=h2", "character 12: a host moves to=cluster:NAME" },
	{ TALLY_CHANGE_MOVE, "host:h1,to=gone", "character 12: a host moves to=cluster:NAME" },
	{ TALLY_CHANGE_MOVE, "host:h1,to=cluster:c,os=rhel",
	  "character 25: 'os' is of machines, and this moves hosts" },
	{ TALLY_CHANGE_MOVE, "a,to=h1,os=windows",
	  "character 12: 'os' must be a libosinfo URI, a" },
	{ TALLY_CHANGE_GROW, "a", "character 1: says not what grows" },
	{ TALLY_CHANGE_GROW, "a,vcpus=2,copies=3",
	  "character 18: 'copies' is given, and so is 'vcpus'" },
	{ TALLY_CHANGE_GROW, "a,vcpus=2,cores=3", "character 1: is one of three" },
	{ TALLY_CHANGE_GROW, "a,vcpus=1.5", "character 9: 'vcpus' must be a whole number from 1" },
	{ TALLY_CHANGE_GROW, "a,vcpus=65537", "character 9: 'vcpus' must be" },
	{ TALLY_CHANGE_GROW, "a,copies=0", "character 10: 'copies' must be" },
	{ TALLY_CHANGE_GROW, "a,copies=2,to=gone", "character 15: copies cannot be gone" },
	{ TALLY_CHANGE_GROW, "a,vcpus=2,to=h1", "character 14: 'to' goes with copies" },
	{ TALLY_CHANGE_GROW, "h,cores=8,os=rhel", "character 14: 'os' is of machines" },
};

static void
each_wrong_word_is_told_with_its_character(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		err = (struct tally_err)TALLY_ERR_INIT;
		if (tally_changes_add(list, refused[i].kind, refused[i].words, &err) == 0)
			fail_msg("'%s' is taken", refused[i].words);
		assert_int_equal(err.code, TALLY_USE);
		if (refused[i].error && !strstr(err.text, refused[i].error))
			fail_msg("'%s': %s", refused[i].words, err.text);
		assert_non_null(strstr(err.text, "change 1, --"));
	}
	assert_int_equal(list->n, 0);
}

static void
what_is_no_text_or_too_long_is_refused(void **state)
{
	char *wide = tally_alloc(70000);

	(void)state;
	assert_int_equal(tally_changes_add(list, TALLY_CHANGE_MOVE, "\xff,to=h1", &err), -1);
	assert_string_equal(err.text, "change 1, --move: is no UTF-8");
	memset(wide, 'a', 69999);
	assert_int_equal(tally_changes_add(list, TALLY_CHANGE_MOVE, wide, &err), -1);
	assert_string_equal(err.text, "change 1, --move: too long");
	wide[300] = '\0';
	assert_int_equal(tally_changes_add(list, TALLY_CHANGE_MOVE, wide, &err), -1);
	assert_non_null(strstr(err.text, "a name of 1 to 255 bytes"));
	memcpy(wide, "h,cpu=", 6);
	assert_int_equal(tally_changes_add(list, TALLY_CHANGE_ADD_HOST, wide, &err), -1);
	assert_non_null(strstr(err.text, "'cpu' is longer than 255 bytes"));
	free(wide);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_host_has_cores_of_each_socket_and_texts_with_commas, setup, teardown),
		cmocka_unit_test_setup_teardown(what_grows_is_told_by_the_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_place_is_a_host_a_cluster_either_or_none, setup,
						teardown),
		cmocka_unit_test_setup_teardown(each_wrong_word_is_told_with_its_character, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_no_text_or_too_long_is_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("reports change", tests, NULL, NULL);
}
