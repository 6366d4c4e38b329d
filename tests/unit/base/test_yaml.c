/* SPDX-License-Identifier: Apache-2.0 */
/* YAML with places, and the walker that reads it by a table. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "tally/yaml.h"

static struct tally_yaml *
parse(const char *text)
{
	struct tally_yaml *y = NULL;
	struct tally_err err;

	if (tally_yaml_parse(&y, "f.yaml", tally_bytes_str(text), &err) < 0)
		fail_msg("%s", err.text);
	return y;
}

static void
the_tree_keeps_places_and_order(void **state)
{
	struct tally_yaml *y = parse("# c\n"
				     "host:\n"
				     "  name: \"a b\"\n"
				     "list: [x, 'y',\n"
				     "  {k: v}]\n"
				     "\xc3\xa9: |\n"
				     "  text\n");
	const struct tally_yaml *v;

	(void)state;
	assert_int_equal(y->type, TALLY_YAML_MAP);
	assert_int_equal(y->count, 3);
	assert_string_equal(y->keys[0], "host");
	assert_int_equal(y->key_places[0].line, 2);
	assert_int_equal(y->key_places[0].column, 1);
	v = tally_yaml_get(tally_yaml_get(y, "host"), "name");
	assert_string_equal(v->text, "a b");
	assert_true(v->quoted);
	assert_int_equal(v->line, 3);
	assert_int_equal(v->column, 9);
	v = tally_yaml_get(y, "list");
	assert_int_equal(v->count, 3);
	assert_false(v->items[0]->quoted);
	assert_true(v->items[1]->quoted);
	assert_int_equal(v->items[2]->line, 5);
	assert_int_equal(v->items[2]->column, 3);
	assert_string_equal(tally_yaml_get(y, "\xc3\xa9")->text, "text\n");
	assert_null(tally_yaml_get(y, "absent"));
	assert_null(tally_yaml_get(v, "absent"));
	tally_yaml_free(y);
}

static void
a_text_without_nodes_is_a_map_without_keys(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# only a comment\n" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct tally_yaml *y = parse(texts[i]);

		assert_int_equal(y->type, TALLY_YAML_MAP);
		assert_int_equal(y->count, 0);
		assert_int_equal(y->line, 1);
		tally_yaml_free(y);
	}
}

static void
what_surprises_is_refused_with_its_place(void **state)
{
	static const char *const cases[][2] = {
		{ "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: doubled key 'a'" },
		{ "x: {b: 1, a: 2, 'b': 3, a: 4}\n", "f.yaml:1:17: doubled key 'b'" },
		{ "a: &x 1\n", "f.yaml:1:4: anchors are not taken" },
		{ "a: &x [1]\nb: *x\n", "f.yaml:1:4: anchors are not taken" },
		{ "b: *x\n", "f.yaml:1:4: aliases are not taken" },
		{ "a: !!str 1\n", "f.yaml:1:4: tags are not taken" },
		{ "a: ! x\n", "f.yaml:1:4: tags are not taken" },
		{ "a:\n  !m {}\n", "f.yaml:2:3: tags are not taken" },
		{ "%TAG ! tag:x,2000:\n---\na: 1\n", "f.yaml:1:1: tags are not taken" },
		{ "a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document" },
		{ "a: 1\n...\n---\n", "f.yaml:3:1: a second document" },
		{ "[a]: 1\n", "f.yaml:1:1: a key must be a text" },
		{ "? {a: 1}\n: 2\n", "f.yaml:1:3: a key must be a text" },
		{ "?\n: 2\n", "f.yaml:1:2: a key must be a text" },
		{ "a: \"x\\0y\"\n", "f.yaml:1:4: a NUL inside a text" },
		{ "a: [1\n", "f.yaml:2:1: did not find expected ',' or ']'" },
		{ "a: 1\n b: 2\n", "f.yaml:2:3: mapping values are not allowed in this context" },
		{ "a:\n\t- 1\n", "f.yaml:2:1: found character that cannot start any token" },
		{ "a: 1\nb\n", "f.yaml:3:1: could not find expected ':'" },
		{ "a: 1\n\xc3\xa9 \xff\n", "f.yaml:2:3: invalid leading UTF-8 octet" },
		{ "a: 1\nbc: \x01\n", "f.yaml:2:5: control characters are not allowed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_yaml *y;
		struct tally_err err = TALLY_ERR_INIT;

		if (tally_yaml_parse(&y, "f.yaml", tally_bytes_str(cases[i][0]), &err) == 0)
			fail_msg("taken: %s", cases[i][0]);
		assert_int_equal(err.code, TALLY_USE);
		assert_string_equal(err.text, cases[i][1]);
	}
}

static void
a_byte_order_mark_at_the_begin_is_no_letter(void **state)
{
	static const char *const cases[][2] = {
		{ "\xef\xbb\xbf"
		  "a: 1\nb: &x 2\n",
		  "f.yaml:2:4: anchors are not taken" },
		{ "\xef\xbb\xbf"
		  "a: &x 1\n",
		  "f.yaml:1:4: anchors are not taken" },
		{ "\xef\xbb\xbf"
		  "a: \xff\n",
		  "f.yaml:1:4: invalid leading UTF-8 octet" },
	};
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_yaml *y;

	(void)state;
	assert_int_equal(tally_yaml_parse(&y, "f.yaml",
					  tally_bytes_str("\xef\xbb\xbf"
							  "a: 1\nb: 2\n"),
					  &err),
			 0);
	assert_int_equal(y->count, 2);
	assert_string_equal(y->keys[0], "a");
	tally_yaml_free(y);
	assert_int_equal(tally_yaml_parse(&y, "f.yaml", tally_bytes_str("\xef\xbb\xbf"), &err), 0);
	assert_int_equal(y->count, 0);
	tally_yaml_free(y);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(tally_yaml_parse(&y, "f.yaml", tally_bytes_str(cases[i][0]), &err),
				 -1);
		assert_string_equal(err.text, cases[i][1]);
	}
}

static void
depth_and_size_are_bounded(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_yaml *y;
	struct tally_err err;

	(void)state;
	for (int levels = 31; levels <= 34; levels++) {
		tally_buf_clear(&b);
		memset(tally_buf_grow(&b, (size_t)levels), '[', (size_t)levels);
		memset(tally_buf_grow(&b, (size_t)levels), ']', (size_t)levels);
		if (levels <= 32) {
			assert_int_equal(tally_yaml_parse(&y, "f", tally_buf_view(&b), &err), 0);
			tally_yaml_free(y);
		} else {
			assert_int_equal(tally_yaml_parse(&y, "f", tally_buf_view(&b), &err), -1);
			assert_string_equal(err.text, "f:1:33: nested too deep");
		}
	}
	tally_buf_clear(&b);
	memset(tally_buf_grow(&b, 1 << 20), '\n', 1 << 20);
	assert_int_equal(tally_yaml_parse(&y, "f", tally_buf_view(&b), &err), 0);
	tally_yaml_free(y);
	tally_buf_add_u8(&b, '\n');
	assert_int_equal(tally_yaml_parse(&y, "f", tally_buf_view(&b), &err), -1);
	assert_string_equal(err.text, "f: more than 1048576 bytes");
	tally_buf_deinit(&b);
}

static void
many_keys_do_not_take_long(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_yaml *y;
	struct tally_err err;

	(void)state;
	/* Compared each with each, this would take minutes. */
	for (int i = 0; i < 100000; i++)
		tally_buf_addf(&b, "k%d:\n", i);
	assert_int_equal(tally_yaml_parse(&y, "f", tally_buf_view(&b), &err), 0);
	assert_int_equal(y->count, 100000);
	assert_string_equal(y->keys[99999], "k99999");
	tally_yaml_free(y);
	tally_buf_deinit(&b);
}

