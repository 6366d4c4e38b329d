/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust policies, read line by line. A name stands for a witness or a group and
 * is a member at most once, so the groups are a forest, and who has signed is
 * counted in one pass over them in the order of their lines.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "tally/witness.h"

struct group {
	char *name;
	unsigned threshold, members;
};
/* What a member belongs to, and how it is named in messages. */
#define NOBODY (-1)
struct tally_policy {
	struct tally_policy_party log[TALLY_POLICY_MAX], witness[TALLY_POLICY_MAX];
	struct group group[TALLY_POLICY_MAX];
	int witness_in[TALLY_POLICY_MAX], group_in[TALLY_POLICY_MAX]; /* a group, or NOBODY */
	size_t logs, witnesses, groups;
	bool has_quorum, none;
	bool of_group; /* the quorum is a group's, or a witness's */
	size_t quorum;
};

/* The line that is read, for errors with their place. */
struct reading {
	struct tally_policy *p;
	const char *name;
	unsigned line;
	struct tally_bytes left; /* of the line */
	const uint8_t *begin;
	struct tally_bytes word; /* the last one taken */
};

static unsigned
column(const struct reading *r)
{
	const uint8_t *at = r->word.len > 0 ? r->word.p : r->left.p;

	return (unsigned)(at - r->begin) + 1;
}

#define REFUSE(r, err, ...)                                                                        \
	(tally_err_set_((err), TALLY_USE, __VA_ARGS__),                                            \
	 tally_err_prefix_((err), "%s:%u:%u", (r)->name, (r)->line, column(r)), -1)

static bool
take_word(struct reading *r)
{
	const uint8_t *p = r->left.p, *end = p + r->left.len, *begin;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	begin = p;
	while (p < end && *p != ' ' && *p != '\t')
		p++;
	r->word = tally_bytes(begin, (size_t)(p - begin));
	r->left = tally_bytes(p, (size_t)(end - p));
	return r->word.len > 0;
}

static bool
is(const struct reading *r, const char *text)
{
	return tally_bytes_eq(r->word, tally_bytes_str(text));
}

/* 1 a witness, 2 a group, 0 nothing has this name. */
static int
find(const struct tally_policy *p, struct tally_bytes name, size_t *at)
{
	for (*at = 0; *at < p->witnesses; ++*at)
		if (tally_bytes_eq(tally_bytes_str(p->witness[*at].name), name))
			return 1;
	for (*at = 0; *at < p->groups; ++*at)
		if (tally_bytes_eq(tally_bytes_str(p->group[*at].name), name))
			return 2;
	return 0;
}

static char *
copy(struct tally_bytes word)
{
	return tally_strndup((const char *)word.p, word.len);
}

static int
end_line(struct reading *r, struct tally_err *err)
{
	return take_word(r) ? REFUSE(r, err, "unexpected '%.*s'", (int)r->word.len,
				     (const char *)r->word.p)
			    : 0;
}

/* A vkey of that type which nobody in `list` has. */
static int
read_key(struct reading *r, struct tally_vkey *key, uint8_t type,
	 const struct tally_policy_party *list, size_t n, struct tally_err *err)
{
	struct tally_err bad = TALLY_ERR_INIT;

	if (!take_word(r))
		return REFUSE(r, err, "a verifier key is missing");
	if (tally_vkey_parse(key, r->word, &bad) < 0)
		return REFUSE(r, err, "%s", bad.text);
	if (key->type != type)
		return REFUSE(r, err, "a key of type 0x%02x, and 0x%02x is wanted here", key->type,
			      type);
	for (size_t i = 0; i < n; i++)
		if (memcmp(list[i].key.key, key->key, sizeof(key->key)) == 0)
			return REFUSE(r, err, "the same public key as in a line before");
	return 0;
}

static int
read_url(struct reading *r, char **url, struct tally_err *err)
{
	if (take_word(r))
		*url = copy(r->word);
	return end_line(r, err);
}

static int
read_log(struct reading *r, struct tally_err *err)
{
	struct tally_policy *p = r->p;
	struct tally_policy_party *log = &p->log[p->logs];

	if (p->logs == TALLY_POLICY_MAX)
		return REFUSE(r, err, "more than %d logs", TALLY_POLICY_MAX);
	if (read_key(r, &log->key, TALLY_SIG_ED25519, p->log, p->logs, err) < 0)
		return -1;
	p->logs++;
	return read_url(r, &log->url, err);
}

static int
read_new_name(struct reading *r, struct tally_err *err)
{
	size_t at;

	if (!take_word(r))
		return REFUSE(r, err, "a name is missing");
	if (is(r, "none") || find(r->p, r->word, &at) != 0)
		return REFUSE(r, err, "the name '%.*s' is taken", (int)r->word.len,
			      (const char *)r->word.p);
	return 0;
}

