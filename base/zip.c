/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a ZIP archive that are no content, made from what they say. The reader takes
 * the few numbers it needs and leaves the rest to the comparison with what is made from
 * them; where a stranger's archive says something else, it is told by its name first.
 */
#include <inttypes.h>
#include <string.h>
#include "tally/err.h"
#include "tally/zip.h"

#define LOCAL_SIGN   UINT32_C(0x04034b50)
#define CENTRAL_SIGN UINT32_C(0x02014b50)
#define END_SIGN     UINT32_C(0x06054b50)
#define END64_SIGN   UINT32_C(0x06064b50)
#define FIND64_SIGN  UINT32_C(0x07064b50)
#define CENTRAL      46 /* bytes before the name */
#define END          22
#define END64        56
#define FIND64       20
#define VERSION      20
#define VERSION64    45
#define DATE         0x0021                    /* 1980-01-01, the first that there is */
#define UNIX         (3U << 8)                 /* who made it: attributes are Unix modes */
#define MODE         (UINT32_C(0100600) << 16) /* a regular file, its owner's alone */
#define MANY         UINT32_C(0xffffffff)

static void
put_u16(struct tally_buf *out, uint32_t v)
{
	tally_buf_add_u8(out, (uint8_t)v);
	tally_buf_add_u8(out, (uint8_t)(v >> 8));
}

static void
put_u32(struct tally_buf *out, uint32_t v)
{
	put_u16(out, v & 0xffff);
	put_u16(out, v >> 16);
}

static void
put_u64(struct tally_buf *out, uint64_t v)
{
	put_u32(out, (uint32_t)v);
	put_u32(out, (uint32_t)(v >> 32));
}

/* What 32 bits hold, or the mark that it stands in ZIP64's place. */
static uint32_t
low(uint64_t v)
{
	return v < MANY ? (uint32_t)v : MANY;
}

static void
put_common(struct tally_buf *out, const struct tally_zip_member *m, bool wide, unsigned extra)
{
	put_u16(out, wide ? VERSION64 : VERSION);
	put_u16(out, 0); /* flags */
	put_u16(out, 0); /* stored */
	put_u16(out, 0); /* time */
	put_u16(out, DATE);
	put_u32(out, m->crc);
	put_u32(out, low(m->size));
	put_u32(out, low(m->size));
	put_u16(out, (uint32_t)strlen(m->name));
	put_u16(out, extra);
}

void
tally_zip_local(struct tally_buf *out, const struct tally_zip_member *m)
{
	bool wide = m->size >= MANY;

	put_u32(out, LOCAL_SIGN);
	put_common(out, m, wide, wide ? 20 : 0);
	tally_buf_add_str(out, m->name);
	if (wide) {
		put_u16(out, 1);
		put_u16(out, 16);
		put_u64(out, m->size);
		put_u64(out, m->size);
	}
}

void
tally_zip_central(struct tally_buf *out, const struct tally_zip_member *m)
{
	unsigned data = (m->size >= MANY ? 16U : 0) + (m->at >= MANY ? 8U : 0);
	bool wide = data > 0;

	put_u32(out, CENTRAL_SIGN);
	put_u16(out, UNIX | (wide ? VERSION64 : VERSION));
	put_common(out, m, wide, wide ? data + 4 : 0);
	put_u16(out, 0); /* comment */
	put_u16(out, 0); /* disk */
	put_u16(out, 0); /* no text */
	put_u32(out, MODE);
	put_u32(out, low(m->at));
	tally_buf_add_str(out, m->name);
	if (!wide)
		return;
	put_u16(out, 1);
	put_u16(out, data);
	for (int i = 0; i < 2 && m->size >= MANY; i++)
		put_u64(out, m->size);
	if (m->at >= MANY)
		put_u64(out, m->at);
}

static bool
end_is_wide(uint64_t count, uint64_t at, uint64_t size)
{
	return count >= 0xffff || at >= MANY || size >= MANY;
}

void
tally_zip_end(struct tally_buf *out, uint64_t count, uint64_t at, uint64_t size)
{
	uint32_t few = count < 0xffff ? (uint32_t)count : 0xffff;

	if (end_is_wide(count, at, size)) {
		put_u32(out, END64_SIGN);
		put_u64(out, END64 - 12);
		put_u16(out, UNIX | VERSION64);
		put_u16(out, VERSION64);
		put_u32(out, 0);
		put_u32(out, 0);
		put_u64(out, count);
		put_u64(out, count);
		put_u64(out, size);
		put_u64(out, at);
		put_u32(out, FIND64_SIGN);
		put_u32(out, 0);
		put_u64(out, at + size);
		put_u32(out, 1);
	}
	put_u32(out, END_SIGN);
	put_u16(out, 0);
	put_u16(out, 0);
	put_u16(out, few);
	put_u16(out, few);
	put_u32(out, low(size));
	put_u32(out, low(at));
	put_u16(out, 0); /* comment */
}

