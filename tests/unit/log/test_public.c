/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public vectors: RFC 6962 proofs and tree, signed notes, Tessera's and
 * Sunlight's logs, Wycheproof and CCTV for Ed25519. Of the subtree vectors those
 * for inclusion are run, since a subtree is a tree of its own; consistency of
 * subtrees is no operation of this log.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "vectors.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/json.h"
#include "tally/merkle.h"
#include "tally/note.h"
#include "tally/parse.h"

/* Our JSON has integers of 63 bits; longer ones of the vectors become texts. */
static void
quote_long_numbers(struct tally_buf *out, const char *in)
{
	while (*in) {
		size_t n = in[0] == ' ' ? strspn(in + 1, "0123456789") : 0;

		if (n >= 19)
			tally_buf_addf(out, "\"%.*s\"", (int)n, in + 1);
		else
			tally_buf_add(out, in, n + 1);
		in += n + 1;
	}
}

static struct tally_json_doc *
json_file(const char *name)
{
	struct tally_buf file = vectors_file(name), quoted = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;

	quote_long_numbers(&quoted, (const char *)file.p);
	if (tally_json_parse(&doc, tally_buf_view(&quoted), &err) < 0)
		fail_msg("%s: %s", name, err.text);
	tally_buf_deinit(&file);
	tally_buf_deinit(&quoted);
	return doc;
}

/* Every .json file below a folder of the vectors. */
static unsigned
each_file(const char *folder, void (*f)(const struct tally_json *v, const char *name))
{
	char *path = test_path(test_vectors(), folder), *name;
	DIR *d = opendir(path);
	unsigned count = 0;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		size_t n = strlen(e->d_name);

		if (e->d_name[0] == '.')
			continue;
		name = test_path(folder, e->d_name);
		if (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0) {
			struct tally_json_doc *doc = json_file(name);

			f(tally_json_root(doc), name);
			tally_json_free(doc);
			count++;
		} else {
			count += each_file(name, f);
		}
		free(name);
	}
	closedir(d);
	free(path);
	return count;
}

static uint64_t
number(const struct tally_json *v, const char *key)
{
	const struct tally_json *member = tally_json_get(v, key);

	uint64_t value = 0;

	assert_non_null(member);
	if (tally_json_type(member) == TALLY_JSON_STRING) {
		struct tally_bytes text = tally_json_string(member);

		assert_true(tally_parse_u64(&value, (const char *)text.p, text.len, UINT64_MAX));
		return value;
	}
	return (uint64_t)tally_json_int(member);
}

/* Appends a member's base64; false where it is not one hash: what stands on a
 * wire of 32-byte hashes cannot even say that. */
static bool
hash(struct tally_buf *out, const struct tally_json *member)
{
	size_t before = out->len;
	struct tally_bytes text;

	if (!member || tally_json_type(member) != TALLY_JSON_STRING)
		return false;
	text = tally_json_string(member);
	return tally_unbase64(out, (const char *)text.p, text.len) &&
	       out->len - before == TALLY_HASH;
}

/* Some roots are a short "don't care": any hash will do. */
static bool
root_hash(struct tally_buf *out, const struct tally_json *member)
{
	if (hash(out, member))
		return true;
	if (out->len == 0 || out->len >= TALLY_HASH)
		return false;
	while (out->len < TALLY_HASH)
		tally_buf_add_u8(out, 0);
	return true;
}

static bool
proof_hashes(struct tally_buf *out, const struct tally_json *v)
{
	const struct tally_json *list = tally_json_get(v, "proof");

	if (!list || tally_json_type(list) == TALLY_JSON_NULL)
		return true;
	for (size_t i = 0; i < tally_json_count(list); i++)
		if (!hash(out, tally_json_at(list, i)))
			return false;
	return true;
}

static void
expect(const struct tally_json *v, const char *name, bool holds)
{
	bool want_error = tally_json_bool(tally_json_get(v, "wantErr"));

	if (holds == want_error)
		fail_msg("%s: %s", name, holds ? "accepted" : "refused");
}

