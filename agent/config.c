/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as one table; a default is what the struct holds before. */
#include "config.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/file.h"
#include "tally/yaml.h"

#define SECONDS(n) ((uint64_t)(n) * (uint64_t)TALLY_SECOND)

static const struct tally_field host_fields[] = {
	{ "name", TALLY_F_STRING, offsetof(struct config_host, name), false, 0, 0, NULL },
	{ "cluster", TALLY_F_STRING, offsetof(struct config_host, cluster), false, 0, 0, NULL },
	{ "region", TALLY_F_STRING, offsetof(struct config_host, region), false, 0, 0, NULL },
	{ "site", TALLY_F_STRING, offsetof(struct config_host, site), false, 0, 0, NULL },
	{ "asset", TALLY_F_STRING, offsetof(struct config_host, asset), false, 0, 0, NULL },
	{ 0 }
};
static const struct tally_field libvirt_fields[] = {
	{ "uri", TALLY_F_STRING, offsetof(struct config_libvirt, uri), false, 0, 0, NULL }, { 0 }
};
static const struct tally_field heartbeat_fields[] = {
	{ "interval", TALLY_F_SPAN, offsetof(struct config_heartbeat, interval), false, SECONDS(1),
	  SECONDS(60), NULL },
	{ "record", TALLY_F_SPAN, offsetof(struct config_heartbeat, record), false, SECONDS(1),
	  SECONDS(3600), NULL },
	{ 0 }
};
static const struct tally_field checkpoint_fields[] = {
	{ "interval", TALLY_F_SPAN, offsetof(struct config_checkpoint, interval), false,
	  SECONDS(1) / 10, SECONDS(3600), NULL },
	{ 0 }
};
static const struct tally_field tpm_fields[] = {
	{ "attest", TALLY_F_BOOL, offsetof(struct config_tpm, attest), false, 0, 0, NULL }, { 0 }
};
static const struct tally_field queue_fields[] = { { "records", TALLY_F_U64,
						     offsetof(struct config_queue, records), false,
						     16, 1048576, NULL },
						   { 0 } };
static const struct tally_field fields[] = {
	{ "ledger", TALLY_F_STRING, offsetof(struct config, ledger), true, 0, 0, NULL },
	{ "host", TALLY_F_MAP, offsetof(struct config, host), false, 0, 0, host_fields },
	{ "libvirt", TALLY_F_MAP, offsetof(struct config, libvirt), false, 0, 0, libvirt_fields },
	{ "heartbeat", TALLY_F_MAP, offsetof(struct config, heartbeat), false, 0, 0,
	  heartbeat_fields },
	{ "checkpoint", TALLY_F_MAP, offsetof(struct config, checkpoint), false, 0, 0,
	  checkpoint_fields },
	{ "tpm", TALLY_F_MAP, offsetof(struct config, tpm), false, 0, 0, tpm_fields },
	{ "queue", TALLY_F_MAP, offsetof(struct config, queue), false, 0, 0, queue_fields },
	{ 0 }
};

/* Recorded names are those that imports allow, so that ledgers of both kinds
 * can stand in one report. */
static bool
host_name_valid(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n <= 200 && s[0] != '.' &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

int
config_load(struct config *out, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_yaml *yaml = NULL;
	struct utsname node;
	int rc = -1, found;
	memset(out, 0, sizeof(*out));
	out->heartbeat.interval.ns = 10 * TALLY_SECOND;
	out->heartbeat.record.ns = 300 * TALLY_SECOND;
	out->checkpoint.interval.ns = TALLY_SECOND;
	out->tpm.attest = true;
	out->queue.records = 65536;
	found = tally_file_read(AT_FDCWD, path, 1 << 20, &text, err);
	if (found == 0)
		(void)tally_err_set(err, TALLY_SYS, "%s: no such file", path);
	if (found != 1)
		goto out;
	tally_sha256(out->hash, tally_buf_view(&text));
	if (tally_yaml_parse(&yaml, path, tally_buf_view(&text), err) < 0 ||
	    tally_yaml_read(path, yaml, fields, out, err) < 0)
		goto out;
	if (out->libvirt.uri == NULL)
		out->libvirt.uri = tally_strdup("qemu:///system");
	if (out->host.name == NULL && uname(&node) == 0)
		out->host.name = tally_strdup(node.nodename);
	if (out->host.name == NULL || !host_name_valid(out->host.name)) {
		(void)tally_err_set(err, TALLY_USE,
				    "%s: host.name: only A-Z a-z 0-9 . _ - and no dot first", path);
		goto out;
	}
	rc = 0;
out:
	tally_yaml_free(yaml);
	tally_buf_deinit(&text);
	if (rc < 0)
		config_release(out);
	return rc;
}

void
config_release(struct config *c)
{
	tally_yaml_release(fields, c);
}