static int
read_witness(struct reading *r, struct tally_err *err)
{
	struct tally_policy *p = r->p;
	struct tally_policy_party *witness = &p->witness[p->witnesses];
	struct tally_bytes name;

	if (p->witnesses == TALLY_POLICY_MAX)
		return REFUSE(r, err, "more than %d witnesses", TALLY_POLICY_MAX);
	if (read_new_name(r, err) < 0)
		return -1;
	name = r->word;
	if (read_key(r, &witness->key, TALLY_SIG_COSIGNATURE, p->witness, p->witnesses, err) < 0)
		return -1;
	witness->name = copy(name);
	p->witness_in[p->witnesses++] = NOBODY;
	return read_url(r, &witness->url, err);
}

/* 0 = "all", filled in when the members are known. */
static int
read_threshold(struct reading *r, unsigned *out, struct tally_err *err)
{
	uint64_t k;

	if (!take_word(r))
		return REFUSE(r, err, "'all', 'any' or a number is missing");
	*out = is(r, "any") ? 1 : 0;
	if (is(r, "any") || is(r, "all"))
		return 0;
	if (!tally_parse_u64(&k, (const char *)r->word.p, r->word.len, 2 * TALLY_POLICY_MAX) ||
	    k == 0)
		return REFUSE(r, err, "not 'all', 'any' or a number from 1 on");
	*out = (unsigned)k;
	return 0;
}

static int
read_member(struct reading *r, int group, struct tally_err *err)
{
	struct tally_policy *p = r->p;
	size_t at;
	int kind = find(p, r->word, &at), *in;

	if (kind == 0)
		return REFUSE(r, err, "no line before names '%.*s'", (int)r->word.len,
			      (const char *)r->word.p);
	in = kind == 1 ? &p->witness_in[at] : &p->group_in[at];
	if (*in != NOBODY)
		return REFUSE(r, err, "'%.*s' is a member already", (int)r->word.len,
			      (const char *)r->word.p);
	*in = group;
	p->group[group].members++;
	return 0;
}

static int
read_group(struct reading *r, struct tally_err *err)
{
	struct tally_policy *p = r->p;
	struct group *g = &p->group[p->groups];
	struct tally_bytes name, threshold;

	if (p->groups == TALLY_POLICY_MAX)
		return REFUSE(r, err, "more than %d groups", TALLY_POLICY_MAX);
	if (read_new_name(r, err) < 0)
		return -1;
	name = r->word;
	if (read_threshold(r, &g->threshold, err) < 0)
		return -1;
	threshold = r->word;
	/* It is no member of its own: its name is known only behind them. */
	while (take_word(r))
		if (read_member(r, (int)p->groups, err) < 0)
			return -1;
	if (g->members == 0)
		return REFUSE(r, err, "a group without members");
	r->word = threshold;
	if (g->threshold > g->members)
		return REFUSE(r, err, "more than its %u members are asked for", g->members);
	if (g->threshold == 0)
		g->threshold = g->members;
	g->name = copy(name);
	p->group_in[p->groups++] = NOBODY;
	return 0;
}

static int
read_quorum(struct reading *r, struct tally_err *err)
{
	struct tally_policy *p = r->p;
	int kind;

	if (p->has_quorum)
		return REFUSE(r, err, "a second quorum");
	if (!take_word(r))
		return REFUSE(r, err, "a name is missing");
	p->has_quorum = true;
	p->none = is(r, "none");
	kind = p->none ? 1 : find(p, r->word, &p->quorum);
	if (kind == 0)
		return REFUSE(r, err, "no line before names '%.*s'", (int)r->word.len,
			      (const char *)r->word.p);
	p->of_group = kind == 2;
	return end_line(r, err);
}

static const struct {
	const char *word;
	int (*read)(struct reading *r, struct tally_err *err);
} lines[] = { { "log", read_log },
	      { "witness", read_witness },
	      { "group", read_group },
	      { "quorum", read_quorum } };
#define LINES (sizeof(lines) / sizeof(*lines))

static int
read_line(struct reading *r, struct tally_err *err)
{
	for (size_t i = 0; i < r->left.len; i++)
		if ((r->left.p[i] < ' ' && r->left.p[i] != '\t') || r->left.p[i] == 0x7f) {
			r->left = tally_bytes(r->left.p + i, 0);
			return REFUSE(r, err, "a control character");
		}
	if (!take_word(r) || r->word.p[0] == '#')
		return 0;
	for (size_t i = 0; i < LINES; i++)
		if (is(r, lines[i].word))
			return lines[i].read(r, err);
	return REFUSE(r, err, "unknown word '%.*s' (log, witness, group, quorum)", (int)r->word.len,
		      (const char *)r->word.p);
}