static void
inclusion(const struct tally_json *v, const char *name)
{
	struct tally_buf leaf = TALLY_BUF_INIT, root = TALLY_BUF_INIT, proof = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	uint64_t index = number(v, "leafIdx"), first = 0, size;
	bool holds = hash(&leaf, tally_json_get(v, "leafHash")) &&
		     root_hash(&root, tally_json_get(v, "root")) && proof_hashes(&proof, v);

	if (tally_json_get(v, "treeSize")) {
		size = number(v, "treeSize");
	} else {
		/* A subtree begins at a multiple of the power of two that holds it. */
		uint64_t end = number(v, "end"), room = 1;

		first = number(v, "start");
		size = end - first;
		holds = holds && first < end && index >= first;
		while (room != 0 && room < size)
			room *= 2;
		holds = holds && room != 0 && first % room == 0;
	}
	holds = holds && tally_check_inclusion(index - first, size, leaf.p, proof.p,
					       proof.len / TALLY_HASH, root.p, &err) == 0;
	expect(v, name, holds);
	tally_buf_deinit(&leaf), tally_buf_deinit(&root), tally_buf_deinit(&proof);
}

static void
consistency(const struct tally_json *v, const char *name)
{
	struct tally_buf old = TALLY_BUF_INIT, root = TALLY_BUF_INIT, proof = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	bool holds = root_hash(&old, tally_json_get(v, "root1")) &&
		     root_hash(&root, tally_json_get(v, "root2")) && proof_hashes(&proof, v);

	holds = holds && tally_check_consistency(number(v, "size1"), number(v, "size2"), proof.p,
						 proof.len / TALLY_HASH, old.p, root.p, &err) == 0;
	expect(v, name, holds);
	tally_buf_deinit(&old), tally_buf_deinit(&root), tally_buf_deinit(&proof);
}

#define MERKLE "ledger/transparency-dev-merkle/testdata/"

static void
inclusion_proofs_of_transparency_dev_are_judged_alike(void **state)
{
	(void)state;
	vectors_or_skip();
	assert_int_equal(each_file(MERKLE "inclusion", inclusion), 98);
	assert_int_equal(each_file(MERKLE "subtreeinclusion", inclusion), 204);
}

static void
consistency_proofs_of_transparency_dev_are_judged_alike(void **state)
{
	(void)state;
	vectors_or_skip();
	assert_int_equal(each_file(MERKLE "consistency", consistency), 98);
}

struct rfc_tree {
	struct tally_frontier f;
	char node[4][8][65]; /* as complete nodes come, by level */
};

static void
keep_hex(void *ctx, unsigned level, uint64_t index, const uint8_t *node)
{
	struct rfc_tree *t = ctx;

	tally_hex(t->node[level][index], node, TALLY_HASH);
}

static void
the_tree_of_rfc6962_has_the_same_nodes_and_roots(void **state)
{
	struct rfc_tree t;
	struct tally_buf file;
	char *line, *next = NULL, root[9][65];
	unsigned nodes = 0, roots = 0, leaves = 0, level = 0, at = 0;
	bool in_roots = false;

	(void)state;
	vectors_or_skip();
	tally_frontier_init(&t.f);
	file = vectors_file("ledger/rfc6962-tree.txt");
	for (line = strtok_r((char *)file.p, "\n", &next); line;
	     line = strtok_r(NULL, "\n", &next)) {
		uint8_t entry[64], leaf[TALLY_HASH];
		size_t n = strlen(line);

		if (strncmp(line, "leaf ", 5) == 0) {
			n = line[7] == '(' ? 0 : (n - 7) / 2;
			assert_true(tally_unhex(entry, n, line + 7, 2 * n));
			tally_hash_leaf(leaf, tally_bytes(entry, n));
			tally_frontier_root(&t.f, entry);
			tally_hex(root[leaves++], entry, TALLY_HASH);
			tally_frontier_add(&t.f, leaf, keep_hex, &t);
		} else if (strncmp(line, "node L", 6) == 0) {
			level = (unsigned)(line[6] - '0');
			at = 0;
		} else if (strncmp(line, "root", 4) == 0) {
			tally_frontier_root(&t.f, leaf);
			tally_hex(root[leaves], leaf, TALLY_HASH);
			in_roots = true;
		} else if (n == 64 && in_roots) {
			assert_string_equal(line, root[roots++]);
		} else if (n == 64) {
			assert_string_equal(line, t.node[level][at++]);
			nodes++;
		}
	}
	assert_int_equal(nodes, 15);
	assert_int_equal(roots, 9);
	tally_buf_deinit(&file);
}

