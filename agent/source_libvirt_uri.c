/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu:///system keeps its state in /run/libvirt, whether one daemon serves it
 * or many; one whose socket lies elsewhere keeps it beside its socket.
 */
#include "source_libvirt_uri.h"

#include <libxml/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally/bytes.h"

#define SYSTEM_RUN "/run/libvirt"

/* The folder of the `socket` parameter, NULL where there is none. */
static char *
socket_folder(const char *query)
{
	static const char key[] = "socket=";
	const char *p = query;
	while (p != NULL && strncmp(p, key, sizeof(key) - 1) != 0) {
		p = strpbrk(p, "&;");
		p = p != NULL ? p + 1 : NULL;
	}
	if (p == NULL)
		return NULL;
	p += sizeof(key) - 1;
	char *path = xmlURIUnescapeString(p, (int)strcspn(p, "&;"), NULL);
	char *slash = path != NULL ? strrchr(path, '/') : NULL;
	char *out = slash != NULL ? tally_strndup(path, (size_t)(slash - path)) : NULL;
	xmlFree(path);
	return out;
}

/* The user's own manager. */
static char *
session_run(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	struct tally_buf b = TALLY_BUF_INIT;
	if (run == NULL || run[0] != '/')
		return NULL;
	tally_buf_addf(&b, "%s/libvirt", run);
	char *out = tally_strdup(tally_buf_cstr(&b));
	tally_buf_deinit(&b);
	return out;
}

char *
libvirt_pid_folder(const char *uri)
{
	xmlURIPtr u = xmlParseURI(uri);
	struct tally_buf b = TALLY_BUF_INIT;
	char *run = NULL, *out = NULL;
	bool session;
	if (u == NULL || u->scheme == NULL || u->path == NULL ||
	    (u->server != NULL && u->server[0] != '\0') ||
	    (strcmp(u->scheme, "qemu") != 0 && strcmp(u->scheme, "qemu+unix") != 0))
		goto out;
	session = strcmp(u->path, "/session") == 0;
	run = u->query_raw != NULL ? socket_folder(u->query_raw) : NULL;
	if (run == NULL)
		run = session ? session_run() : tally_strdup(SYSTEM_RUN);
	if (run == NULL)
		goto out;
	tally_buf_addf(&b, "%s/qemu%s", run, session ? "/run" : "");
	out = tally_strdup(tally_buf_cstr(&b));
out:
	tally_buf_deinit(&b);
	free(run);
	xmlFreeURI(u);
	return out;
}
