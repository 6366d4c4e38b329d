/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading pieces. A body is decoded when it is first asked for, into the words of
 * an event that are not zero; an entry is these words put into an empty event,
 * and its numbers. The bodies of a segment outlive it by a few entries, for the
 * sake of the views of its last ones.
 */
#include <stdlib.h>
#include <string.h>
#include "index_internal.h"
#include "tally/err.h"

#define CHUNK    (16U << 10)
#define AHEAD    4U   /* a power of two */
#define BLOCK    256U /* bodies */
#define OUTLIVED 3U   /* the last entry of a segment is gone when the third behind it is read */

struct body {
	struct tally_bytes bytes; /* of the group, without its numbers */
	uint8_t group;
	bool decoded;
	uint8_t count;
	uint64_t *words; /* then as many u8: where in the group each goes, in words */
	void **place;    /* of identity */
};
struct row {
	uint64_t wall, uptime;
	uint32_t boot;
	uint32_t group[TALLY_GROUPS]; /* number of its body plus 1 */
	uint16_t flags;
	uint8_t kind;
	struct tally_body_numbers numbers;
};
struct tally_index_reader {
	struct tally_arena *arena[2]; /* of the segment, and of the one before it */
	unsigned segment, outlived;   /* entries left to read until that one goes */
	struct body **blocks;         /* of BLOCK bodies */
	size_t count, cap;            /* bodies; blocks */
	struct tally_buf piece;
	uint8_t before[TALLY_HASH];
	bool any;

	const uint8_t *at, *end; /* rows that are not taken apart */
	uint32_t left;           /* of them */
	struct index_last last;
	/* Rows that are, and the one that was read: many ledgers are read in turn, so
	 * each of these is asked for when other ledgers had theirs, and what it needs
	 * is fetched from memory meanwhile, a step at a time. */
	struct row ahead[AHEAD];
	uint32_t head, waiting;
	uint64_t next; /* entry */
	const struct row *row;
};

/* Events are taken as words; each group is a number of them. */
static const struct {
	size_t offset, size;
} homes[TALLY_GROUPS] = {
	[TALLY_METERING] = { offsetof(struct tally_event, m), sizeof(struct tally_metering) },
	[TALLY_IDENTITY] = { offsetof(struct tally_event, i), sizeof(struct tally_identity) },
	[TALLY_OPERATIONS] = { offsetof(struct tally_event, o), sizeof(struct tally_operations) },
};
_Static_assert(sizeof(struct tally_metering) % 8 == 0 && sizeof(struct tally_identity) % 8 == 0 &&
		       sizeof(struct tally_operations) % 8 == 0,
	       "groups are whole words");

struct tally_index_reader *
tally_index_reader_new(void)
{
	struct tally_index_reader *r = tally_alloc(sizeof(*r));

	for (unsigned i = 0; i < 2; i++)
		r->arena[i] = tally_arena_new(CHUNK);
	return r;
}

void
tally_index_reader_free(struct tally_index_reader *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < 2; i++)
		tally_arena_free(r->arena[i]);
	tally_buf_deinit(&r->piece);
	for (size_t i = 0; i < r->cap; i++)
		free(r->blocks[i]);
	free(r->blocks);
	free(r);
}

void
tally_index_reader_reset(struct tally_index_reader *r)
{
	for (unsigned i = 0; i < 2; i++)
		tally_arena_reset(r->arena[i]);
	r->any = false;
	r->count = 0;
	r->left = r->waiting = 0;
	memset(r->before, 0, sizeof(r->before));
}

int
tally_index_head(struct tally_index_head *out, struct tally_bytes piece, struct tally_err *err)
{
	if (piece.len < INDEX_HEAD + TALLY_HASH)
		return tally_err_set(err, TALLY_FAILS, "cut short");
	if (piece.p[0] != INDEX_VERSION)
		return tally_err_set(err, TALLY_FAILS, "unknown version %u", piece.p[0]);
	if (piece.p[1] & ~INDEX_ANEW)
		return tally_err_set(err, TALLY_FAILS, "unknown flags %#x", piece.p[1]);
	out->anew = piece.p[1] & INDEX_ANEW;
	out->entries = tally_get_u32(piece.p + 2);
	memcpy(out->hash, piece.p + piece.len - TALLY_HASH, TALLY_HASH);
	return 0;
}

static int
check_hash(const struct tally_index_reader *r, uint64_t first, struct tally_bytes piece,
	   struct tally_err *err)
{
	struct tally_sha256 *h = tally_sha256_new();
	uint8_t index[8], hash[TALLY_HASH];

	tally_put_u64(index, first);
	tally_sha256_add(h, r->before, TALLY_HASH);
	tally_sha256_add(h, index, sizeof(index));
	tally_sha256_add(h, piece.p, piece.len - TALLY_HASH);
	tally_sha256_end(h, hash);
	tally_sha256_free(h);
	if (memcmp(hash, piece.p + piece.len - TALLY_HASH, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "not what it hashes to");
	return 0;
}

static bool
read_varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
		uint8_t byte = *(*p)++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = v;
			return true;
		}
	}
	return false;
}

