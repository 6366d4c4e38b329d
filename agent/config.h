/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H
/* tallyd.yaml; keys, defaults and bounds: docs/FORMAT.md section 13. */
#include "tally/bytes.h"
#include "tally/time.h"
#include "tally/yaml.h"

struct tally_domain;
struct tally_err;

#define CONFIG_BY_TRANSPORT (-1) /* of tpm.attest_interval, ns: not given */

/* What the operator knows of the VMs whose name is like `name`; NULL: nothing. */
struct config_claim {
	char *name; /* a shell pattern */
	char *tenant, *cost_center, *environment, *os;
};

struct config {
	char *ledger;
	struct config_host {
		char *name, *cluster, *region, *site, *asset;
	} host;
	struct config_libvirt {
		char *uri;
		char *pids; /* the folder of the manager's pid files; NULL: by the URI */
	} libvirt;
	struct config_heartbeat {
		struct tally_span interval, record;
	} heartbeat;
	struct config_checkpoint {
		struct tally_span interval;
	} checkpoint;
	struct config_witness {
		char *policy; /* a file; NULL: no witness is asked */
		struct tally_span interval;
	} witness;
	struct config_timestamps {
		struct tally_strings urls; /* of authorities; none: no timestamps */
		char *roots;               /* a file; NULL: whoever they are */
		struct tally_span interval;
	} timestamps;
	struct config_tpm {
		bool attest;
		struct tally_span attest_interval; /* see config_attest_interval */
		uint64_t ledger_pcr;               /* 0: not given */
		/* Of its hierarchies; NULL: as `tally init` was told. */
		char *endorsement_password_file, *owner_password_file;
	} tpm;
	struct config_processes {
		bool unmanaged; /* look for hypervisors that the manager does not know */
	} processes;
	struct config_queue {
		uint64_t records;
	} queue;
	struct tally_list claims; /* of struct config_claim, in the file's order */
	uint8_t hash[TALLY_HASH]; /* of the file */
};

int config_load(struct config *out, const char *path, struct tally_err *err);
void config_release(struct config *c);

/* At most one attested checkpoint in this time, 0 each: as configured, else by
 * what the ledger's TPM can bear ("libtpms", "swtpm:...", "device:..."). */
struct tally_span config_attest_interval(const struct config *c, const char *transport);

/* config_claims.c: fills in what the VM's own metadata leave empty. For each
 * field the first claim counts that is like the VM's name and has it. */
void config_claims(const struct config *c, struct tally_domain *d);

#endif
