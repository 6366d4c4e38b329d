/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of recorded events: each taker checks the type and the bounds of one
 * value and puts it into the event. Null is taken for os, pinned and peer only.
 */
#include <math.h>
#include <string.h>

#include "tally/time.h"
#include "record_keys.h"

#define fault(t, k, ...)                                                                           \
	record_fault((t)->parser, (t)->line, (k)->name, true, (t)->err, __VA_ARGS__)

static void *
field(struct record_take *t, size_t offset)
{
	return (uint8_t *)&t->line->ev + offset;
}

static void
flag(struct record_take *t, const struct record_key_spec *k)
{
	if (k->has)
		*(bool *)field(t, k->has) = true;
}

static bool
is(const struct tally_json *v, enum tally_json_type type)
{
	return tally_json_type(v) == type;
}

/* A string of `min` to `max` bytes; a view is never NULL, so empty is not absent. */
static int
read_text(struct record_take *t, const struct record_key_spec *k, const struct tally_json *v,
	  size_t min, size_t max, struct tally_bytes *out)
{
	struct tally_bytes s;

	if (!is(v, TALLY_JSON_STRING))
		return fault(t, k, "'%s' must be a string", k->name);
	s = tally_json_string(v);
	if (s.len < min)
		return fault(t, k, "'%s' is empty", k->name);
	if (s.len > max)
		return fault(t, k, "'%s' has %zu bytes, %zu are the most", k->name, s.len, max);
	*out = s.len > 0 ? s : tally_bytes("", 0);
	return 0;
}

TAKER(skip)
{
	(void)t, (void)k, (void)v;
	return 0;
}

TAKER(text)
{
	return read_text(t, k, v, (size_t)k->min, (size_t)k->max, field(t, k->offset));
}

TAKER(word)
{
	return record_take_text(t, k, v);
}

TAKER(reason)
{
	struct tally_event *ev = &t->line->ev;

	return read_text(t, k, v, 0, (size_t)k->max,
			 ev->kind == TALLY_GAP ? &ev->m.reason : &ev->o.reason);
}

TAKER(peer)
{
	if (is(v, TALLY_JSON_NULL))
		return 0;
	return read_text(t, k, v, 1, RECORD_TEXT_MAX, field(t, k->offset));
}

/* A URI by its shape: a scheme, a colon, and printable ASCII that RFC 3986 knows. */
bool
record_is_uri(struct tally_bytes s)
{
	size_t i = 0;

	while (i < s.len && s.p[i] != ':') {
		uint8_t c = s.p[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		bool more = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
		if (!letter && (i == 0 || !more))
			return false;
		i++;
	}
	if (i == 0 || i + 1 >= s.len)
		return false;
	for (i++; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\"<>\\^`{|}", s.p[i]))
			return false;
	return true;
}

TAKER(os)
{
	struct tally_bytes s;

	if (is(v, TALLY_JSON_NULL)) {
		*(struct tally_bytes *)field(t, k->offset) = tally_bytes("", 0);
		return 0;
	}
	if (read_text(t, k, v, 0, RECORD_TEXT_MAX, &s) < 0)
		return -1;
	if (!record_is_uri(s))
		return fault(t, k, "'os' must be a libosinfo URI or null");
	*(struct tally_bytes *)field(t, k->offset) = s;
	return 0;
}

TAKER(time)
{
	struct tally_wall w;
	struct tally_bytes s;

	if (!is(v, TALLY_JSON_STRING))
		return fault(t, k, "'%s' must be a string", k->name);
	s = tally_json_string(v);
	if (!tally_wall_parse(&w, (const char *)s.p, s.len, false))
		return fault(
			t, k,
			"'%s' must be RFC 3339 in UTC, as 2026-03-01T10:00:00Z, up to nanoseconds",
			k->name);
	*(uint64_t *)field(t, k->offset) = (uint64_t)w.ns;
	flag(t, k);
	return 0;
}

TAKER(uuid)
{
	struct tally_bytes s = tally_bytes(NULL, 0);

	if (is(v, TALLY_JSON_STRING))
		s = tally_json_string(v);
	if (!tally_uuid_parse(field(t, k->offset), (const char *)s.p, s.len))
		return fault(t, k, "'%s' must be a UUID, as 6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11",
			     k->name);
	flag(t, k);
	return 0;
}

