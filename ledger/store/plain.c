/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain LMDB, what appends are measured against: values of the same length in
 * one named database, MDB_APPEND, default sync. No tree, no hash, no head.
 * Named, because whoever keeps more than one table has that page in each
 * commit; the unnamed one alone would be a page (a tenth of the time at one a
 * commit) cheaper.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store_internal.h"

struct tally_plain {
	MDB_env *env;
	MDB_dbi dbi;
	uint64_t next;
};

int
tally_plain_open(struct tally_plain **out, const char *dir, struct tally_err *err)
{
	struct tally_plain *p = tally_alloc(sizeof(*p));
	MDB_txn *txn;
	int rc = mdb_env_create(&p->env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(p->env, store_map_size);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(p->env, 4);
	if (rc == 0)
		rc = mdb_env_open(p->env, dir, MDB_NOTLS, 0600);
	if (rc == 0 && (rc = mdb_txn_begin(p->env, NULL, 0, &txn)) == 0) {
		rc = mdb_dbi_open(txn, "plain", MDB_INTEGERKEY | MDB_CREATE, &p->dbi);
		if (rc == 0)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (rc) {
		tally_plain_close(p);
		return store_mdb_err(err, rc, "%s: plain LMDB", dir);
	}
	*out = p;
	return 0;
}

int
tally_plain_append(struct tally_plain *p, struct tally_bytes value, size_t n, struct tally_err *err)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc = mdb_txn_begin(p->env, NULL, 0, &txn);

	if (rc)
		return store_mdb_err(err, rc, "plain LMDB");
	rc = mdb_cursor_open(txn, p->dbi, &cursor);
	for (size_t i = 0; i < n && rc == 0; i++) {
		MDB_val k = { sizeof(p->next), &p->next };
		MDB_val v = { value.len, (void *)(uintptr_t)value.p };

		rc = mdb_cursor_put(cursor, &k, &v, MDB_APPEND);
		p->next++;
	}
	if (rc) {
		mdb_txn_abort(txn);
		return store_mdb_err(err, rc, "plain LMDB");
	}
	mdb_cursor_close(cursor);
	rc = mdb_txn_commit(txn);
	return rc ? store_mdb_err(err, rc, "plain LMDB") : 0;
}

void
tally_plain_close(struct tally_plain *p)
{
	if (!p)
		return;
	if (p->env)
		mdb_env_close(p->env);
	free(p);
}