static int
malformed(struct tally_err *err)
{
	return tally_err_set(err, TALLY_FAILS, "malformed");
}

static struct body *
body_of(const struct tally_index_reader *r, uint32_t number)
{
	return &r->blocks[(number - 1) / BLOCK][(number - 1) % BLOCK];
}

static int
read_body(struct tally_index_reader *r, const uint8_t **p, const uint8_t *end,
	  struct tally_err *err)
{
	struct body *b;
	uint64_t length;
	uint8_t *copy;
	unsigned group;

	if (*p == end)
		return malformed(err);
	group = *(*p)++;
	if (!read_varint(p, end, &length) || length > (uint64_t)(end - *p) || group >= TALLY_GROUPS)
		return malformed(err);
	if (r->count / BLOCK == r->cap) {
		r->blocks = tally_realloc_array(r->blocks, r->cap + 1, sizeof(*r->blocks));
		r->blocks[r->cap++] = tally_realloc_array(NULL, BLOCK, sizeof(struct body));
	}
	b = body_of(r, (uint32_t)r->count + 1);
	*b = (struct body){ .group = (uint8_t)group };
	copy = tally_arena_alloc(r->arena[r->segment], length + 1);
	memcpy(copy, *p, length);
	*p += length;
	if (group == TALLY_IDENTITY)
		b->place = tally_arena_alloc(r->arena[r->segment], sizeof(*b->place));
	b->bytes = tally_bytes(copy, length);
	r->count++;
	return 0;
}

static int
read_bodies(struct tally_index_reader *r, struct tally_err *err)
{
	const uint8_t *p = r->piece.p + INDEX_HEAD, *end = r->piece.p + r->piece.len - TALLY_HASH;
	uint32_t n = tally_get_u32(r->piece.p + 6), length = tally_get_u32(r->piece.p + 10);

	if (length > (size_t)(end - p))
		return malformed(err);
	r->at = p + length;
	r->end = end;
	for (; n > 0; n--)
		if (read_body(r, &p, r->at, err) < 0)
			return -1;
	return p == r->at ? 0 : malformed(err);
}

int
tally_index_feed(struct tally_index_reader *r, uint64_t first, struct tally_bytes piece,
		 struct tally_err *err)
{
	struct tally_index_head head;

	TALLY_ASSERT(r->left == 0 && r->waiting == 0);
	if (tally_index_head(&head, piece, err) < 0 || check_hash(r, first, piece, err) < 0)
		return -1;
	if (head.entries == 0 || (r->any ? first != r->next : first != 0) ||
	    (!r->any && !head.anew))
		return malformed(err);
	if (head.anew) {
		r->segment ^= 1;
		tally_arena_reset(r->arena[r->segment]);
		r->count = 0;
		r->outlived = OUTLIVED;
	}
	r->any = true;
	memcpy(r->before, head.hash, TALLY_HASH);
	tally_buf_clear(&r->piece);
	tally_buf_add_bytes(&r->piece, piece);
	r->next = first;
	r->left = head.entries;
	r->last = (struct index_last){ 0 };
	return read_bodies(r, err);
}

/* Short numbers are by far the most. */
static inline bool
next_varint(struct tally_index_reader *r, uint64_t *out)
{
	if (r->at < r->end && *r->at < 0x80) {
		*out = *r->at++;
		return true;
	}
	return read_varint(&r->at, r->end, out);
}

static bool
read_groups(struct tally_index_reader *r, struct row *row)
{
	uint64_t number;

	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		if (!next_varint(r, &number) || number > r->count)
			return false;
		row->group[k] = (uint32_t)number;
	}
	return true;
}

static bool
read_difference(struct tally_index_reader *r, uint64_t *last, uint64_t unit)
{
	uint64_t v;

	if (!next_varint(r, &v))
		return false;
	*last += index_unzigzag(v) * unit;
	return true;
}

static bool
read_header(struct tally_index_reader *r, uint8_t what)
{
	struct index_last *l = &r->last;
	uint64_t v;

	if (what & ROW_FLAGS) {
		if (!next_varint(r, &v))
			return false;
		l->flags = (uint16_t)v;
	}
	if (what & ROW_BOOT) {
		if (!next_varint(r, &v))
			return false;
		l->boot = (uint32_t)v;
	}
	if ((what & ROW_WALL) && !read_difference(r, &l->wall, 1))
		return false;
	return !(what & ROW_UPTIME) || read_difference(r, &l->uptime, 1);
}

static bool
read_numbers(struct tally_index_reader *r, uint8_t what, struct tally_body_numbers *numbers)
{
	for (unsigned left = numbers->has; left; left &= left - 1) {
		unsigned n = (unsigned)__builtin_ctz(left);
		bool seconds = n == TALLY_BODY_TIME && (what & ROW_SECONDS);

		if (!read_difference(r, &r->last.v[n], seconds ? (uint64_t)TALLY_SECOND : 1))
			return false;
		numbers->v[n] = r->last.v[n];
	}
	return true;
}