static int
read_number(struct record_take *t, const struct record_key_spec *k, const struct tally_json *v,
	    uint64_t *out)
{
	int64_t n = is(v, TALLY_JSON_INT) ? tally_json_int(v) : -1;

	if (n < 0 || (uint64_t)n < k->min || (uint64_t)n > k->max)
		return fault(t, k, "'%s' must be a whole number from %llu to %llu", k->name,
			     (unsigned long long)k->min, (unsigned long long)k->max);
	*out = (uint64_t)n;
	return 0;
}

TAKER(u32)
{
	uint64_t n;

	if (read_number(t, k, v, &n) < 0)
		return -1;
	*(uint32_t *)field(t, k->offset) = (uint32_t)n;
	flag(t, k);
	return 0;
}

TAKER(u64)
{
	if (read_number(t, k, v, field(t, k->offset)) < 0)
		return -1;
	flag(t, k);
	return 0;
}

static bool
in_list(const unsigned *list, unsigned number)
{
	for (; *list != 0; list++)
		if (*list == number)
			return true;
	return false;
}

/* A number where the cause has one. The causes of a resume or a reboot are the
 * hypervisor's own words: those without a number are kept as text. */
TAKER(cause)
{
	struct tally_metering *m = &t->line->ev.m;
	struct tally_bytes s;
	unsigned cause;

	if (read_text(t, k, v, 1, RECORD_TEXT_MAX, &s) < 0)
		return -1;
	cause = tally_cause_find(s);
	if (t->spec->causes && (cause == 0 || !in_list(t->spec->causes, cause))) {
		struct tally_buf names = TALLY_BUF_INIT;
		for (const unsigned *c = t->spec->causes; *c != 0; c++)
			tally_buf_addf(&names, "%s%s", names.len ? ", " : "", tally_cause_name(*c));
		(void)fault(t, k, "'cause' of %s must be one of %s", t->spec->name,
			    tally_buf_cstr(&names));
		tally_buf_deinit(&names);
		return -1;
	}
	if (cause == 0) {
		t->line->ev.o.cause_text = s;
		return 0;
	}
	if (t->line->ev.kind == TALLY_SUSPENDED && cause == TALLY_C_USER)
		cause = TALLY_C_PAUSED;
	m->has_cause = true;
	m->cause = cause;
	return 0;
}

static struct tally_bytes
as_word(const struct tally_json *v)
{
	return is(v, TALLY_JSON_STRING) ? tally_json_string(v) : tally_bytes(NULL, 0);
}

TAKER(evidence)
{
	int n = tally_evidence_find(as_word(v));

	if (n <= TALLY_E_NONE)
		return fault(t, k,
			     "'evidence' must be one of operator, hypervisor, agent, disk, vendor");
	t->line->ev.m.has_evidence = true;
	t->line->ev.m.evidence = (uint32_t)n;
	return 0;
}

TAKER(hypervisor)
{
	unsigned n = tally_hypervisor_find(as_word(v));

	if (n == 0)
		return fault(t, k, "'hypervisor' must be one of qemu, xen, vmware, hyperv, other");
	t->line->ev.m.has_hypervisor = true;
	t->line->ev.m.hypervisor = n;
	return 0;
}

TAKER(role)
{
	static const char *const names[] = { "primary", "standby", "none" };
	struct tally_bytes s = as_word(v);

	for (uint32_t i = 0; i < 3; i++)
		if (tally_bytes_eq(s, tally_bytes_str(names[i]))) {
			t->line->ev.m.has_role = true;
			t->line->ev.m.role = TALLY_ROLE_PRIMARY + i;
			return 0;
		}
	return fault(t, k, "'role' must be one of primary, standby, none");
}

static int
read_bool(struct record_take *t, const struct record_key_spec *k, const struct tally_json *v,
	  bool *out)
{
	if (!is(v, TALLY_JSON_BOOL))
		return fault(t, k, "'%s' must be true or false", k->name);
	*out = tally_json_bool(v);
	return 0;
}

TAKER(paused)
{
	return read_bool(t, k, v, &t->paused);
}

TAKER(baseline)
{
	bool baseline;

	if (read_bool(t, k, v, &baseline) < 0)
		return -1;
	if (baseline && t->line->ev.kind == TALLY_STARTED)
		t->line->ev.kind = TALLY_BASELINE;
	return 0;
}

