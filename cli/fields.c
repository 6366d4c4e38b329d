/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of the three groups as one table, in the order of their names in
 * each group (JSON's keys are sorted); FORMAT.md section 3 says what they mean.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tally/csv.h"
#include "tally/enrol.h"
#include "tally/err.h"
#include "tally/evidence.h"
#include "fields.h"

enum type {
	U32,
	U64,
	I64,
	INSTANT, /* u64 ns since 1970 */
	SPAN,    /* u64 ns */
	STEP,    /* i64 ns */
	TEXT,
	HEX,
	BASE64,
	UUID,
	TEXTS,
	NUMBERS,
	STATE,
	CAUSE,
	EVIDENCE,
	HYPERVISOR,
	ROLE,
	SOURCE,
	CPU_TIME,
};

struct field {
	const char *name;
	unsigned group;
	enum type type;
	bool brief;
	size_t offset, has; /* has 0 = a view or a list that says it itself */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a member cannot stand in parentheses. */
#define OPT(group, g, name, type, brief)                                                           \
	{                                                                                          \
#name, group, type, brief, offsetof(struct tally_event, g.name),                   \
			offsetof(struct tally_event, g.has_##name)                                 \
	}
#define ANY(group, g, name, type, brief)                                                           \
	{                                                                                          \
#name, group, type, brief, offsetof(struct tally_event, g.name), 0                 \
	}
/* NOLINTEND(bugprone-macro-parentheses) */
#define M_OPT(name, type, brief) OPT(TALLY_METERING, m, name, type, brief)
#define M_ANY(name, type, brief) ANY(TALLY_METERING, m, name, type, brief)
#define I_OPT(name, type, brief) OPT(TALLY_IDENTITY, i, name, type, brief)
#define I_ANY(name, type, brief) ANY(TALLY_IDENTITY, i, name, type, brief)
#define O_OPT(name, type, brief) OPT(TALLY_OPERATIONS, o, name, type, brief)
#define O_ANY(name, type, brief) ANY(TALLY_OPERATIONS, o, name, type, brief)

static const struct field fields[] = {
	M_ANY(boot, TEXT, true),
	M_OPT(cause, CAUSE, true),
	M_ANY(cluster, TEXT, true),
	M_ANY(cores_per_socket, NUMBERS, true),
	M_OPT(count, U64, true),
	M_ANY(cpu, TEXT, false),
	M_OPT(downtime, SPAN, true),
	M_ANY(edition, TEXT, true),
	M_ANY(environment, TEXT, true),
	M_OPT(evidence, EVIDENCE, true),
	M_OPT(from, INSTANT, true),
	M_OPT(host, U32, false),
	M_OPT(hypervisor, HYPERVISOR, true),
	M_OPT(max_sockets, U32, false),
	M_OPT(memory_mib, U64, true),
	M_OPT(not_before, INSTANT, true),
	M_ANY(os, TEXT, true),
	M_ANY(partitioning, TEXT, true),
	M_OPT(pinned, NUMBERS, true),
	M_ANY(reason, TEXT, true),
	M_ANY(region, TEXT, true),
	M_OPT(role, ROLE, true),
	M_OPT(run, U64, true),
	M_OPT(running, U32, true),
	M_ANY(set_hash, HEX, false),
	M_OPT(slot, U32, false),
	M_ANY(software, TEXTS, true),
	M_ANY(software_removed, TEXTS, true),
	M_OPT(state, STATE, true),
	M_OPT(step, STEP, true),
	M_OPT(threads_per_core, U32, false),
	M_OPT(time, INSTANT, false),
	M_OPT(to, INSTANT, true),
	M_OPT(uptime, SPAN, false),
	M_OPT(vcpus, U32, true),
	I_ANY(asset, TEXT, true),
	I_ANY(cost_center, TEXT, true),
	I_ANY(host, TEXT, true),
	I_ANY(name, TEXT, true),
	I_OPT(of, UUID, true),
	I_ANY(site, TEXT, true),
	I_ANY(tenant, TEXT, true),
	I_OPT(vm, UUID, false),
	O_OPT(anchor, U64, true),
	O_ANY(boot_id, HEX, false),
	O_ANY(by, TEXT, true),
	O_ANY(cause_text, TEXT, true),
	O_ANY(certification, BASE64, false),
	O_ANY(config_hash, HEX, false),
	O_OPT(counter, U64, true),
	O_ANY(cpu_time, CPU_TIME, false),
	O_ANY(cosignatures, BASE64, false),
	O_ANY(detail, TEXT, true),
	O_OPT(domain_id, I64, false),
	O_ANY(enrolment, BASE64, false),
	O_ANY(file_hash, HEX, false),
	O_OPT(file_lines, U64, true),
	O_ANY(file_name, TEXT, true),
	O_OPT(line, U64, false),
	O_ANY(manager, TEXT, false),
	O_ANY(model, TEXT, false),
	O_OPT(newest_receipt, U64, true),
	O_ANY(origin, TEXT, true),
	O_ANY(peer, TEXT, true),
	O_OPT(period_from, INSTANT, true),
	O_OPT(period_to, INSTANT, true),
	O_OPT(pid, U32, false),
	O_ANY(prev_origin, TEXT, true),
	O_ANY(prev_root, BASE64, false),
	O_OPT(prev_size, U64, false),
	O_ANY(quote, BASE64, false),
	O_OPT(raw_detail, U32, false),
	O_OPT(raw_event, U32, false),
	O_ANY(reason, TEXT, true),
	O_ANY(receipt_root, BASE64, false),
	O_OPT(receipt_size, U64, true),
	O_OPT(records, U64, true),
	O_ANY(report, HEX, true),
	O_OPT(reset_count, U32, true),
	O_OPT(restart_count, U32, true),
	O_OPT(source, SOURCE, false),
	O_OPT(start_ticks, U64, false),
	O_ANY(statement, BASE64, false),
	O_ANY(supersedes, HEX, true),
	O_ANY(timestamp, BASE64, false),
	O_ANY(tpm_time, BASE64, false),
	O_ANY(version, TEXT, true),
	O_ANY(vkey, TEXT, false),
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static const void *
at(const struct tally_event *ev, const struct field *f)
{
	return (const uint8_t *)ev + f->offset;
}

static bool
present(const struct tally_event *ev, const struct field *f)
{
	if (f->has)
		return *(const bool *)((const uint8_t *)ev + f->has);
	switch (f->type) {
	case TEXTS:
		return ((const struct tally_texts *)at(ev, f))->count > 0;
	case NUMBERS:
		return ((const struct tally_numbers *)at(ev, f))->count > 0;
	case CPU_TIME:
		return ev->o.cpu_times > 0;
	default:
		return ((const struct tally_bytes *)at(ev, f))->p != NULL;
	}
}

/* Names of numbers; a number without a name is shown as the number. */
static const char *
number_name(enum type type, uint32_t n, char spare[16])
{
	static const char *const roles[] = { NULL, "primary", "standby", "none" };
	static const char *const sources[] = { NULL,   "event",  "poll",  "hook",
					       "proc", "import", "agent", "operator" };
	const char *name = NULL;

	if (type == STATE)
		name = tally_state_name(n);
	else if (type == CAUSE)
		name = tally_cause_name(n);
	else if (type == EVIDENCE)
		name = tally_evidence_name(n);
	else if (type == HYPERVISOR)
		name = tally_hypervisor_name(n);
	else if (type == ROLE && n < 4)
		name = roles[n];
	else if (type == SOURCE && n < 8)
		name = sources[n];
	if (name)
		return name;
	(void)snprintf(spare, 16, "%" PRIu32, n);
	return spare;
}

/* Values that are one text: an instant, a span in seconds, a UUID, a name, bytes. */
static bool
as_text(struct tally_buf *out, const struct tally_event *ev, const struct field *f)
{
	char text[TALLY_TIME_TEXT], spare[16];
	const struct tally_bytes *view = at(ev, f);

	switch (f->type) {
	case INSTANT:
		tally_wall_text(text,
				(struct tally_wall){ (int64_t) * (const uint64_t *)at(ev, f) });
		tally_buf_add_str(out, text);
		return true;
	case SPAN:
		tally_span_text(text,
				(struct tally_span){ (int64_t) * (const uint64_t *)at(ev, f) });
		tally_buf_add_str(out, text);
		return true;
	case STEP:
		tally_span_text(text, (struct tally_span){ *(const int64_t *)at(ev, f) });
		tally_buf_add_str(out, text);
		return true;
	case UUID:
		tally_uuid_text((char *)tally_buf_grow(out, TALLY_UUID_TEXT), at(ev, f));
		out->len--;
		return true;
	case HEX:
		tally_hex((char *)tally_buf_grow(out, 2 * view->len + 1), view->p, view->len);
		out->len--;
		return true;
	case BASE64:
		tally_buf_add_base64(out, view->p, view->len);
		return true;
	case STATE:
	case CAUSE:
	case EVIDENCE:
	case HYPERVISOR:
	case ROLE:
	case SOURCE:
		tally_buf_add_str(out, number_name(f->type, *(const uint32_t *)at(ev, f), spare));
		return true;
	default:
		return false;
	}
}

static void
json_cpu_time(struct tally_jsonw *w, const struct tally_event *ev)
{
	tally_jsonw_array(w);
	for (size_t i = 0; i < ev->o.cpu_times; i++) {
		tally_jsonw_object(w);
		tally_jsonw_key(w, "ns");
		tally_jsonw_u64(w, ev->o.cpu_time[i].ns);
		tally_jsonw_key(w, "run");
		tally_jsonw_u64(w, ev->o.cpu_time[i].run);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
json_list(struct tally_jsonw *w, const struct tally_event *ev, const struct field *f)
{
	const struct tally_numbers *numbers = at(ev, f);
	const struct tally_texts *texts = at(ev, f);

	tally_jsonw_array(w);
	for (size_t i = 0; f->type == NUMBERS && i < numbers->count; i++)
		tally_jsonw_u64(w, numbers->items[i]);
	for (size_t i = 0; f->type == TEXTS && i < texts->count; i++)
		tally_jsonw_string(w, texts->items[i]);
	tally_jsonw_end(w);
}

static void
json_value(struct tally_jsonw *w, const struct tally_event *ev, const struct field *f)
{
	struct tally_buf text = TALLY_BUF_INIT;

	switch (f->type) {
	case U32:
		tally_jsonw_u64(w, *(const uint32_t *)at(ev, f));
		break;
	case U64:
		tally_jsonw_u64(w, *(const uint64_t *)at(ev, f));
		break;
	case I64:
		tally_jsonw_i64(w, *(const int64_t *)at(ev, f));
		break;
	case TEXT:
		tally_jsonw_string(w, *(const struct tally_bytes *)at(ev, f));
		break;
	case TEXTS:
	case NUMBERS:
		json_list(w, ev, f);
		break;
	case CPU_TIME:
		json_cpu_time(w, ev);
		break;
	default:
		(void)as_text(&text, ev, f);
		tally_jsonw_string(w, tally_buf_view(&text));
	}
	tally_buf_deinit(&text);
}

static void
json_group(struct tally_jsonw *w, const char *name, unsigned group, const struct tally_event *ev)
{
	tally_jsonw_key(w, name);
	tally_jsonw_object(w);
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].group != group || !present(ev, &fields[i]))
			continue;
		tally_jsonw_key(w, fields[i].name);
		json_value(w, ev, &fields[i]);
	}
	tally_jsonw_end(w);
}

void
cli_entry_json(struct tally_jsonw *w, const struct tally_entry *e, const struct tally_event *ev)
{
	const char *kind = tally_kind_name(e->header.kind);
	char text[TALLY_TIME_TEXT];

	tally_jsonw_object(w);
	tally_jsonw_key(w, "boot");
	tally_jsonw_u64(w, e->header.boot);
	json_group(w, "identity", TALLY_IDENTITY, ev);
	tally_jsonw_key(w, "imported");
	tally_jsonw_bool(w, (e->header.flags & TALLY_FLAG_IMPORTED) != 0);
	tally_jsonw_key(w, "index");
	tally_jsonw_u64(w, e->header.index);
	tally_jsonw_key(w, "kind");
	if (kind)
		tally_jsonw_str(w, kind);
	else
		tally_jsonw_u64(w, e->header.kind);
	json_group(w, "metering", TALLY_METERING, ev);
	json_group(w, "operations", TALLY_OPERATIONS, ev);
	tally_jsonw_key(w, "uptime");
	tally_span_text(text, (struct tally_span){ (int64_t)e->header.uptime });
	tally_jsonw_str(w, text);
	tally_jsonw_key(w, "wall");
	tally_wall_text(text, (struct tally_wall){ (int64_t)e->header.wall });
	tally_jsonw_str(w, text);
	tally_jsonw_end(w);
}

static void
brief_list(struct tally_buf *out, const struct tally_event *ev, const struct field *f)
{
	const struct tally_numbers *numbers = at(ev, f);
	const struct tally_texts *texts = at(ev, f);

	for (size_t i = 0; f->type == NUMBERS && i < numbers->count; i++)
		tally_buf_addf(out, "%s%" PRIu32, i > 0 ? "," : "", numbers->items[i]);
	for (size_t i = 0; f->type == TEXTS && i < texts->count; i++) {
		tally_buf_add_str(out, i > 0 ? "," : "");
		tally_printable(out, texts->items[i]);
	}
}

/* What is told of some kinds only: of the others it is noise. */
static bool
told_of(unsigned kind, const struct tally_event *ev, const struct field *f)
{
	if (f->brief)
		return true;
	if (strcmp(f->name, "pid") == 0)
		return kind == TALLY_UNMANAGED_VM;
	if (strcmp(f->name, "config_hash") == 0)
		return kind == TALLY_AGENT_CONFIG;
	if (strcmp(f->name, "file_hash") == 0)
		return kind == TALLY_REPORT_ISSUED;
	/* Who saw it, where it was not the manager that said so. */
	return f->type == SOURCE && ev->i.has_vm &&
	       (ev->o.source == TALLY_SRC_POLL || ev->o.source == TALLY_SRC_PROC);
}

static void
brief_field(struct tally_buf *out, const struct tally_event *ev, const struct field *f)
{
	tally_buf_addf(out, "%s%s=", out->len > 0 ? " " : "", f->name);
	if (f->type == U32)
		tally_buf_addf(out, "%" PRIu32, *(const uint32_t *)at(ev, f));
	else if (f->type == U64)
		tally_buf_addf(out, "%" PRIu64, *(const uint64_t *)at(ev, f));
	else if (f->type == TEXT)
		tally_printable(out, *(const struct tally_bytes *)at(ev, f));
	else if (f->type == TEXTS || f->type == NUMBERS)
		brief_list(out, ev, f);
	else
		(void)as_text(out, ev, f);
	if (f->type == SPAN || f->type == STEP)
		tally_buf_add_str(out, "s");
}

/* Which TPM session it opens, and what is extended in it. */
static void
brief_statement(struct tally_buf *out, const struct tally_event *ev)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_statement st;

	if (tally_statement_decode(&st, ev->o.statement, arena, &err) < 0) {
		tally_buf_add_str(out, "malformed statement");
	} else {
		tally_buf_add_str(out, "tpm=");
		tally_printable(out, st.transport);
		tally_buf_addf(out, " resets=%" PRIu32 " restarts=%" PRIu32, st.reset_count,
			       st.restart_count);
		if (st.ledger_pcr < TALLY_PCRS)
			tally_buf_addf(out, " ledger_pcr=%" PRIu32 "%s", st.ledger_pcr,
				       st.foreign ? " (in use before)" : "");
		else
			tally_buf_add_str(out, " ledger_pcr=none");
	}
	tally_arena_free(arena);
}

/* Which machine, as what, and who says so. */
static void
brief_enrolment(struct tally_buf *out, const struct tally_event *ev)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_enrolment_file f;

	if (tally_enrolment_file_read(&f, "record", ev->o.enrolment, false, arena, &err) < 0) {
		tally_buf_add_str(out, "malformed record");
	} else {
		tally_buf_addf(out, "class=%s", tally_class_name(f.e.class));
		if (f.e.asset.len > 0)
			tally_buf_add_str(out, " asset=");
		tally_printable(out, f.e.asset);
		tally_buf_add_str(out, " enroller=");
		tally_printable(out, f.note.line[0].name);
	}
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
}

/* Its name first, the instants of a span last and in their order. */
static int
place(const struct field *f)
{
	if (f->group == TALLY_IDENTITY && strcmp(f->name, "name") == 0)
		return 0;
	if (f->group != TALLY_METERING)
		return 1;
	return strcmp(f->name, "from") == 0 ? 2 : strcmp(f->name, "to") == 0 ? 3 : 1;
}

void
cli_entry_brief(struct tally_buf *out, unsigned kind, const struct tally_event *ev,
		struct tally_bytes known)
{
	if (known.len > 0 && !ev->i.name.p) {
		tally_buf_add_str(out, "(");
		tally_printable(out, known);
		tally_buf_add_str(out, ")");
	}
	for (int at_place = 0; at_place < 4; at_place++) {
		for (size_t i = 0; i < FIELDS; i++)
			if (place(&fields[i]) == at_place && told_of(kind, ev, &fields[i]) &&
			    present(ev, &fields[i]))
				brief_field(out, ev, &fields[i]);
		if (at_place == 0 && known.len > 0 && ev->i.name.p &&
		    !tally_bytes_eq(known, ev->i.name)) {
			tally_buf_add_str(out, " (was ");
			tally_printable(out, known);
			tally_buf_add_str(out, ")");
		}
	}
	if (kind == TALLY_SESSION_STATEMENT && ev->o.statement.p)
		brief_statement(out, ev);
	if (kind == TALLY_ENROLMENT && ev->o.enrolment.p)
		brief_enrolment(out, ev);
}
