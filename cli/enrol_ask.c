/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tally enrol request LEDGER --server URL`: request, answer and record in one go, with
 * an enroller's server whose authority is pinned. Where it ends in between nothing is
 * half done: the ledger has the record or not, and the next call begins again.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tally/csv.h"
#include "tally/err.h"
#include "tally/file.h"
#include "enrol_desk.h"
#include "ledger.h"

#define TYPE  "text/plain; charset=utf-8"
#define TRIES 3
#define SAID  400 /* bytes of a refusal that are told */

struct asking {
	const char *server;
	struct tally_http http;
};

/* What the server says to it, for a human. */
static int
told(const char *url, unsigned status, struct tally_bytes said, struct tally_err *err)
{
	struct tally_buf shown = TALLY_BUF_INIT;
	enum tally_code code = status >= 400 && status < 500 ? TALLY_FAILS : TALLY_SYS;

	while (said.len > 0 && said.p[said.len - 1] == '\n')
		said.len--;
	if (said.len > SAID)
		said.len = SAID;
	tally_printable(&shown, said);
	(void)tally_err_set(err, code, "%s: status %u: %s", url, status, tally_buf_cstr(&shown));
	tally_buf_deinit(&shown);
	return -1;
}

/* The same response again gets the same record, so that it may be asked for again. */
static int
post(const struct asking *a, const char *path, struct tally_bytes body, unsigned tries,
     struct tally_buf *answer, struct tally_err *err)
{
	struct tally_http_answer got = { .body = TALLY_BUF_INIT };
	struct tally_buf url = TALLY_BUF_INIT;
	size_t n = strlen(a->server);
	int r = -1;

	while (n > 0 && a->server[n - 1] == '/')
		n--;
	tally_buf_addf(&url, "%.*s%s", (int)n, a->server, path);
	for (unsigned i = 0; i < tries && r < 0; i++) {
		const struct timespec pause = { .tv_sec = (time_t)i };

		(void)nanosleep(&pause, NULL);
		r = a->http.post(a->http.ctx, tally_buf_cstr(&url), TYPE, body, ENROL_FILE_MAX,
				 &got, err);
		if (r == 0 && got.status != 200)
			r = told(tally_buf_cstr(&url), got.status, tally_buf_view(&got.body), err);
		if (r < 0 && err->code == TALLY_FAILS)
			break;
	}
	tally_buf_clear(answer);
	tally_buf_add_bytes(answer, tally_buf_view(&got.body));
	tally_buf_deinit(&url), tally_buf_deinit(&got.body);
	return r;
}

static int
accept_record(const struct enrol_options *o, struct cli_ledger *l, struct tally_bytes record,
	      struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_enrolment_file f = { 0 };
	int r = tally_enrolment_file_read(&f, "the server's record", record, false, arena, err);

	if (r == 0)
		r = enrol_host_accept(l, &f, "the server's record", record, err);
	if (r == 0 && o->out)
		r = tally_output_write(o->out, record, err);
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return r;
}

static int
exchange(const struct enrol_options *o, const struct asking *a, struct cli_ledger *l,
	 struct tally_err *err)
{
	struct tally_buf request = TALLY_BUF_INIT, answer = TALLY_BUF_INIT;
	struct tally_buf response = TALLY_BUF_INIT;
	int r = enrol_host_request(l, o->asset, o->new_key, &request, err);

	if (r == 0)
		r = post(a, DESK_REQUEST, tally_buf_view(&request), 1, &answer, err);
	if (r == 0)
		r = enrol_host_answer(l->tpm, "the server's challenge", tally_buf_view(&answer),
				      &response, err);
	if (r == 0)
		r = post(a, DESK_RESPONSE, tally_buf_view(&response), TRIES, &answer, err);
	if (r == 0)
		r = accept_record(o, l, tally_buf_view(&answer), err);
	tally_buf_deinit(&request);
	tally_buf_deinit(&answer);
	tally_buf_deinit(&response);
	return r;
}

static int
check_options(const struct enrol_options *o, struct tally_err *err)
{
	if (!tally_http_url_valid(o->server) || strncasecmp(o->server, "https://", 8) != 0)
		return tally_err_set(err, TALLY_USE,
				     "--server: '%s' is no https URL without a user", o->server);
	if (!o->certificate)
		return cli_missing("enrol", "--cert", err);
	if (!o->certificate_key)
		return cli_missing("enrol", "--cert-key", err);
	return o->ca ? 0 : cli_missing("enrol", "--ca", err);
}

int
enrol_ask(const struct enrol_options *o, struct tally_err *err)
{
	const struct tally_http_identity identity = { o->certificate, o->certificate_key, o->ca };
	struct tally_http_client *client = NULL;
	struct asking a = { .server = o->server };
	struct cli_ledger l = { 0 };
	int r = check_options(o, err);

	if (r == 0)
		r = tally_http_open(&client, err);
	if (r == 0) {
		tally_http_identify(client, &identity);
		a.http = tally_http_client(client);
		r = cli_ledger_open(&l, o->arg[0], false, err);
		if (r == 0)
			r = cli_ledger_seal(&l, false, err);
		if (r < 0)
			(void)cli_ledger_prefix(o->arg[0], err);
	}
	if (r == 0)
		r = exchange(o, &a, &l, err);
	r = cli_ledger_close(&l, r, err);
	tally_http_close(client);
	return r;
}
