/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger opened for writing, with its TPM and the seal over both. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/json.h"
#include "tally/log.h"
#include "ledger.h"
#include "witnesses.h"

int
cli_ledger_open(struct cli_ledger *l, const char *path, bool remote, struct tally_err *err)
{
	*l = (struct cli_ledger){ 0 };
	if (!remote)
		return tally_store_open(&l->store, path, TALLY_STORE_WRITE, tally_clock_real(),
					err);
	if (tally_writer_open(&l->writer, path, tally_clock_real(), err) < 0)
		return -1;
	l->store = tally_writer_store(l->writer);
	return 0;
}

static int
hash_program(uint8_t hash[TALLY_HASH], struct tally_err *err)
{
	struct tally_sha256 *h;
	uint8_t piece[16384];
	FILE *f = fopen("/proc/self/exe", "re");
	size_t n;
	int status = 0;

	if (!f)
		return tally_err_sys(err, "/proc/self/exe");
	h = tally_sha256_new();
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		tally_sha256_add(h, piece, n);
	if (ferror(f))
		status = tally_err_sys(err, "/proc/self/exe");
	tally_sha256_end(h, hash);
	tally_sha256_free(h);
	fclose(f);
	return status;
}

int
cli_ledger_seal(struct cli_ledger *l, bool create, struct tally_err *err)
{
	struct tally_journal journal = tally_store_journal(l->store);
	struct tally_seal_info info = { .origin = tally_store_origin(l->store),
					.version = TALLY_VERSION };
	struct tally_buf dir = TALLY_BUF_INIT;
	int status;

	if (!create && cli_witnesses_ask(l->store, false, err) < 0)
		return -1;
	l->asks = !create;
	tally_buf_addf(&dir, "%s/tpm", tally_store_path(l->store));
	status = tally_tpm_start(&l->tpm, NULL, tally_buf_cstr(&dir),
				 tally_store_transport(l->store), create, err);
	tally_buf_deinit(&dir);
	if (status == 0)
		status = hash_program(info.program_hash, err);
	tally_buf_clear(&l->vkey);
	tally_vkey_text(&l->vkey, tally_store_vkey(l->store));
	info.vkey = tally_buf_view(&l->vkey);
	if (status == 0)
		status = tally_seal_open(&l->seal, l->tpm, &journal, &info, err);
	return status < 0 ? -1 : 0;
}

int
cli_ledger_checkpoint(struct cli_ledger *l, struct tally_err *err)
{
	return tally_seal_checkpoint(l->seal, err);
}

int
cli_ledger_anchor(struct cli_ledger *l, struct tally_err *err)
{
	struct tally_anchors standing;
	int made = tally_seal_anchor(l->seal, TALLY_ANCHOR_INTERVAL, &standing, err);

	return made <= 0 ? made : tally_seal_checkpoint(l->seal, err);
}

int
cli_ledger_close(struct cli_ledger *l, int status, struct tally_err *err)
{
	struct tally_err refused = TALLY_ERR_INIT;

	if (l->seal)
		tally_seal_close(l->seal);
	tally_tpm_stop(l->tpm);
	if (l->asks && cli_witnesses_ask(l->store, true, &refused) < 0) {
		if (status < 0) {
			tally_log(TALLY_LOG_ERR, "witnesses: %s", refused.text);
		} else {
			*err = refused;
			status = -1;
		}
	}
	if (l->writer)
		tally_writer_close(l->writer);
	else
		tally_store_close(l->store);
	tally_buf_deinit(&l->vkey);
	*l = (struct cli_ledger){ 0 };
	return status;
}

int
cli_ledger_ask(const char *path, const char *request, struct tally_err *err)
{
	struct tally_buf answer = TALLY_BUF_INIT;
	struct tally_json_doc *doc = NULL;
	const struct tally_json *ok, *what;
	int status = tally_control_ask(path, request, TALLY_CONTROL_MS, &answer, err);

	if (status == 0 && tally_json_parse(&doc, tally_buf_view(&answer), err) < 0) {
		err->code = TALLY_SYS;
		status = tally_err_prefix(err, "%s: the holder's answer", path);
	}
	if (status == 0) {
		ok = tally_json_get(tally_json_root(doc), "ok");
		what = tally_json_get(tally_json_root(doc), "error");
		if (!ok || !tally_json_bool(ok)) {
			struct tally_bytes text =
				what ? tally_json_string(what) : tally_bytes_str("no answer");
			status = tally_err_set(err, TALLY_SYS, "%s: the holder: %.*s", path,
					       (int)text.len, (const char *)text.p);
		}
	}
	tally_json_free(doc);
	tally_buf_deinit(&answer);
	return status;
}

/* Base64 has no character that JSON would escape. */
int
cli_ledger_entry_json(struct tally_buf *out, const struct tally_event *ev, struct tally_err *err)
{
	struct tally_buf groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	int status = tally_event_encode(ev, groups, err);

	tally_buf_add_str(out, "{\"groups\":[");
	for (size_t g = 0; g < TALLY_GROUPS; g++) {
		tally_buf_add_str(out, g ? ",\"" : "\"");
		tally_buf_add_base64(out, groups[g].p, groups[g].len);
		tally_buf_add_str(out, "\"");
		tally_buf_deinit(&groups[g]);
	}
	tally_buf_addf(out, "],\"kind\":%u}", ev->kind);
	return status;
}

int
cli_newest_read(struct cli_newest *n, struct tally_store *s, struct tally_err *err)
{
	uint64_t sequence;
	int r;

	*n = (struct cli_newest){ 0 };
	r = tally_store_last_note(s, &sequence, &n->bytes, err);
	if (r <= 0)
		return r;
	if (tally_note_parse(&n->note, tally_buf_view(&n->bytes), &n->scratch, err) < 0 ||
	    tally_checkpoint_parse(&n->checkpoint, n->note.text, false, err) < 0)
		return tally_err_prefix(err, "%s: note %llu", tally_store_path(s),
					(unsigned long long)sequence);
	r = tally_note_verify(&n->note, tally_store_vkey(s), err);
	if (r == 0)
		return tally_err_set(err, TALLY_FAILS,
				     "%s: note %llu: no signature of the log's key",
				     tally_store_path(s), (unsigned long long)sequence);
	if (r < 0)
		return tally_err_prefix(err, "%s: note %llu", tally_store_path(s),
					(unsigned long long)sequence);
	return 1;
}

void
cli_newest_deinit(struct cli_newest *n)
{
	tally_buf_deinit(&n->bytes);
	tally_buf_deinit(&n->scratch);
}

int
cli_no_checkpoint(const char *path, struct tally_err *err)
{
	return tally_err_set(
		err, TALLY_USE,
		"%s: the ledger has no checkpoint yet: 'tally checkpoint %s' makes one", path,
		path);
}

int
cli_ledger_prefix(const char *path, struct tally_err *err)
{
	if (strncmp(err->text, path, strlen(path)) != 0)
		(void)tally_err_prefix(err, "%s", path);
	return -1;
}
