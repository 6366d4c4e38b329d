/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as YAML. A tree has places inside the text and no key twice; the
 * walker reads it by a table or says why not, and everything is freed.
 */
#include <string.h>
#include "tally/err.h"
#include "tally/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
	char *ledger;
	bool attest;
	uint64_t queue;
	struct tally_span interval;
	struct tally_strings hosts;
	struct tally_list list;
	struct {
		char *name;
	} host;
};

static const struct tally_field host_fields[] = {
	{ "name", TALLY_F_STRING, 0, false, 0, 0, NULL },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};

static const struct tally_field fields[] = {
	{ "ledger", TALLY_F_STRING, offsetof(struct target, ledger), false, 0, 0, NULL },
	{ "attest", TALLY_F_BOOL, offsetof(struct target, attest), false, 0, 0, NULL },
	{ "queue", TALLY_F_U64, offsetof(struct target, queue), false, 1, 99, NULL },
	{ "interval", TALLY_F_SPAN, offsetof(struct target, interval), false, 1, 9000000000, NULL },
	{ "hosts", TALLY_F_STRINGS, offsetof(struct target, hosts), false, 0, 0, NULL },
	{ "host", TALLY_F_MAP, offsetof(struct target, host), false, 0, 0, host_fields },
	{ "list", TALLY_F_LIST, offsetof(struct target, list), false, 0, 0, host_fields,
	  sizeof(char *) },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};

static void
look_at(const struct tally_yaml *y, size_t size, unsigned depth)
{
	TALLY_ASSERT(depth <= 32);
	TALLY_ASSERT(y->line >= 1 && y->column >= 1);
	TALLY_ASSERT(y->line <= size + 2 && y->column <= size + 2);
	TALLY_ASSERT((y->type == TALLY_YAML_SCALAR) == (y->text != NULL));
	TALLY_ASSERT(!y->text || tally_utf8_valid(y->text, strlen(y->text)));
	for (size_t i = 0; i < y->count; i++) {
		/* A doubled key would be found at its first place. */
		if (y->type == TALLY_YAML_MAP && i < 100)
			TALLY_ASSERT(tally_yaml_get(y, y->keys[i]) == y->items[i]);
		look_at(y->items[i], size, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_yaml *y;
	struct tally_err err = TALLY_ERR_INIT;
	struct target t;

	memset(&t, 0, sizeof(t));
	if (tally_yaml_parse(&y, "f", tally_bytes(data, size), &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
		return 0;
	}
	look_at(y, size, 1);
	if (tally_yaml_read("f", y, fields, &t, &err) < 0)
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
	tally_yaml_release(fields, &t);
	tally_yaml_free(y);
	return 0;
}
