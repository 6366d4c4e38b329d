/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client knows of its witnesses, in one small file that is replaced
 * whole: the newest size with its quorum, and what each witness cosigned last.
 * What is owed follows from it: the newest note, to whoever has a smaller size.
 * Nothing here is evidence, and a witness that is asked from the wrong size
 * tells the right one; so a file that is not understood is left behind.
 */
#include <inttypes.h>
#include <string.h>
#include "client_internal.h"
#include "tally/err.h"
#include "tally/log.h"
#include "tally/parse.h"

#define FILE_NAME "witnesses"
#define FILE_MAX  65536

static const char header[] = "tallystick-witnesses 1";

static bool
take_number(struct tally_bytes *line, uint64_t *out)
{
	const uint8_t *blank = line->len > 0 ? memchr(line->p, ' ', line->len) : NULL;
	size_t n = blank ? (size_t)(blank - line->p) : line->len;

	if (!tally_parse_u64(out, (const char *)line->p, n, INT64_MAX))
		return false;
	n += blank != NULL;
	*line = tally_bytes(line->p + n, line->len - n);
	return true;
}

/* "SIZE VKEY" */
static bool
read_asked(struct tally_witness_client *c, struct tally_bytes line)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_vkey key;
	uint64_t size;

	if (!take_number(&line, &size) || tally_vkey_parse(&key, line, &err) < 0)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (tally_vkey_eq(&c->asked[i].party->key, &key))
			c->asked[i].size = size;
	return true; /* one that has left the policy is passed over */
}

static bool
read_text(struct tally_witness_client *c, struct tally_bytes text)
{
	struct tally_bytes line;
	struct tally_cursor in;

	tally_cursor_init(&in, text);
	if (!tally_bytes_eq(tally_cursor_line(&in), tally_bytes_str(header)))
		return false;
	line = tally_cursor_line(&in);
	if (!take_number(&line, &c->size) || !take_number(&line, &c->time) || line.len > 0)
		return false;
	while (tally_cursor_left(&in) > 0) {
		line = tally_cursor_line(&in);
		if (in.failed || !read_asked(c, line))
			return false;
	}
	return !in.failed;
}

int
client_queue_read(struct tally_witness_client *c, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int r = tally_file_read(c->o.dir, FILE_NAME, FILE_MAX, &text, err);

	if (r > 0 && !read_text(c, tally_buf_view(&text))) {
		tally_log(TALLY_LOG_WARNING,
			  "%s is malformed: the witnesses are asked what they know", FILE_NAME);
		c->size = c->time = 0;
		for (size_t i = 0; i < c->n; i++)
			c->asked[i].size = 0;
	}
	tally_buf_deinit(&text);
	return r < 0 ? -1 : 0;
}

int
client_queue_write(struct tally_witness_client *c, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int r;

	tally_buf_addf(&text, "%s\n%" PRIu64 " %" PRIu64 "\n", header, c->size, c->time);
	for (size_t i = 0; i < c->n; i++) {
		tally_buf_addf(&text, "%" PRIu64 " ", c->asked[i].size);
		tally_vkey_text(&text, &c->asked[i].party->key);
		tally_buf_add_u8(&text, '\n');
	}
	r = tally_file_replace(c->o.disk, c->o.dir, FILE_NAME, tally_buf_view(&text), 0600, false,
			       err);
	tally_buf_deinit(&text);
	return r;
}
