/* SPDX-License-Identifier: Apache-2.0 */
/* A new ledger goes on from an old log that ended at one size, with one root: whoever
 * confirms that names all three, since a name alone would go with any end. */
#include <inttypes.h>
#include <string.h>

#include "tally/csv.h"
#include "tally/err.h"
#include "tally/note.h"
#include "tally/parse.h"
#include "enrol.h"

/* The next of the words between single spaces, which are taken from the text. */
static struct tally_bytes
take_word(struct tally_bytes *text)
{
	const uint8_t *space = memchr(text->p, ' ', text->len);
	size_t n = space ? (size_t)(space - text->p) : text->len;
	struct tally_bytes word = tally_bytes(text->p, n);

	n += space != NULL;
	*text = tally_bytes(text->p + n, text->len - n);
	return word;
}

bool
enrol_succession_read(struct enrol_succession *out, const char *text)
{
	struct tally_bytes rest = tally_bytes_str(text), size;

	out->origin = take_word(&rest);
	size = take_word(&rest);
	return tally_name_valid(out->origin) &&
	       tally_parse_u64(&out->size, (const char *)size.p, size.len, UINT64_MAX) &&
	       tally_unhex(out->root, TALLY_HASH, (const char *)rest.p, rest.len);
}

void
enrol_succession_tell(struct tally_buf *text, const struct tally_enrolment *e)
{
	char root[2 * TALLY_HASH + 1];

	tally_hex(root, e->prev_root, TALLY_HASH);
	tally_printable(text, e->prev_origin);
	tally_buf_addf(text, " with %" PRIu64 " entries and the root %s", e->prev_size, root);
}

static bool
is_confirmed(const struct tally_enrolment *e, const struct enrol_succession *s)
{
	return tally_bytes_eq(e->prev_origin, s->origin) && e->prev_size == s->size &&
	       memcmp(e->prev_root, s->root, TALLY_HASH) == 0;
}

int
enrol_succession_check(const struct tally_enrolment *e, const struct enrol_succession *confirmed,
		       size_t n, struct tally_err *err)
{
	struct tally_buf old = TALLY_BUF_INIT, origin = TALLY_BUF_INIT;
	char root[2 * TALLY_HASH + 1];
	int r;

	if (!e->succeeds)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (is_confirmed(e, &confirmed[i]))
			return 0;
	enrol_succession_tell(&old, e);
	tally_printable(&origin, e->prev_origin);
	tally_hex(root, e->prev_root, TALLY_HASH);
	r = tally_err_set(err, TALLY_FAILS,
			  "its ledger succeeds log %s: compare that with what is known of the old "
			  "log, and confirm it with --succeeds '%s %" PRIu64 " %s'",
			  tally_buf_cstr(&old), tally_buf_cstr(&origin), e->prev_size, root);
	tally_buf_deinit(&old);
	tally_buf_deinit(&origin);
	return r;
}
