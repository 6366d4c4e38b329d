/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_BYTES_H
#define TALLY_BYTES_H
/*
 * Views of bytes, growing buffers, big-endian numbers, hex, base64, UTF-8,
 * UUIDs. A view owns nothing; a buffer owns its memory (deinit it).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally_err;

struct tally_bytes {
	const uint8_t *p; /* may be NULL where len is 0 */
	size_t len;
};

struct tally_buf {
	uint8_t *p;
	size_t len, cap;
};

#define TALLY_BUF_INIT                                                                             \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}
#define TALLY_HASH      32 /* bytes of a SHA-256 */
#define TALLY_UUID      16
#define TALLY_UUID_TEXT 37 /* with the NUL */

static inline struct tally_bytes
tally_bytes(const void *p, size_t len)
{
	struct tally_bytes b = { (const uint8_t *)p, len };
	return b;
}
struct tally_bytes tally_bytes_str(const char *s); /* without its NUL; NULL gives an empty view */
bool tally_bytes_eq(struct tally_bytes a, struct tally_bytes b);
int tally_bytes_cmp(struct tally_bytes a, struct tally_bytes b); /* memcmp order, shorter first */

/* Buffers. Out of memory aborts: no caller could do anything better. */
void tally_buf_deinit(struct tally_buf *b);
void tally_buf_clear(struct tally_buf *b); /* keeps the memory */
uint8_t *tally_buf_grow(struct tally_buf *b,
			size_t n);                     /* n new bytes, uninitialised; counts them */
void tally_buf_reserve(struct tally_buf *b, size_t n); /* room for n more */
void tally_buf_add(struct tally_buf *b, const void *p, size_t n);
void tally_buf_add_bytes(struct tally_buf *b, struct tally_bytes v);
void tally_buf_add_str(struct tally_buf *b, const char *s);
void tally_buf_addf(struct tally_buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void tally_buf_add_u8(struct tally_buf *b, uint8_t v);
void tally_buf_add_u16(struct tally_buf *b, uint16_t v); /* big endian, as all of these */
void tally_buf_add_u32(struct tally_buf *b, uint32_t v);
void tally_buf_add_u64(struct tally_buf *b, uint64_t v);
struct tally_bytes tally_buf_view(const struct tally_buf *b);
const char *tally_buf_cstr(struct tally_buf *b); /* NUL behind the content, not counted */

void tally_put_u16(uint8_t p[2], uint16_t v);
void tally_put_u32(uint8_t p[4], uint32_t v);
void tally_put_u64(uint8_t p[8], uint64_t v);
uint16_t tally_get_u16(const uint8_t p[2]);
uint32_t tally_get_u32(const uint8_t p[4]);
uint64_t tally_get_u64(const uint8_t p[8]);

/* Lower-case hex; decoding takes exactly 2*n digits of either case. */
void tally_hex(char *out, const void *p, size_t n); /* 2*n+1 bytes */
bool tally_unhex(uint8_t *out, size_t n, const char *s, size_t len);

/* Standard base64 with padding (RFC 4648 section 4). Decoding is strict: no
 * white space, no missing padding, no stray bits; false where it is not so. */
void tally_buf_add_base64(struct tally_buf *b, const void *p, size_t n);
bool tally_unbase64(struct tally_buf *out, const char *s, size_t len); /* appends */

bool tally_utf8_valid(const void *p, size_t n); /* no surrogates, no overlong forms */

/* 8-4-4-4-12 in either case; written in lower case. */
bool tally_uuid_parse(uint8_t out[TALLY_UUID], const char *s, size_t len);
void tally_uuid_text(char out[TALLY_UUID_TEXT], const uint8_t uuid[TALLY_UUID]);

/* Memory that cannot fail: aborts with a message when there is none. */
void *tally_alloc(size_t n);                                   /* zeroed */
void *tally_realloc_array(void *p, size_t count, size_t size); /* overflow-checked */
char *tally_strdup(const char *s);
char *tally_strndup(const char *s, size_t n);

/* A bounded bump allocator: free everything at once, no single frees. */
struct tally_arena;
struct tally_arena *tally_arena_new(size_t chunk);
void tally_arena_free(struct tally_arena *a);
void tally_arena_reset(struct tally_arena *a);            /* keeps one chunk */
void *tally_arena_alloc(struct tally_arena *a, size_t n); /* zeroed, 16-byte aligned */

#endif
