/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSTs over TLS, of clients with a certificate of one authority. Whoever has none
 * does not get through the handshake. One thread, that of whoever runs it, serves all
 * connections, so that answers come one at a time; what a client can take is
 * bounded: connections, those of one address, the bytes of a body, the time of
 * a connection, be it ever so lively.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/log.h"
#include "tally/net.h"
#include "address.h"
#include "served.h"

#define CONNECTIONS 64U
#define PER_ADDRESS 8U
#define IDLE        10U             /* s without a byte */
#define MEMORY      ((size_t)32768) /* of a connection: headers */
#define TICK_MS     500
#define PRIORITIES  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* A socket that is open, whether it has spoken or not. */
struct link {
	struct link *next, **before;
	int fd;
	int64_t began; /* uptime, ns */
	char address[ADDRESS_TEXT];
};

struct tally_tls_server {
	struct tally_tls_options o;
	struct MHD_Daemon *daemon;
	struct link *links;
	char *certificate, *key, *ca;
};

static int64_t
uptime(const struct tally_tls_server *s)
{
	return tally_clock_now(s->o.clock).uptime.ns;
}

static gnutls_session_t
session_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info ? (gnutls_session_t)info->tls_session : NULL;
}

static const char *
address_of(const struct link *l)
{
	return l ? l->address : "?";
}

/* Of the authority, for clients, in its time: or why not. */
static bool
is_let_in(gnutls_session_t session, struct tally_buf *why)
{
	gnutls_typed_vdata_st purpose = { GNUTLS_DT_KEY_PURPOSE_OID,
					  (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT, 0 };
	gnutls_datum_t text = { NULL, 0 };
	unsigned verdict = 0;
	int r = gnutls_certificate_verify_peers(session, &purpose, 1, &verdict);

	if (r == 0 && verdict == 0)
		return true;
	if (r < 0)
		tally_buf_add_str(why, gnutls_strerror(r));
	else if (gnutls_certificate_verification_status_print(verdict, GNUTLS_CRT_X509, &text, 0) ==
		 0)
		tally_buf_add(why, text.data, text.size);
	gnutls_free(text.data);
	return false;
}

/* In the handshake, as soon as the client has shown its certificate. */
static int
on_certificate(gnutls_session_t session)
{
	struct link *l = gnutls_session_get_ptr(session);
	struct tally_buf why = TALLY_BUF_INIT;
	bool in = is_let_in(session, &why);

	if (!in)
		tally_log(TALLY_LOG_WARNING, "%s: a client is refused: %s", address_of(l),
			  tally_buf_cstr(&why));
	tally_buf_deinit(&why);
	return in ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static void
open_link(struct tally_tls_server *s, struct MHD_Connection *c, void **slot)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *from =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	gnutls_session_t session = session_of(c);
	struct link *l = *slot = tally_alloc(sizeof(*l));

	l->fd = fd ? fd->connect_fd : -1;
	l->began = uptime(s);
	if (from && from->client_addr)
		address_text(from->client_addr, l->address);
	l->next = s->links;
	l->before = &s->links;
	if (l->next)
		l->next->before = &l->next;
	s->links = l;
	if (session) {
		gnutls_session_set_ptr(session, l);
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_function(session, on_certificate);
	}
}

static void
on_connection(void *ctx, struct MHD_Connection *c, void **slot,
	      enum MHD_ConnectionNotificationCode what)
{
	struct link *l = *slot;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		open_link(ctx, c, slot);
	} else if (l) {
		*l->before = l->next;
		if (l->next)
			l->next->before = l->before;
		free(l);
		*slot = NULL;
	}
}

/* Whatever they are at, a handshake as well: libmicrohttpd finds the end of the
 * stream, and clears up. */
static void
end_old_links(struct tally_tls_server *s)
{
	int64_t now = uptime(s);

	for (struct link *l = s->links; l; l = l->next)
		if (l->fd >= 0 && now - l->began > s->o.most.ns) {
			tally_log(TALLY_LOG_INFO, "%s: a connection takes too long: ended",
				  l->address);
			(void)shutdown(l->fd, SHUT_RDWR);
			l->fd = -1;
		}
}

/* Again what the handshake has looked at, and whose certificate it is. */
static bool
identify(struct MHD_Connection *c, struct tally_tls_peer *out)
{
	gnutls_session_t session = session_of(c);
	struct tally_buf why = TALLY_BUF_INIT;
	bool in = session && is_let_in(session, &why);
	const gnutls_datum_t *chain = in ? gnutls_certificate_get_peers(session, NULL) : NULL;
	size_t len = sizeof(out->name);
	gnutls_x509_crt_t x = NULL;

	tally_buf_deinit(&why);
	*out = (struct tally_tls_peer){ .name = "" };
	if (!chain || gnutls_x509_crt_init(&x) < 0)
		return false;
	in = gnutls_x509_crt_import(x, chain, GNUTLS_X509_FMT_DER) == 0;
	if (in && gnutls_x509_crt_get_dn_by_oid(x, GNUTLS_OID_X520_COMMON_NAME, 0, 0, out->name,
						&len) < 0)
		out->name[0] = '\0'; /* none, or a longer one: nobody's */
	tally_sha256(out->certificate, tally_bytes(chain->data, chain->size));
	gnutls_x509_crt_deinit(x);
	return in;
}

