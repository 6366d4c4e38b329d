/* SPDX-License-Identifier: Apache-2.0 */
/* Names as the hypervisor gives them: long, odd, or broken. */
#include "text.h"

#include <string.h>

#include "tally/bytes.h"

void
text_copy(char *out, size_t size, const char *s)
{
	size_t n = 0, left = s != NULL ? strlen(s) : 0;
	while (left > 0) {
		size_t len = 1;
		while (len < 4 && len < left && !tally_utf8_valid(s, len))
			len++;
		if (!tally_utf8_valid(s, len)) {
			if (n + 1 >= size)
				break;
			out[n++] = '?';
			len = 1;
		} else {
			if (n + len >= size)
				break;
			memcpy(out + n, s, len);
			n += len;
		}
		s += len;
		left -= len;
	}
	out[n] = '\0';
}
