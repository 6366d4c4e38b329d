/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TPM, one ledger (checks 5 and 14): a ledger whose TPM changes was gone on with by
 * somebody else, and of two that one TPM has sealed one at most is that of its machine.
 * A TPM that was replaced begins another ledger, which may succeed the first.
 */
#include <string.h>
#include "verify_internal.h"

void
tpms_session(struct tally_export *x, const struct session *s, const char *file)
{
	struct tpms *t = &x->tpms;

	if (t->any && !t->told && memcmp(t->host_id, s->st.host_id.p, TALLY_HASH) != 0) {
		t->told = true;
		problem_entry(x->problems, "tpm-5", x->folder.path, file, s->index,
			      "the session statement is of another TPM than those before it");
	}
	t->any = true;
	memcpy(t->host_id, s->st.host_id.p, TALLY_HASH);
}

static bool
succeeds(const struct tally_export *new, const struct tally_export *old)
{
	return new->succeeds &&tally_bytes_eq(tally_buf_view(&new->prev_origin),
					      tally_bytes_str(old->origin));
}

/* Where both are enrolled, or one succeeds the other, enrolment.c has its say. */
void
tpms_compare(const struct tally_export *a, struct tally_export *b)
{
	char host[2 * TALLY_HASH + 1];

	if (!a->tpms.any || !b->tpms.any || succeeds(a, b) || succeeds(b, a) ||
	    (a->enrolled.any && b->enrolled.any) || a->superseded || b->superseded ||
	    memcmp(a->tpms.host_id, b->tpms.host_id, TALLY_HASH) != 0)
		return;
	tally_hex(host, b->tpms.host_id, TALLY_HASH);
	if (a->enrolled.any || b->enrolled.any)
		problem(b->problems, "tpm-14", b->folder.path, NULL,
			"its TPM %s is enrolled for %s alone, and seals %s, too", host,
			a->enrolled.any ? a->origin : b->origin,
			a->enrolled.any ? b->origin : a->origin);
	else
		remark(b->problems,
		       "%s: the TPM %s seals %s, too: nobody says which of the two is the ledger "
		       "of its machine",
		       b->folder.path, host, a->origin);
}
