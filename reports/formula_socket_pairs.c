/* SPDX-License-Identifier: Apache-2.0 */
/* socket-pairs: the populated sockets of each host that counts, in pairs (or as
 * many as a unit covers), rounded up for each host. */
#include "formula.h"

uint64_t
formula_socket_units(const struct rule *r, const struct formula_host *h)
{
	uint64_t least = r->unknown_sockets > 0 ? r->unknown_sockets : 1;

	return formula_ceil(h->known ? h->sockets : least, r->sockets_per_unit);
}

bool
formula_socket_pairs(amount *out, const struct rule *r, const struct formula_input *in)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < in->n_hosts; i++)
		if (formula_counts(&in->hosts[i]) &&
		    !formula_add(&sum, formula_socket_units(r, &in->hosts[i]), 1))
			return false;
	*out = (amount)sum * AMOUNT_ONE;
	return true;
}
