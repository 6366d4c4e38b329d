/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says of a process: the bytes as a line of stat, and as a comm with a
 * command line behind its NUL. Whatever is taken stays inside its fields.
 */
#include <stdlib.h>
#include <string.h>

#include "process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = size > 0 ? memchr(text, '\0', size) : NULL;
	struct process_guest guest = { 0 };
	struct process_stat st;
	if (process_stat_parse(&st, text, size) &&
	    (st.pid == 0 || memchr(st.comm, '\0', sizeof(st.comm)) == NULL))
		abort();
	if (end != NULL) {
		size_t at = (size_t)(end - text) + 1;
		if (process_guest_parse(&guest, text, text + at, size - at) &&
		    (memchr(guest.name, '\0', sizeof(guest.name)) == NULL ||
		     !tally_utf8_valid(guest.name, strlen(guest.name))))
			abort();
	}
	return 0;
}
