/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of bytes, and messages whole. A text is UTF-8 without NUL on the way in
 * and on the way out; a field that is there but empty keeps a pointer that is
 * not NULL, since "stated as empty" and "absent" differ.
 */
#include <string.h>
#include "proto_internal.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define LOW_BITS  UINT64_C(0x0101010101010101)

/* Nearly every text is ASCII: eight bytes at a time, and the slow way only
 * where a byte is outside 0x01..0x7f. */
static bool
ascii_without_nul(const uint8_t *p, size_t n)
{
	uint64_t word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if ((word | (word - LOW_BITS)) & HIGH_BITS)
			return false;
	}
	for (; n > 0; p++, n--)
		if (*p == 0 || *p > 0x7f)
			return false;
	return true;
}

bool
proto_text_valid(struct tally_bytes text)
{
	if (text.len == 0 || ascii_without_nul(text.p, text.len))
		return true;
	return !memchr(text.p, 0, text.len) && tally_utf8_valid(text.p, text.len);
}

int
proto_bytes_check(struct tally_bytes in, size_t size, const char *name, enum tally_code code,
		  struct tally_err *err)
{
	if (size == PROTO_RAW)
		return 0;
	if (size == PROTO_TEXT) {
		if (!proto_text_valid(in))
			return tally_err_set(err, code, "%s: not UTF-8, or a NUL in it", name);
	} else if (in.len != size) {
		return tally_err_set(err, code, "%s: %zu bytes, not %zu", name, in.len, size);
	}
	return 0;
}

int
proto_bytes_out(protobuf_c_boolean *has, ProtobufCBinaryData *out, struct tally_bytes in,
		size_t size, const char *name, struct tally_err *err)
{
	if (!in.p)
		return 0;
	if (proto_bytes_check(in, size, name, TALLY_USE, err) < 0)
		return -1;
	*has = 1;
	out->len = in.len;
	/* protobuf-c only reads it. */
	out->data = (uint8_t *)(uintptr_t)in.p;
	return 0;
}

int
proto_bytes_in(struct tally_bytes *out, protobuf_c_boolean has, const ProtobufCBinaryData *in,
	       size_t size, const char *name, struct tally_err *err)
{
	if (!has)
		return 0;
	*out = tally_bytes(in->len > 0 ? (const void *)in->data : "", in->len);
	return proto_bytes_check(*out, size, name, TALLY_FAILS, err);
}

void
proto_pack(struct tally_buf *out, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);

	if (size > 0)
		protobuf_c_message_pack(message, tally_buf_grow(out, size));
}

static void *
arena_alloc(void *ctx, size_t size)
{
	return tally_arena_alloc(ctx, size);
}

static void
arena_keep(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

ProtobufCMessage *
proto_unpack(const ProtobufCMessageDescriptor *descriptor, struct tally_bytes in,
	     struct tally_arena *arena)
{
	ProtobufCAllocator allocator = { arena_alloc, arena_keep, arena };

	return protobuf_c_message_unpack(descriptor, &allocator, in.len,
					 in.len > 0 ? in.p : (const uint8_t *)"");
}