TAKER(products)
{
	struct tally_texts *out = field(t, k->offset);
	struct tally_bytes *items;
	size_t n, sum = 0;

	if (!is(v, TALLY_JSON_ARRAY))
		return fault(t, k, "'%s' must be an array of product ids", k->name);
	n = tally_json_count(v);
	if (n > 1024)
		return fault(t, k, "'%s' has %zu product ids, 1024 are the most", k->name, n);
	items = tally_arena_alloc(t->parser->arena, (n + 1) * sizeof(*items));
	for (size_t i = 0; i < n; i++) {
		items[i] = as_word(tally_json_at(v, i));
		if (items[i].len == 0 || items[i].len > RECORD_TEXT_MAX)
			return fault(t, k, "'%s' must hold strings of 1 to %d bytes", k->name,
				     RECORD_TEXT_MAX);
		sum += items[i].len + 4;
	}
	/* A group of an entry has to hold them. */
	if (sum > 16384)
		return fault(t, k, "'%s' is too long", k->name);
	*out = (struct tally_texts){ items, n };
	return 0;
}

static int
read_numbers(struct record_take *t, const struct record_key_spec *k, const struct tally_json *v,
	     uint64_t min, uint64_t max, struct tally_numbers *out)
{
	size_t n = tally_json_count(v);
	uint32_t *items;

	if (n > 4096)
		return fault(t, k, "'%s' has %zu numbers, 4096 are the most", k->name, n);
	items = tally_arena_alloc(t->parser->arena, (n + 1) * sizeof(*items));
	for (size_t i = 0; i < n; i++) {
		const struct tally_json *item = tally_json_at(v, i);
		int64_t number = is(item, TALLY_JSON_INT) ? tally_json_int(item) : -1;

		if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
			return fault(t, k, "'%s' must hold whole numbers from %llu to %llu",
				     k->name, (unsigned long long)min, (unsigned long long)max);
		items[i] = (uint32_t)number;
	}
	*out = (struct tally_numbers){ items, n };
	return 0;
}

TAKER(cores)
{
	if (!is(v, TALLY_JSON_ARRAY) || tally_json_count(v) == 0)
		return fault(t, k, "'%s' must be an array with a number for each populated socket",
			     k->name);
	return read_numbers(t, k, v, k->min, k->max, &t->line->ev.m.cores_per_socket);
}

TAKER(pinned)
{
	struct tally_metering *m = &t->line->ev.m;

	m->has_pinned = true;
	if (is(v, TALLY_JSON_NULL))
		return 0;
	if (!is(v, TALLY_JSON_ARRAY))
		return fault(t, k, "'pinned' must be an array of physical cores or null");
	if (read_numbers(t, k, v, 0, 65535, &m->pinned) < 0)
		return -1;
	for (size_t i = 0; i < m->pinned.count; i++)
		for (size_t j = 0; j < i; j++)
			if (m->pinned.items[i] == m->pinned.items[j])
				return fault(t, k, "'pinned' names core %u twice",
					     m->pinned.items[i]);
	return 0;
}

/* Units of 10^-decimals seconds as nanoseconds. A fraction goes through a
 * double, whose 53 bits hold a nanosecond in spans of up to 100 days. */
static bool
read_span(const struct tally_json *v, int64_t unit, int64_t most, int64_t *out)
{
	if (is(v, TALLY_JSON_INT)) {
		int64_t n = tally_json_int(v);

		if (n < -most || n > most)
			return false;
		*out = n * unit;
		return true;
	}
	if (!is(v, TALLY_JSON_REAL) || !(fabs(tally_json_real(v)) <= (double)most))
		return false;
	*out = llround(tally_json_real(v) * (double)unit);
	return true;
}

TAKER(seconds)
{
	struct tally_metering *m = &t->line->ev.m;

	if (!read_span(v, TALLY_SECOND, INT64_C(4000000000), &m->step))
		return fault(t, k, "'seconds' must be a number from -4000000000 to 4000000000");
	m->has_step = true;
	return 0;
}

TAKER(downtime)
{
	struct tally_metering *m = &t->line->ev.m;
	int64_t ns;

	if (!read_span(v, 1000000, INT64_C(86400000), &ns) || ns < 0)
		return fault(t, k, "'downtime_ms' must be a number from 0 to 86400000");
	m->has_downtime = true;
	m->downtime = (uint64_t)ns;
	return 0;
}
