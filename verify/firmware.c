/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check 11: the version of the TPM's firmware, which every attestation tells. It does
 * not change within a session. At another one of the same TPM it may, where whoever
 * verifies has declared the new one; a software TPM's version is that of a library, which
 * says nothing of its class, so there it is told and no fault. What is denied is
 * one wherever it stands.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "verify_internal.h"

#define DIGITS 16

/* "firmware 0x0123456789abcdef [denied]", without the first word. */
int
firmware_pin(struct anchors *a, struct tally_bytes version, struct tally_bytes word,
	     struct tally_err *err)
{
	struct firmware_pin pin = { .denied = tally_bytes_eq(word, tally_bytes_str("denied")) };
	uint8_t bytes[DIGITS / 2];

	if (version.len != 2 + DIGITS || memcmp(version.p, "0x", 2) != 0 ||
	    !tally_unhex(bytes, sizeof(bytes), (const char *)version.p + 2, DIGITS) ||
	    (word.len > 0 && !pin.denied))
		return tally_err_set(err, TALLY_USE,
				     "behind 'firmware' stand 0x with 16 digits and, where it is "
				     "to be refused, 'denied'");
	for (size_t i = 0; i < sizeof(bytes); i++)
		pin.version = pin.version << 8 | bytes[i];
	a->firmware = tally_realloc_array(a->firmware, a->n_firmware + 1, sizeof(*a->firmware));
	a->firmware[a->n_firmware++] = pin;
	return 0;
}

static bool
is_pinned(const struct tally_export *x, uint64_t version, bool denied)
{
	const struct anchors *a = x->anchors;

	for (size_t i = 0; i < a->n_firmware; i++)
		if (a->firmware[i].version == version && a->firmware[i].denied == denied)
			return true;
	return false;
}

/* Who has pinned nothing has declared nothing either: he asks whether the parts agree. */
static bool
is_judged(const struct tally_export *x, const struct session *s)
{
	const struct anchors *a = x->anchors;

	return a->count + a->n_enrollers + a->n_records + a->n_firmware > 0 &&
	       tally_class_enrolled(TALLY_CLASS_CERTIFIED, s->st.transport) > TALLY_CLASS_SOFTWARE;
}

static void
changed(struct tally_export *x, const struct session *s, uint64_t version, bool within,
	const char *file, const char *where)
{
	static const char from_to[] =
		"the TPM's firmware was 0x%016" PRIx64 " and is 0x%016" PRIx64;
	const struct firmware *f = &x->firmware;
	struct tally_buf what = TALLY_BUF_INIT;

	tally_buf_addf(&what, from_to, f->version, version);
	if (within)
		problem(x->problems, "tpm-11", x->folder.path, file, "%s: %s within one session",
			where, tally_buf_cstr(&what));
	else if (!is_judged(x, s) || is_pinned(x, version, false))
		remark(x->problems, "%s: %s: %s", x->folder.path, where, tally_buf_cstr(&what));
	else
		problem(x->problems, "tpm-11", x->folder.path, file,
			"%s: %s, which nobody declared (pin 'firmware 0x%016" PRIx64
			"' where it is known)",
			where, tally_buf_cstr(&what), version);
	tally_buf_deinit(&what);
}

void
firmware_seen(struct tally_export *x, const struct session *s, uint64_t version, const char *file,
	      const char *where)
{
	const struct tally_statement *st = &s->st;
	struct firmware *f = &x->firmware;
	bool same = f->any && memcmp(f->host_id, st->host_id.p, TALLY_HASH) == 0;
	bool within =
		same && f->reset_count == st->reset_count && f->restart_count == st->restart_count;

	if ((!f->any || f->version != version) && is_pinned(x, version, true))
		problem(x->problems, "tpm-11", x->folder.path, file,
			"%s: the TPM's firmware 0x%016" PRIx64 " is denied", where, version);
	if (same && f->version != version)
		changed(x, s, version, within, file, where);
	f->any = true;
	f->version = version;
	f->reset_count = st->reset_count;
	f->restart_count = st->restart_count;
	memcpy(f->host_id, st->host_id.p, TALLY_HASH);
}
