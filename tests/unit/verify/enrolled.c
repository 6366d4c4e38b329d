/* SPDX-License-Identifier: Apache-2.0 */
/* A world with an enroller, and the verdicts on what it signs. */
#include <stdlib.h>
#include <string.h>
#include "enrolled.h"

void
world_begin(struct world *w, const char *origin, const struct ledger *old)
{
	ledger_init_device(&w->l, origin, old);
	tally_buf_clear(&w->certificate);
	testca_issue(&w->certificate, &w->root, w->l.tpm.ek, &(struct testca_leaf){ 0 });
}

int
enrolled_setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	assert_int_equal(tally_enrollerkey_generate(&w->enroller, "example.com/it", &w->err), 0);
	assert_int_equal(tally_enrollerkey_generate(&w->other, "example.com/it", &w->err), 0);
	testca_init(&w->root, "Manufacturer Root", NULL);
	w->arena = tally_arena_new(4096);
	world_begin(w, ORIGIN, NULL);
	*state = w;
	return 0;
}

int
enrolled_teardown(void **state)
{
	struct world *w = *state;

	ledger_deinit(&w->l);
	tally_logkey_free(w->enroller);
	tally_logkey_free(w->other);
	testca_deinit(&w->root);
	tally_buf_deinit(&w->certificate);
	tally_buf_deinit(&w->pins);
	tally_arena_free(w->arena);
	free(w->dir);
	free(w);
	return 0;
}

/* What an honest enroller would sign now. */
struct tally_enrolment
world_honest(struct world *w)
{
	struct tally_enrolment e = {
		.asset = tally_bytes_str("0042"),
		.ek_public = tally_buf_view(&w->l.tpm.ek_public),
		.ak_public = tally_buf_view(&w->l.tpm.ak_public),
		.certified_public = tally_buf_view(&w->l.tpm.ek_public),
		.certificate = { tally_buf_view(&w->certificate) },
		.certificates = 1,
		.origin = tally_bytes_str(w->l.origin),
		.vkey = tally_bytes(w->l.vkey.p, w->l.vkey.len - 1),
		.class = TALLY_CLASS_CERTIFIED,
		.time = test_wall("2026-03-01T00:00:00Z").ns,
	};

	tally_host_id(e.host_id, e.ek_public);
	return e;
}

void
world_sign(struct world *w, struct tally_buf *out, const struct tally_enrolment *e,
	   struct tally_logkey *by)
{
	struct tally_signer signer = tally_logkey_signer(by);
	struct tally_buf text = TALLY_BUF_INIT;

	tally_enrolment_write(&text, e);
	assert_int_equal(tally_note_sign(out, tally_buf_view(&text), &signer, &w->err), 0);
	tally_buf_deinit(&text);
}

void
world_append(struct world *w, const struct tally_enrolment *e, struct tally_logkey *by)
{
	struct tally_event ev = { .kind = TALLY_ENROLMENT };
	struct tally_buf record = TALLY_BUF_INIT;
	uint64_t index;

	world_sign(w, &record, e, by);
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_OPERATOR;
	ev.o.enrolment = tally_buf_view(&record);
	assert_int_equal(tally_store_append_event(w->l.store, &ev, &index, &w->err), 0);
	tally_buf_deinit(&record);
}

void
world_finish(struct world *w)
{
	ledger_append(&w->l, 6);
	ledger_checkpoint(&w->l);
	free(w->dir);
	w->dir = ledger_export(&w->l, "out", false);
}

void
world_pin_enroller(struct world *w, struct tally_logkey *k, const char *words)
{
	tally_vkey_text(&w->pins, tally_logkey_vkey(k));
	tally_buf_addf(&w->pins, "%s\n", words);
}

/* Log, enroller and root. */
void
world_pin_all(struct world *w)
{
	tally_buf_clear(&w->pins);
	tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
	world_pin_enroller(w, w->enroller, "");
	testca_pem(&w->pins, w->root.certificate);
}

struct tally_verify *
world_judged(struct world *w, bool require)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;

	assert_int_equal(tally_verify_new(&v, &err), 0);
	if (tally_verify_anchor(v, "pins", tally_buf_view(&w->pins), &err) < 0)
		fail_msg("%s", err.text);
	if (require)
		assert_int_equal(tally_verify_require(v, "hardware", &err), 0);
	assert_int_equal(tally_verify_path(v, w->dir, &err), 0);
	assert_int_equal(tally_verify_run(v, &err), 0);
	return v;
}

void
world_is_class(struct world *w, const char *class)
{
	struct tally_verify *v = world_judged(w, false);

	if (!tally_verify_holds(v))
		tell_problems(v);
	assert_true(tally_verify_holds(v));
	assert_string_equal(tally_verify_class(v), class);
	tally_verify_free(v);
	/* And --require asks for no less. */
	v = world_judged(w, true);
	assert_int_equal(tally_verify_holds(v), strncmp(class, "hardware", 8) == 0);
	tally_verify_free(v);
}

void
world_is_problem(struct world *w, const char *check, int64_t entry)
{
	struct tally_verify *v = world_judged(w, false);

	if (!names(v, check, w->dir, "private/payload/000.p/10", entry) &&
	    !names(v, check, w->dir, "private/payload/000.p/9", entry) &&
	    !names(v, check, w->dir, "private/payload/000.p/11", entry)) {
		tell_problems(v);
		fail_msg("no %s at entry %d", check, (int)entry);
	}
	assert_string_equal(tally_verify_class(v), "self-declared");
	tally_verify_free(v);
}

/* One record, by `by`, and everything that is to be pinned. */
void
world_enrolled(struct world *w, const struct tally_enrolment *e, struct tally_logkey *by)
{
	world_append(w, e, by);
	world_finish(w);
	world_pin_all(w);
}
