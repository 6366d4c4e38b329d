/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the words of a change. What is refused says which change it is; what is
 * taken has what its kind needs.
 */
#include <stdlib.h>
#include <string.h>
#include "../../reports/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at(const struct change *c)
{
	TALLY_ASSERT(c->subject[0] && c->number == 1 && c->vcpus <= 65536 && c->copies <= 100000);
	TALLY_ASSERT((c->sockets > 0) == (c->value[KEY_CORES] != NULL));
	for (uint32_t i = 0; i < c->sockets; i++)
		TALLY_ASSERT(c->cores[i] > 0);
	for (unsigned k = 0; k < CHANGE_KEYS; k++)
		TALLY_ASSERT(!c->value[k] || (c->value[k][0] && c->at[k] > 1));
	TALLY_ASSERT((c->to == PLACE_NONE) == (c->value[KEY_TO] == NULL));
	TALLY_ASSERT(c->what != CHANGE_GROW_VMS || c->vcpus > 0);
	TALLY_ASSERT(c->what != CHANGE_COPY_VMS || c->copies > 0);
}

/* The first byte tells the option. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_changes *list;
	char *words;

	if (size == 0)
		return 0;
	words = tally_strndup((const char *)data + 1, size - 1);
	list = tally_changes_new();
	if (tally_changes_add(list, (enum tally_change)(data[0] % 4), words, &err) < 0)
		TALLY_ASSERT(err.code == TALLY_USE && list->n == 0 &&
			     strncmp(err.text, "change 1, --", 12) == 0);
	else
		look_at(&list->p[0]);
	tally_changes_free(list);
	free(words);
	return 0;
}
