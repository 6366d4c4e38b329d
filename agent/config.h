/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H
/* tallyd.yaml; keys, defaults and bounds: docs/FORMAT.md section 13. */
#include "tally/bytes.h"
#include "tally/time.h"

struct tally_err;

struct config {
	char *ledger;
	struct config_host {
		char *name, *cluster, *region, *site, *asset;
	} host;
	struct config_libvirt {
		char *uri;
	} libvirt;
	struct config_heartbeat {
		struct tally_span interval, record;
	} heartbeat;
	struct config_checkpoint {
		struct tally_span interval;
	} checkpoint;
	struct config_tpm {
		bool attest;
	} tpm;
	struct config_queue {
		uint64_t records;
	} queue;
	uint8_t hash[TALLY_HASH]; /* of the file */
};

int config_load(struct config *out, const char *path, struct tally_err *err);
void config_release(struct config *c);

#endif
