/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_PROTO_INTERNAL_H
#define TALLY_PROTO_INTERNAL_H
/* What encoding and decoding share: which bytes are a text, and protobuf-c's
 * allocator over an arena. */
#include <protobuf-c/protobuf-c.h>
#include "tally/bytes.h"
#include "tally/err.h"

/* UTF-8 without NUL. */
bool proto_text_valid(struct tally_bytes text);

/* A field of bytes to and from protobuf-c. `size` 0: a text; else exactly that many bytes;
 * RAW: anything. `name` stands in the error. */
#define PROTO_TEXT 0
#define PROTO_RAW  SIZE_MAX
int proto_bytes_check(struct tally_bytes in, size_t size, const char *name, enum tally_code code,
		      struct tally_err *err);
int proto_bytes_out(protobuf_c_boolean *has, ProtobufCBinaryData *out, struct tally_bytes in,
		    size_t size, const char *name, struct tally_err *err);
int proto_bytes_in(struct tally_bytes *out, protobuf_c_boolean has, const ProtobufCBinaryData *in,
		   size_t size, const char *name, struct tally_err *err);

/* Packs behind what is in `out`. */
void proto_pack(struct tally_buf *out, const ProtobufCMessage *message);
/* NULL where malformed. Everything lives in the arena. */
ProtobufCMessage *proto_unpack(const ProtobufCMessageDescriptor *descriptor, struct tally_bytes in,
			       struct tally_arena *arena);

#endif
