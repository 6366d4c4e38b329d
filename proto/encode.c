/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event into its three groups of bytes. This happens once, before the bytes
 * are committed to; from then on they are only copied. Fields that are absent
 * are not written, so a group that says nothing is the empty string.
 */
#include <stdlib.h>
#include "groups.pb-c.h"
#include "proto_internal.h"
#include "tally/event.h"

#define NUMBER(field)                                                                              \
	do {                                                                                       \
		pb.has_##field = from->has_##field;                                                \
		pb.field = from->field;                                                            \
	} while (0)
#define BYTES(field, size)                                                                         \
	if (proto_bytes_out(&pb.has_##field, &pb.field, from->field, (size), #field, err) < 0)     \
	return -1
#define TEXT(field) BYTES(field, PROTO_TEXT)

/* A list's items as protobuf-c wants them; the memory is the caller's. */
static int
texts_out(ProtobufCBinaryData **out, size_t *count, const struct tally_texts *in, const char *name,
	  struct tally_err *err)
{
	protobuf_c_boolean has;

	if (in->count == 0)
		return 0;
	*out = tally_realloc_array(NULL, in->count, sizeof(**out));
	*count = in->count;
	for (size_t i = 0; i < in->count; i++) {
		(*out)[i] = (ProtobufCBinaryData){ 0, NULL };
		if (proto_bytes_out(&has, &(*out)[i], in->items[i], PROTO_TEXT, name, err) < 0)
			return -1;
	}
	return 0;
}

static uint32_t *
numbers_out(const struct tally_numbers *in)
{
	/* protobuf-c only reads it. */
	return (uint32_t *)(uintptr_t)in->items;
}

static int
metering_texts(Tally__Pb__Metering *out, const struct tally_metering *from, struct tally_err *err)
{
	Tally__Pb__Metering pb = *out;

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
	*out = pb;
	return 0;
}

static void
metering_numbers(Tally__Pb__Metering *out, const struct tally_metering *from)
{
	Tally__Pb__Metering pb = *out;

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
	*out = pb;
}

static int
encode_metering(const struct tally_metering *from, struct tally_buf *out, struct tally_err *err)
{
	Tally__Pb__Metering pb = TALLY__PB__METERING__INIT;
	Tally__Pb__Cores cores = TALLY__PB__CORES__INIT;
	int result = -1;

	metering_numbers(&pb, from);
	pb.n_cores_per_socket = from->cores_per_socket.count;
	pb.cores_per_socket = numbers_out(&from->cores_per_socket);
	if (from->has_pinned) {
		cores.n_core = from->pinned.count;
		cores.core = numbers_out(&from->pinned);
		pb.pinned = &cores;
	}
	if (metering_texts(&pb, from, err) == 0 &&
	    texts_out(&pb.software, &pb.n_software, &from->software, "software", err) == 0 &&
	    texts_out(&pb.software_removed, &pb.n_software_removed, &from->software_removed,
		      "software_removed", err) == 0) {
		proto_pack(out, &pb.base);
		result = 0;
	}
	free(pb.software);
	free(pb.software_removed);
	return result;
}

static int
encode_identity(const struct tally_identity *from, struct tally_buf *out, struct tally_err *err)
{
	Tally__Pb__Identity pb = TALLY__PB__IDENTITY__INIT;
	struct tally_bytes vm = tally_bytes(from->has_vm ? from->vm : NULL, TALLY_UUID);
	struct tally_bytes of = tally_bytes(from->has_of ? from->of : NULL, TALLY_UUID);

	if (proto_bytes_out(&pb.has_vm, &pb.vm, vm, TALLY_UUID, "vm", err) < 0 ||
	    proto_bytes_out(&pb.has_of, &pb.of, of, TALLY_UUID, "of", err) < 0)
		return -1;
	TEXT(name);
	TEXT(tenant);
	TEXT(cost_center);
	TEXT(host);
	TEXT(asset);
	TEXT(site);
	proto_pack(out, &pb.base);
	return 0;
}

static int
operations_bytes(Tally__Pb__Operations *out, const struct tally_operations *from,
		 struct tally_err *err)
{
	Tally__Pb__Operations pb = *out;

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
	*out = pb;
	return 0;
}

/* Messages of their own, so an array of them and one of pointers to them. */
static void
cpu_times_out(Tally__Pb__Operations *pb, Tally__Pb__CpuTime **items,
	      const struct tally_operations *from)
{
	if (from->cpu_times == 0)
		return;
	*items = tally_realloc_array(NULL, from->cpu_times, sizeof(**items));
	pb->cpu_time = tally_realloc_array(NULL, from->cpu_times, sizeof(*pb->cpu_time));
	pb->n_cpu_time = from->cpu_times;
	for (size_t i = 0; i < from->cpu_times; i++) {
		tally__pb__cpu_time__init(&(*items)[i]);
		(*items)[i].has_run = (*items)[i].has_ns = 1;
		(*items)[i].run = from->cpu_time[i].run;
		(*items)[i].ns = from->cpu_time[i].ns;
		pb->cpu_time[i] = &(*items)[i];
	}
}

static int
encode_operations(const struct tally_operations *from, struct tally_buf *out, struct tally_err *err)
{
	Tally__Pb__Operations pb = TALLY__PB__OPERATIONS__INIT;
	Tally__Pb__CpuTime *items = NULL;

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
	if (operations_bytes(&pb, from, err) < 0)
		return -1;
	cpu_times_out(&pb, &items, from);
	proto_pack(out, &pb.base);
	free(pb.cpu_time);
	free(items);
	return 0;
}

int
tally_event_encode(const struct tally_event *ev, struct tally_buf out[TALLY_GROUPS],
		   struct tally_err *err)
{
	static const char *const names[TALLY_GROUPS] = { "metering", "identity", "operations" };
	size_t before[TALLY_GROUPS];

	for (int k = 0; k < TALLY_GROUPS; k++)
		before[k] = out[k].len;
	if (encode_metering(&ev->m, &out[TALLY_METERING], err) < 0)
		return tally_err_prefix(err, "metering");
	if (encode_identity(&ev->i, &out[TALLY_IDENTITY], err) < 0)
		return tally_err_prefix(err, "identity");
	if (encode_operations(&ev->o, &out[TALLY_OPERATIONS], err) < 0)
		return tally_err_prefix(err, "operations");
	for (int k = 0; k < TALLY_GROUPS; k++)
		if (out[k].len - before[k] > TALLY_GROUP_MAX)
			return tally_err_set(err, TALLY_USE, "%s: %zu bytes, at most %d fit",
					     names[k], out[k].len - before[k], TALLY_GROUP_MAX);
	return 0;
}
