/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TEXT_H
#define AGENT_TEXT_H
/* Outside text in fixed fields. */
#include <stddef.h>

/* Outside text into a fixed field: cut at a character's boundary, bytes that are
 * no UTF-8 as '?', so that a hostile name can never make a record impossible.
 * NULL gives an empty text. */
void text_copy(char *out, size_t size, const char *s);

#endif
