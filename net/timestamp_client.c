/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamps over the newest checkpoint, one an interval, from whichever of the
 * authorities answers first. What is owed is only ever the newest one: it covers
 * what could not be stamped before it. How far that has come lies in a small file,
 * so that an agent that starts again and again asks no authority each time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/entry.h"
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/log.h"
#include "tally/net.h"
#include "tally/parse.h"
#include "tally/timestamp.h"

#define FILE_NAME  "timestamps"
#define FILE_MAX   256
#define ANSWER_MAX 65536
#define PAUSE      (5 * TALLY_SECOND)
#define PAUSE_MAX  (600 * TALLY_SECOND)
#define TOLERANCE                                                                                  \
	300 /* s that a timestamp may be off this host's clock, or may say that it is off */
#define QUERY "application/timestamp-query"

static const char header[] = "tallystick-timestamps 1";

struct tally_timestamp_client {
	struct tally_timestamp_client_options o;
	struct tally_timestamped log;
	struct tally_http http;
	size_t first;        /* the authority that answered last */
	int64_t due;         /* uptime */
	unsigned failures;   /* rounds in a row in which no authority did */
	uint64_t size, time; /* the newest with a timestamp; its `by` */
	uint64_t owed;
	char failure[320];
};

/* "SIZE TIME" */
static bool
read_text(struct tally_timestamp_client *c, struct tally_bytes text)
{
	struct tally_bytes line;
	struct tally_cursor in;
	const uint8_t *blank;
	size_t n;

	tally_cursor_init(&in, text);
	if (!tally_bytes_eq(tally_cursor_line(&in), tally_bytes_str(header)))
		return false;
	line = tally_cursor_line(&in);
	blank = line.len > 0 ? memchr(line.p, ' ', line.len) : NULL;
	if (in.failed || tally_cursor_left(&in) > 0 || !blank)
		return false;
	n = (size_t)(blank - line.p);
	return tally_parse_u64(&c->size, (const char *)line.p, n, INT64_MAX) &&
	       tally_parse_u64(&c->time, (const char *)blank + 1, line.len - n - 1, INT64_MAX);
}

static int
read_file(struct tally_timestamp_client *c, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int r = tally_file_read(c->o.dir, FILE_NAME, FILE_MAX, &text, err);

	if (r > 0 && !read_text(c, tally_buf_view(&text))) {
		tally_log(TALLY_LOG_WARNING, "%s is malformed: an authority is asked anew",
			  FILE_NAME);
		c->size = c->time = 0;
	}
	tally_buf_deinit(&text);
	return r < 0 ? -1 : 0;
}

static void
write_file(const struct tally_timestamp_client *c)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	tally_buf_addf(&text, "%s\n%" PRIu64 " %" PRIu64 "\n", header, c->size, c->time);
	if (tally_file_replace(c->o.disk, c->o.dir, FILE_NAME, tally_buf_view(&text), 0600, false,
			       &err) < 0)
		tally_log(TALLY_LOG_WARNING, "the newest timestamp is not noted down: %s",
			  err.text);
	tally_buf_deinit(&text);
}

int
tally_timestamp_client_open(struct tally_timestamp_client **out,
			    const struct tally_timestamp_client_options *o, struct tally_err *err)
{
	struct tally_timestamp_client *c;

	TALLY_ASSERT(o->count > 0);
	for (size_t i = 0; i < o->count; i++)
		if (!tally_http_url_valid(o->url[i]))
			return tally_err_set(err, TALLY_USE,
					     "timestamps: URL number %zu is no http(s) URL without "
					     "a user",
					     i + 1);
	c = tally_alloc(sizeof(*c));
	c->o = *o;
	c->log = *o->log;
	c->http = *o->http;
	if (read_file(c, err) < 0) {
		tally_timestamp_client_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void
tally_timestamp_client_free(struct tally_timestamp_client *c)
{
	free(c);
}

/* The newest note's text: 1, 0 there is none, -1. */
static int
read_newest(struct tally_timestamp_client *c, struct tally_buf *text, struct tally_checkpoint *head,
	    struct tally_err *err)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_note note;
	uint64_t sequence;
	int r = c->log.newest(c->log.ctx, &sequence, &bytes, err);

	if (r > 0 && tally_note_parse(&note, tally_buf_view(&bytes), &scratch, err) < 0)
		r = -1;
	if (r > 0) {
		tally_buf_add_bytes(text, note.text);
		r = tally_checkpoint_parse(head, tally_buf_view(text), false, err) < 0 ? -1 : 1;
	}
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch);
	return r;
}

/* A time that is far off would make true entries look late or backdated for ever. */
static int
check_time(const struct tally_timestamp_client *c, const struct tally_timestamp *t,
	   struct tally_err *err)
{
	int64_t here = tally_clock_now(c->o.clock).wall.ns, apart;

