/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our TPM2_MakeCredential and TPM2_ActivateCredential for other people's tools.
 *
 *	credential make EK_PUBLIC AK_NAME_HEX SECRET OUT    a file of tpm2_makecredential's form
 *	credential challenge FILE OUT                       such a file as a challenge of ours
 *	credential response FILE OUT                        a response's first secret, raw
 *	credential request FILE OUT                         its endorsement key; prints the
 *	                                                    name of its attestation key
 *
 * EK_PUBLIC is a TPM2B_PUBLIC, as tpm2_createek writes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/enrol.h"
#include "tally/err.h"
#include "tally/file.h"
#include "tally/parse.h"

#define MAGIC 0xbadcc0deu
#define BIG   65536

static int
fail(const char *what)
{
	fprintf(stderr, "credential: %s\n", what);
	return 1;
}

static bool
read_file(const char *path, struct tally_buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return false;
	n = fread(tally_buf_grow(out, BIG), 1, BIG, f);
	out->len = n;
	fclose(f);
	return true;
}

static int
write_file(const char *path, struct tally_bytes content)
{
	struct tally_err err;

	return tally_output_write(path, content, &err) < 0 ? fail(err.text) : 0;
}

static int
make(char **arg)
{
	static struct tally_buf public, secret, object, seed, out; /* the program does one thing */
	struct tally_err err;
	struct tally_ek ek;
	uint8_t name[34];

	if (!read_file(arg[0], &public) || !read_file(arg[2], &secret) || public.len < 2 ||
	    !tally_unhex(name, sizeof(name), arg[1], strlen(arg[1])))
		return fail("an argument");
	if (tally_ek_parse(&ek, tally_bytes(public.p + 2, public.len - 2), &err) < 0 ||
	    tally_credential_make(&ek, name, tally_buf_view(&secret), &object, &seed, &err) < 0)
		return fail(err.text);
	tally_buf_add_u32(&out, MAGIC);
	tally_buf_add_u32(&out, 1);
	tally_buf_add_u16(&out, (uint16_t)object.len);
	tally_buf_add_bytes(&out, tally_buf_view(&object));
	tally_buf_add_u16(&out, (uint16_t)seed.len);
	tally_buf_add_bytes(&out, tally_buf_view(&seed));
	return write_file(arg[3], tally_buf_view(&out));
}

/* A challenge of ours from a credential of theirs. */
static int
challenge(char **arg)
{
	struct tally_challenge c = { .credentials = 1 };
	static struct tally_buf in, out;
	struct tally_cursor cursor;

	if (!read_file(arg[0], &in))
		return fail("no file");
	tally_cursor_init(&cursor, tally_buf_view(&in));
	if (tally_cursor_u32(&cursor) != MAGIC || tally_cursor_u32(&cursor) != 1)
		return fail("no credential");
	c.id_object[0] = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	c.encrypted_secret[0] = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	if (!tally_cursor_done(&cursor))
		return fail("no credential");
	tally_challenge_write(&out, &c);
	return write_file(arg[1], tally_buf_view(&out));
}

static int
response(char **arg)
{
	static struct tally_arena *arena;
	static struct tally_buf in;
	struct tally_response r;
	struct tally_err err;

	arena = tally_arena_new(4096);
	if (!read_file(arg[0], &in) ||
	    tally_response_parse(&r, tally_buf_view(&in), arena, &err) < 0)
		return fail("no response");
	return write_file(arg[1], r.secret[0]);
}

/* The parts of a request: TPM2B_PUBLIC of the endorsement key, name of the attestation key. */
static int
request(char **arg)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_buf in = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct tally_enrolment_file f = { .scratch = TALLY_BUF_INIT };
	struct tally_err err;
	char hex[69];
	uint8_t name[34];
	int status;

	if (!read_file(arg[0], &in) ||
	    tally_enrolment_file_read(&f, arg[0], tally_buf_view(&in), true, arena, &err) < 0) {
		status = fail("no request");
	} else {
		tally_tpm_name(name, f.e.ak_public);
		tally_hex(hex, name, sizeof(name));
		puts(hex);
		tally_buf_add_u16(&out, (uint16_t)f.e.ek_public.len);
		tally_buf_add_bytes(&out, f.e.ek_public);
		status = write_file(arg[1], tally_buf_view(&out));
	}
	tally_enrolment_file_deinit(&f);
	tally_buf_deinit(&out);
	tally_buf_deinit(&in);
	tally_arena_free(arena);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **);
	} words[] = {
		{ "make", 4, make },
		{ "challenge", 2, challenge },
		{ "response", 2, response },
		{ "request", 2, request },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i].name, argv[1]) == 0 && argc - 2 == words[i].args)
			return words[i].run(argv + 2);
	return fail("make | challenge | response | request, and their arguments");
}
