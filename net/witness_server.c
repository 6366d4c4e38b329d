/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The witness over HTTP. One thread of libmicrohttpd serves all connections, so
 * answers come one at a time and nothing else guards the witness. What a
 * stranger can take is bounded: connections, of one address too, the bytes of a
 * body, the time of a request and of a connection, be it ever so lively.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "tally/err.h"
#include "tally/log.h"
#include "tally/wait.h"
#include "address.h"
#include "served.h"
#include "witness_internal.h"

#define CONNECTIONS 64U
#define IDLE        10U             /* s without a byte */
#define PER_ADDRESS 48U             /* of these, so that no one has them all */
#define REQUEST_MAX INT64_C(30)     /* s in all */
#define LIFE        INT64_C(60)     /* s of a connection, whatever comes over it */
#define MEMORY      ((size_t)32768) /* of a connection: headers */
#define PATH        "/add-checkpoint"

struct connection {
	int fd; /* -1: free */
	int64_t began;
};
struct tally_witness_server {
	struct tally_witness *witness;
	const struct tally_clock *clock;
	struct MHD_Daemon *daemon;
	pthread_t watch;
	bool watches;
	pthread_mutex_t lock; /* of these: */
	pthread_cond_t wake;
	struct connection open[CONNECTIONS];
	bool stop;
};

static enum MHD_Result
answer(struct tally_witness_server *s, struct MHD_Connection *c, const struct served_request *q)
{
	struct tally_witness_answer a = { .body = TALLY_BUF_INIT };
	int64_t now = tally_clock_now(s->clock).wall.ns / TALLY_SECOND;
	enum MHD_Result sent;

	tally_witness_add_checkpoint(s->witness, tally_buf_view(&q->body), (uint64_t)now, &a);
	sent = served_answer(c, a.status, a.type, tally_buf_view(&a.body));
	tally_buf_deinit(&a.body);
	return sent;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
	   const char *version, const char *data, size_t *size, void **slot)
{
	struct tally_witness_server *s = ctx;
	struct served_request *q = *slot;
	int64_t now = tally_clock_now(s->clock).uptime.ns;

	(void)version;
	if (!q) {
		*slot = served_begin(now);
		return MHD_YES;
	}
	if (now - q->began > REQUEST_MAX * TALLY_SECOND)
		return MHD_NO;
	if (*size > 0) {
		served_take(q, data, size, TALLY_WITNESS_BODY);
		return MHD_YES;
	}
	if (strcmp(url, PATH) != 0)
		return served_text(c, 404, "not found\n");
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return served_text(c, 405, "POST only\n");
	if (q->too_long)
		return served_text(c, 413, "the body is too long\n");
	return answer(s, c, q);
}

/* Between a begin and an end the descriptor is the connection's: libmicrohttpd closes it
 * behind this. */
static void
on_connection(void *ctx, struct MHD_Connection *c, void **slot,
	      enum MHD_ConnectionNotificationCode how)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	bool begins = how == MHD_CONNECTION_NOTIFY_STARTED;
	struct tally_witness_server *s = ctx;

	(void)slot;
	if (!info)
		return;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (s->open[i].fd == (begins ? -1 : info->connect_fd)) {
			s->open[i].fd = begins ? info->connect_fd : -1;
			s->open[i].began = tally_clock_now(s->clock).uptime.ns;
			break;
		}
	pthread_mutex_unlock(&s->lock);
}

/* libmicrohttpd counts from the last byte that came: who sends a header byte by byte would keep
 * a connection for ever. What is shut down it closes itself. */
static void *
watch(void *ctx)
{
	struct tally_witness_server *s = ctx;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		const struct timespec tick = tally_deadline((struct tally_span){ TALLY_SECOND });
		int64_t now = tally_clock_now(s->clock).uptime.ns;

		for (size_t i = 0; i < CONNECTIONS; i++)
			if (s->open[i].fd >= 0 && now - s->open[i].began > LIFE * TALLY_SECOND)
				(void)shutdown(s->open[i].fd, SHUT_RDWR);
		(void)pthread_cond_timedwait(&s->wake, &s->lock, &tick);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static struct tally_witness_server *
server_new(struct tally_witness *w, const struct tally_clock *clock)
{
	struct tally_witness_server *s = tally_alloc(sizeof(*s));

	s->witness = w;
	s->clock = clock;
	pthread_mutex_init(&s->lock, NULL);
	tally_cond_init(&s->wake);
	for (size_t i = 0; i < CONNECTIONS; i++)
		s->open[i].fd = -1;
	return s;
}

int
tally_witness_serve(struct tally_witness_server **out, struct tally_witness *w, const char *listen,
		    const struct tally_clock *clock, struct tally_err *err)
{
	struct tally_witness_server *s;
	struct sockaddr_storage address;
	unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD;

	if (address_parse(listen, &address, err) < 0)
		return -1;
	s = server_new(w, clock);
	if (address.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR,
				     (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT,
				     CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE,
				     MHD_OPTION_PER_IP_CONNECTION_LIMIT, PER_ADDRESS,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
				     MHD_OPTION_NOTIFY_COMPLETED, served_end, NULL, MHD_OPTION_END);
	if (!s->daemon)
		(void)tally_err_sys(err, "%s: it cannot be listened on", listen);
	else if (pthread_create(&s->watch, NULL, watch, s) != 0)
		(void)tally_err_set(err, TALLY_SYS, "the witness has no thread");
	else
		s->watches = true;
	if (!s->watches) {
		tally_witness_stop(s);
		return -1;
	}
	*out = s;
	return 0;
}

unsigned
tally_witness_port(const struct tally_witness_server *s)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info ? info->port : 0;
}

void
tally_witness_stop(struct tally_witness_server *s)
{
	if (!s)
		return;
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (s->watches)
		pthread_join(s->watch, NULL);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
