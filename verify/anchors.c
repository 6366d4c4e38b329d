/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was pinned off the host: verifier keys of logs, witnesses and enrollers,
 * roots of manufacturers, records of enrolments, versions of firmware. Text, line by line, but for
 * a certificate in DER and for a record, which are files of their own.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/enrol.h"
#include "tally/time.h"
#include "verify_internal.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

void
anchors_deinit(struct anchors *a)
{
	for (size_t i = 0; i < a->n_records; i++)
		tally_buf_deinit(&a->records[i]);
	tally_roots_free(a->roots);
	tally_roots_free(a->timestamps);
	tally_policy_free(a->policy);
	free(a->records);
	free(a->enrollers);
	free(a->firmware);
	free(a->keys);
}

static void
add_key(struct anchors *a, const struct tally_vkey *key)
{
	a->keys = tally_realloc_array(a->keys, a->count + 1, sizeof(*a->keys));
	a->keys[a->count++] = *key;
}

/* A record vouches for its log's key, as a line of it would. */
static int
take_record(struct anchors *a, const char *name, struct tally_bytes content, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_enrolment_file f;
	int r = tally_enrolment_file_read(&f, name, content, false, arena, err);

	if (r == 0) {
		add_key(a, &f.log);
		a->records = tally_realloc_array(a->records, a->n_records + 1, sizeof(*a->records));
		a->records[a->n_records] = (struct tally_buf)TALLY_BUF_INIT;
		tally_buf_add_bytes(&a->records[a->n_records++], f.note.text);
	} else {
		err->code = TALLY_USE;
	}
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return r;
}

/* The next word of a line, after blanks. */
static struct tally_bytes
next_word(struct tally_bytes *line)
{
	struct tally_bytes word;

	while (line->len > 0 && (line->p[0] == ' ' || line->p[0] == '\t'))
		*line = tally_bytes(line->p + 1, line->len - 1);
	word = tally_bytes(line->p, 0);
	while (word.len < line->len && line->p[word.len] != ' ' && line->p[word.len] != '\t')
		word.len++;
	*line = tally_bytes(line->p + word.len, line->len - word.len);
	return word;
}

static bool
take_instant(struct tally_bytes *rest, int64_t *out)
{
	struct tally_bytes word = next_word(rest);
	struct tally_wall t;

	if (!tally_wall_parse(&t, (const char *)word.p, word.len, true))
		return false;
	*out = t.ns;
	return true;
}

/* What may stand behind an enroller's key. */
static int
take_enroller(struct anchors *a, const struct tally_vkey *key, struct tally_bytes rest,
	      struct tally_err *err)
{
	struct enroller e = { .key = *key, .until = INT64_MAX };
	struct tally_bytes word;
	bool good = true;

	while (good && (word = next_word(&rest)).len > 0) {
		if (tally_bytes_eq(word, tally_bytes_str("from")))
			good = take_instant(&rest, &e.from);
		else if (tally_bytes_eq(word, tally_bytes_str("until")))
			good = take_instant(&rest, &e.until);
		else if (tally_bytes_eq(word, tally_bytes_str("revoked")))
			e.revoked = true;
		else
			good = false;
	}
	if (!good)
		return tally_err_set(err, TALLY_USE,
				     "behind an enroller's key stand 'from T', 'until T' and "
				     "'revoked', T as 2026-03-01T00:00:00Z");
	a->enrollers = tally_realloc_array(a->enrollers, a->n_enrollers + 1, sizeof(*a->enrollers));
	a->enrollers[a->n_enrollers++] = e;
	return 0;
}

static int
take_key(struct anchors *a, struct tally_bytes line, struct tally_err *err)
{
	struct tally_bytes rest = line, first = next_word(&rest);
	struct tally_vkey key;

	/* Blanks are for enrollers alone: a vkey has none. */
	if (tally_vkey_parse(&key, first, err) < 0)
		return -1;
	if (key.type == TALLY_SIG_ENROLLER)
		return take_enroller(a, &key, rest, err);
	if (rest.len > 0)
		return tally_err_set(err, TALLY_USE, "not a verifier key (NAME+8 HEX+BASE64)");
	add_key(a, &key);
	return 0;
}

