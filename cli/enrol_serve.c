/* SPDX-License-Identifier: Apache-2.0 */
/* `tally enrol serve`: an enroller for hosts that have a client certificate, until it is
 * told to stop. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tally/err.h"
#include "enrol_desk.h"

#define PEM_MAX    (1U << 20)
#define ASSETS_MAX (16U << 20)
#define LISTEN     "127.0.0.1:7381"

/* All that it was told to read. */
struct serving {
	struct tally_logkey *key;
	struct tally_roots *roots;
	struct desk_assets *assets;
	struct tally_buf certificate, certificate_key, ca;
	struct desk *desk;
	struct tally_tls_server *server;
};

static int
check_options(const struct enrol_options *o, struct tally_err *err)
{
	enum tally_class class;

	if (!o->certificate)
		return cli_missing("enrol", "--cert", err);
	if (!o->certificate_key)
		return cli_missing("enrol", "--cert-key", err);
	if (!o->ca)
		return cli_missing("enrol", "--ca", err);
	if (o->class && (tally_class_find(tally_bytes_str(o->class), &class) == 0 ||
			 class == TALLY_CLASS_SELF_DECLARED))
		return tally_err_set(err, TALLY_USE, "--class: '%s' is no class of a record",
				     o->class);
	return 0;
}

static int
read_assets(struct serving *s, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int r = cli_read_input(path, ASSETS_MAX, &text, err);

	if (r == 0)
		r = desk_assets_read(&s->assets, path, tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	return r;
}

static int
read_files(struct serving *s, const struct enrol_options *o, struct tally_err *err)
{
	s->roots = tally_roots_new();
	if (enrol_read_key(&s->key, o->key, err) < 0 || enrol_read_roots(s->roots, o, err) < 0 ||
	    (o->assets && read_assets(s, o->assets, err) < 0) ||
	    cli_read_input(o->certificate, PEM_MAX, &s->certificate, err) < 0 ||
	    cli_read_input(o->ca, PEM_MAX, &s->ca, err) < 0)
		return -1;
	tally_buf_reserve(&s->certificate_key, PEM_MAX); /* not copied as it grows */
	return cli_read_input(o->certificate_key, PEM_MAX, &s->certificate_key, err);
}

static int
open_desk(struct serving *s, const struct enrol_options *o, struct tally_err *err)
{
	const struct desk_options d = { .dir = o->arg[0],
					.key = s->key,
					.roots = s->roots,
					.assets = s->assets,
					.class = o->class,
					.succeeds = o->succeeds,
					.succeeds_count = o->succeeds_count,
					.disk = tally_disk_real(),
					.clock = tally_clock_real() };

	return desk_open(&s->desk, &d, err);
}

static int
open_server(struct serving *s, const struct enrol_options *o, struct tally_err *err)
{
	const struct tally_tls_options t = { .listen = o->listen ? o->listen : LISTEN,
					     .certificate = tally_buf_view(&s->certificate),
					     .key = tally_buf_view(&s->certificate_key),
					     .ca = tally_buf_view(&s->ca),
					     .certificate_name = o->certificate,
					     .key_name = o->certificate_key,
					     .ca_name = o->ca,
					     .body_max = ENROL_FILE_MAX,
					     .most = { (int64_t)o->most * TALLY_SECOND },
					     .clock = tally_clock_real(),
					     .ctx = s->desk,
					     .answer = desk_answer };

	return tally_tls_open(&s->server, &t, err);
}

static int
announce(const struct serving *s, const struct enrol_options *o, struct tally_err *err)
{
	const char *listen = o->listen ? o->listen : LISTEN;
	struct tally_buf text = TALLY_BUF_INIT;
	int r;

	tally_vkey_text(&text, tally_logkey_vkey(s->key));
	tally_buf_addf(&text, "\nhttps://%.*s:%u\n", (int)(strrchr(listen, ':') - listen), listen,
		       tally_tls_port(s->server));
	r = cli_print(tally_buf_view(&text), err);
	if (r == 0 && fflush(stdout) != 0)
		r = tally_err_sys(err, "standard output");
	tally_buf_deinit(&text);
	return r;
}

/* A descriptor that can be read when it has to stop. */
static int
watch_signals(struct tally_err *err)
{
	sigset_t stop;
	int fd;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &stop, SFD_CLOEXEC);
	return fd < 0 ? tally_err_sys(err, "signalfd") : fd;
}

int
enrol_serve(const struct enrol_options *o, struct tally_err *err)
{
	struct serving s = { 0 };
	int r = check_options(o, err), stop = -1;

	if (r == 0 && (stop = watch_signals(err)) < 0)
		r = -1;
	if (r == 0)
		r = read_files(&s, o, err);
	if (r == 0)
		r = open_desk(&s, o, err);
	if (r == 0)
		r = open_server(&s, o, err);
	if (r == 0)
		r = announce(&s, o, err);
	if (r == 0)
		r = tally_tls_run(s.server, stop, err);
	tally_tls_close(s.server);
	desk_close(s.desk);
	desk_assets_free(s.assets);
	tally_roots_free(s.roots);
	tally_logkey_free(s.key);
	if (s.certificate_key.p)
		explicit_bzero(s.certificate_key.p, s.certificate_key.cap);
	tally_buf_deinit(&s.certificate);
	tally_buf_deinit(&s.certificate_key);
	tally_buf_deinit(&s.ca);
	if (stop >= 0)
		close(stop);
	return r;
}
