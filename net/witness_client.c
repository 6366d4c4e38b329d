/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which note the witnesses are asked about, and when. All are asked about one
 * and the same note, for a quorum is of one note; it is the newest when its
 * turn begins, and the next turn comes an interval later, whether this one got
 * its quorum or not: what a witness missed is covered by the next note. At a
 * start each is asked once whatever is known, so that a ledger that was set
 * back learns it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client_internal.h"
#include "tally/err.h"
#include "tally/log.h"

/* What cannot be fulfilled is refused at the start, not found missing years later. */
static int
check_policy(const struct tally_witness_client *c, struct tally_err *err)
{
	const struct tally_policy *p = c->o.policy;
	bool reachable[TALLY_POLICY_MAX] = { false }, named = tally_policy_logs(p) == 0;

	for (size_t i = 0; i < tally_policy_logs(p); i++)
		named = named || strcmp(tally_policy_log(p, i)->key.name, c->origin) == 0;
	if (!named)
		return tally_err_set(err, TALLY_USE, "the policy names logs, but not %s",
				     c->origin);
	for (size_t i = 0; i < c->n; i++) {
		reachable[c->asked[i].number] = true;
		if (!tally_http_url_valid(c->asked[i].party->url))
			return tally_err_set(err, TALLY_USE,
					     "witness %s: its URL is no http(s) URL without a user",
					     c->asked[i].party->name);
	}
	if (!tally_policy_reached(p, reachable))
		return tally_err_set(err, TALLY_USE,
				     "the witnesses that have a URL cannot reach the quorum");
	return 0;
}

int
tally_witness_client_open(struct tally_witness_client **out,
			  const struct tally_witness_client_options *o, struct tally_err *err)
{
	struct tally_witness_client *c = tally_alloc(sizeof(*c));

	c->o = *o;
	c->log = *o->log;
	c->http = *o->http;
	c->origin = tally_strdup(o->origin);
	for (size_t i = 0; i < tally_policy_witnesses(o->policy); i++) {
		const struct tally_policy_party *party = tally_policy_witness(o->policy, i);

		if (!party->url)
			continue;
		c->asked = tally_realloc_array(c->asked, c->n + 1, sizeof(*c->asked));
		c->asked[c->n++] = (struct asked){ .party = party, .number = i };
	}
	if (check_policy(c, err) < 0 || client_queue_read(c, err) < 0) {
		tally_witness_client_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void
tally_witness_client_free(struct tally_witness_client *c)
{
	if (!c)
		return;
	tally_buf_deinit(&c->note), tally_buf_deinit(&c->text), tally_buf_deinit(&c->lines);
	free(c->asked);
	free(c->origin);
	free(c);
}

/* The newest note as witnesses see it: its text and the log's own first line. */
static int
take_note(struct tally_witness_client *c, uint64_t sequence, struct tally_bytes bytes,
	  struct tally_err *err)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	const struct tally_note_line *line;
	struct tally_note note;
	int r = tally_note_parse(&note, bytes, &scratch, err);

	if (r == 0) {
		line = &note.line[0];
		tally_buf_clear(&c->note), tally_buf_clear(&c->text), tally_buf_clear(&c->lines);
		tally_buf_add_bytes(&c->text, note.text);
		tally_buf_add_bytes(&c->note, note.text);
		tally_buf_add_u8(&c->note, '\n');
		tally_note_add_line(&c->note, c->origin, line->id,
				    tally_bytes(line->sig, line->sig_len));
		r = tally_checkpoint_parse(&c->head, tally_buf_view(&c->text), false, err);
	}
	if (r == 0) {
		c->sequence = sequence;
		c->has_note = true;
		c->reached = c->behind = false;
		for (size_t i = 0; i < c->n; i++)
			c->asked[i].signed_ = false;
	}
	tally_buf_deinit(&scratch);
	return r;
}

/* Whether there is a note to ask about. */
static bool
turn(struct tally_witness_client *c, int64_t now)
{
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	uint64_t sequence;
	int r = c->log.newest(c->log.ctx, &sequence, &bytes, &err);

	c->no_note = r == 0;
	if (r > 0 && (!c->has_note || sequence != c->sequence || c->behind))
		r = take_note(c, sequence, tally_buf_view(&bytes), &err);
	if (r < 0)
		tally_log(TALLY_LOG_WARNING, "no note for the witnesses: %s", err.text);
	c->next_note = now + c->o.interval.ns;
	tally_buf_deinit(&bytes);
	return r >= 0 && !c->no_note;
}

static void
look_for_quorum(struct tally_witness_client *c)
{
	bool signed_by[TALLY_POLICY_MAX] = { false };
	uint64_t time[TALLY_POLICY_MAX] = { 0 }, since;
	struct tally_err err = TALLY_ERR_INIT;
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		signed_by[c->asked[i].number] = c->asked[i].signed_;
		time[c->asked[i].number] = c->asked[i].time;
		any = any || c->asked[i].signed_;
	}
	if (!c->has_note || c->reached || !any || !tally_policy_asks(c->o.policy) ||
	    !tally_policy_reached(c->o.policy, signed_by))
		return;
	/* Told again after a restart it is nothing new. What the ledger did not take, it is offered
	 * at the next step. */
	if (c->head.size > c->size) {
		if (c->log.reached(c->log.ctx, &c->head, tally_buf_view(&c->lines), &err) < 0) {
			tally_log(TALLY_LOG_WARNING, "the receipt of witnesses: %s", err.text);
			return;
		}
		tally_policy_times(c->o.policy, signed_by, time, &c->time, &since);
		c->size = c->head.size;
	}
	c->reached = true;
}

