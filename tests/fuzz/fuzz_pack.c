/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a rule pack: it is refused with its place, or read whole; then its
 * tests run, each rule gives a figure of any host or says that it overflows, and it
 * can be told.
 */
#include <string.h>
#include "../../reports/formula.h"
#include "tally/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_rule(const struct rule *r, const uint8_t *data, size_t size)
{
	uint64_t n[4] = { 0 };
	uint32_t cores[2] = { 8, UINT32_MAX };
	struct formula_host h = { .known = size % 2, .cores = cores, .sockets = 2 };
	struct formula_vm vm = { 0 };
	struct formula_input in = { .hosts = &h, .n_hosts = 1, .vms = &vm, .n_vms = 1 };
	amount figure = 0, again = 0, packs = 0;

	memcpy(n, data, size < sizeof(n) ? size : sizeof(n));
	h.vms = n[0];
	h.vcpus = vm.vcpus = n[1];
	vm.run = n[2];
	h.pinned = n[3];
	h.cpu = h.partitioning = tally_bytes(data, size);
	if (formula_figure(&figure, r, &in)) {
		TALLY_ASSERT(figure >= 0);
		TALLY_ASSERT(formula_figure(&again, r, &in) && again == figure);
		if (formula_order_packs(&packs, r, figure))
			TALLY_ASSERT(packs >= figure && formula_order_least(r, packs) >= packs);
	}
	if (formula_reach(&again, r, &in, n[0], n[1]))
		TALLY_ASSERT(again >= 0);
	TALLY_ASSERT(r->valid_from < r->valid_to && r->licences.count > 0 && r->scopes && r->clock);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_pack *p;

	if (tally_pack_parse(&p, "f", tally_bytes(data, size), &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
		return 0;
	}
	TALLY_ASSERT(p->n_rules > 0);
	for (size_t i = 0; i < p->n_rules; i++) {
		try_rule(&p->rules[i], data, size);
		tally_pack_show(p, p->rules[i].id, &out);
	}
	TALLY_ASSERT(out.len > 0);
	tally_packs_list(&p, 1, &out);
	if (tally_pack_check(p, &err) < 0)
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
	TALLY_ASSERT(tally_packs_settle(&p, 1, &err) == 0);
	tally_pack_free(p);
	tally_buf_deinit(&out);
	return 0;
}
