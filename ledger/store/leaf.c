/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value of `leaf`: bytes 0-7 and 16-31 of the record, the seed, a form byte
 * (0), three u24 lengths, the groups. The index is the key, the commitments
 * follow from seed and groups.
 */
#include <string.h>
#include "store_internal.h"

static void
put_u24(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

static size_t
get_u24(const uint8_t *p)
{
	return (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
}

size_t
store_leaf_size(const struct tally_prepared *e)
{
	size_t size = STORE_LEAF_HEAD;

	for (int k = 0; k < TALLY_GROUPS; k++)
		size += e->group[k].len;
	return size;
}

size_t
tally_store_value_size(size_t groups)
{
	return STORE_LEAF_HEAD + groups;
}

void
store_leaf_write(uint8_t *out, const uint8_t record[TALLY_RECORD], const struct tally_prepared *e)
{
	uint8_t *p = out + STORE_LEAF_HEAD;

	memcpy(out, record, 8);
	memcpy(out + 8, record + 16, 16);
	memcpy(out + 24, e->seed, TALLY_SEED);
	out[40] = 0;
	for (size_t k = 0; k < TALLY_GROUPS; k++) {
		put_u24(out + 41 + 3 * k, e->group[k].len);
		if (e->group[k].len > 0)
			memcpy(p, e->group[k].p, e->group[k].len);
		p += e->group[k].len;
	}
}

int
store_leaf_read(struct store_leaf *out, uint64_t index, struct tally_bytes value,
		struct tally_err *err)
{
	unsigned long long n = index;
	const uint8_t *v = value.p;
	size_t at = STORE_LEAF_HEAD;

	if (value.len < STORE_LEAF_HEAD)
		return tally_err_set(err, TALLY_FAILS, "entry %llu: cut short", n);
	if (v[0] != 1)
		return tally_err_set(err, TALLY_FAILS, "entry %llu: unknown version %u", n, v[0]);
	if (v[40] != 0)
		return tally_err_set(err, TALLY_FAILS, "entry %llu: unknown form %u", n, v[40]);
	out->header.kind = out->entry.kind = v[1];
	out->header.flags = out->entry.flags = tally_get_u16(v + 2);
	out->header.boot = tally_get_u32(v + 4);
	out->header.index = index;
	out->header.wall = tally_get_u64(v + 8);
	out->header.uptime = tally_get_u64(v + 16);
	memcpy(out->entry.seed, v + 24, TALLY_SEED);
	for (size_t k = 0; k < TALLY_GROUPS; k++) {
		size_t len = get_u24(v + 41 + 3 * k);

		if (len > TALLY_GROUP_MAX || len > value.len - at)
			return tally_err_set(err, TALLY_FAILS, "entry %llu: lengths do not add up",
					     n);
		out->entry.group[k] = tally_bytes(v + at, len);
		at += len;
	}
	if (at != value.len)
		return tally_err_set(err, TALLY_FAILS, "entry %llu: lengths do not add up", n);
	return 0;
}

void
store_leaf_record(struct store_leaf *l, uint8_t record[TALLY_RECORD])
{
	struct tally_prepared *e = &l->entry;

	tally_prepare(e, e->kind, e->flags, e->seed, e->group);
	tally_record_write(record, &l->header, (const uint8_t(*)[TALLY_HASH])e->commitment);
}