struct tally_uptime
tally_witness_client_step(struct tally_witness_client *c, struct tally_uptime now, bool at_once)
{
	struct tally_err err = TALLY_ERR_INIT;
	const uint64_t size = c->size;
	int64_t next;
	bool changed = false, took = true;

	if (c->closed)
		return (struct tally_uptime){ INT64_MAX };
	if (!c->has_note || at_once || c->behind || now.ns >= c->next_note)
		took = turn(c, now.ns);
	next = c->next_note;
	for (size_t i = 0; c->has_note && i < c->n && !c->closed; i++) {
		struct asked *a = &c->asked[i];

		if (a->signed_)
			continue;
		if (at_once || now.ns >= a->retry_at) {
			uint64_t before = a->size;

			client_exchange(c, a, now.ns);
			changed = changed || a->size != before;
		}
		if (!a->signed_ && a->retry_at > now.ns && a->retry_at < next)
			next = a->retry_at;
	}
	look_for_quorum(c);
	if ((changed || c->size != size) && client_queue_write(c, &err) < 0)
		tally_log(TALLY_LOG_WARNING, "what witnesses cosigned is not noted down: %s",
			  err.text);
	/* At once, but where the ledger gives no newer note it would be at once for ever. */
	if (c->behind && took)
		next = now.ns;
	return (struct tally_uptime){ c->closed ? INT64_MAX : next };
}

void
tally_witness_client_standing(const struct tally_witness_client *c,
			      struct tally_witness_standing *out)
{
	*out = (struct tally_witness_standing){ .asked = true,
						.closed = c->closed,
						.witnesses = c->n,
						.size = c->size,
						.time = c->time };
	if (c->has_note && !c->reached && tally_policy_asks(c->o.policy))
		out->owed = c->head.size;
	for (size_t i = 0; i < c->n; i++) {
		const struct asked *a = &c->asked[i];

		out->asked = out->asked && (a->heard || a->failures > 0);
		if (a->failures == 0)
			continue;
		if (out->failing++ == 0)
			(void)snprintf(out->failure, sizeof(out->failure), "%.64s: %s",
				       a->party->name, a->failure);
	}
	out->asked = c->closed || c->no_note || (out->asked && c->has_note);
	if (c->closed)
		(void)snprintf(out->failure, sizeof(out->failure), "%s", c->why);
}