/* The next row of the piece, and a first look at its bodies. */
static bool
take_row(struct tally_index_reader *r)
{
	struct row *row = &r->ahead[(r->head + r->waiting) % AHEAD];
	uint8_t what;

	if (r->end - r->at < 3)
		return false;
	row->kind = *r->at++;
	row->numbers.has = *r->at++;
	what = *r->at++;
	if ((what & ~ROW_KNOWN) || !read_groups(r, row) || !read_header(r, what) ||
	    !read_numbers(r, what, &row->numbers) || (r->left == 1 && r->at != r->end))
		return false;
	row->flags = r->last.flags;
	row->boot = r->last.boot;
	row->wall = r->last.wall;
	row->uptime = r->last.uptime;
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		if (row->group[k])
			__builtin_prefetch(body_of(r, row->group[k]));
	r->left--;
	r->waiting++;
	return true;
}

/* What the bodies of the row behind the next one point to; and what the caller
 * has put into the place of the next one. */
static void
look_ahead(const struct tally_index_reader *r)
{
	const struct row *row = &r->ahead[(r->head + 2) % AHEAD];
	const struct body *b;

	for (unsigned k = 0; k < TALLY_GROUPS && r->waiting > 2; k++) {
		if (!row->group[k])
			continue;
		b = body_of(r, row->group[k]);
		for (unsigned i = 0; i < b->count; i += 8)
			__builtin_prefetch(&b->words[i]);
		if (b->place)
			__builtin_prefetch(b->place);
	}
	row = &r->ahead[(r->head + 1) % AHEAD];
	if (r->waiting > 1 && row->group[TALLY_IDENTITY]) {
		b = body_of(r, row->group[TALLY_IDENTITY]);
		if (b->place)
			__builtin_prefetch(*b->place);
	}
}

int
tally_index_read(struct tally_index_reader *r, struct tally_header *h, struct tally_err *err)
{
	while (r->left > 0 && r->waiting < AHEAD)
		if (!take_row(r))
			return malformed(err);
	if (r->waiting == 0)
		return 0;
	if (r->outlived > 0 && --r->outlived == 0)
		tally_arena_reset(r->arena[r->segment ^ 1]);
	look_ahead(r);
	r->row = &r->ahead[r->head];
	r->head = (r->head + 1) % AHEAD;
	r->waiting--;
	h->kind = r->row->kind;
	h->index = r->next++;
	h->flags = r->row->flags;
	h->boot = r->row->boot;
	h->wall = r->row->wall;
	h->uptime = r->row->uptime;
	return 1;
}

void
tally_index_groups(const struct tally_index_reader *r, struct tally_bytes groups[TALLY_GROUPS])
{
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		uint32_t n = tally_body_is_whole(r->row->kind) ? r->row->group[k] : 0;

		groups[k] = n > 0 ? body_of(r, n)->bytes : tally_bytes(NULL, 0);
	}
}

/* The words of its group that are not zero. */
static int
decode(struct tally_index_reader *r, struct body *b, struct tally_err *err)
{
	struct tally_bytes groups[TALLY_GROUPS] = { 0 };
	size_t words = homes[b->group].size / 8;
	uint64_t value[sizeof(struct tally_metering) / 8 + sizeof(struct tally_operations) / 8];
	struct tally_event ev;
	size_t count = 0;
	uint8_t *at;

	memset(&ev, 0, sizeof(ev));
	groups[b->group] = b->bytes;
	if (tally_event_decode(&ev, groups, 1u << b->group, r->arena[r->segment], err) < 0)
		return -1;
	memcpy(value, (const uint8_t *)&ev + homes[b->group].offset, words * 8);
	for (size_t i = 0; i < words; i++)
		count += value[i] != 0;
	b->words = tally_arena_alloc(r->arena[r->segment], count * (sizeof(*b->words) + 1));
	at = (uint8_t *)(b->words + count);
	for (size_t i = 0; i < words; i++) {
		if (value[i] == 0)
			continue;
		at[b->count] = (uint8_t)i;
		b->words[b->count++] = value[i];
	}
	b->decoded = true;
	return 0;
}

int
tally_index_event(struct tally_index_reader *r, unsigned mask, struct tally_event *ev,
		  struct tally_err *err)
{
	const struct row *row = r->row;

	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		uint8_t *home = (uint8_t *)ev + homes[k].offset;
		const uint8_t *at;
		struct body *b;

		memset(home, 0, homes[k].size);
		if (!(mask & (1u << k)) || row->group[k] == 0)
			continue;
		b = body_of(r, row->group[k]);
		if (b->group != k)
			return malformed(err);
		if (!b->decoded && decode(r, b, err) < 0)
			return -1;
		at = (const uint8_t *)(b->words + b->count);
		for (unsigned i = 0; i < b->count; i++)
			memcpy(home + (size_t)at[i] * 8, &b->words[i], 8);
	}
	tally_body_join(ev, &row->numbers, mask);
	return 0;
}

void **
tally_index_place(struct tally_index_reader *r)
{
	uint32_t n = r->row->group[TALLY_IDENTITY];

	return n > 0 ? body_of(r, n)->place : NULL;
}