struct inner {
	char *name;
	uint64_t port;
};

struct outer {
	char *ledger;
	bool attest;
	uint64_t queue;
	struct tally_span interval;
	struct tally_strings hosts;
	struct inner net;
	struct tally_list nets;
	struct tally_span pause;
	char *code;
};

static const struct tally_field inner_fields[] = {
	{ "name", TALLY_F_STRING, offsetof(struct inner, name), true, 0, 0, NULL },
	{ "port", TALLY_F_U64, offsetof(struct inner, port), false, 0, 0, NULL },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};

static const struct tally_field fields[] = {
	{ "ledger", TALLY_F_STRING, offsetof(struct outer, ledger), true, 0, 0, NULL },
	{ "attest", TALLY_F_BOOL, offsetof(struct outer, attest), false, 0, 0, NULL },
	{ "queue", TALLY_F_U64, offsetof(struct outer, queue), false, 16, 1024, NULL },
	{ "interval", TALLY_F_SPAN, offsetof(struct outer, interval), false, 100000000,
	  60 * (uint64_t)TALLY_SECOND, NULL },
	{ "hosts", TALLY_F_STRINGS, offsetof(struct outer, hosts), false, 0, 0, NULL },
	{ "net", TALLY_F_MAP, offsetof(struct outer, net), false, 0, 0, inner_fields },
	{ "nets", TALLY_F_LIST, offsetof(struct outer, nets), false, 0, 0, inner_fields,
	  sizeof(struct inner) },
	{ "pause", TALLY_F_SPAN, offsetof(struct outer, pause), false, 0,
	  60 * (uint64_t)TALLY_SECOND, NULL },
	{ "code", TALLY_F_STRING, offsetof(struct outer, code), false, 2, 3, NULL },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};

