/* SPDX-License-Identifier: Apache-2.0 */
/* The enroller's half: its key, the challenge, the record. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

#include "tally/clock.h"
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/file.h"
#include "enrol.h"
#include "pins.h"

/* Never over a file that is there: a key is made once. */
static int
write_key(const char *path, const struct tally_logkey *k, struct tally_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), status = 0;
	struct tally_buf text = TALLY_BUF_INIT;

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	tally_logkey_text(k, &text);
	if (write(fd, text.p, text.len) != (ssize_t)text.len || fsync(fd) < 0)
		status = tally_err_sys(err, "%s", path);
	explicit_bzero(text.p, text.cap);
	tally_buf_deinit(&text);
	if (close(fd) < 0 && status == 0)
		status = tally_err_sys(err, "%s", path);
	if (status < 0)
		(void)unlink(path);
	return status;
}

int
enrol_key(const struct enrol_options *o, struct tally_err *err)
{
	struct tally_buf vkey = TALLY_BUF_INIT;
	struct tally_logkey *k;
	int status;

	if (!o->out || strcmp(o->out, "-") == 0)
		return cli_missing("enrol", "-o FILE for the private key", err);
	if (tally_enrollerkey_generate(&k, o->arg[0], err) < 0)
		return -1;
	status = write_key(o->out, k, err);
	if (status == 0) {
		tally_vkey_text(&vkey, tally_logkey_vkey(k));
		tally_buf_add_u8(&vkey, '\n');
		status = cli_print(tally_buf_view(&vkey), err);
	}
	tally_buf_deinit(&vkey);
	tally_logkey_free(k);
	return status;
}

int
enrol_read_key(struct tally_logkey **out, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status = cli_read_input(path, 4096, &text, err);

	if (status == 0 && tally_logkey_parse(out, tally_buf_view(&text), err) < 0) {
		err->code = TALLY_USE;
		status = tally_err_prefix(err, "%s", path);
	}
	if (text.p)
		explicit_bzero(text.p, text.cap);
	tally_buf_deinit(&text);
	if (status == 0 && tally_logkey_vkey(*out)->type != TALLY_SIG_ENROLLER) {
		tally_logkey_free(*out);
		*out = NULL;
		status = tally_err_set(err, TALLY_USE,
				       "%s: a log's key; 'tally enrol key' makes an enroller's",
				       path);
	}
	return status;
}

/* What both steps begin with. */
struct issuing {
	struct tally_logkey *key;
	struct tally_buf content;
	struct tally_enrolment_file request;
	struct tally_arena *arena;
	int64_t now;
};

static int
issuing_begin(struct issuing *d, const struct enrol_options *o, struct tally_err *err)
{
	*d = (struct issuing){ .arena = tally_arena_new(4096),
			       .now = tally_clock_now(tally_clock_real()).wall.ns };
	if (enrol_read_key(&d->key, o->key, err) < 0 ||
	    cli_read_input(o->arg[0], ENROL_FILE_MAX, &d->content, err) < 0)
		return -1;
	return tally_enrolment_file_read(&d->request, o->arg[0], tally_buf_view(&d->content), true,
					 d->arena, err);
}

static void
issuing_end(struct issuing *d)
{
	tally_logkey_free(d->key);
	tally_enrolment_file_deinit(&d->request);
	tally_buf_deinit(&d->content);
	tally_arena_free(d->arena);
}

