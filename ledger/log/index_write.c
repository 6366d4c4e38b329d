/* SPDX-License-Identifier: Apache-2.0 */
/* Making pieces. What is written depends on the entries and on where pieces and
 * segments begin, and on nothing else. */
#include <stdlib.h>
#include <string.h>
#include "index_internal.h"
#include "tally/err.h"

#define PIECE_BYTES (256U << 10)

struct place {
	uint32_t at, len; /* in `kept` */
	uint32_t group;
};
struct tally_index_writer {
	uint64_t first;
	uint8_t before[TALLY_HASH];
	/* Of the segment. */
	bool anew; /* the piece at hand begins it */
	uint32_t entries;
	struct tally_buf kept; /* all bodies, behind one another */
	struct place *places;  /* by number */
	size_t count, cap;
	uint32_t *slots; /* number + 1, by hash */
	size_t slots_cap;
	/* Of the piece. */
	uint64_t behind; /* of a gist: the entry behind the newest one */
	uint32_t rows, bodies;
	struct tally_buf new_bodies, row_bytes, scratch;
	struct index_last last;
};

struct tally_index_writer *
tally_index_writer_new(void)
{
	return tally_alloc(sizeof(struct tally_index_writer));
}

void
tally_index_writer_free(struct tally_index_writer *w)
{
	if (!w)
		return;
	tally_buf_deinit(&w->kept);
	tally_buf_deinit(&w->new_bodies);
	tally_buf_deinit(&w->row_bytes);
	tally_buf_deinit(&w->scratch);
	free(w->places);
	free(w->slots);
	free(w);
}

static void
begin_piece(struct tally_index_writer *w)
{
	w->rows = w->bodies = 0;
	tally_buf_clear(&w->new_bodies);
	tally_buf_clear(&w->row_bytes);
	w->last = (struct index_last){ 0 };
}

static void
begin_segment(struct tally_index_writer *w)
{
	w->anew = true;
	w->entries = 0;
	w->count = 0;
	tally_buf_clear(&w->kept);
	if (w->slots)
		memset(w->slots, 0, w->slots_cap * sizeof(*w->slots));
}

void
tally_index_writer_begin(struct tally_index_writer *w, uint64_t first,
			 const uint8_t before[TALLY_HASH], bool anew)
{
	w->first = first;
	memcpy(w->before, before, TALLY_HASH);
	begin_piece(w);
	w->anew = false;
	if (anew)
		begin_segment(w);
}

bool
tally_index_continues(const struct tally_index_writer *w, uint64_t first,
		      const uint8_t before[TALLY_HASH])
{
	return w->rows == 0 && w->first == first && memcmp(w->before, before, TALLY_HASH) == 0;
}

static uint64_t
hash_of(unsigned group, struct tally_bytes b)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ group;

	for (size_t i = 0; i < b.len; i++)
		h = (h ^ b.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static uint32_t *
find(const struct tally_index_writer *w, uint32_t *slots, size_t cap, unsigned group,
     struct tally_bytes body)
{
	size_t i = (size_t)hash_of(group, body) & (cap - 1);

	for (; slots[i]; i = (i + 1) & (cap - 1)) {
		const struct place *p = &w->places[slots[i] - 1];

		if (p->group == group && p->len == body.len &&
		    memcmp(w->kept.p + p->at, body.p, body.len) == 0)
			break;
	}
	return &slots[i];
}

static void
widen(struct tally_index_writer *w)
{
	size_t cap = w->slots_cap ? w->slots_cap * 2 : 256;
	uint32_t *slots = tally_alloc(cap * sizeof(*slots));

	for (size_t i = 0; i < w->count; i++) {
		const struct place *p = &w->places[i];

		*find(w, slots, cap, p->group, tally_bytes(w->kept.p + p->at, p->len)) =
			(uint32_t)i + 1;
	}
	free(w->slots);
	w->slots = slots;
	w->slots_cap = cap;
}

static void
add_varint(struct tally_buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		tally_buf_add_u8(b, (uint8_t)(v | 0x80));
	tally_buf_add_u8(b, (uint8_t)v);
}

/* The number of a body, plus 1. */
static uint32_t
number(struct tally_index_writer *w, unsigned group, struct tally_bytes body)
{
	uint32_t *slot;

	if (w->count >= w->slots_cap / 4 * 3)
		widen(w);
	slot = find(w, w->slots, w->slots_cap, group, body);
	if (*slot)
		return *slot;
	if (w->count == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->places = tally_realloc_array(w->places, w->cap, sizeof(*w->places));
	}
	w->places[w->count++] = (struct place){ (uint32_t)w->kept.len, (uint32_t)body.len, group };
	tally_buf_add_bytes(&w->kept, body);
	tally_buf_add_u8(&w->new_bodies, (uint8_t)group);
	add_varint(&w->new_bodies, body.len);
	tally_buf_add_bytes(&w->new_bodies, body);
	w->bodies++;
	*slot = (uint32_t)w->count;
	return *slot;
}

static void
add_difference(struct tally_buf *b, uint64_t v, uint64_t *last)
{
	add_varint(b, index_zigzag(v - *last));
	*last = v;
}

static void
add_numbers(struct tally_index_writer *w, const struct tally_body_numbers *n, bool seconds)
{
	for (unsigned i = 0; i < TALLY_BODY_NUMBERS; i++) {
		if (!(n->has & (1u << i)))
			continue;
		if (i == TALLY_BODY_TIME && seconds) {
			int64_t d = (int64_t)(n->v[i] - w->last.v[i]);

			add_varint(&w->row_bytes, index_zigzag((uint64_t)(d / TALLY_SECOND)));
			w->last.v[i] = n->v[i];
		} else {
			add_difference(&w->row_bytes, n->v[i], &w->last.v[i]);
		}
	}
}

static void
add_row(struct tally_index_writer *w, const struct tally_header *h,
	const struct tally_bytes groups[TALLY_GROUPS])
{
	struct tally_body_numbers n = { 0 };
	struct index_last *l = &w->last;
	struct tally_buf *rows = &w->row_bytes;
	uint8_t what = 0;
	size_t at = rows->len;

	tally_buf_add(rows, (const uint8_t[]){ h->kind, 0, 0 }, 3);
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		tally_buf_clear(&w->scratch);
		tally_body_split(&w->scratch, &n, h->kind, k, groups[k]);
		add_varint(rows,
			   w->scratch.len == 0 ? 0 : number(w, k, tally_buf_view(&w->scratch)));
	}
	what |= h->flags != l->flags ? ROW_FLAGS : 0;
	what |= h->boot != l->boot ? ROW_BOOT : 0;
	what |= h->wall != l->wall ? ROW_WALL : 0;
	what |= h->uptime != l->uptime ? ROW_UPTIME : 0;
	if ((n.has & (1u << TALLY_BODY_TIME)) &&
	    (int64_t)(n.v[TALLY_BODY_TIME] - l->v[TALLY_BODY_TIME]) % TALLY_SECOND == 0)
		what |= ROW_SECONDS;
	rows->p[at + 1] = n.has;
	rows->p[at + 2] = what;
	if (what & ROW_FLAGS)
		add_varint(rows, l->flags = h->flags);
	if (what & ROW_BOOT)
		add_varint(rows, l->boot = h->boot);
	if (what & ROW_WALL)
		add_difference(rows, h->wall, &l->wall);
	if (what & ROW_UPTIME)
		add_difference(rows, h->uptime, &l->uptime);
	add_numbers(w, &n, what & ROW_SECONDS);
	w->rows++;
	w->entries++;
}