static int
read_outer(const char *text, struct outer *out, struct tally_err *err)
{
	struct tally_yaml *y = parse(text);
	int r;

	memset(out, 0, sizeof(*out));
	out->ledger = tally_strdup("/default");
	out->queue = 64;
	out->attest = true;
	r = tally_yaml_read("tallyd.yaml", y, fields, out, err);
	tally_yaml_free(y);
	return r;
}

static void
a_map_fills_a_struct_over_its_defaults(void **state)
{
	struct outer o;
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	assert_int_equal(read_outer("ledger: /var/lib/x\nattest: false\nqueue: 1024\n"
				    "interval: 500ms\nhosts: [a, '', \"1\"]\n"
				    "net:\n  name: 007\n  port: 18446744073709551615\n",
				    &o, &err),
			 0);
	assert_string_equal(o.ledger, "/var/lib/x");
	assert_false(o.attest);
	assert_int_equal(o.queue, 1024);
	assert_true(o.interval.ns == 500000000);
	assert_int_equal(o.hosts.count, 3);
	assert_string_equal(o.hosts.items[1], "");
	assert_string_equal(o.hosts.items[2], "1");
	assert_string_equal(o.net.name, "007");
	assert_true(o.net.port == UINT64_MAX);
	tally_yaml_release(fields, &o);
	assert_null(o.ledger);
	assert_null(o.hosts.items);
	assert_int_equal(read_outer("ledger: x\n", &o, &err), 0);
	assert_true(o.attest);
	assert_int_equal(o.queue, 64);
	assert_null(o.net.name);
	tally_yaml_release(fields, &o);
}

static void
a_list_of_maps_fills_an_array_of_structs(void **state)
{
	struct outer o;
	struct tally_err err = TALLY_ERR_INIT;
	const struct inner *nets;

	(void)state;
	assert_int_equal(read_outer("ledger: x\nnets:\n- name: a\n  port: 1\n- {name: b}\n"
				    "pause: 0s\ncode: '12'\n",
				    &o, &err),
			 0);
	assert_int_equal(o.nets.count, 2);
	nets = o.nets.items;
	assert_string_equal(nets[0].name, "a");
	assert_true(nets[0].port == 1);
	assert_string_equal(nets[1].name, "b");
	assert_true(nets[1].port == 0);
	assert_true(o.pause.ns == 0);
	assert_string_equal(o.code, "12");
	tally_yaml_release(fields, &o);
	assert_null(o.nets.items);
	assert_int_equal(o.nets.count, 0);
	assert_int_equal(read_outer("ledger: x\nnets: []\n", &o, &err), 0);
	assert_int_equal(o.nets.count, 0);
	tally_yaml_release(fields, &o);
}

