/* SPDX-License-Identifier: Apache-2.0 */
/* The class of the evidence (check 18): what is proven, never what is claimed. */
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/evidence.h"

const char *
tally_class_name(enum tally_class c)
{
	static const char *const names[] = {
		[TALLY_CLASS_SELF_DECLARED] = "self-declared",
		[TALLY_CLASS_SOFTWARE] = "software (libtpms)",
		[TALLY_CLASS_CLOUD] = "cloud-vtpm",
		[TALLY_CLASS_UNCERTIFIED] = "hardware-uncertified",
		[TALLY_CLASS_CERTIFIED] = "hardware-certified",
	};

	TALLY_ASSERT((size_t)c < sizeof(names) / sizeof(names[0]));
	return names[c];
}

int
tally_class_find(struct tally_bytes name, enum tally_class *out)
{
	for (int c = TALLY_CLASS_SELF_DECLARED; c <= TALLY_CLASS_CERTIFIED; c++)
		if (tally_bytes_eq(name, tally_bytes_str(tally_class_name((enum tally_class)c)))) {
			*out = (enum tally_class)c;
			return 1;
		}
	return 0;
}

/* The best that a transport could ever be. */
static enum tally_class
ceiling(struct tally_bytes transport)
{
	static const char device[] = "device";

	return tally_bytes_eq(transport, tally_bytes_str(device)) ? TALLY_CLASS_CERTIFIED
								  : TALLY_CLASS_SOFTWARE;
}

enum tally_class
tally_class_of(bool anchored, struct tally_bytes transport)
{
	/* Nothing but an enrolment or a pinned EK root proves hardware. */
	enum tally_class proven = anchored ? TALLY_CLASS_SOFTWARE : TALLY_CLASS_SELF_DECLARED;
	enum tally_class best = ceiling(transport);

	return proven < best ? proven : best;
}

enum tally_class
tally_class_enrolled(enum tally_class enrolled, struct tally_bytes transport)
{
	enum tally_class best = ceiling(transport);

	return enrolled < best ? enrolled : best;
}

enum tally_class
tally_enrolment_class(const struct tally_enrolment *e, int chain, const struct tally_chain *c,
		      bool rooted)
{
	enum tally_class proven = TALLY_CLASS_UNCERTIFIED; /* the enroller's word */

	if (chain == 1)
		proven = c->class;
	else if (e->certificates > 0 && (rooted || c->software))
		proven = TALLY_CLASS_SOFTWARE;
	return e->class < proven ? e->class : proven;
}
