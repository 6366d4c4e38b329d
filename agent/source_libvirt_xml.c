/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streaming reader, so that memory does not grow with the text. An element is
 * known by its whole path from the root: the same name elsewhere means nothing.
 */
#include "source_libvirt_xml.h"

#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "topology.h"
#include "tally/parse.h"

#define NS_OSINFO "http://libosinfo.org/xmlns/libvirt/domain/1.0"
#define NS_TALLY  "https://tallystick.invalid/xmlns/metadata/1"
#define NS_NOVA   "http://openstack.org/xmlns/libvirt/nova/1.1"
#define DEPTH     8
#define CPUS_MAX  8192

struct step {
	const char *ns, *name; /* ns NULL: none */
};

/* A reader, and of each wanted path how many of its steps lead to where it stands. */
struct walk {
	xmlTextReaderPtr reader;
	const struct step (*paths)[DEPTH];
	size_t count;
	int matched[8];
};

static bool
is_step(xmlTextReaderPtr r, const struct step *s)
{
	const char *ns = (const char *)xmlTextReaderConstNamespaceUri(r);
	const char *name = (const char *)xmlTextReaderConstLocalName(r);
	if (s->name == NULL || name == NULL || strcmp(name, s->name) != 0)
		return false;
	return s->ns == NULL ? ns == NULL : ns != NULL && strcmp(ns, s->ns) == 0;
}

/* The next element that ends one of the paths: its number, -1 at the end. */
static int
next_element(struct walk *w)
{
	while (xmlTextReaderRead(w->reader) == 1) {
		int type = xmlTextReaderNodeType(w->reader);
		int depth = xmlTextReaderDepth(w->reader), found = -1;
		if (type == XML_READER_TYPE_DOCUMENT_TYPE)
			return -1;
		if (type != XML_READER_TYPE_ELEMENT || depth < 0 || depth >= DEPTH)
			continue;
		for (size_t i = 0; i < w->count; i++) {
			if (depth > w->matched[i])
				continue;
			w->matched[i] = depth;
			if (!is_step(w->reader, &w->paths[i][depth]))
				continue;
			w->matched[i]++;
			if (depth + 1 == DEPTH || w->paths[i][depth + 1].name == NULL)
				found = (int)i;
		}
		if (found >= 0)
			return found;
	}
	return -1;
}

static xmlTextReaderPtr
open_reader(const char *xml, size_t len)
{
	if (len == 0 || len > LIBVIRT_XML_MAX)
		return NULL;
	return xmlReaderForMemory(xml, (int)len, NULL, NULL,
				  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

/* The first claim stands, without the blanks around it. */
static void
take(char *out, size_t size, const char *text)
{
	static const char blank[] = " \t\r\n";
	char *whole;
	size_t n;
	if (text == NULL || out[0] != '\0')
		return;
	text += strspn(text, blank);
	n = strlen(text);
	while (n > 0 && strchr(blank, text[n - 1]) != NULL)
		n--;
	if (n == 0 || n >= size)
		return; /* cut, it would be another claim */
	whole = tally_strndup(text, n);
	text_copy(out, size, whole);
	free(whole);
}

static void
take_content(char *out, size_t size, xmlTextReaderPtr r)
{
	xmlChar *text = xmlTextReaderReadString(r);
	take(out, size, (const char *)text);
	xmlFree(text);
}

static void
take_attribute(char *out, size_t size, xmlTextReaderPtr r, const char *name)
{
	xmlChar *text = xmlTextReaderGetAttribute(r, (const xmlChar *)name);
	take(out, size, (const char *)text);
	xmlFree(text);
}

void
libvirt_xml_claims(struct tally_domain *out, const char *xml, size_t len)
{
	enum { OS, TENANT, COST_CENTER, ENVIRONMENT, PROJECT, PATHS };
	static const struct step paths[PATHS][DEPTH] = {
		[OS] = { { NULL, "domain" },
			 { NULL, "metadata" },
			 { NS_OSINFO, "libosinfo" },
			 { NS_OSINFO, "os" } },
		[TENANT] = { { NULL, "domain" },
			     { NULL, "metadata" },
			     { NS_TALLY, "vm" },
			     { NS_TALLY, "tenant" } },
		[COST_CENTER] = { { NULL, "domain" },
				  { NULL, "metadata" },
				  { NS_TALLY, "vm" },
				  { NS_TALLY, "cost-center" } },
		[ENVIRONMENT] = { { NULL, "domain" },
				  { NULL, "metadata" },
				  { NS_TALLY, "vm" },
				  { NS_TALLY, "environment" } },
		[PROJECT] = { { NULL, "domain" },
			      { NULL, "metadata" },
			      { NS_NOVA, "instance" },
			      { NS_NOVA, "owner" },
			      { NS_NOVA, "project" } },
	};
	struct walk w = { .reader = open_reader(xml, len), .paths = paths, .count = PATHS };
	char project[sizeof(out->tenant)] = "";
	int at;
	out->os[0] = out->tenant[0] = out->cost_center[0] = out->environment[0] = '\0';
	while (w.reader != NULL && (at = next_element(&w)) >= 0) {
		if (at == OS) {
			take_attribute(out->os, sizeof(out->os), w.reader, "id");
		} else if (at == TENANT) {
			take_content(out->tenant, sizeof(out->tenant), w.reader);
		} else if (at == COST_CENTER) {
			take_content(out->cost_center, sizeof(out->cost_center), w.reader);
		} else if (at == ENVIRONMENT) {
			take_content(out->environment, sizeof(out->environment), w.reader);
		} else {
			take_content(project, sizeof(project), w.reader);
			take_attribute(project, sizeof(project), w.reader, "uuid");
		}
	}
	take(out->tenant, sizeof(out->tenant), project);
	xmlFreeTextReader(w.reader);
}

static bool
number(xmlTextReaderPtr r, const char *name, long *out)
{
	xmlChar *text = xmlTextReaderGetAttribute(r, (const xmlChar *)name);
	uint64_t v;
	bool ok = text != NULL &&
		  tally_parse_u64(&v, (const char *)text, strlen((const char *)text), INT32_MAX);
	if (ok)
		*out = (long)v;
	xmlFree(text);
	return ok;
}

int
libvirt_xml_topology(struct tally_host_view *out, const char *xml, size_t len)
{
	static const struct step paths[1][DEPTH] = { { { NULL, "capabilities" },
						       { NULL, "host" },
						       { NULL, "topology" },
						       { NULL, "cells" },
						       { NULL, "cell" },
						       { NULL, "cpus" },
						       { NULL, "cpu" } } };
	struct walk w = { .reader = open_reader(xml, len), .paths = paths, .count = 1 };
	struct topology_cpu *cpu = tally_alloc(CPUS_MAX * sizeof(*cpu));
	size_t n = 0;
	int rc;
	while (w.reader != NULL && n < CPUS_MAX && next_element(&w) >= 0) {
		/* A CPU that is off has neither, as in sysfs. */
		if (!number(w.reader, "socket_id", &cpu[n].package) ||
		    !number(w.reader, "core_id", &cpu[n].core))
			continue;
		(void)number(w.reader, "die_id", &cpu[n].die);
		n++;
	}
	rc = topology_count(out, cpu, n);
	free(cpu);
	xmlFreeTextReader(w.reader);
	return rc;
}