static void
what_the_table_does_not_allow_is_refused_at_its_place(void **state)
{
	static const char *const cases[][2] = {
		{ "ledger: x\nnet:\n  name: y\n  foo: 1\n", "tallyd.yaml:4:3: unknown key 'foo'" },
		{ "ledger: x\n\"\\e[2J\": 1\n", "tallyd.yaml:2:1: unknown key '\\x1b[2J'" },
		{ "attest: true\n", "tallyd.yaml:1:1: key 'ledger' is missing" },
		{ "", "tallyd.yaml:1:1: key 'ledger' is missing" },
		{ "ledger: x\nnet: {port: 1}\n", "tallyd.yaml:2:6: key 'name' is missing" },
		{ "ledger: [x]\n", "tallyd.yaml:1:9: 'ledger' must be a text" },
		{ "attest: yes\n", "tallyd.yaml:1:9: 'attest' must be true or false" },
		{ "attest: 'true'\n", "tallyd.yaml:1:9: 'attest' must be true or false" },
		{ "attest: {}\n", "tallyd.yaml:1:9: 'attest' must be true or false" },
		{ "queue: -1\n", "tallyd.yaml:1:8: 'queue' must be a whole number" },
		{ "queue: \"64\"\n", "tallyd.yaml:1:8: 'queue' must be a whole number" },
		{ "queue:\n", "tallyd.yaml:1:7: 'queue' must be a whole number" },
		{ "queue: 15\n", "tallyd.yaml:1:8: 'queue' must be from 16 to 1024" },
		{ "queue: 1025\n", "tallyd.yaml:1:8: 'queue' must be from 16 to 1024" },
		{ "interval: 10\n",
		  "tallyd.yaml:1:11: 'interval' must be a span such as 500ms, 10s, 15m, 1h or 2d" },
		{ "interval: 99ms\n", "tallyd.yaml:1:11: 'interval' must be from 0.1 s to 60 s" },
		{ "interval: 2m\n", "tallyd.yaml:1:11: 'interval' must be from 0.1 s to 60 s" },
		{ "hosts: a\n", "tallyd.yaml:1:8: 'hosts' must be a list of texts" },
		{ "hosts:\n- a\n- [b]\n", "tallyd.yaml:3:3: 'hosts' must be a list of texts" },
		{ "net: 5\n", "tallyd.yaml:1:6: 'net' must be a map" },
		{ "nets: {name: a}\n", "tallyd.yaml:1:7: 'nets' must be a list of maps" },
		{ "nets:\n- name: a\n- b\n", "tallyd.yaml:3:3: 'nets' must be a list of maps" },
		{ "nets:\n- name: a\n- port: 1\n", "tallyd.yaml:3:3: key 'name' is missing" },
		{ "nets:\n- name: a\n- {name: b, foo: 1}\n",
		  "tallyd.yaml:3:13: unknown key 'foo'" },
		{ "interval: 0s\n", "tallyd.yaml:1:11: 'interval' must be a span such as 500ms, "
				    "10s, 15m, 1h or 2d" },
		{ "pause: 0\n", "tallyd.yaml:1:8: 'pause' must be a span such as 500ms, 10s, 15m, "
				"1h or 2d" },
		{ "pause: 2m\n", "tallyd.yaml:1:8: 'pause' must be from 0 s to 60 s" },
		{ "code: a\n", "tallyd.yaml:1:7: 'code' must be a text of 2 to 3 bytes" },
		{ "code: abcd\n", "tallyd.yaml:1:7: 'code' must be a text of 2 to 3 bytes" },
		{ "- a\n", "tallyd.yaml:1:1: must be a map" },
		{ "just text\n", "tallyd.yaml:1:1: must be a map" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outer o;
		struct tally_err err = TALLY_ERR_INIT;

		if (read_outer(cases[i][0], &o, &err) == 0)
			fail_msg("taken: %s", cases[i][0]);
		assert_string_equal(err.text, cases[i][1]);
		assert_int_equal(err.code, TALLY_USE);
		tally_yaml_release(fields, &o);
	}
}

static void
a_callers_own_check_has_a_place_too(void **state)
{
	struct tally_yaml *y = parse("a:\n  - b\n");
	struct tally_err err;

	(void)state;
	assert_int_equal(tally_yaml_error("p.yaml", tally_yaml_get(y, "a")->items[0], &err,
					  "no product '%s'", "b"),
			 -1);
	assert_string_equal(err.text, "p.yaml:2:5: no product 'b'");
	tally_yaml_free(y);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_keeps_places_and_order),
		cmocka_unit_test(a_text_without_nodes_is_a_map_without_keys),
		cmocka_unit_test(what_surprises_is_refused_with_its_place),
		cmocka_unit_test(a_byte_order_mark_at_the_begin_is_no_letter),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(many_keys_do_not_take_long),
		cmocka_unit_test(a_map_fills_a_struct_over_its_defaults),
		cmocka_unit_test(a_list_of_maps_fills_an_array_of_structs),
		cmocka_unit_test(what_the_table_does_not_allow_is_refused_at_its_place),
		cmocka_unit_test(a_callers_own_check_has_a_place_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
