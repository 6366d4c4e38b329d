/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as one table; a default is what the struct holds before. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
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
	{ "uri", TALLY_F_STRING, offsetof(struct config_libvirt, uri), false, 1, 1023, NULL },
	{ "pids", TALLY_F_STRING, offsetof(struct config_libvirt, pids), false, 1, PATH_MAX - 1,
	  NULL },
	{ 0 }
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
	{ "attest", TALLY_F_BOOL, offsetof(struct config_tpm, attest), false, 0, 0, NULL },
	{ "attest_interval", TALLY_F_SPAN, offsetof(struct config_tpm, attest_interval), false, 0,
	  SECONDS(3600), NULL },
	/* Above the boot PCRs, below those that a command sets back. */
	{ "ledger_pcr", TALLY_F_U64, offsetof(struct config_tpm, ledger_pcr), false, 8, 15, NULL },
	{ "endorsement_password_file", TALLY_F_STRING,
	  offsetof(struct config_tpm, endorsement_password_file), false, 1, PATH_MAX - 1, NULL },
	{ "owner_password_file", TALLY_F_STRING, offsetof(struct config_tpm, owner_password_file),
	  false, 1, PATH_MAX - 1, NULL },
	{ 0 }
};
static const struct tally_field witness_fields[] = {
	{ "policy", TALLY_F_STRING, offsetof(struct config_witness, policy), true, 1, PATH_MAX - 1,
	  NULL },
	{ "interval", TALLY_F_SPAN, offsetof(struct config_witness, interval), false, SECONDS(1),
	  SECONDS(3600), NULL },
	{ 0 }
};
static const struct tally_field timestamps_fields[] = {
	{ "urls", TALLY_F_STRINGS, offsetof(struct config_timestamps, urls), true, 0, 0, NULL },
	{ "roots", TALLY_F_STRING, offsetof(struct config_timestamps, roots), false, 1,
	  PATH_MAX - 1, NULL },
	{ "interval", TALLY_F_SPAN, offsetof(struct config_timestamps, interval), false, SECONDS(1),
	  SECONDS(86400), NULL },
	{ 0 }
};
static const struct tally_field processes_fields[] = {
	{ "unmanaged", TALLY_F_BOOL, offsetof(struct config_processes, unmanaged), false, 0, 0,
	  NULL },
	{ 0 }
};
/* Their lengths are those of struct tally_domain. */
static const struct tally_field claim_fields[] = {
	{ "name", TALLY_F_STRING, offsetof(struct config_claim, name), true, 1, 255, NULL },
	{ "tenant", TALLY_F_STRING, offsetof(struct config_claim, tenant), false, 1, 255, NULL },
	{ "cost_center", TALLY_F_STRING, offsetof(struct config_claim, cost_center), false, 1, 255,
	  NULL },
	{ "environment", TALLY_F_STRING, offsetof(struct config_claim, environment), false, 1, 63,
	  NULL },
	{ "os", TALLY_F_STRING, offsetof(struct config_claim, os), false, 1, 255, NULL },
	{ 0 }
};
static const struct tally_field queue_fields[] = { { "records", TALLY_F_U64,
						     offsetof(struct config_queue, records), false,
						     16, 1048576, NULL },
						   { 0 } };
static const struct tally_field fields[] = {
	{ "ledger", TALLY_F_STRING, offsetof(struct config, ledger), true, 1, PATH_MAX - 1, NULL },
	{ "host", TALLY_F_MAP, offsetof(struct config, host), false, 0, 0, host_fields },
	{ "libvirt", TALLY_F_MAP, offsetof(struct config, libvirt), false, 0, 0, libvirt_fields },
	{ "heartbeat", TALLY_F_MAP, offsetof(struct config, heartbeat), false, 0, 0,
	  heartbeat_fields },
	{ "checkpoint", TALLY_F_MAP, offsetof(struct config, checkpoint), false, 0, 0,
	  checkpoint_fields },
	{ "tpm", TALLY_F_MAP, offsetof(struct config, tpm), false, 0, 0, tpm_fields },
	{ "witness", TALLY_F_MAP, offsetof(struct config, witness), false, 0, 0, witness_fields },
	{ "timestamps", TALLY_F_MAP, offsetof(struct config, timestamps), false, 0, 0,
	  timestamps_fields },
	{ "queue", TALLY_F_MAP, offsetof(struct config, queue), false, 0, 0, queue_fields },
	{ "processes", TALLY_F_MAP, offsetof(struct config, processes), false, 0, 0,
	  processes_fields },
	{ "claims", TALLY_F_LIST, offsetof(struct config, claims), false, 0, 0, claim_fields,
	  sizeof(struct config_claim) },
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

static void
set_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->heartbeat.interval.ns = 10 * TALLY_SECOND;
	c->heartbeat.record.ns = 300 * TALLY_SECOND;
	c->checkpoint.interval.ns = TALLY_SECOND;
	c->tpm.attest = true;
	c->tpm.attest_interval.ns = CONFIG_BY_TRANSPORT;
	c->witness.interval.ns = 60 * TALLY_SECOND;
	c->timestamps.interval.ns = 3600 * TALLY_SECOND;
	c->processes.unmanaged = true;
	c->queue.records = 65536;
}

static int
check_host_name(struct config *c, const char *path, const struct tally_yaml *yaml,
		struct tally_err *err)
{
	static const char rule[] =
		"'name' must be 1 to 200 of A-Z a-z 0-9 . _ - and have no dot first";
	const struct tally_yaml *host = tally_yaml_get(yaml, "host");
	struct utsname node;

	if (c->host.name != NULL)
		return host_name_valid(c->host.name)
			       ? 0
			       : tally_yaml_error(path, tally_yaml_get(host, "name"), err, "%s",
						  rule);
	if (uname(&node) < 0)
		return tally_err_sys(err, "uname");
	c->host.name = tally_strdup(node.nodename);
	if (host_name_valid(c->host.name))
		return 0;
	return tally_err_set(err, TALLY_USE,
			     "%s: host.name is needed, for this machine's own cannot be recorded: "
			     "%s",
			     path, rule);
}

int
config_load(struct config *out, const char *path, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_yaml *yaml = NULL;
	int rc = -1, found;
	set_defaults(out);
	found = tally_file_read(AT_FDCWD, path, 1 << 20, &text, err);
	if (found == 0)
		(void)tally_err_set(err, TALLY_SYS, "%s: no such file", path);
	if (found != 1)
		goto out;
	tally_sha256(out->hash, tally_buf_view(&text));
	if (tally_yaml_parse(&yaml, path, tally_buf_view(&text), err) < 0 ||
	    tally_yaml_read(path, yaml, fields, out, err) < 0 ||
	    check_host_name(out, path, yaml, err) < 0)
		goto out;
	if (out->libvirt.uri == NULL)
		out->libvirt.uri = tally_strdup("qemu:///system");
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

struct tally_span
config_attest_interval(const struct config *c, const char *transport)
{
	if (c->tpm.attest_interval.ns != CONFIG_BY_TRANSPORT)
		return c->tpm.attest_interval;
	return (struct tally_span){ strcmp(transport, "libtpms") == 0 ? 0 : 10 * TALLY_SECOND };
}
