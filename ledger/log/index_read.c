/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading pieces. Rows are taken apart some at a time, since many ledgers are read
 * in turn: what that needs is in the cache then. Rows and the bodies of a segment
 * outlive themselves by one call, so that one can read ahead of another.
 */
#include <stdlib.h>
#include <string.h>
#include "index_internal.h"
#include "tally/err.h"

#define CHUNK (32U << 10)
#define BLOCK 256U /* bodies */
#define ROWS  32U  /* taken apart at a time */

struct body {
	struct tally_shared shared; /* first: rows refer to it */
	uint8_t group;
};
struct segment {
	struct tally_arena *arena;
	struct body **blocks; /* of BLOCK bodies, in the arena */
	size_t count, cap;    /* bodies; blocks */
};
struct tally_index_reader {
	struct segment segments[2]; /* this one, and the one before it */
	struct segment *now;
	struct tally_buf piece;
	uint8_t before[TALLY_HASH];
	bool any, gist;   /* the piece at hand is a gist */
	uint64_t follows; /* the entry behind it */

	const uint8_t *at, *end; /* rows that are not taken apart */
	uint32_t left;           /* of them */
	struct index_last last;
	uint64_t next; /* entry */
	struct tally_index_row rows[2][ROWS];
	unsigned turn; /* which of them come next */
};

struct tally_index_reader *
tally_index_reader_new(void)
{
	struct tally_index_reader *r = tally_alloc(sizeof(*r));

	for (unsigned i = 0; i < 2; i++)
		r->segments[i].arena = tally_arena_new(CHUNK);
	r->now = &r->segments[0];
	return r;
}

void
tally_index_reader_free(struct tally_index_reader *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < 2; i++) {
		tally_arena_free(r->segments[i].arena);
		free(r->segments[i].blocks);
	}
	tally_buf_deinit(&r->piece);
	free(r);
}

static void
forget(struct segment *s)
{
	tally_arena_reset(s->arena);
	s->count = 0;
}

void
tally_index_reader_reset(struct tally_index_reader *r)
{
	for (unsigned i = 0; i < 2; i++)
		forget(&r->segments[i]);
	r->any = r->gist = false;
	r->left = 0;
	memset(r->before, 0, sizeof(r->before));
}

