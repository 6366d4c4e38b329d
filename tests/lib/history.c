/* SPDX-License-Identifier: Apache-2.0 */
/* From lines to events by a table of keys; from events to entries by the encoder
 * that the programs use. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "history.h"
#include "tally/err.h"
#include "tally/parse.h"
#include "testlib.h"

#define WORDS 64
/* When imports are appended: behind all that they tell. */
#define APPENDED UINT64_C(1780272000000000000)

struct line {
	char *text; /* cut into words */
	char *word[WORDS];
	size_t words;
	struct tally_event ev;
	struct tally_bytes list[2][16];
	uint32_t numbers[2][16];
	char *kept[WORDS];
	size_t n_kept;
};

static _Noreturn void
die(const char *what, const char *word)
{
	fprintf(stderr, "history: %s '%s'\n", what, word);
	abort();
}

static struct tally_bytes
unescape(struct line *l, const char *s, size_t len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	TALLY_ASSERT(out && l->n_kept < WORDS);
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)s[i];

		if (s[i] == '%' && i + 2 < len && tally_unhex(&byte, 1, s + i + 1, 2))
			i += 2;
		out[n++] = (char)byte;
	}
	l->kept[l->n_kept++] = out;
	return tally_bytes(out, n);
}

static int64_t
time_of(const char *s)
{
	char text[64];
	struct tally_wall t;

	if (!strchr(s, 'T'))
		snprintf(text, sizeof(text), "2026-03-01T%s%sZ", s, strlen(s) == 5 ? ":00" : "");
	else
		snprintf(text, sizeof(text), "%s", s);
	if (!tally_wall_parse(&t, text, strlen(text), false))
		die("no time", s);
	return t.ns;
}

static uint64_t
number(const char *s)
{
	uint64_t n;

	if (!tally_parse_u64(&n, s, strlen(s), UINT64_MAX))
		die("no number", s);
	return n;
}

static void
uuid_of(uint8_t out[TALLY_UUID], const char *s)
{
	if (strlen(s) == 1) {
		memset(out, 0, TALLY_UUID);
		out[15] = (uint8_t)s[0];
	} else if (!tally_uuid_parse(out, s, strlen(s))) {
		die("no VM", s);
	}
}

static struct tally_texts
texts_of(struct line *l, unsigned which, const char *s)
{
	size_t n = 0;

	while (*s) {
		size_t len = strcspn(s, ",");

		TALLY_ASSERT(n < 16);
		l->list[which][n++] = unescape(l, s, len);
		s += len + (s[len] == ',');
	}
	return (struct tally_texts){ l->list[which], n };
}

