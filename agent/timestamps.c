/* SPDX-License-Identifier: Apache-2.0 */
/* The client of timestamping authorities over the recorder's ledger. */
#include "timestamps.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "errand.h"
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/event.h"

#define ROOTS_MAX (1 << 20)

struct timestamps {
	struct recorder *recorder;
	struct tally_roots *roots;
	struct tally_http_client *http;
	struct tally_timestamp_client *client;
	int dir;
	struct errand errand;
	pthread_mutex_t lock; /* of this: */
	struct tally_timestamp_standing standing;
};

static int
newest(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err)
{
	struct timestamps *t = ctx;
	return recorder_newest(t->recorder, sequence, note, err);
}

/* What comes behind this entry was appended after the authority's time. */
static int
granted(void *ctx, const struct tally_checkpoint *head, struct tally_bytes token,
	struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	struct timestamps *t = ctx;
	if (errand_stops(&t->errand)) /* the last note is made: nothing comes behind it */
		return tally_err_set(err, TALLY_SYS, "the agent stops");
	ev.o.has_source = ev.o.has_receipt_size = true;
	ev.o.source = TALLY_SRC_AGENT;
	ev.o.receipt_size = head->size;
	ev.o.receipt_root = tally_bytes(head->root, TALLY_HASH);
	ev.o.timestamp = token;
	recorder_put_quiet(t->recorder, &ev);
	return 0;
}

static int
read_roots(struct tally_roots **out, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_roots *roots = tally_roots_new();
	int rc = tally_file_read(AT_FDCWD, path, ROOTS_MAX, &text, err);
	if (rc == 0)
		rc = tally_err_set(err, TALLY_SYS, "%s: no such file", path);
	if (rc > 0)
		rc = tally_roots_read(roots, path, tally_buf_view(&text), err);
	if (rc == 0 && tally_roots_count(roots) == 0)
		rc = tally_err_set(err, TALLY_USE, "%s: no root in it", path);
	tally_buf_deinit(&text);
	if (rc == 0)
		*out = roots;
	else
		tally_roots_free(roots);
	return rc;
}

int
timestamps_check(const struct config *config, struct tally_err *err)
{
	struct tally_roots *roots = NULL;
	int rc = 0;
	for (size_t i = 0; i < config->timestamps.urls.count && rc == 0; i++)
		if (!tally_http_url_valid(config->timestamps.urls.items[i]))
			rc = tally_err_set(err, TALLY_USE,
					   "timestamps: URL number %zu is no http(s) URL without "
					   "a user",
					   i + 1);
	if (rc == 0 && config->timestamps.roots != NULL)
		rc = read_roots(&roots, config->timestamps.roots, err);
	tally_roots_free(roots);
	return rc;
}

static struct tally_uptime
step(void *ctx, struct tally_uptime now, bool last)
{
	struct timestamps *t = ctx;
	struct tally_uptime next = { INT64_MAX };
	if (!last)
		next = tally_timestamp_client_step(t->client, now);
	pthread_mutex_lock(&t->lock);
	tally_timestamp_client_standing(t->client, &t->standing);
	pthread_mutex_unlock(&t->lock);
	return next;
}

static void
cancel(void *ctx)
{
	struct timestamps *t = ctx;
	tally_http_cancel(t->http);
}

static int
open_client(struct timestamps *t, const struct config *config, const struct tally_clock *clock,
	    struct tally_err *err)
{
	const struct tally_timestamped log = { t, newest, granted };
	struct tally_timestamp_client_options o = { .url = config->timestamps.urls.items,
						    .count = config->timestamps.urls.count,
						    .log = &log,
						    .disk = tally_disk_real(),
						    .clock = clock,
						    .interval = config->timestamps.interval };
	struct tally_http http;
	if (config->timestamps.roots != NULL &&
	    read_roots(&t->roots, config->timestamps.roots, err) < 0)
		return -1;
	t->dir = open(config->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0)
		return tally_err_sys(err, "%s", config->ledger);
	if (tally_http_open(&t->http, err) < 0)
		return -1;
	http = tally_http_client(t->http);
	o.http = &http;
	o.dir = t->dir;
	o.roots = t->roots;
	return tally_timestamp_client_open(&t->client, &o, err);
}

int
timestamps_start(struct timestamps **out, struct recorder *r, const struct config *config,
		 const struct tally_clock *clock, struct tally_err *err)
{
	struct timestamps *t;
	*out = NULL;
	if (config->timestamps.urls.count == 0)
		return 0;
	t = tally_alloc(sizeof(*t));
	t->recorder = r;
	t->dir = -1;
	pthread_mutex_init(&t->lock, NULL);
	errand_init(&t->errand, &(struct errand_work){ t, step, cancel }, clock);
	if (open_client(t, config, clock, err) < 0 ||
	    errand_start(&t->errand, "timestamps", err) < 0) {
		timestamps_stop(t);
		return -1;
	}
	*out = t;
	return 0;
}

void
timestamps_stop(struct timestamps *t)
{
	if (t == NULL)
		return;
	errand_end(&t->errand, false);
	tally_timestamp_client_free(t->client);
	tally_http_close(t->http);
	tally_roots_free(t->roots);
	if (t->dir >= 0)
		close(t->dir);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void
timestamps_standing(struct timestamps *t, struct tally_timestamp_standing *out)
{
	pthread_mutex_lock(&t->lock);
	*out = t->standing;
	pthread_mutex_unlock(&t->lock);
}
