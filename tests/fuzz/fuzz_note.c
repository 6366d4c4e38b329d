/* SPDX-License-Identifier: Apache-2.0 */
/* Notes, checkpoints, keys: what parses is written again as it was. */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
text_with_nul_end(char name[TALLY_NAME_MAX + 1], struct tally_bytes text)
{
	must(text.len <= TALLY_NAME_MAX);
	memcpy(name, text.p, text.len);
	name[text.len] = '\0';
}

static void
run_note(struct tally_bytes in)
{
	struct tally_buf scratch = TALLY_BUF_INIT, again = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_checkpoint checkpoint;
	char name[TALLY_NAME_MAX + 1];
	struct tally_vkey key = { .type = TALLY_SIG_ED25519 };
	struct tally_note note;

	if (tally_note_parse(&note, in, &scratch, &err) == 0) {
		tally_buf_add_bytes(&again, note.text);
		tally_buf_add_u8(&again, '\n');
		for (size_t i = 0; i < note.lines; i++) {
			const struct tally_note_line *line = &note.line[i];

			text_with_nul_end(name, line->name);
			tally_note_add_line(&again, name, line->id,
					    tally_bytes(line->sig, line->sig_len));
			memcpy(key.name, name, sizeof(name));
			memcpy(key.id, line->id, sizeof(key.id));
			key.type ^= TALLY_SIG_ED25519 ^ TALLY_SIG_COSIGNATURE;
			must(tally_note_verify(&note, &key, &err) != 0);
			must(tally_note_find(&note, line->name, line->id) != NULL);
		}
		must(tally_bytes_eq(tally_buf_view(&again), in));
		tally_buf_clear(&again);
		if (tally_checkpoint_parse(&checkpoint, note.text, false, &err) == 0) {
			text_with_nul_end(name, checkpoint.origin);
			tally_checkpoint_text(&again, name, checkpoint.size, checkpoint.root);
			must(tally_bytes_eq(tally_buf_view(&again), note.text));
		}
		(void)tally_checkpoint_parse(&checkpoint, note.text, true, &err);
	}
	tally_buf_deinit(&scratch);
	tally_buf_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_buf again = TALLY_BUF_INIT;
	struct tally_bytes in = tally_bytes(data, size);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_vkey key;

	run_note(in);
	if (tally_vkey_parse(&key, in, &err) == 0) {
		tally_vkey_text(&again, &key);
		must(tally_bytes_eq(tally_buf_view(&again), in));
	}
	tally_buf_deinit(&again);
	return 0;
}
