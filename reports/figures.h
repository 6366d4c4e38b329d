/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_FIGURES_H
#define TALLY_REPORTS_FIGURES_H
/* How a figure of a position is written: one way, wherever it stands. */
#include "rule.h"
#include "tally/json.h"

/* As exact as it is; without decimals where there are none. */
void figure_text(char out[64], amount a);
/* An integer; of a rule that keeps decimals a decimal text. */
void figure_json(struct tally_jsonw *w, const char *key, const struct rule *applied, amount a);

#endif