/* As it comes out of a mail or another system's editor. */
static struct tally_bytes
trimmed(struct tally_bytes line)
{
	while (line.len > 0 && strchr(" \t\r", line.p[line.len - 1]))
		line.len--;
	while (line.len > 0 && strchr(" \t", line.p[0]))
		line = tally_bytes(line.p + 1, line.len - 1);
	return line;
}

/* One file, line by line. */
struct reading {
	struct anchors *a;
	struct tally_buf block; /* of a certificate in PEM */
	bool inside;
	bool timestamps;        /* the roots that come are of authorities of timestamps */
	enum tally_class class; /* that they lead to else */
};

static int
end_block(struct reading *r, struct tally_err *err)
{
	struct tally_buf der = TALLY_BUF_INIT;
	int status = tally_pem_decode(&der, tally_buf_view(&r->block), err);

	r->inside = false;
	if (status == 0)
		status = tally_roots_add(r->timestamps ? r->a->timestamps : r->a->roots,
					 tally_buf_view(&der), r->class, err);
	tally_buf_deinit(&der);
	return status;
}

static int
take_line(struct reading *r, struct tally_bytes line, struct tally_err *err)
{
	struct tally_bytes rest, version;
	int status;

	if (r->inside && tally_bytes_eq(line, tally_bytes_str(END)))
		return end_block(r, err);
	if (r->inside) {
		tally_buf_add_bytes(&r->block, line);
		return 0;
	}
	if (tally_bytes_eq(line, tally_bytes_str(BEGIN))) {
		tally_buf_clear(&r->block);
		r->inside = true;
		return 0;
	}
	if (line.len == 0 || line.p[0] == '#')
		return 0;
	if (tally_bytes_eq(line, tally_bytes_str("roots timestamp"))) {
		r->timestamps = true;
		return 0;
	}
	rest = line;
	if (tally_bytes_eq(next_word(&rest), tally_bytes_str("firmware"))) {
		version = next_word(&rest);
		return firmware_pin(r->a, version, trimmed(rest), err);
	}
	status = tally_roots_line(line, &r->class, err);
	if (status > 0)
		r->timestamps = false;
	return status == 0 ? take_key(r->a, line, err) : status;
}

static int
take_lines(struct anchors *a, const char *name, struct tally_bytes text, struct tally_err *err)
{
	struct reading r = { .a = a, .class = TALLY_CLASS_CERTIFIED };
	unsigned number = 0;
	int status = 0;

	while (text.len > 0 && status >= 0) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		size_t n = end ? (size_t)(end - text.p) : text.len;

		number++;
		status = take_line(&r, trimmed(tally_bytes(text.p, n)), err);
		n += end != NULL;
		text = tally_bytes(text.p + n, text.len - n);
	}
	if (status >= 0 && r.inside)
		status = tally_err_set(err, TALLY_USE, "a certificate without its end");
	tally_buf_deinit(&r.block);
	return status < 0 ? tally_err_prefix(err, "%s:%u", name, number) : 0;
}

/* Its logs are pinned as lines of their own would pin them. */
static int
take_policy(struct anchors *a, const char *name, struct tally_bytes text, struct tally_err *err)
{
	if (a->policy)
		return tally_err_set(err, TALLY_USE, "%s: a second policy", name);
	if (tally_policy_parse(&a->policy, name, text, err) < 0)
		return -1;
	for (size_t i = 0; i < tally_policy_logs(a->policy); i++)
		add_key(a, &tally_policy_log(a->policy, i)->key);
	return 0;
}

int
anchors_take(struct anchors *a, const char *name, struct tally_bytes text, struct tally_err *err)
{
	if (!a->roots)
		a->roots = tally_roots_new();
	if (!a->timestamps)
		a->timestamps = tally_roots_new();
	if (tally_enrolment_recognised(text))
		return take_record(a, name, text, err);
	if (text.len > 2 && text.p[0] == 0x30 && text.p[1] >= 0x80)
		return tally_roots_read(a->roots, name, text, err);
	if (tally_policy_recognised(text))
		return take_policy(a, name, text, err);
	return take_lines(a, name, text, err);
}