/* One section of signed-note.txt: the vkeys before a note, then the note. */
static void
check_section(struct tally_bytes note_text, const struct tally_vkey *keys, size_t n)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;

	assert_int_equal(tally_note_parse(&note, note_text, &scratch, &err), 0);
	assert_int_equal(note.lines, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tally_note_verify(&note, &keys[i], &err), 1);
	tally_buf_deinit(&scratch);
}

static void
signed_notes_of_c2sp_and_go_verify(void **state)
{
	static const char ruler[] = "-----8<-----\n";
	struct tally_vkey keys[4], bad;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf file;
	size_t n = 0, notes = 0, refused = 0;
	char *p, *end;

	(void)state;
	vectors_or_skip();
	file = vectors_file("ledger/signed-note.txt");
	for (p = (char *)file.p; *p; p = end + 1) {
		end = strchr(p, '\n');
		assert_non_null(end);
		if (strncmp(p, "vkey ", 5) == 0) {
			assert_int_equal(tally_vkey_parse(&keys[n++],
							  tally_bytes(p + 5, (size_t)(end - p - 5)),
							  &err),
					 0);
		} else if (strncmp(p, "badvkey ", 8) == 0) {
			assert_int_equal(tally_vkey_parse(&bad,
							  tally_bytes(p + 8, (size_t)(end - p - 8)),
							  &err),
					 -1);
			refused++;
		} else if (strncmp(p, ruler, strlen(ruler)) == 0) {
			p = end + 1;
			end = strstr(p, ruler);
			assert_non_null(end);
			check_section(tally_bytes(p, (size_t)(end - p)), keys, n);
			end = strchr(end, '\n');
			n = 0, notes++;
		}
	}
	assert_int_equal(notes, 2);
	assert_int_equal(refused, 2);
	tally_buf_deinit(&file);
}

/* The root of the hashes in level-0 tiles. */
static void
add_hashes(struct tally_frontier *f, const char *name)
{
	struct tally_buf tile = vectors_file(name);

	assert_true(tile.len > 0 && tile.len % TALLY_HASH == 0);
	for (size_t at = 0; at < tile.len; at += TALLY_HASH)
		tally_frontier_add(f, tile.p + at, NULL, NULL);
	tally_buf_deinit(&tile);
}

/* The leaves of an entry bundle against those of its tile. */
static void
check_bundle(const char *bundle_name, const char *tile_name)
{
	struct tally_buf bundle = vectors_file(bundle_name), tile = vectors_file(tile_name);
	uint8_t leaf[TALLY_HASH];
	size_t at = 0, n = 0;

	while (at < bundle.len) {
		size_t length = tally_get_u16(bundle.p + at);

		tally_hash_leaf(leaf, tally_bytes(bundle.p + at + 2, length));
		assert_memory_equal(leaf, tile.p + n * TALLY_HASH, TALLY_HASH);
		at += 2 + length;
		n++;
	}
	assert_int_equal(at, bundle.len);
	assert_int_equal(n * TALLY_HASH, tile.len);
	tally_buf_deinit(&bundle), tally_buf_deinit(&tile);
}

static void
note_over_root(const char *name, const char *key_text, const uint8_t root[TALLY_HASH])
{
	struct tally_buf file = vectors_file(name), scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_checkpoint checkpoint;
	struct tally_vkey key;
	struct tally_note note;

	assert_int_equal(tally_vkey_parse(&key, tally_bytes_str(key_text), &err), 0);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&file), &scratch, &err), 0);
	assert_int_equal(tally_note_verify(&note, &key, &err), 1);
	assert_int_equal(tally_checkpoint_parse(&checkpoint, note.text, false, &err), 0);
	assert_memory_equal(checkpoint.root, root, TALLY_HASH);
	tally_buf_deinit(&file), tally_buf_deinit(&scratch);
}

