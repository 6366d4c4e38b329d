/* SPDX-License-Identifier: Apache-2.0 */
/* Key names (c2sp.org/signed-note): UTF-8 without Unicode spaces or plus signs. */
#include <string.h>
#include "tally/note.h"

/* The Unicode spaces beyond ASCII, in UTF-8; all other code points are none. */
static const char *const wide_spaces[] = {
	"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
	"\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
	"\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
	"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

bool
tally_name_valid(struct tally_bytes name)
{
	if (name.len == 0 || name.len > TALLY_NAME_MAX || !tally_utf8_valid(name.p, name.len))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || name.p[i] == '+' || name.p[i] == 0x7f)
			return false;
	for (size_t i = 0; i < sizeof(wide_spaces) / sizeof(*wide_spaces); i++)
		if (memmem(name.p, name.len, wide_spaces[i], strlen(wide_spaces[i])))
			return false;
	return true;
}