static struct tally_numbers
numbers_of(struct line *l, unsigned which, char *s)
{
	size_t n = 0;

	for (char *save = NULL, *w = strtok_r(s, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		TALLY_ASSERT(n < 16);
		l->numbers[which][n++] = (uint32_t)number(w);
	}
	return (struct tally_numbers){ l->numbers[which], n };
}

/* Keys whose value is a text. */
static bool
text_key(struct line *l, const char *key, const char *value)
{
	struct tally_event *ev = &l->ev;
	const struct {
		const char *key;
		struct tally_bytes *to;
	} keys[] = {
		{ "name", &ev->i.name },
		{ "tenant", &ev->i.tenant },
		{ "cost_center", &ev->i.cost_center },
		{ "os", &ev->m.os },
		{ "edition", &ev->m.edition },
		{ "environment", &ev->m.environment },
		{ "cluster", &ev->m.cluster },
		{ "region", &ev->m.region },
		{ "site", &ev->i.site },
		{ "cpu", &ev->m.cpu },
		{ "model", &ev->o.model },
		{ "partitioning", &ev->m.partitioning },
		{ "boot", &ev->m.boot },
		{ "peer", &ev->o.peer },
		{ "by", &ev->o.by },
		{ "version", &ev->o.version },
		{ "reason", ev->kind == TALLY_GAP || ev->kind == TALLY_GAP_BEGIN ? &ev->m.reason
										 : &ev->o.reason },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(keys[i].key, key) == 0) {
			*keys[i].to = unescape(l, value, strlen(value));
			return true;
		}
	return false;
}

#define SET(field, v) (ev->field = (v), ev->has_##field = true)

static bool
number_key(struct line *l, const char *key, const char *value)
{
	struct tally_metering *ev = &l->ev.m;

	if (strcmp(key, "vcpus") == 0)
		SET(vcpus, (uint32_t)number(value));
	else if (strcmp(key, "memory_mib") == 0)
		SET(memory_mib, number(value));
	else if (strcmp(key, "max_sockets") == 0)
		SET(max_sockets, (uint32_t)number(value));
	else if (strcmp(key, "threads_per_core") == 0)
		SET(threads_per_core, (uint32_t)number(value));
	else if (strcmp(key, "state") == 0)
		SET(state, (uint32_t)number(value));
	else if (strcmp(key, "from") == 0)
		SET(from, (uint64_t)time_of(value));
	else if (strcmp(key, "to") == 0)
		SET(to, (uint64_t)time_of(value));
	else if (strcmp(key, "not_before") == 0)
		SET(not_before, (uint64_t)time_of(value));
	else if (strcmp(key, "downtime_ms") == 0)
		SET(downtime, number(value) * 1000000);
	else if (strcmp(key, "seconds") == 0)
		SET(step, strtoll(value, NULL, 10) * TALLY_SECOND);
	else if (strcmp(key, "paused") == 0)
		SET(state, strcmp(value, "true") == 0 ? TALLY_ST_PAUSED : TALLY_ST_RUNNING);
	else
		return false;
	return true;
}

static bool
name_key(struct line *l, const char *key, const char *value)
{
	struct tally_metering *ev = &l->ev.m;
	struct tally_bytes name = tally_bytes_str(value);

	if (strcmp(key, "cause") == 0)
		SET(cause, strcmp(value, "user") == 0 ? TALLY_C_PAUSED : tally_cause_find(name));
	else if (strcmp(key, "evidence") == 0)
		SET(evidence, (uint32_t)tally_evidence_find(name));
	else if (strcmp(key, "hypervisor") == 0)
		SET(hypervisor, tally_hypervisor_find(name));
	else if (strcmp(key, "role") == 0)
		SET(role, value[0] == 'p'   ? TALLY_ROLE_PRIMARY
			  : value[0] == 's' ? TALLY_ROLE_STANDBY
					    : TALLY_ROLE_NONE);
	else
		return false;
	return true;
}

static void
key_in(struct line *l, const char *key, char *value)
{
	struct tally_event *ev = &l->ev;

	if (text_key(l, key, value) || number_key(l, key, value) || name_key(l, key, value))
		return;
	if (strcmp(key, "software") == 0 || strcmp(key, "add") == 0)
		ev->m.software = texts_of(l, 0, value);
	else if (strcmp(key, "remove") == 0)
		ev->m.software_removed = texts_of(l, 1, value);
	else if (strcmp(key, "cores_per_socket") == 0)
		ev->m.cores_per_socket = numbers_of(l, 0, value);
	else if (strcmp(key, "pinned") == 0)
		ev->m.pinned = numbers_of(l, 1, value), ev->m.has_pinned = true;
	else if (strcmp(key, "domain_id") == 0)
		ev->o.domain_id = (int64_t)number(value), ev->o.has_domain_id = true;
	else if (strcmp(key, "start_ticks") == 0)
		ev->o.start_ticks = number(value), ev->o.has_start_ticks = true;
	else if (strcmp(key, "of") == 0)
		uuid_of(ev->i.of, value), ev->i.has_of = true;
	else if (strcmp(key, "baseline") == 0)
		ev->kind = strcmp(value, "true") == 0 ? TALLY_BASELINE : TALLY_STARTED;
	else
		die("unknown key", key);
}

static unsigned
kind_of(const char *event)
{
	static const struct {
		const char *event;
		unsigned kind;
	} events[] = {
		{ "host", TALLY_HOST_FACTS },
		{ "start", TALLY_STARTED },
		{ "stop", TALLY_STOPPED },
		{ "suspend", TALLY_SUSPENDED },
		{ "resume", TALLY_RESUMED },
		{ "reboot", TALLY_REBOOTED },
		{ "migrate-out", TALLY_MIGRATED_OUT },
		{ "migrate-in", TALLY_MIGRATED_IN },
		{ "os", TALLY_OS_CLAIM },
		{ "tag", TALLY_TAGS },
	};
	unsigned kind;

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (strcmp(events[i].event, event) == 0)
			return events[i].kind;
	kind = tally_kind_find(tally_bytes_str(event));
	return kind ? kind : (unsigned)number(event);
}

void
test_ledger_append(struct test_ledger *l, const struct tally_event *ev, uint16_t flags,
		   uint32_t boot, uint64_t wall)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct test_entry *e;

	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->entries = tally_realloc_array(l->entries, l->cap, sizeof(*l->entries));
	}
	e = &l->entries[l->count];
	memset(e, 0, sizeof(*e));
	e->mask = (1u << TALLY_GROUPS) - 1;
	e->header = (struct tally_header){ .kind = (uint8_t)ev->kind,
					   .flags = flags,
					   .boot = boot,
					   .index = l->count,
					   .wall = wall,
					   .uptime = wall - (uint64_t)l->stepped };
	if (tally_event_encode(ev, e->group, &err) < 0)
		die("encode", err.text);
	l->count++;
}

struct test_ledger *
test_history_ledger(struct test_history *h, const char *host)
{
	for (size_t i = 0; i < h->count; i++)
		if (strcmp(h->ledgers[i].host, host) == 0)
			return &h->ledgers[i];
	return NULL;
}

