/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file of recorded events of one host. A line that is refused
 * says so with its place; one that is taken fits into an entry.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_error(const struct tally_err *err, uint64_t number)
{
	char place[48];

	(void)snprintf(place, sizeof(place), "f:%llu:", (unsigned long long)number);
	TALLY_ASSERT(err->code == TALLY_USE);
	TALLY_ASSERT(strncmp(err->text, place, strlen(place)) == 0);
}

static void
take(struct record_parser *p, struct record_state *s, struct tally_bytes text, uint64_t number)
{
	struct tally_buf groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_err err = TALLY_ERR_INIT;
	struct record_line l;
	uint64_t run;

	if (record_parse(p, text, number, &l, &err) < 0) {
		check_error(&err, number);
		return;
	}
	if (l.header)
		return;
	TALLY_ASSERT(record_host_valid(l.host) && l.ev.m.has_time && l.ev.o.line == number);
	TALLY_ASSERT(tally_event_encode(&l.ev, groups, &err) == 0);
	if (record_state_check(s, p, &l, &run, &err) < 0)
		check_error(&err, number);
	else
		TALLY_ASSERT(!l.ev.i.has_vm || run > 0 || l.ev.m.has_from ||
			     l.ev.kind == TALLY_TIME_TRAVEL);
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_deinit(&groups[g]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_parser *p = record_parser_new("f");
	struct record_state *s = record_state_new();
	uint64_t number = 0;

	for (size_t at = 0; at < size; number++) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t length = end ? (size_t)(end - data) - at : size - at;

		take(p, s, tally_bytes(data + at, length), number + 1);
		at += length + 1;
	}
	record_state_free(s);
	record_parser_free(p);
	return 0;
}