static void
the_log_of_tessera_verifies_at_every_size(void **state)
{
	static const char key[] =
		"example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
	char path[2][256], name[TALLY_TILE_PATH];

	(void)state;
	vectors_or_skip();
	for (unsigned size = 0; size <= 15; size++) {
		struct tally_frontier f;
		uint8_t root[TALLY_HASH];

		tally_frontier_init(&f);
		if (size > 0) {
			tally_tile_path(name, 0, 0, size);
			snprintf(path[0], sizeof(path[0]),
				 "ledger/tessera-testdata-log/testdata/log/%s", name);
			add_hashes(&f, path[0]);
			tally_tile_path(name, -1, 0, size);
			snprintf(path[1], sizeof(path[1]),
				 "ledger/tessera-testdata-log/testdata/log/%s", name);
			check_bundle(path[1], path[0]);
		}
		assert_int_equal(f.size, size);
		tally_frontier_root(&f, root);
		snprintf(path[0], sizeof(path[0]),
			 "ledger/tessera-testdata-log/testdata/log/checkpoint.%u", size);
		note_over_root(path[0], key, root);
	}
}

#define SKYLIGHT "ledger/sunlight/cmd/skylight/testdata/"
#define MIRROR   "mirror/000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/"

static void
the_logs_of_sunlight_have_their_roots_and_cosignatures(void **state)
{
	static const char witness[] =
		"witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN";
	static const char mirror[] =
		"mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O";
	struct tally_frontier f;
	uint8_t root[TALLY_HASH];
	struct tally_buf level1, theirs = TALLY_BUF_INIT;

	(void)state;
	vectors_or_skip();
	tally_frontier_init(&f);
	add_hashes(&f, SKYLIGHT "witness/" MIRROR "tile/0/000");
	level1 = vectors_file(SKYLIGHT "witness/" MIRROR "tile/1/000.p/1");
	assert_memory_equal(level1.p, f.hash[0], TALLY_HASH);
	tally_buf_deinit(&level1);
	add_hashes(&f, SKYLIGHT "witness/" MIRROR "tile/0/001.p/44");
	tally_frontier_root(&f, root);
	note_over_root(SKYLIGHT "witness/" MIRROR "checkpoint", mirror, root);
	/* The witnessed log's own tiles are decoys: only its signatures count here. */
	assert_true(tally_unbase64(&theirs, "lCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0=", 44));
	note_over_root(SKYLIGHT "witness/"
				"000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/"
				"checkpoint",
		       witness, theirs.p);
	tally_buf_deinit(&theirs);
	/* A real log's tiles: 778 leaves, whose first complete tile is 256. */
	tally_frontier_init(&f);
	add_hashes(&f, "ledger/sunlight/testdata/navigli2025h2/tile/0/000");
	assert_int_equal(f.size, 256);
	assert_int_equal(f.count, 1);
}

/* Ed25519 through a note's own path would need a note: so a text that is any
 * bytes is put into the parsed form. */
static bool
verifies(struct tally_bytes key, struct tally_bytes message, struct tally_bytes signature)
{
	struct tally_vkey vkey = { .name = "a", .type = TALLY_SIG_ED25519 };
	struct tally_note note = { .text = message, .lines = 1 };
	struct tally_err err = TALLY_ERR_INIT;

	assert_int_equal(key.len, 32);
	memcpy(vkey.key, key.p, 32);
	note.line[0].name = tally_bytes_str("a");
	note.line[0].sig = signature.p;
	note.line[0].sig_len = signature.len;
	return tally_note_verify(&note, &vkey, &err) == 1;
}

static struct tally_buf
hex_member(const struct tally_json *v, const char *key)
{
	struct tally_bytes text = tally_json_string(tally_json_get(v, key));
	struct tally_buf out = TALLY_BUF_INIT;

	assert_true(tally_unhex(tally_buf_grow(&out, text.len / 2), text.len / 2,
				(const char *)text.p, text.len));
	return out;
}

