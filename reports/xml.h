/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_XML_H
#define TALLY_REPORTS_XML_H
/*
 * XML out: elements, attributes and texts, every one of them escaped. Characters
 * that XML 1.0 cannot hold, and bytes that are no UTF-8, become U+FFFD.
 */
#include "tally/bytes.h"

struct xml {
	struct tally_buf *out;
	const char *open[16]; /* names of the elements that stand open */
	unsigned depth;
	bool in_tag; /* attributes may still come */
};
void xml_begin(struct xml *x, struct tally_buf *out); /* the declaration */
void xml_element(struct xml *x, const char *name);    /* a name of ours */
void xml_attribute(struct xml *x, const char *name, struct tally_bytes value);
void xml_end(struct xml *x);
/* <name>text</name> */
void xml_text(struct xml *x, const char *name, struct tally_bytes text);
#endif
