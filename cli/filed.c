/* SPDX-License-Identifier: Apache-2.0 */
/* See filed.h. */
#include "filed.h"

#include "tally/csv.h"
#include "tally/err.h"

void
cli_filed_begin(struct cli_filed *f, const struct tally_entry *e, const struct tally_event *ev)
{
	if (f->ours)
		f->whole = true;
	f->any = true;
	f->at = e->header.index;
	f->due = ev->o.has_records ? ev->o.records : 0;
	f->got = 0;
	tally_buf_clear(&f->name);
	tally_printable(&f->name, ev->o.file_name);
	f->ours = tally_bytes_eq(ev->o.file_hash, tally_bytes(f->hash, TALLY_HASH));
	if (f->ours)
		f->end = e->header.index + 1;
}

int
cli_filed_state(enum cli_filed_state *out, struct cli_filed *f, const struct cli_filed_words *words,
		struct tally_err *err)
{
	bool complete = f->got >= f->due;

	if (f->any && !complete && !f->ours)
		return tally_err_set(err, TALLY_USE,
				     "the %s of '%s' (entry %llu) was broken off at %llu of %llu "
				     "%s: %s that file again first",
				     words->act, tally_buf_cstr(&f->name),
				     (unsigned long long)f->at, (unsigned long long)f->got,
				     (unsigned long long)f->due, words->entries, words->again);
	*out = f->whole || (f->ours && complete) ? CLI_FILED_WHOLE
	       : f->ours                         ? CLI_FILED_PART
						 : CLI_FILED_NOT;
	return 0;
}