static int
read_lines(struct reading *r, struct tally_bytes text, struct tally_err *err)
{
	while (text.len > 0) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		size_t n = end ? (size_t)(end - text.p) : text.len;

		r->line++;
		r->begin = text.p;
		r->left = tally_bytes(text.p, n);
		r->word = tally_bytes(NULL, 0);
		if (!end) {
			r->left = tally_bytes(text.p + n, 0);
			return REFUSE(r, err, "the last line does not end");
		}
		if (read_line(r, err) < 0)
			return -1;
		text = tally_bytes(text.p + n + 1, text.len - n - 1);
	}
	if (!r->p->has_quorum)
		return tally_err_set(err, TALLY_USE, "%s: no quorum line", r->name);
	return 0;
}

int
tally_policy_parse(struct tally_policy **out, const char *name, struct tally_bytes text,
		   struct tally_err *err)
{
	struct reading r = { .p = tally_alloc(sizeof(*r.p)), .name = name };

	if (read_lines(&r, text, err) < 0) {
		tally_policy_free(r.p);
		return -1;
	}
	*out = r.p;
	return 0;
}

void
tally_policy_free(struct tally_policy *p)
{
	if (!p)
		return;
	/* Of a line that was refused, parts may stand behind what is counted. */
	for (size_t i = 0; i < TALLY_POLICY_MAX; i++) {
		free(p->log[i].url);
		free(p->witness[i].name);
		free(p->witness[i].url);
		free(p->group[i].name);
	}
	free(p);
}

bool
tally_policy_recognised(struct tally_bytes text)
{
	struct reading r = { 0 };

	while (text.len > 0) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		size_t n = end ? (size_t)(end - text.p) : text.len;

		r.left = tally_bytes(text.p, n);
		n += end != NULL;
		text = tally_bytes(text.p + n, text.len - n);
		if (!take_word(&r) || r.word.p[0] == '#' || is(&r, "\r"))
			continue;
		for (size_t i = 0; i < LINES; i++)
			if (is(&r, lines[i].word))
				return true;
		return false;
	}
	return false;
}

size_t
tally_policy_logs(const struct tally_policy *p)
{
	return p->logs;
}

const struct tally_policy_party *
tally_policy_log(const struct tally_policy *p, size_t i)
{
	TALLY_ASSERT(i < p->logs);
	return &p->log[i];
}

size_t
tally_policy_witnesses(const struct tally_policy *p)
{
	return p->witnesses;
}

const struct tally_policy_party *
tally_policy_witness(const struct tally_policy *p, size_t i)
{
	TALLY_ASSERT(i < p->witnesses);
	return &p->witness[i];
}

bool
tally_policy_asks(const struct tally_policy *p)
{
	return !p->none;
}

bool
tally_policy_reached(const struct tally_policy *p, const bool *signed_by)
{
	unsigned count[TALLY_POLICY_MAX] = { 0 };

	if (p->none)
		return true;
	for (size_t i = 0; i < p->witnesses; i++)
		if (signed_by[i] && p->witness_in[i] != NOBODY)
			count[p->witness_in[i]]++;
	/* A group is a member of later ones only. */
	for (size_t i = 0; i < p->groups; i++)
		if (count[i] >= p->group[i].threshold && p->group_in[i] != NOBODY)
			count[p->group_in[i]]++;
	return p->of_group ? count[p->quorum] >= p->group[p->quorum].threshold
			   : signed_by[p->quorum];
}

/* Whether those that signed no later (or no sooner) than `limit` are enough. */
static bool
reached_within(const struct tally_policy *p, const bool *signed_by, const uint64_t *time,
	       uint64_t limit, bool sooner)
{
	bool within[TALLY_POLICY_MAX] = { false };

	for (size_t i = 0; i < p->witnesses; i++)
		within[i] = signed_by[i] && (sooner ? time[i] <= limit : time[i] >= limit);
	return tally_policy_reached(p, within);
}

void
tally_policy_times(const struct tally_policy *p, const bool *signed_by, const uint64_t *time,
		   uint64_t *by, uint64_t *since)
{
	TALLY_ASSERT(tally_policy_asks(p) && tally_policy_reached(p, signed_by));
	*by = UINT64_MAX;
	*since = 0;
	for (size_t i = 0; i < p->witnesses; i++) {
		if (!signed_by[i])
			continue;
		if (time[i] < *by && reached_within(p, signed_by, time, time[i], true))
			*by = time[i];
		if (time[i] >= *since && reached_within(p, signed_by, time, time[i], false))
			*since = time[i];
	}
}