static enum MHD_Result
answer(struct tally_tls_server *s, struct MHD_Connection *c, const char *path,
       const struct served_request *q)
{
	struct tally_tls_answer a = { .body = TALLY_BUF_INIT };
	const union MHD_ConnectionInfo *slot =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct tally_tls_peer peer;
	enum MHD_Result sent;

	if (!identify(c, &peer))
		return served_text(c, 403, "a client certificate is wanted\n");
	memcpy(peer.address, address_of(slot ? slot->socket_context : NULL),
	       strlen(address_of(slot ? slot->socket_context : NULL)) + 1);
	s->o.answer(s->o.ctx, &peer, path, tally_buf_view(&q->body), &a);
	sent = served_answer(c, a.status, SERVED_TEXT, tally_buf_view(&a.body));
	tally_buf_deinit(&a.body);
	return sent;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
	   const char *version, const char *data, size_t *size, void **slot)
{
	struct tally_tls_server *s = ctx;
	struct served_request *q = *slot;

	(void)version;
	if (!q) {
		*slot = served_begin(uptime(s));
		return MHD_YES;
	}
	if (*size > 0) {
		served_take(q, data, size, s->o.body_max);
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return served_text(c, 405, "POST only\n");
	if (q->too_long)
		return served_text(c, 413, "the body is too long\n");
	return answer(s, c, url, q);
}

static gnutls_datum_t
datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
}

/* libmicrohttpd would only say that it does not start. */
static int
check_files(const struct tally_tls_server *s, struct tally_err *err)
{
	gnutls_datum_t certificate = datum(s->certificate), key = datum(s->key), ca = datum(s->ca);
	gnutls_certificate_credentials_t all;
	int r = gnutls_certificate_allocate_credentials(&all);

	if (r < 0)
		return tally_err_set(err, TALLY_SYS, "GnuTLS: %s", gnutls_strerror(r));
	r = gnutls_certificate_set_x509_key_mem(all, &certificate, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0)
		r = tally_err_set(err, TALLY_USE, "%s and %s: no certificate with its key: %s",
				  s->o.certificate_name, s->o.key_name, gnutls_strerror(r));
	else if (gnutls_certificate_set_x509_trust_mem(all, &ca, GNUTLS_X509_FMT_PEM) <= 0)
		r = tally_err_set(err, TALLY_USE, "%s: no certificate of an authority in it",
				  s->o.ca_name);
	gnutls_certificate_free_credentials(all);
	return r < 0 ? -1 : 0;
}

static char *
copy(struct tally_bytes text)
{
	return tally_strndup((const char *)text.p, text.len);
}

int
tally_tls_open(struct tally_tls_server **out, const struct tally_tls_options *o,
	       struct tally_err *err)
{
	unsigned flags = MHD_USE_TLS | MHD_USE_EPOLL;
	struct sockaddr_storage address;
	struct tally_tls_server *s;

	if (address_parse(o->listen, &address, err) < 0)
		return -1;
	s = tally_alloc(sizeof(*s));
	s->o = *o;
	s->certificate = copy(o->certificate);
	s->key = copy(o->key);
	s->ca = copy(o->ca);
	if (check_files(s, err) < 0) {
		tally_tls_close(s);
		return -1;
	}
	if (address.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	s->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR,
		(struct sockaddr *)&address, MHD_OPTION_HTTPS_MEM_CERT, s->certificate,
		MHD_OPTION_HTTPS_MEM_KEY, s->key, MHD_OPTION_HTTPS_MEM_TRUST, s->ca,
		MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
		IDLE, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
		served_end, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
	if (!s->daemon) {
		tally_tls_close(s);
		return tally_err_sys(err, "%s: it cannot be listened on", o->listen);
	}
	*out = s;
	return 0;
}

unsigned
tally_tls_port(const struct tally_tls_server *s)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info ? info->port : 0;
}

int
tally_tls_run(struct tally_tls_server *s, int stop, struct tally_err *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[2] = { { .fd = info ? info->epoll_fd : -1, .events = POLLIN },
				 { .fd = stop, .events = POLLIN } };

	for (;;) {
		MHD_UNSIGNED_LONG_LONG due;
		int wait = TICK_MS;

		if (MHD_get_timeout(s->daemon, &due) == MHD_YES && due < (unsigned)wait)
			wait = (int)due;
		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return tally_err_sys(err, "poll");
		if (fds[1].revents)
			return 0;
		if (MHD_run(s->daemon) != MHD_YES)
			return tally_err_set(err, TALLY_SYS, "libmicrohttpd does not go on");
		end_old_links(s);
	}
}

void
tally_tls_close(struct tally_tls_server *s)
{
	if (!s)
		return;
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	if (s->key)
		explicit_bzero(s->key, strlen(s->key));
	free(s->certificate);
	free(s->key);
	free(s->ca);
	free(s);
}
