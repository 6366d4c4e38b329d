/* SPDX-License-Identifier: Apache-2.0 */
/* The tree: compact ranges, and proofs made and checked. */
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/merkle.h"

#define LEAVES 64

/* Every complete node of a small tree, as the frontier told of them. */
struct tree {
	uint8_t node[7][LEAVES][TALLY_HASH];
	uint8_t root[LEAVES + 1][TALLY_HASH];
	struct tally_frontier f;
	uint64_t told;
};

static void
keep(void *ctx, unsigned level, uint64_t index, const uint8_t *hash)
{
	struct tree *t = ctx;

	assert_true(level < 7 && index < LEAVES);
	memcpy(t->node[level][index], hash, TALLY_HASH);
	t->told++;
}

static int
node(void *ctx, unsigned level, uint64_t index, uint8_t out[TALLY_HASH], struct tally_err *err)
{
	struct tree *t = ctx;

	/* Only complete subtrees exist. */
	if (level >= 7 || (index + 1) << level > LEAVES)
		return tally_err_set(err, TALLY_FAILS, "no such node");
	memcpy(out, t->node[level][index], TALLY_HASH);
	return 0;
}

static void
add_entry(void *ctx, const struct vector *v)
{
	struct tree *t = ctx;
	struct tally_buf leaf = vector_bytes(v, 12);

	tally_frontier_add(&t->f, leaf.p, keep, t);
	tally_frontier_root(&t->f, t->root[t->f.size]);
	tally_buf_deinit(&leaf);
}

static int
set_up(void **state)
{
	struct tree *t = tally_alloc(sizeof(*t));
	uint8_t leaf[TALLY_HASH];

	tally_frontier_init(&t->f);
	tally_frontier_root(&t->f, t->root[0]);
	vectors_each("entry", add_entry, t);
	while (t->f.size < LEAVES) {
		tally_hash_leaf(leaf, tally_bytes(&t->f.size, sizeof(t->f.size)));
		tally_frontier_add(&t->f, leaf, keep, t);
		tally_frontier_root(&t->f, t->root[t->f.size]);
	}
	*state = t;
	return 0;
}

static int
tear_down(void **state)
{
	free(*state);
	return 0;
}

static void
check_root(void *ctx, const struct vector *v)
{
	struct tree *t = ctx;
	struct tally_buf root = vector_bytes(v, 1);

	assert_memory_equal(t->root[vector_number(v, 0)], root.p, TALLY_HASH);
	tally_buf_deinit(&root);
}

static void
roots_are_those_that_python_gives(void **state)
{
	assert_int_equal(vectors_each("root", check_root, *state), 22);
}

static void
the_frontier_tells_of_each_complete_node_once(void **state)
{
	struct tree *t = *state;

	assert_int_equal(t->told, 2 * LEAVES - 1);
}

static void
check_inclusion(void *ctx, const struct vector *v)
{
	struct tree *t = ctx;
	uint64_t index = vector_number(v, 0), size = vector_number(v, 1);
	struct tally_buf expected = vector_bytes(v, 2);
	struct tally_nodes nodes = { t, node };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_proof proof;

	assert_int_equal(tally_proof_inclusion(&proof, index, size, &nodes, &err), 0);
	assert_int_equal(proof.count * TALLY_HASH, expected.len);
	if (expected.len > 0)
		assert_memory_equal(proof.hash, expected.p, expected.len);
	tally_buf_deinit(&expected);
}

static void
check_consistency(void *ctx, const struct vector *v)
{
	struct tree *t = ctx;
	struct tally_buf expected = vector_bytes(v, 2);
	struct tally_nodes nodes = { t, node };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_proof proof;

	assert_int_equal(tally_proof_consistency(&proof, vector_number(v, 0), vector_number(v, 1),
						 &nodes, &err),
			 0);
	assert_int_equal(proof.count * TALLY_HASH, expected.len);
	if (expected.len > 0)
		assert_memory_equal(proof.hash, expected.p, expected.len);
	tally_buf_deinit(&expected);
}

static void
proofs_are_those_that_python_gives(void **state)
{
	assert_int_equal(vectors_each("inclusion", check_inclusion, *state), 50);
	assert_int_equal(vectors_each("consistency", check_consistency, *state), 50);
}

