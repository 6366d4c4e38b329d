/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking groups apart on the wire, field by field, without decoding: numbers out,
 * what nobody reads away, all else copied as it stands. Where a field is not of
 * the type that it ought to be, or the bytes do not end with a field, the groups
 * stay whole, so that whoever decodes them finds the same fault.
 */
#include <string.h>
#include "proto_internal.h"
#include "tally/body.h"

enum wire { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
/* HASH and PAIR are dropped, too, but only where a decoder would take them. */
enum { KEEP = -1, DROP = -2, HASH = -3, PAIR = -4 };

struct field {
	uint64_t number;
	unsigned wire;
	uint64_t value;                  /* of VARINT and FIXED64 */
	struct tally_bytes all, content; /* with its tag; of LENGTH without */
};

static bool
read_varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
		uint8_t byte = *(*p)++;

		if (shift == 63 && byte > 1)
			return false;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = v;
			return true;
		}
	}
	return false;
}

static bool
read_fixed64(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	if (end - *p < 8)
		return false;
	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | (*p)[i];
	*p += 8;
	*out = v;
	return true;
}

static bool
skip(const uint8_t **p, const uint8_t *end, uint64_t n)
{
	if (n > (uint64_t)(end - *p))
		return false;
	*p += n;
	return true;
}

static bool
read_field(struct field *f, const uint8_t **p, const uint8_t *end)
{
	const uint8_t *begin = *p;
	uint64_t tag, length = 0;
	bool whole;

	*f = (struct field){ 0 };
	if (!read_varint(p, end, &tag))
		return false;
	f->number = tag >> 3;
	f->wire = tag & 7;
	switch (f->wire) {
	case VARINT:
		whole = read_varint(p, end, &f->value);
		break;
	case FIXED64:
		whole = read_fixed64(p, end, &f->value);
		break;
	case LENGTH:
		whole = read_varint(p, end, &length) && skip(p, end, length);
		if (whole)
			f->content = tally_bytes(*p - length, (size_t)length);
		break;
	case FIXED32:
		whole = skip(p, end, 4);
		break;
	default:
		whole = false;
	}
	f->all = tally_bytes(begin, (size_t)(*p - begin));
	return whole;
}

/* Numbers of fields are those of groups.proto. */
static const struct {
	uint8_t group, field, wire;
	int what;
} special[] = {
	{ TALLY_METERING, 2, FIXED64, TALLY_BODY_TIME },
	{ TALLY_METERING, 1, VARINT, TALLY_BODY_RUN },
	{ TALLY_METERING, 5, VARINT, TALLY_BODY_VCPUS },
	{ TALLY_METERING, 13, FIXED64, TALLY_BODY_NOT_BEFORE },
	{ TALLY_METERING, 26, FIXED64, TALLY_BODY_FROM },
	{ TALLY_METERING, 27, FIXED64, TALLY_BODY_TO },
	{ TALLY_METERING, 29, VARINT, DROP }, /* count */
	{ TALLY_OPERATIONS, 4, VARINT, TALLY_BODY_DOMAIN_ID },
	{ TALLY_OPERATIONS, 6, VARINT, TALLY_BODY_START_TICKS },
	{ TALLY_METERING, 14, FIXED64, DROP },  /* uptime */
	{ TALLY_METERING, 31, LENGTH, HASH },   /* set_hash */
	{ TALLY_OPERATIONS, 2, VARINT, DROP },  /* raw_event */
	{ TALLY_OPERATIONS, 3, VARINT, DROP },  /* raw_detail */
	{ TALLY_OPERATIONS, 5, VARINT, DROP },  /* pid */
	{ TALLY_OPERATIONS, 11, LENGTH, HASH }, /* config_hash */
	{ TALLY_OPERATIONS, 26, LENGTH, PAIR }, /* cpu_time */
	{ TALLY_OPERATIONS, 27, VARINT, DROP }, /* line */
};

/* What becomes of a field; false where it is not of its type. */
static bool
look_up(unsigned group, const struct field *f, int *what)
{
	*what = KEEP;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		if (special[i].group != group || special[i].field != f->number)
			continue;
		*what = special[i].what;
		return special[i].wire == f->wire;
	}
	return true;
}

/* Two numbers and nothing else. */
static bool
is_pair(struct tally_bytes in)
{
	const uint8_t *p = in.p, *end = in.len ? in.p + in.len : in.p;
	struct field f;

	while (p < end)
		if (!read_field(&f, &p, end) || f.wire != VARINT || f.number < 1 || f.number > 2)
			return false;
	return true;
}

static bool
split_group(struct tally_buf *body, struct tally_body_numbers *n, unsigned group,
	    struct tally_bytes in)
{
	const uint8_t *p = in.p, *end = in.len ? in.p + in.len : in.p;
	struct field f;
	int what;

	while (p < end) {
		if (!read_field(&f, &p, end) || !look_up(group, &f, &what))
			return false;
		if ((what == HASH && f.content.len != TALLY_HASH) ||
		    (what == PAIR && !is_pair(f.content)))
			return false;
		if (what == KEEP) {
			tally_buf_add_bytes(body, f.all);
		} else if (what >= 0) {
			n->has |= (uint8_t)(1u << what);
			n->v[what] = f.value;
		}
	}
	return true;
}

/* Of those that are taken apart there are many. Claims, and what tells of ledgers,
 * hosts and sessions, are rare, and whoever asks wants all of it. */
bool
tally_body_is_whole(unsigned kind)
{
	return kind != TALLY_HEARTBEAT && (kind < TALLY_DEFINED || kind > TALLY_CONFIG);
}

void
tally_body_split(struct tally_buf *body, struct tally_body_numbers *numbers, unsigned kind,
		 unsigned group, struct tally_bytes bytes)
{
	struct tally_body_numbers own = { 0 };
	size_t start = body->len;

	if (tally_body_is_whole(kind) || !split_group(body, &own, group, bytes)) {
		body->len = start;
		tally_buf_add_bytes(body, bytes);
		return;
	}
	numbers->has |= own.has;
	for (unsigned n = 0; n < TALLY_BODY_NUMBERS; n++)
		if (own.has & (1u << n))
			numbers->v[n] = own.v[n];
}

#define PUT(group, number, field)                                                                  \
	do {                                                                                       \
		if (n->has & (1u << (number))) {                                                   \
			ev->group.has_##field = true;                                              \
			ev->group.field = (__typeof__(ev->group.field))n->v[number];               \
		}                                                                                  \
	} while (0)

void
tally_body_join(struct tally_event *ev, const struct tally_body_numbers *n, unsigned mask)
{
	if (mask & (1u << TALLY_METERING)) {
		PUT(m, TALLY_BODY_TIME, time);
		PUT(m, TALLY_BODY_RUN, run);
		PUT(m, TALLY_BODY_VCPUS, vcpus);
		PUT(m, TALLY_BODY_NOT_BEFORE, not_before);
		PUT(m, TALLY_BODY_FROM, from);
		PUT(m, TALLY_BODY_TO, to);
	}
	if (mask & (1u << TALLY_OPERATIONS)) {
		PUT(o, TALLY_BODY_DOMAIN_ID, domain_id);
		PUT(o, TALLY_BODY_START_TICKS, start_ticks);
	}
}
