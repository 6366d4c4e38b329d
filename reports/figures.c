/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of positions as texts and as JSON. */
#include "figures.h"

void
figure_text(char out[64], amount a)
{
	/* The same digits as of seconds, of which there are a thousand times as many. */
	tally_seconds_text(out, a * (TALLY_SECOND / AMOUNT_ONE));
}

void
figure_json(struct tally_jsonw *w, const char *key, const struct rule *applied, amount a)
{
	char text[64];

	tally_jsonw_key(w, key);
	if (applied->decimals == 0 && a % AMOUNT_ONE == 0 && a / AMOUNT_ONE <= INT64_MAX &&
	    a / AMOUNT_ONE >= INT64_MIN) {
		tally_jsonw_i64(w, (int64_t)(a / AMOUNT_ONE));
		return;
	}
	figure_text(text, a);
	tally_jsonw_str(w, text);
}