void
tally_index_add(struct tally_index_writer *w, const struct tally_header *h,
		const struct tally_bytes groups[TALLY_GROUPS])
{
	TALLY_ASSERT(h->index == tally_index_next(w));
	add_row(w, h, groups);
}

bool
tally_index_is_full(const struct tally_index_writer *w)
{
	return w->rows >= TALLY_INDEX_PIECE || w->new_bodies.len + w->row_bytes.len >= PIECE_BYTES;
}

uint64_t
tally_index_first(const struct tally_index_writer *w)
{
	return w->first;
}

uint64_t
tally_index_next(const struct tally_index_writer *w)
{
	return w->first + w->rows;
}

bool
tally_index_begins(const struct tally_index_writer *w)
{
	return w->anew && w->rows == 0;
}

/* `horizon`: of a gist, or none. */
static void
write_piece(const struct tally_index_writer *w, unsigned flags, struct tally_bytes horizon,
	    uint8_t hash[TALLY_HASH], struct tally_buf *out)
{
	struct tally_sha256 *h = tally_sha256_new();
	size_t start = out->len;
	uint8_t first[8];

	TALLY_ASSERT(w->rows > 0);
	tally_buf_add_u8(out, INDEX_VERSION);
	tally_buf_add_u8(out, (uint8_t)flags);
	tally_buf_add_u32(out, w->rows);
	tally_buf_add_u32(out, w->bodies);
	tally_buf_add_u32(out, (uint32_t)w->new_bodies.len);
	tally_buf_add_bytes(out, horizon);
	tally_buf_add_bytes(out, tally_buf_view(&w->new_bodies));
	tally_buf_add_bytes(out, tally_buf_view(&w->row_bytes));
	tally_put_u64(first, w->first);
	tally_sha256_add(h, w->before, TALLY_HASH);
	tally_sha256_add(h, first, sizeof(first));
	tally_sha256_add(h, out->p + start, out->len - start);
	tally_sha256_end(h, hash);
	tally_sha256_free(h);
	tally_buf_add(out, hash, TALLY_HASH);
}

void
tally_index_piece(struct tally_index_writer *w, struct tally_buf *out)
{
	write_piece(w, w->anew ? INDEX_ANEW : 0, tally_bytes(NULL, 0), w->before, out);
	w->first += w->rows;
	w->anew = false;
	begin_piece(w);
	if (w->entries >= TALLY_INDEX_SEGMENT || w->kept.len >= 4 * PIECE_BYTES)
		begin_segment(w);
}

void
tally_index_gist_begin(struct tally_index_writer *w, uint64_t next,
		       const uint8_t before[TALLY_HASH])
{
	tally_index_writer_begin(w, next, before, true);
	w->behind = 0;
}

void
tally_index_gist_add(struct tally_index_writer *w, const struct tally_header *h,
		     const struct tally_bytes groups[TALLY_GROUPS])
{
	TALLY_ASSERT(h->index >= w->behind && h->index < w->first);
	add_varint(&w->row_bytes, h->index - w->behind);
	w->behind = h->index + 1;
	add_row(w, h, groups);
}

void
tally_index_gist(const struct tally_index_writer *w, int64_t horizon, struct tally_buf *out)
{
	uint8_t field[INDEX_HORIZON], hash[TALLY_HASH];

	tally_put_u64(field, (uint64_t)horizon);
	write_piece(w, INDEX_ANEW | INDEX_GIST, tally_bytes(field, sizeof(field)), hash, out);
}