int
tally_index_head(struct tally_index_head *out, struct tally_bytes piece, struct tally_err *err)
{
	if (piece.len < INDEX_HEAD + TALLY_HASH)
		return tally_err_set(err, TALLY_FAILS, "cut short");
	if (piece.p[0] != INDEX_VERSION)
		return tally_err_set(err, TALLY_FAILS, "unknown version %u", piece.p[0]);
	if (piece.p[1] & ~(INDEX_ANEW | INDEX_GIST))
		return tally_err_set(err, TALLY_FAILS, "unknown flags %#x", piece.p[1]);
	*out = (struct tally_index_head){ .anew = piece.p[1] & INDEX_ANEW,
					  .gist = piece.p[1] & INDEX_GIST };
	out->entries = tally_get_u32(piece.p + 2);
	memcpy(out->hash, piece.p + piece.len - TALLY_HASH, TALLY_HASH);
	if (!out->gist)
		return 0;
	if (piece.len < INDEX_HEAD + INDEX_HORIZON + TALLY_HASH)
		return tally_err_set(err, TALLY_FAILS, "cut short");
	out->horizon = (int64_t)tally_get_u64(piece.p + INDEX_HEAD);
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
body_of(const struct segment *s, uint64_t number)
{
	return &s->blocks[(number - 1) / BLOCK][(number - 1) % BLOCK];
}

static struct body *
add_body(struct segment *s)
{
	size_t block = s->count / BLOCK;

	if (s->count % BLOCK == 0) {
		if (block == s->cap)
			s->blocks = tally_realloc_array(s->blocks, ++s->cap, sizeof(*s->blocks));
		s->blocks[block] = tally_arena_alloc(s->arena, BLOCK * sizeof(struct body));
	}
	return body_of(s, ++s->count);
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
	copy = tally_arena_alloc(r->now->arena, length + 1);
	memcpy(copy, *p, length);
	*p += length;
	b = add_body(r->now);
	b->shared.bytes = tally_bytes(copy, length);
	b->group = (uint8_t)group;
	return 0;
}

static int
read_bodies(struct tally_index_reader *r, struct tally_err *err)
{
	const uint8_t *p = r->piece.p + INDEX_HEAD + (r->gist ? INDEX_HORIZON : 0);
	const uint8_t *end = r->piece.p + r->piece.len - TALLY_HASH;
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

void
tally_index_reader_after(struct tally_index_reader *r, const uint8_t before[TALLY_HASH])
{
	TALLY_ASSERT(!r->any);
	memcpy(r->before, before, TALLY_HASH);
}

/* A gist comes first of all, and what follows it begins a segment, too. */
static bool
is_next(const struct tally_index_reader *r, uint64_t first, const struct tally_index_head *head)
{
	if (head->entries == 0 || ((!r->any || r->gist) && !head->anew))
		return false;
	if (head->gist)
		return !r->any && head->entries <= first;
	return first == (r->any ? r->follows : 0) && first <= UINT64_MAX - head->entries;
}

int
tally_index_feed(struct tally_index_reader *r, uint64_t first, struct tally_bytes piece,
		 struct tally_err *err)
{
	struct tally_index_head head;

	TALLY_ASSERT(r->left == 0);
	if (tally_index_head(&head, piece, err) < 0 || check_hash(r, first, piece, err) < 0)
		return -1;
	if (!is_next(r, first, &head))
		return malformed(err);
	if (head.anew) {
		r->now = &r->segments[r->now == &r->segments[0]];
		forget(r->now);
	}
	r->any = true;
	r->gist = head.gist;
	r->follows = head.gist ? first : first + head.entries;
	if (!head.gist) /* which stands beside the pieces */
		memcpy(r->before, head.hash, TALLY_HASH);
	tally_buf_clear(&r->piece);
	tally_buf_add_bytes(&r->piece, piece);
	r->next = head.gist ? 0 : first;
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

/* Of which group they are is looked at later: memory takes its time. */
static bool
read_groups(struct tally_index_reader *r, struct tally_index_row *row)
{
	uint64_t number;

	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		row->group[k] = NULL;
		if (!next_varint(r, &number) || number > r->now->count)
			return false;
		if (number == 0)
			continue;
		row->group[k] = &body_of(r->now, number)->shared;
		__builtin_prefetch(row->group[k]);
	}
	return true;
}

static bool
check_groups(const struct tally_index_row *row)
{
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		if (row->group[k] && ((const struct body *)row->group[k])->group != k)
			return false;
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

/* Which entry it is. */
static bool
read_place(struct tally_index_reader *r, uint64_t *index)
{
	uint64_t left_out = 0;

	if (r->gist && (!next_varint(r, &left_out) || left_out >= r->follows - r->next))
		return false;
	*index = r->next + left_out;
	r->next = *index + 1;
	return true;
}

static bool
read_row(struct tally_index_reader *r, struct tally_index_row *row)
{
	struct tally_header *h = &row->header;
	uint8_t what;

	if (!read_place(r, &h->index) || r->end - r->at < 3)
		return false;
	h->kind = *r->at++;
	row->numbers.has = *r->at++;
	what = *r->at++;
	if ((what & ~ROW_KNOWN) || !read_groups(r, row) || !read_header(r, what) ||
	    !read_numbers(r, what, &row->numbers) || (r->left == 1 && r->at != r->end))
		return false;
	h->flags = r->last.flags;
	h->boot = r->last.boot;
	h->wall = r->last.wall;
	h->uptime = r->last.uptime;
	r->left--;
	return true;
}

int
tally_index_rows(struct tally_index_reader *r, const struct tally_index_row **rows, size_t *count,
		 struct tally_err *err)
{
	struct tally_index_row *out = r->rows[r->turn];
	size_t n = 0;

	while (r->left > 0 && n < ROWS)
		if (!read_row(r, &out[n++]))
			return malformed(err);
	for (size_t i = 0; i < n; i++)
		if (!check_groups(&out[i]))
			return malformed(err);
	if (n == 0)
		return 0;
	r->turn ^= 1;
	*rows = out;
	*count = n;
	return 1;
}