int
enrol_challenge(const struct enrol_options *o, struct tally_err *err)
{
	struct tally_buf out = TALLY_BUF_INIT;
	uint8_t nonce[TALLY_HASH];
	struct issuing d;
	int status = issuing_begin(&d, o, err);

	if (status == 0 && getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		status = tally_err_sys(err, "getrandom");
	if (status == 0)
		status = tally_challenge_make(&out, &d.request, d.key, nonce, d.now, err);
	if (status == 0)
		status = tally_output_write(o->out ? o->out : "-", tally_buf_view(&out), err);
	tally_buf_deinit(&out);
	issuing_end(&d);
	return status;
}

static int
check_response(const struct issuing *d, const struct enrol_options *o, struct tally_err *err)
{
	struct tally_buf challenge = TALLY_BUF_INIT, response = TALLY_BUF_INIT;
	int status = cli_read_input(o->arg[1], ENROL_FILE_MAX, &challenge, err);

	if (status == 0)
		status = cli_read_input(o->arg[2], ENROL_FILE_MAX, &response, err);
	if (status == 0)
		status = tally_response_check(&d->request, tally_buf_view(&challenge),
					      tally_buf_view(&response), d->key, d->now, err);
	tally_buf_deinit(&challenge);
	tally_buf_deinit(&response);
	return status;
}

int
enrol_choose_class(const char *given, const struct tally_enrolment *e, enum tally_class *class,
		   struct tally_err *err)
{
	enum tally_class wanted;

	if (!given)
		return 0;
	if (tally_class_find(tally_bytes_str(given), &wanted) == 0)
		return tally_err_set(err, TALLY_USE, "--class: '%s' is no class", given);
	if (wanted == TALLY_CLASS_SELF_DECLARED ||
	    (wanted > *class && !(wanted == TALLY_CLASS_UNCERTIFIED && e->certificates == 0)))
		return tally_err_set(err, TALLY_USE,
				     "--class: '%s' is more than its certificates give, %s", given,
				     tally_class_name(*class));
	*class = wanted;
	return 0;
}

void
enrol_tell(struct tally_buf *text, const struct tally_enrolment *e, enum tally_class class,
	   const char *why, bool again)
{
	char id[17];

	tally_hex(id, e->host_id, 8);
	tally_buf_addf(text, "TPM %s", id);
	if (e->asset.len > 0) {
		tally_buf_add_str(text, " of ");
		tally_printable(text, e->asset);
	}
	tally_buf_add_str(text, ", log ");
	tally_printable(text, e->origin);
	tally_buf_addf(text, ": %s: %s%s\n", tally_class_name(class), why,
		       again ? " (enrolled again)" : "");
	if (e->succeeds) {
		/* The signature confirms it: compare it with what is known of the old log. */
		tally_buf_add_str(text, "It succeeds log ");
		enrol_succession_tell(text, e);
		tally_buf_add_u8(text, '\n');
	}
}

static int
issue(const struct issuing *d, const struct enrol_options *o, const struct tally_roots *roots,
      struct tally_err *err)
{
	const struct tally_enrolment *e = &d->request.e;
	struct tally_chain chain = { .class = TALLY_CLASS_SOFTWARE };
	struct tally_buf record = TALLY_BUF_INIT, told = TALLY_BUF_INIT;
	struct enrol_register *known = NULL;
	enum tally_class class;
	struct enrol_finding found = { .again = false };
	char why[256];
	int status = tally_request_class(e, roots, d->now, &class, &chain, why, err);

	if (status < 0)
		(void)tally_err_prefix(err, "%s", o->arg[0]);
	if (status == 0)
		status = enrol_choose_class(o->class, e, &class, err);
	if (status == 0 && o->record_dir)
		status = enrol_register_open(&known, o->record_dir, tally_disk_real(), err);
	if (status == 0 && known)
		status = enrol_register_check(known, e, &found, err);
	if (status == 0 && !found.confirmed)
		status = enrol_succession_check(e, o->succeeds, o->succeeds_count, err);
	if (status == 0)
		status =
			tally_record_make(&record, &d->request, &chain, class, d->now, d->key, err);
	if (status == 0 && known)
		status = enrol_register_add(known, e, tally_buf_view(&record), err);
	if (status == 0)
		status = tally_output_write(o->out ? o->out : "-", tally_buf_view(&record), err);
	if (status == 0) {
		enrol_tell(&told, e, class, why, found.again);
		fputs(tally_buf_cstr(&told), stderr);
	}
	enrol_register_close(known);
	tally_chain_deinit(&chain);
	tally_buf_deinit(&told);
	tally_buf_deinit(&record);
	return status;
}

static int
take_roots(void *ctx, const char *name, struct tally_bytes content, struct tally_err *err)
{
	return tally_roots_read(ctx, name, content, err);
}

int
enrol_read_roots(struct tally_roots *roots, const struct enrol_options *o, struct tally_err *err)
{
	for (size_t i = 0; i < o->root_count; i++)
		if (pins_each(o->roots[i], take_roots, roots, err) < 0)
			return -1;
	return 0;
}

int
enrol_issue(const struct enrol_options *o, struct tally_err *err)
{
	struct tally_roots *roots = tally_roots_new();
	struct issuing d;
	int status = issuing_begin(&d, o, err);

	if (status == 0)
		status = enrol_read_roots(roots, o, err);
	if (status == 0)
		status = check_response(&d, o, err);
	if (status == 0)
		status = issue(&d, o, roots, err);
	tally_roots_free(roots);
	issuing_end(&d);
	return status;
}
