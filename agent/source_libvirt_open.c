/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An opening belongs to its thread and to the source; the last of the two frees
 * it. Invariant: `conn` and `err` are the thread's until `done`, then the source's.
 */
#include "source_libvirt_open.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdlib.h>

#include "tally/bytes.h"
#include "tally/err.h"
#include "tally/wait.h"

struct libvirt_opening {
	pthread_mutex_t lock;
	pthread_cond_t end;
	bool done, left; /* by the thread, by the source */
	char *uri;
	virConnectPtr conn;
	struct tally_err err;
};

int
libvirt_error(struct tally_err *err, const char *what)
{
	const virError *e = virGetLastError();
	return tally_err_set(err, TALLY_SYS, "libvirt: %s: %s", what,
			     e != NULL && e->message != NULL ? e->message : "unknown error");
}

static void
opening_free(struct libvirt_opening *o)
{
	if (o->conn != NULL)
		(void)virConnectClose(o->conn);
	pthread_cond_destroy(&o->end);
	pthread_mutex_destroy(&o->lock);
	free(o->uri);
	free(o);
}

static void *
open_thread(void *ctx)
{
	struct libvirt_opening *o = ctx;
	bool last;
	o->conn = virConnectOpenReadOnly(o->uri);
	if (o->conn == NULL)
		(void)libvirt_error(&o->err, o->uri);
	pthread_mutex_lock(&o->lock);
	o->done = true;
	last = o->left;
	pthread_cond_signal(&o->end);
	pthread_mutex_unlock(&o->lock);
	if (last)
		opening_free(o);
	return NULL;
}

static int
begin(struct libvirt_opening **out, const char *uri, struct tally_err *err)
{
	struct libvirt_opening *o = tally_alloc(sizeof(*o));
	pthread_t thread;
	int rc;
	o->uri = tally_strdup(uri);
	pthread_mutex_init(&o->lock, NULL);
	tally_cond_init(&o->end);
	rc = pthread_create(&thread, NULL, open_thread, o);
	if (rc != 0) {
		opening_free(o);
		errno = rc;
		return tally_err_sys(err, "libvirt: %s: thread", uri);
	}
	pthread_detach(thread);
	*out = o;
	return 0;
}

int
libvirt_open(struct libvirt_opening **o, const char *uri, struct tally_span most,
	     virConnectPtr *out, struct tally_err *err)
{
	struct timespec until;
	bool done;
	int rc = 0;
	if (*o == NULL && begin(o, uri, err) < 0)
		return -1;
	until = tally_deadline(most);
	pthread_mutex_lock(&(*o)->lock);
	while (!(*o)->done && rc == 0)
		rc = pthread_cond_timedwait(&(*o)->end, &(*o)->lock, &until);
	done = (*o)->done;
	pthread_mutex_unlock(&(*o)->lock);
	if (!done)
		return tally_err_set(err, TALLY_SYS, "libvirt: %s: no answer", uri);
	*out = (*o)->conn;
	(*o)->conn = NULL;
	if (*out == NULL)
		*err = (*o)->err;
	opening_free(*o);
	*o = NULL;
	return *out != NULL ? 0 : -1;
}

void
libvirt_open_abandon(struct libvirt_opening *o)
{
	bool last;
	if (o == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	o->left = true;
	last = o->done;
	pthread_mutex_unlock(&o->lock);
	if (last)
		opening_free(o);
}