static void
every_inclusion_proof_holds_and_no_other_index_or_size_or_bit_does(void **state)
{
	struct tree *t = *state;
	struct tally_nodes nodes = { t, node };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_proof p;

	for (uint64_t size = 1; size <= LEAVES; size++)
		for (uint64_t i = 0; i < size; i++) {
			const uint8_t *leaf = t->node[0][i], *root = t->root[size];

			assert_int_equal(tally_proof_inclusion(&p, i, size, &nodes, &err), 0);
#define HOLDS(index, of, hashes)                                                                   \
	tally_check_inclusion((index), (of), leaf, p.hash[0], (hashes), root, &err)
			assert_int_equal(HOLDS(i, size, p.count), 0);
			assert_int_equal(HOLDS(i ^ 1, size, p.count), -1);
			assert_int_equal(HOLDS(size, size, p.count), -1);
			assert_int_equal(HOLDS(i, size, p.count + 1), -1);
			if (p.count > 0) {
				assert_int_equal(HOLDS(i, size, p.count - 1), -1);
				p.hash[(i + size) % p.count][size % 32] ^= 1;
				assert_int_equal(HOLDS(i, size, p.count), -1);
			}
#undef HOLDS
		}
}

static void
every_consistency_proof_holds_and_no_other_size_or_root_or_bit_does(void **state)
{
	struct tree *t = *state;
	struct tally_nodes nodes = { t, node };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_proof p;

	for (uint64_t size = 1; size <= LEAVES; size++)
		for (uint64_t old = 1; old <= size; old++) {
			assert_int_equal(tally_proof_consistency(&p, old, size, &nodes, &err), 0);
#define HOLDS(from, to, hashes, root1, root2)                                                      \
	tally_check_consistency((from), (to), p.hash[0], (hashes), t->root[root1], t->root[root2], \
				&err)
			assert_int_equal(HOLDS(old, size, p.count, old, size), 0);
			assert_int_equal(HOLDS(old, size, p.count, old - 1, size), -1);
			assert_int_equal(HOLDS(old, size, p.count, old, size - 1), -1);
			assert_int_equal(HOLDS(old, size, p.count + 1, old, size), -1);
			assert_int_equal(HOLDS(0, size, p.count, 0, size), -1);
			assert_int_equal(HOLDS(size + 1, size, p.count, old, size), -1);
			if (p.count > 0) {
				assert_int_equal(HOLDS(old, size, p.count - 1, old, size), -1);
				p.hash[(old + size) % p.count][size % 32] ^= 1;
				assert_int_equal(HOLDS(old, size, p.count, old, size), -1);
			}
#undef HOLDS
		}
}

static void
no_proof_is_made_for_what_is_not_in_the_tree(void **state)
{
	struct tally_nodes nodes = { *state, node };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_proof p;

	assert_int_equal(tally_proof_inclusion(&p, 5, 5, &nodes, &err), -1);
	assert_int_equal(tally_proof_inclusion(&p, 0, 0, &nodes, &err), -1);
	assert_int_equal(tally_proof_consistency(&p, 0, 5, &nodes, &err), -1);
	assert_int_equal(tally_proof_consistency(&p, 6, 5, &nodes, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	/* A source that fails makes the proof fail. */
	err.code = TALLY_OK;
	assert_int_equal(tally_proof_inclusion(&p, 0, LEAVES * 4, &nodes, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
}

static void
a_head_comes_back_and_no_changed_bit_passes(void **state)
{
	struct tree *t = *state;
	struct tally_frontier f, back;
	struct tally_buf head = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	tally_frontier_init(&f);
	for (uint64_t i = 0; i < 21; i++)
		tally_frontier_add(&f, t->node[0][i], NULL, NULL);
	tally_frontier_write(&f, &head);
	assert_int_equal(head.len, 8 + 32 + 1 + 3 * 32);
	assert_int_equal(tally_frontier_read(&back, tally_buf_view(&head), &err), 0);
	assert_int_equal(back.size, 21);
	assert_memory_equal(back.hash, f.hash, (size_t)3 * TALLY_HASH);
	for (size_t n = 0; n < head.len; n++)
		assert_int_equal(tally_frontier_read(&back, tally_bytes(head.p, n), &err), -1);
	for (size_t bit = 64; bit < head.len * 8; bit++) {
		head.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		assert_int_equal(tally_frontier_read(&back, tally_buf_view(&head), &err), -1);
		head.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
	}
	tally_buf_deinit(&head);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_that_python_gives),
		cmocka_unit_test(the_frontier_tells_of_each_complete_node_once),
		cmocka_unit_test(proofs_are_those_that_python_gives),
		cmocka_unit_test(
			every_inclusion_proof_holds_and_no_other_index_or_size_or_bit_does),
		cmocka_unit_test(
			every_consistency_proof_holds_and_no_other_size_or_root_or_bit_does),
		cmocka_unit_test(no_proof_is_made_for_what_is_not_in_the_tree),
		cmocka_unit_test(a_head_comes_back_and_no_changed_bit_passes),
	};

	return cmocka_run_group_tests_name("log merkle", tests, set_up, tear_down);
}
