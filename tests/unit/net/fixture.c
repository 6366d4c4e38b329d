/* SPDX-License-Identifier: Apache-2.0 */
/* Small trees are hashed anew for each node that is asked for. */
#include "fixture.h"
#include <string.h>
#include "tally/entry.h"

void
memlog_init(struct memlog *l, const char *origin)
{
	struct tally_err err = TALLY_ERR_INIT;

	*l = (struct memlog){ .fork = UINT64_MAX };
	if (tally_logkey_generate(&l->key, origin, &err) < 0)
		fail_msg("%s", err.text);
}

void
memlog_deinit(struct memlog *l)
{
	tally_logkey_free(l->key);
}

static int
node(void *ctx, unsigned level, uint64_t index, uint8_t out[TALLY_HASH], struct tally_err *err)
{
	const struct memlog *l = ctx;
	uint8_t left[TALLY_HASH], leaf[16] = { 0 };

	if (level > 0) {
		if (node(ctx, level - 1, 2 * index, left, err) < 0 ||
		    node(ctx, level - 1, 2 * index + 1, out, err) < 0)
			return -1;
		tally_hash_node(out, left, out);
		return 0;
	}
	tally_put_u64(leaf, index);
	leaf[8] = index >= l->fork ? (uint8_t)l->branch : 0;
	tally_hash_leaf(out, tally_bytes(leaf, sizeof(leaf)));
	return 0;
}

struct tally_nodes
memlog_nodes(struct memlog *l)
{
	return (struct tally_nodes){ l, node };
}

void
memlog_note(struct memlog *l, uint64_t size, struct tally_buf *out)
{
	struct tally_signer signer = tally_logkey_signer(l->key);
	struct tally_nodes nodes = memlog_nodes(l);
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t root[TALLY_HASH];

	assert_int_equal(tally_root_at(root, size, &nodes, &err), 0);
	tally_checkpoint_text(&text, signer.vkey->name, size, root);
	assert_int_equal(tally_note_sign(out, tally_buf_view(&text), &signer, &err), 0);
	tally_buf_deinit(&text);
}

void
memlog_request(struct memlog *l, uint64_t old, uint64_t size, struct tally_buf *out)
{
	struct tally_add_checkpoint r = { .old = old };
	struct tally_nodes nodes = memlog_nodes(l);
	struct tally_buf note = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_proof proof = { .count = 0 };

	memlog_note(l, size, &note);
	if (old > 0 && old <= size)
		assert_int_equal(tally_proof_consistency(&proof, old, size, &nodes, &err), 0);
	assert_true(proof.count <= TALLY_WITNESS_HASHES);
	r.hashes = proof.count;
	memcpy(r.hash, proof.hash, proof.count * sizeof(*proof.hash));
	r.note = tally_buf_view(&note);
	tally_buf_clear(out);
	tally_add_checkpoint_text(out, &r);
	tally_buf_deinit(&note);
}

void
memlog_vkey(const struct memlog *l, struct tally_buf *out)
{
	tally_vkey_text(out, tally_logkey_vkey(l->key));
	tally_buf_add_u8(out, '\n');
}

struct tally_witness *
witness_new(const char *dir, const struct memlog *l)
{
	struct tally_buf logs = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_witness *w = NULL;

	memlog_vkey(l, &logs);
	if (tally_witness_make(dir, "witness.example.com/1", tally_disk_real(), &err) < 0 ||
	    tally_witness_open(&w, dir, "logs", tally_buf_view(&logs), tally_disk_real(), &err) < 0)
		fail_msg("%s", err.text);
	tally_buf_deinit(&logs);
	return w;
}

unsigned
witness_ask(struct tally_witness *w, struct tally_bytes body, uint64_t now, struct tally_buf *out)
{
	struct tally_witness_answer a = { .body = TALLY_BUF_INIT };

	tally_witness_add_checkpoint(w, body, now, &a);
	if (out) {
		tally_buf_clear(out);
		tally_buf_add_bytes(out, tally_buf_view(&a.body));
	}
	tally_buf_deinit(&a.body);
	return a.status;
}