static void
ed25519_of_wycheproof_is_judged_alike(void **state)
{
	struct tally_json_doc *doc;
	const struct tally_json *groups;
	unsigned valid = 0, invalid = 0;

	(void)state;
	vectors_or_skip();
	doc = json_file("ledger/wycheproof/testvectors_v1/ed25519_test.json");
	groups = tally_json_get(tally_json_root(doc), "testGroups");
	for (size_t i = 0; i < tally_json_count(groups); i++) {
		const struct tally_json *group = tally_json_at(groups, i);
		const struct tally_json *tests = tally_json_get(group, "tests");
		struct tally_buf key = hex_member(tally_json_get(group, "publicKey"), "pk");

		for (size_t j = 0; j < tally_json_count(tests); j++) {
			const struct tally_json *v = tally_json_at(tests, j);
			struct tally_buf msg = hex_member(v, "msg"), sig = hex_member(v, "sig");
			bool good = tally_bytes_eq(tally_json_string(tally_json_get(v, "result")),
						   tally_bytes_str("valid"));

			assert_int_equal(verifies(tally_buf_view(&key), tally_buf_view(&msg),
						  tally_buf_view(&sig)),
					 good);
			valid += good, invalid += !good;
			tally_buf_deinit(&msg), tally_buf_deinit(&sig);
		}
		tally_buf_deinit(&key);
	}
	assert_int_equal(valid, 88);
	assert_int_equal(invalid, 63);
	tally_json_free(doc);
}

/* CCTV leaves the verdict to the verifier. Ours is the strict one: a vector
 * holds only where neither point is of small order (so neither is encoded in a
 * second way) and the equation holds without the cofactor. A small component
 * beside a large one cannot be seen and is no reason to refuse. */
static void
ed25519_of_cctv_is_judged_strictly(void **state)
{
	static const char component_a[] = "low_order_component_A";
	static const char component_r[] = "low_order_component_R";
	struct tally_json_doc *doc;
	const struct tally_json *list;
	unsigned accepted = 0;

	(void)state;
	vectors_or_skip();
	doc = json_file("ledger/CCTV/ed25519/ed25519vectors.json");
	list = tally_json_root(doc);
	assert_int_equal(tally_json_count(list), 914);
	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *v = tally_json_at(list, i);
		const struct tally_json *flags = tally_json_get(v, "flags");
		struct tally_buf key = hex_member(v, "key"), sig = hex_member(v, "sig");
		size_t n = tally_json_type(flags) == TALLY_JSON_ARRAY ? tally_json_count(flags) : 0;
		bool good = true;

		for (size_t j = 0; j < n; j++) {
			struct tally_bytes flag = tally_json_string(tally_json_at(flags, j));

			good = good && (tally_bytes_eq(flag, tally_bytes_str(component_a)) ||
					tally_bytes_eq(flag, tally_bytes_str(component_r)));
		}
		assert_int_equal(verifies(tally_buf_view(&key),
					  tally_json_string(tally_json_get(v, "msg")),
					  tally_buf_view(&sig)),
				 good);
		accepted += good;
		tally_buf_deinit(&key), tally_buf_deinit(&sig);
	}
	assert_true(accepted > 0);
	print_message("%u of 914 accepted\n", accepted);
	tally_json_free(doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inclusion_proofs_of_transparency_dev_are_judged_alike),
		cmocka_unit_test(consistency_proofs_of_transparency_dev_are_judged_alike),
		cmocka_unit_test(the_tree_of_rfc6962_has_the_same_nodes_and_roots),
		cmocka_unit_test(signed_notes_of_c2sp_and_go_verify),
		cmocka_unit_test(the_log_of_tessera_verifies_at_every_size),
		cmocka_unit_test(the_logs_of_sunlight_have_their_roots_and_cosignatures),
		cmocka_unit_test(ed25519_of_wycheproof_is_judged_alike),
		cmocka_unit_test(ed25519_of_cctv_is_judged_strictly),
	};

	return cmocka_run_group_tests_name("log public vectors", tests, NULL, NULL);
}