	if (__builtin_sub_overflow(t->time, here, &apart))
		apart = INT64_MAX;
	if (apart > TOLERANCE * TALLY_SECOND || apart < -TOLERANCE * TALLY_SECOND)
		return tally_err_set(err, TALLY_SYS,
				     "its time is %" PRId64 " s %s this host's clock",
				     (apart < 0 ? -apart : apart) / TALLY_SECOND,
				     apart > 0 ? "ahead of" : "behind");
	if (t->accuracy > TOLERANCE * TALLY_SECOND)
		return tally_err_set(err, TALLY_SYS,
				     "it says that its time may be %" PRId64 " s off",
				     t->accuracy / TALLY_SECOND);
	return 0;
}

/* Asks one authority over this text; the token is a view into `answer`. */
static int
ask(struct tally_timestamp_client *c, const char *url, struct tally_bytes text,
    struct tally_http_answer *answer, struct tally_bytes *token, struct tally_timestamp *t,
    struct tally_err *err)
{
	uint8_t imprint[TALLY_HASH], random[TALLY_SEED];
	struct tally_buf query = TALLY_BUF_INIT;
	int r;

	_Static_assert(TALLY_TIMESTAMP_NONCE <= TALLY_SEED, "a nonce out of a seed");
	tally_seed(random);
	tally_sha256(imprint, text);
	tally_timestamp_query(&query, imprint, random);
	r = c->http.post(c->http.ctx, url, QUERY, tally_buf_view(&query), ANSWER_MAX, answer, err);
	if (r == 0 && answer->status != 200)
		r = tally_err_set(err, TALLY_SYS, "%s: it answers %u", url, answer->status);
	else if (r == 0)
		r = tally_timestamp_reply(token, tally_buf_view(&answer->body), imprint, random,
					  err);
	if (r == 0)
		r = tally_timestamp_check(t, c->o.roots, *token, imprint, err);
	if (r == 0 && c->o.roots)
		r = tally_err_set(err, TALLY_SYS,
				  "its certificate leads to none of the roots that are wanted");
	if (r >= 0)
		r = check_time(c, t, err);
	tally_buf_deinit(&query);
	return r;
}

/* Any one is enough. */
static int
ask_all(struct tally_timestamp_client *c, struct tally_bytes text,
	const struct tally_checkpoint *head, struct tally_err *err)
{
	struct tally_http_answer answer = { .body = TALLY_BUF_INIT };
	struct tally_timestamp t = { .time = 0 };
	struct tally_bytes token = { NULL, 0 };
	int r = -1;

	for (size_t i = 0; i < c->o.count && r < 0; i++) {
		size_t which = (c->first + i) % c->o.count;

		*err = (struct tally_err)TALLY_ERR_INIT;
		r = ask(c, c->o.url[which], text, &answer, &token, &t, err);
		if (r < 0) {
			tally_log(TALLY_LOG_INFO, "timestamp authority %zu: %s", which + 1,
				  err->text);
			continue;
		}
		c->first = which;
	}
	if (r == 0)
		r = c->log.granted(c->log.ctx, head, token, err);
	if (r == 0) {
		c->size = head->size;
		c->time = t.by;
	}
	tally_buf_deinit(&answer.body);
	return r;
}

static void
failed(struct tally_timestamp_client *c, int64_t now, const char *why)
{
	int64_t pause = PAUSE;

	for (unsigned i = 0; i < c->failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	if (c->failures == 0 || strncmp(c->failure, why, sizeof(c->failure) - 1) != 0)
		tally_log(TALLY_LOG_WARNING, "no timestamp: %s", why);
	c->failures++;
	c->due = now + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
	(void)snprintf(c->failure, sizeof(c->failure), "%s", why);
}

static void
granted(struct tally_timestamp_client *c, int64_t now)
{
	if (c->failures > 0)
		tally_log(TALLY_LOG_NOTICE, "timestamps are granted again");
	c->failures = 0;
	c->failure[0] = '\0';
	c->owed = 0;
	c->due = now + c->o.interval.ns;
	write_file(c);
}

struct tally_uptime
tally_timestamp_client_step(struct tally_timestamp_client *c, struct tally_uptime now)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_checkpoint head;
	int r;

	if (now.ns < c->due)
		return (struct tally_uptime){ c->due };
	r = read_newest(c, &text, &head, &err);
	if (r > 0 && head.size > c->size) {
		c->owed = head.size;
		if (ask_all(c, tally_buf_view(&text), &head, &err) == 0)
			granted(c, now.ns);
		else
			failed(c, now.ns, err.text);
	} else if (r < 0) {
		failed(c, now.ns, err.text);
	} else {
		/* The first note of a ledger comes soon. */
		c->due = now.ns + (c->size == 0 ? TALLY_SECOND : c->o.interval.ns);
	}
	tally_buf_deinit(&text);
	return (struct tally_uptime){ c->due };
}

void
tally_timestamp_client_standing(const struct tally_timestamp_client *c,
				struct tally_timestamp_standing *out)
{
	*out = (struct tally_timestamp_standing){
		.authorities = c->o.count, .owed = c->owed, .size = c->size, .time = c->time
	};
	(void)snprintf(out->failure, sizeof(out->failure), "%s", c->failure);
}
