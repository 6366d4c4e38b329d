/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle says of itself. Nothing here is read from one: it is made, and compared. */
#include <string.h>
#include "tally/bundle.h"
#include "tally/json.h"

void
tally_bundle_manifest(struct tally_buf *out, const struct tally_bundle_file *files, size_t n)
{
	struct tally_jsonw *w = tally_jsonw_new(out, false);
	char hash[2 * TALLY_HASH + 1];

	tally_jsonw_object(w);
	tally_jsonw_key(w, "files");
	tally_jsonw_array(w);
	for (size_t i = 0; i < n; i++) {
		tally_hex(hash, files[i].sha256, TALLY_HASH);
		tally_jsonw_object(w);
		tally_jsonw_key(w, "name");
		tally_jsonw_str(w, files[i].name);
		tally_jsonw_key(w, "sha256");
		tally_jsonw_str(w, hash);
		tally_jsonw_key(w, "size");
		tally_jsonw_u64(w, files[i].size);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
	tally_jsonw_key(w, "manifest");
	tally_jsonw_u64(w, 1);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_u8(out, '\n');
}

static void
copy(struct tally_jsonw *w, const char *key, const struct tally_json *report, const char *of)
{
	const struct tally_json *v = report ? tally_json_get(report, of) : NULL;

	tally_jsonw_key(w, key);
	tally_jsonw_string(w, v ? tally_json_string(v) : tally_bytes(NULL, 0));
}

void
tally_bundle_about(struct tally_buf *out, const struct tally_json *report,
		   const struct tally_bundle_about *about)
{
	const struct tally_json *made_for = report ? tally_json_get(report, "for") : NULL;
	struct tally_jsonw *w = tally_jsonw_new(out, false);

	tally_jsonw_object(w);
	copy(w, "as_of", report, "issued");
	tally_jsonw_key(w, "bundle");
	tally_jsonw_u64(w, 1);
	if (made_for) {
		tally_jsonw_key(w, "completeness");
		tally_jsonw_str(w, TALLY_BUNDLE_INCOMPLETE);
		copy(w, "for", made_for, "licensor");
	}
	copy(w, "from", report, "from");
	tally_jsonw_key(w, "lacks");
	tally_jsonw_string(w, about->strict ? about->lacks : tally_bytes(NULL, 0));
	copy(w, "report", report, "id");
	tally_jsonw_key(w, "strict");
	tally_jsonw_bool(w, about->strict);
	copy(w, "timezone", report, "timezone");
	copy(w, "to", report, "to");
	copy(w, "tool", report, "tool");
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_u8(out, '\n');
}
