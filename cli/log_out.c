/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries on standard output. A table is made in pages, so that a ledger of any
 * size takes the same memory; names are hostile and printed escaped.
 */
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>

#include "tally/err.h"
#include "cli.h"
#include "fields.h"
#include "log.h"
#include "names.h"

#define PAGE 512

enum { INDEX, TIME, KIND, VM, DETAILS, COLUMNS };

struct log_out {
	bool json;
	struct libscols_table *table; /* NULL: plain */
	unsigned rows;
	struct tally_buf line;
	struct names *names;
};

static struct libscols_table *
new_table(bool heading)
{
	static const struct {
		const char *name;
		double width;
		int flags;
	} columns[COLUMNS] = {
		[INDEX] = { "INDEX", 8, SCOLS_FL_RIGHT },
		[TIME] = { "TIME", 30, 0 },
		[KIND] = { "KIND", 17, 0 },
		[VM] = { "VM", 36, 0 },
		[DETAILS] = { "DETAILS", 0.4, SCOLS_FL_WRAP },
	};
	struct libscols_table *t = scols_new_table();

	if (!t)
		abort();
	for (size_t i = 0; i < COLUMNS; i++)
		if (!scols_table_new_column(t, columns[i].name, columns[i].width, columns[i].flags))
			abort();
	scols_table_enable_noheadings(t, heading ? 0 : 1);
	return t;
}

struct log_out *
log_out_new(bool json, bool table)
{
	struct log_out *o = tally_alloc(sizeof(*o));

	o->json = json;
	o->names = names_new();
	if (table && !json) {
		scols_init_debug(0);
		o->table = new_table(true);
	}
	return o;
}

void
log_out_free(struct log_out *o)
{
	if (!o)
		return;
	scols_unref_table(o->table);
	tally_buf_deinit(&o->line);
	names_free(o->names);
	free(o);
}

static int
add_json(struct log_out *o, const struct tally_entry *e, const struct tally_event *ev,
	 struct tally_err *err)
{
	struct tally_jsonw *w;

	tally_buf_clear(&o->line);
	w = tally_jsonw_new(&o->line, true);
	cli_entry_json(w, e, ev);
	tally_jsonw_free(w);
	tally_buf_add_u8(&o->line, '\n');
	return cli_print(tally_buf_view(&o->line), err);
}

static int
add_row(struct log_out *o, const char *const cells[COLUMNS], struct tally_err *err)
{
	struct libscols_line *line = scols_table_new_line(o->table, NULL);

	if (!line)
		abort();
	for (size_t i = 0; i < COLUMNS; i++)
		if (scols_line_set_data(line, i, cells[i]) != 0)
			abort();
	return ++o->rows < PAGE ? 0 : log_out_flush(o, err);
}

int
log_out_add(struct log_out *o, const struct tally_entry *e, const struct tally_event *ev,
	    struct tally_err *err)
{
	char index[24], time[TALLY_TIME_TEXT], number[8], vm[TALLY_UUID_TEXT] = "-";
	const char *kind = tally_kind_name(e->header.kind);
	uint64_t instant = ev->m.has_time ? ev->m.time : e->header.wall;
	const char *cells[COLUMNS] = { index, time, kind, vm, NULL };

	if (o->json)
		return add_json(o, e, ev, err);
	(void)snprintf(index, sizeof(index), "%" PRIu64, e->header.index);
	tally_wall_text(time, (struct tally_wall){ (int64_t)instant });
	if (!kind) {
		(void)snprintf(number, sizeof(number), "%u", e->header.kind);
		cells[KIND] = number;
	}
	if (ev->i.has_vm)
		tally_uuid_text(vm, ev->i.vm);
	tally_buf_clear(&o->line);
	cli_entry_brief(&o->line, e->header.kind, ev, names_find(o->names, ev));
	names_learn(o->names, ev);
	cells[DETAILS] = tally_buf_cstr(&o->line);
	if (o->table)
		return add_row(o, cells, err);
	if (printf("%8s  %-30s  %-17s  %-36s  %s\n", cells[INDEX], cells[TIME], cells[KIND],
		   cells[VM], cells[DETAILS]) < 0)
		return tally_err_sys(err, "standard output");
	return 0;
}

void
log_out_pass(struct log_out *o, const struct tally_event *ev)
{
	if (!o->json)
		names_learn(o->names, ev);
}

int
log_out_flush(struct log_out *o, struct tally_err *err)
{
	if (!o->table || o->rows == 0)
		return 0;
	if (scols_print_table(o->table) != 0)
		return tally_err_set(err, TALLY_SYS, "standard output: the table was not written");
	scols_unref_table(o->table);
	o->table = new_table(false);
	o->rows = 0;
	return 0;
}
