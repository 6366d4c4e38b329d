/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three groups of bytes into an event. protobuf-c takes the wire format apart
 * into an arena; here its fields are checked (texts, lengths of hashes and
 * UUIDs) and copied into plain C. Fields of other versions are skipped.
 */
#include <string.h>
#include "groups.pb-c.h"
#include "proto_internal.h"
#include "tally/event.h"

#define NUMBER(field)                                                                              \
	do {                                                                                       \
		to->has_##field = pb->has_##field != 0;                                            \
		to->field = pb->field;                                                             \
	} while (0)
#define BYTES(field, size)                                                                         \
	if (pb->has_##field && proto_bytes_in(&to->field, 1, &pb->field, (size), #field, err) < 0) \
	return -1
#define TEXT(field) BYTES(field, PROTO_TEXT)

static int
texts_in(struct tally_texts *to, const ProtobufCBinaryData *items, size_t count, const char *name,
	 struct tally_arena *arena, struct tally_err *err)
{
	struct tally_bytes *list;

	if (count == 0)
		return 0;
	list = tally_arena_alloc(arena, count * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		if (proto_bytes_in(&list[i], 1, &items[i], PROTO_TEXT, name, err) < 0)
			return -1;
	to->items = list;
	to->count = count;
	return 0;
}

static void
metering_numbers(struct tally_metering *to, const Tally__Pb__Metering *pb)
{
	NUMBER(run);
	NUMBER(time);
	NUMBER(state);
	NUMBER(cause);
	NUMBER(vcpus);
	NUMBER(memory_mib);
	NUMBER(evidence);
	NUMBER(not_before);
	NUMBER(uptime);
	NUMBER(host);
	NUMBER(max_sockets);
	NUMBER(threads_per_core);
	NUMBER(hypervisor);
	NUMBER(from);
	NUMBER(to);
	NUMBER(count);
	NUMBER(running);
	NUMBER(step);
	NUMBER(downtime);
	NUMBER(role);
	NUMBER(slot);
	to->cores_per_socket.items = pb->cores_per_socket;
	to->cores_per_socket.count = pb->n_cores_per_socket;
	if (pb->pinned) {
		to->has_pinned = true;
		to->pinned.items = pb->pinned->core;
		to->pinned.count = pb->pinned->n_core;
	}
}

static int
metering_texts(struct tally_metering *to, const Tally__Pb__Metering *pb, struct tally_arena *arena,
	       struct tally_err *err)
{
	TEXT(os);
	TEXT(edition);
	TEXT(environment);
	TEXT(cpu);
	TEXT(cluster);
	TEXT(region);
	TEXT(partitioning);
	TEXT(reason);
	BYTES(set_hash, TALLY_HASH);
	TEXT(boot);
	if (texts_in(&to->software, pb->software, pb->n_software, "software", arena, err) < 0)
		return -1;
	return texts_in(&to->software_removed, pb->software_removed, pb->n_software_removed,
			"software_removed", arena, err);
}

static int
decode_metering(struct tally_metering *to, struct tally_bytes in, struct tally_arena *arena,
		struct tally_err *err)
{
	const Tally__Pb__Metering *pb =
		(const void *)proto_unpack(&tally__pb__metering__descriptor, in, arena);

	if (!pb)
		return tally_err_set(err, TALLY_FAILS, "malformed");
	metering_numbers(to, pb);
	return metering_texts(to, pb, arena, err);
}

static int
uuid_in(uint8_t to[TALLY_UUID], bool *has, protobuf_c_boolean has_pb, const ProtobufCBinaryData *in,
	const char *name, struct tally_err *err)
{
	struct tally_bytes view = { NULL, 0 };

	if (proto_bytes_in(&view, has_pb, in, TALLY_UUID, name, err) < 0)
		return -1;
	*has = has_pb != 0;
	if (has_pb)
		memcpy(to, view.p, TALLY_UUID);
	return 0;
}

static int
decode_identity(struct tally_identity *to, struct tally_bytes in, struct tally_arena *arena,
		struct tally_err *err)
{
	const Tally__Pb__Identity *pb =
		(const void *)proto_unpack(&tally__pb__identity__descriptor, in, arena);

	if (!pb)
		return tally_err_set(err, TALLY_FAILS, "malformed");
	if (uuid_in(to->vm, &to->has_vm, pb->has_vm, &pb->vm, "vm", err) < 0 ||
	    uuid_in(to->of, &to->has_of, pb->has_of, &pb->of, "of", err) < 0)
		return -1;
	TEXT(name);
	TEXT(tenant);
	TEXT(cost_center);
	TEXT(host);
	TEXT(asset);
	TEXT(site);
	return 0;
}

static void
operations_numbers(struct tally_operations *to, const Tally__Pb__Operations *pb,
		   struct tally_arena *arena)
{
	struct tally_cpu_time *list;

	NUMBER(source);
	NUMBER(raw_event);
	NUMBER(raw_detail);
	NUMBER(domain_id);
	NUMBER(pid);
	NUMBER(start_ticks);
	NUMBER(file_lines);
	NUMBER(records);
	NUMBER(prev_size);
	NUMBER(line);
	NUMBER(receipt_size);
	NUMBER(counter);
	NUMBER(reset_count);
	NUMBER(restart_count);
	NUMBER(newest_receipt);
	NUMBER(anchor);
	NUMBER(period_from);
	NUMBER(period_to);
	if (pb->n_cpu_time == 0)
		return;
	list = tally_arena_alloc(arena, pb->n_cpu_time * sizeof(*list));
	for (size_t i = 0; i < pb->n_cpu_time; i++) {
		list[i].run = pb->cpu_time[i]->run;
		list[i].ns = pb->cpu_time[i]->ns;
	}
	to->cpu_time = list;
	to->cpu_times = pb->n_cpu_time;
}

static int
decode_operations(struct tally_operations *to, struct tally_bytes in, struct tally_arena *arena,
		  struct tally_err *err)
{
	const Tally__Pb__Operations *pb =
		(const void *)proto_unpack(&tally__pb__operations__descriptor, in, arena);

	if (!pb)
		return tally_err_set(err, TALLY_FAILS, "malformed");
	operations_numbers(to, pb, arena);
	TEXT(peer);
	TEXT(reason);
	TEXT(by);
	TEXT(model);
	TEXT(version);
	BYTES(config_hash, TALLY_HASH);
	BYTES(file_hash, TALLY_HASH);
	TEXT(file_name);
	BYTES(statement, PROTO_RAW);
	BYTES(quote, PROTO_RAW);
	TEXT(origin);
	TEXT(vkey);
	TEXT(prev_origin);
	BYTES(prev_root, TALLY_HASH);
	BYTES(boot_id, TALLY_UUID);
	TEXT(manager);
	TEXT(detail);
	TEXT(cause_text);
	BYTES(receipt_root, TALLY_HASH);
	BYTES(cosignatures, PROTO_RAW);
	BYTES(timestamp, PROTO_RAW);
	BYTES(certification, PROTO_RAW);
	BYTES(enrolment, PROTO_RAW);
	BYTES(tpm_time, PROTO_RAW);
	BYTES(report, TALLY_HASH);
	BYTES(supersedes, TALLY_HASH);
	return 0;
}

int
tally_event_decode(struct tally_event *ev, const struct tally_bytes groups[TALLY_GROUPS],
		   unsigned mask, struct tally_arena *arena, struct tally_err *err)
{
	memset(&ev->m, 0, sizeof(ev->m));
	memset(&ev->i, 0, sizeof(ev->i));
	memset(&ev->o, 0, sizeof(ev->o));
	for (int k = 0; k < TALLY_GROUPS; k++)
		if (groups[k].len > TALLY_GROUP_MAX && (mask & (1U << k)))
			return tally_err_set(err, TALLY_FAILS, "group %d: %zu bytes, more than %d",
					     k + 1, groups[k].len, TALLY_GROUP_MAX);
	if ((mask & (1U << TALLY_METERING)) && groups[TALLY_METERING].len > 0 &&
	    decode_metering(&ev->m, groups[TALLY_METERING], arena, err) < 0)
		return tally_err_prefix(err, "metering");
	if ((mask & (1U << TALLY_IDENTITY)) && groups[TALLY_IDENTITY].len > 0 &&
	    decode_identity(&ev->i, groups[TALLY_IDENTITY], arena, err) < 0)
		return tally_err_prefix(err, "identity");
	if ((mask & (1U << TALLY_OPERATIONS)) && groups[TALLY_OPERATIONS].len > 0 &&
	    decode_operations(&ev->o, groups[TALLY_OPERATIONS], arena, err) < 0)
		return tally_err_prefix(err, "operations");
	return 0;
}