bool
tally_zip_name_valid(const char *name, size_t n)
{
	bool begins = true; /* a part */

	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			      (c >= '0' && c <= '9') || c == '_' || c == '-';

		if (begins ? !letter : !letter && c != '.' && c != '/')
			return false;
		begins = c == '/';
	}
	return !begins && n <= TALLY_ZIP_NAME_MAX;
}

static uint16_t
get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t
get_u32(const uint8_t *p)
{
	return get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

static uint64_t
get_u64(const uint8_t *p)
{
	return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

int
tally_zip_read_end(struct tally_zip_end *out, struct tally_bytes tail, struct tally_err *err)
{
	const uint8_t *p = tail.len < END ? NULL : tail.p + tail.len - END;
	struct tally_buf made = TALLY_BUF_INIT;
	bool same;

	if (!p || get_u32(p) != END_SIGN)
		return tally_err_set(err, TALLY_FAILS,
				     "it does not end as an archive does: something is cut off or "
				     "stands behind it");
	out->count = get_u16(p + 10);
	out->size = get_u32(p + 12);
	out->at = get_u32(p + 16);
	if (tail.len >= END + FIND64 + END64 &&
	    (out->count == 0xffff || out->size == MANY || out->at == MANY)) {
		p -= FIND64 + END64;
		out->count = get_u64(p + 32);
		out->size = get_u64(p + 40);
		out->at = get_u64(p + 48);
	}
	tally_zip_end(&made, out->count, out->at, out->size);
	same = made.len <= tail.len && memcmp(made.p, tail.p + tail.len - made.len, made.len) == 0;
	tally_buf_deinit(&made);
	return same ? 0
		    : tally_err_set(err, TALLY_FAILS,
				    "its end is not the one that its numbers make (several disks, "
				    "a comment, ZIP64 without need)");
}

/* What a stranger's record is, where it is none of ours. */
static int
refuse(const uint8_t *p, struct tally_bytes name, struct tally_err *err)
{
	uint32_t mode = get_u32(p + 38) >> 16;
	const char *what = "its record in the directory is not the one that its numbers make";

	if (get_u16(p + 8) & 1)
		what = "encrypted";
	else if (get_u16(p + 10) != 0)
		what = "compressed: members are stored as they are";
	else if (get_u32(p + 20) != get_u32(p + 24))
		what = "its two sizes differ: members are stored as they are";
	else if ((mode & 0170000) == 0120000)
		what = "a symbolic link";
	else if (get_u16(p + 30) != 0)
		what = "has an extra field (ZIP64 without need, or another one)";
	else if (get_u16(p + 8) & 8)
		what = "has its size behind it";
	return tally_err_set(err, TALLY_FAILS, "%.*s: %s", (int)name.len, (const char *)name.p,
			     what);
}

/* Sizes in ZIP64's field, where the plain ones say so. */
static void
take_wide(struct tally_zip_member *out, const uint8_t *extra, size_t n)
{
	size_t at = 4;

	if (out->size == MANY && at + 16 <= n) {
		out->size = get_u64(extra + at);
		at += 16;
	}
	if (out->at == MANY && at + 8 <= n)
		out->at = get_u64(extra + at);
}

int
tally_zip_read_central(struct tally_zip_member *out, struct tally_bytes *name,
		       struct tally_bytes in, size_t *at, struct tally_err *err)
{
	const uint8_t *p = in.p + *at;
	struct tally_buf made = TALLY_BUF_INIT;
	size_t left = in.len - *at, n, extra;
	char text[TALLY_ZIP_NAME_MAX + 1];
	bool same;

	if (left < CENTRAL || get_u32(p) != CENTRAL_SIGN)
		return tally_err_set(err, TALLY_FAILS, "its directory is none at byte %zu of it",
				     *at);
	n = get_u16(p + 28);
	extra = get_u16(p + 30);
	if (left - CENTRAL < n + extra)
		return tally_err_set(err, TALLY_FAILS, "its directory is cut at byte %zu of it",
				     *at);
	*name = tally_bytes(p + CENTRAL, n);
	if (!tally_zip_name_valid((const char *)name->p, n))
		return tally_err_set(err, TALLY_FAILS, "'%.*s' is no name of a member",
				     (int)(n < TALLY_ZIP_NAME_MAX ? n : TALLY_ZIP_NAME_MAX),
				     (const char *)name->p);
	memcpy(text, name->p, n);
	text[n] = '\0';
	*out = (struct tally_zip_member){ text, get_u32(p + 24), get_u32(p + 42), get_u32(p + 16) };
	take_wide(out, p + CENTRAL + n, extra);
	tally_zip_central(&made, out);
	same = made.len <= left && memcmp(made.p, p, made.len) == 0;
	*at += made.len;
	tally_buf_deinit(&made);
	out->name = NULL; /* the caller's copy is what lives */
	return same ? 0 : refuse(p, *name, err);
}