static struct test_ledger *
ledger_of(struct test_history *h, const char *host, uint64_t wall)
{
	struct test_ledger *l = test_history_ledger(h, host);
	struct tally_event ev = { .kind = TALLY_LEDGER_BEGIN };

	if (l)
		return l;
	TALLY_ASSERT(h->count < sizeof(h->ledgers) / sizeof(*h->ledgers));
	l = &h->ledgers[h->count++];
	memset(l, 0, sizeof(*l));
	snprintf(l->host, sizeof(l->host), "%s", host);
	snprintf(l->origin, sizeof(l->origin), "tallystick.invalid/%s", host);
	ev.i.host = tally_bytes_str(host);
	test_ledger_append(l, &ev, 0, 1, wall);
	return l;
}

static void
line_in(struct test_history *h, struct line *l)
{
	char *live = strchr(l->word[0], '!');
	uint32_t boot = live && live[1] ? (uint32_t)number(live + 1) : 1;
	uint64_t at = (uint64_t)time_of(l->word[1]), wall = live ? at : APPENDED;
	struct test_ledger *ledger;
	size_t next = 3;

	if (live)
		*live = '\0';
	memset(&l->ev, 0, sizeof(l->ev));
	l->ev.kind = kind_of(l->word[2]);
	l->ev.imported = !live;
	if (!live)
		l->ev.m.time = at, l->ev.m.has_time = true;
	if (next < l->words && !strchr(l->word[next], '=')) {
		uuid_of(l->ev.i.vm, l->word[next++]);
		l->ev.i.has_vm = true;
	}
	for (; next < l->words; next++) {
		char *value = strchr(l->word[next], '=');

		if (!value)
			die("no key=value", l->word[next]);
		*value = '\0';
		key_in(l, l->word[next], value + 1);
	}
	ledger = ledger_of(h, l->word[0], wall);
	if (live && l->ev.m.has_step)
		ledger->stepped += l->ev.m.step;
	if (l->ev.kind == TALLY_HOST_FACTS)
		l->ev.i.host = tally_bytes_str(ledger->host);
	test_ledger_append(ledger, &l->ev, live ? 0 : (uint16_t)TALLY_FLAG_IMPORTED, boot, wall);
}

void
test_history_init(struct test_history *h)
{
	memset(h, 0, sizeof(*h));
}

void
test_history_deinit(struct test_history *h)
{
	for (size_t i = 0; i < h->count; i++) {
		for (size_t k = 0; k < h->ledgers[i].count; k++)
			for (int g = 0; g < TALLY_GROUPS; g++)
				tally_buf_deinit(&h->ledgers[i].entries[k].group[g]);
		free(h->ledgers[i].entries);
	}
	h->count = 0;
}

void
test_history_add(struct test_history *h, const char *lines)
{
	char *copy = tally_strdup(lines), *save = NULL;

	for (char *s = strtok_r(copy, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
		struct line l = { .text = s };
		char *in = NULL;

		for (char *w = strtok_r(s, " \t", &in); w; w = strtok_r(NULL, " \t", &in)) {
			TALLY_ASSERT(l.words < WORDS);
			l.word[l.words++] = w;
		}
		if (l.words == 0)
			continue;
		if (l.words < 3)
			die("too short", s);
		line_in(h, &l);
		for (size_t i = 0; i < l.n_kept; i++)
			free(l.kept[i]);
	}
	free(copy);
}

struct cursor {
	const struct test_ledger *ledger;
	size_t next;
};

static int
cursor_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct cursor *c = ctx;
	const struct test_entry *e;

	(void)err;
	if (c->next == c->ledger->count)
		return 0;
	e = &c->ledger->entries[c->next++];
	out->header = e->header;
	out->mask = e->mask;
	for (int k = 0; k < TALLY_GROUPS; k++)
		out->group[k] = tally_buf_view(&e->group[k]);
	return 1;
}

static int
cursor_rewind(void *ctx, struct tally_err *err)
{
	(void)err;
	((struct cursor *)ctx)->next = 0;
	return 0;
}

static struct tally_entries
cursor_open(const struct test_ledger *l)
{
	struct cursor *c = tally_alloc(sizeof(*c));

	c->ledger = l;
	return (struct tally_entries){ c, cursor_next, cursor_rewind, free };
}

static int
root_at(void *ctx, uint64_t size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	(void)ctx;
	(void)err;
	memset(root, (int)size, TALLY_HASH);
	return 0;
}

struct tally_report_ledger
test_ledger_open(const struct test_ledger *l)
{
	struct tally_report_ledger out = { .entries = cursor_open(l),
					   .entries2 = cursor_open(l),
					   .origin = l->origin,
					   .size = l->count,
					   .root_at = root_at };

	memset(out.root, (int)l->count, sizeof(out.root));
	return out;
}

void
test_ledger_close(struct tally_report_ledger *l)
{
	l->entries.close(l->entries.ctx);
	l->entries2.close(l->entries2.ctx);
}
