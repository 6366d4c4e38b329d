/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report, computed again from the exports that it names, and compared byte for
 * byte. What the report says about itself and no entry can show (the period, the
 * program, the release of tzdata, how much lay behind a checkpoint) is taken
 * from it; everything else must come out again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tally/csv.h"
#include "tally/json.h"
#include "tally/pack.h"
#include "tally/parallel.h"
#include "tally/parse.h"
#include "tally/report.h"
#include "verify_internal.h"

#define TELL(v, t, ...) problem(&(v)->problems, "report", (t)->path, NULL, __VA_ARGS__)

bool
report_recognised(struct tally_bytes content)
{
	static const char *const keys[] = { "\"charges\"",  "\"coverage\"", "\"evidence\"",
					    "\"findings\"", "\"report\"",   "\"rule_packs\"",
					    "\"positions\"" };
	unsigned found = 0;

	if (content.len == 0 || content.p[0] != '{')
		return false;
	/* Some may be damaged or cut off: that is a report that does not hold. */
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		found += memmem(content.p, content.len, keys[i], strlen(keys[i])) != NULL;
	return found >= 2;
}

/* What is taken from the report. */
struct claims {
	struct tally_json_doc *doc;
	struct tally_report_options options;
	struct tally_zone *zone;
	struct tally_report_input old, held, roster;
	char *tool, *tzdata, *old_name, *held_name, *roster_name;
	struct tally_report_ledger *ledgers;
	char *licensor;
	struct tally_export **exports;
	size_t count;
	struct tally_pack **packs;
	size_t n_packs;
	struct tally_prices *prices;
};

static void
claims_deinit(struct claims *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->ledgers[i].entries.close)
			c->ledgers[i].entries.close(c->ledgers[i].entries.ctx);
		if (c->ledgers[i].entries2.close)
			c->ledgers[i].entries2.close(c->ledgers[i].entries2.ctx);
	}
	for (size_t i = 0; i < c->n_packs; i++)
		tally_pack_free(c->packs[i]);
	free(c->packs);
	tally_prices_free(c->prices);
	tally_json_free(c->doc);
	tally_zone_free(c->zone);
	free(c->tool);
	free(c->tzdata);
	free(c->licensor);
	free(c->old_name);
	free(c->held_name);
	free(c->roster_name);
	free(c->ledgers);
	free(c->exports);
}

/* A text member; an empty view where there is none. */
static struct tally_bytes
text(const struct tally_json *object, const char *key)
{
	const struct tally_json *v = object ? tally_json_get(object, key) : NULL;

	return v ? tally_json_string(v) : tally_bytes(NULL, 0);
}

static bool
time_of(struct tally_wall *out, const struct tally_json *report, const char *key)
{
	struct tally_bytes t = text(report, key);

	return t.len > 0 && tally_wall_parse(out, (const char *)t.p, t.len, false);
}

/* What it says of itself is told on: it is one line of at most so many bytes, and plain. */
#define WORD_MAX 255
static bool
is_plain(struct tally_bytes word)
{
	struct tally_buf shown = TALLY_BUF_INIT;
	bool is;

	if (word.len > WORD_MAX)
		return false;
	tally_printable(&shown, word);
	is = tally_bytes_eq(tally_buf_view(&shown), word);
	tally_buf_deinit(&shown);
	return is;
}

/* For whom it is; false where that cannot be told on. */
static bool
take_licensor(struct claims *c, const struct tally_json *made_for)
{
	struct tally_bytes licensor = text(made_for, "licensor");
	const struct tally_json *high = tally_json_get(made_for, "high");

	if (!is_plain(licensor))
		return false;
	c->licensor = licensor.p ? tally_strndup((const char *)licensor.p, licensor.len)
				 : tally_strdup("");
	c->options.licensor = c->licensor;
	c->options.with_high = high && tally_json_bool(high);
	return true;
}

/* The head of the report. false where it cannot be computed again. */
static bool
take_head(struct tally_verify *v, struct target *t, struct claims *c)
{
	const struct tally_json *report = tally_json_get(tally_json_root(c->doc), "report");
	struct tally_bytes tool = text(report, "tool"), tzdata = text(report, "tzdata");
	struct tally_bytes zone = text(report, "timezone");
	const struct tally_json *made_for;
	struct tally_err err = TALLY_ERR_INIT;

	if (!time_of(&c->options.from, report, "from") || !time_of(&c->options.to, report, "to") ||
	    !tool.p || !tzdata.p || !zone.p) {
		TELL(v, t, "its head is not that of a report");
		return false;
	}
	made_for = tally_json_get(report, "for");
	if (!is_plain(tool) || !is_plain(tzdata) || (made_for && !take_licensor(c, made_for))) {
		TELL(v, t, "its head holds what is no plain word");
		return false;
	}
	/* The parser ends them with NUL, and lets none be inside. */
	if (tally_zone_open(&c->zone, (const char *)zone.p, &err) < 0) {
		TELL(v, t, "%s", err.text);
		return false;
	}
	c->tool = tally_strndup((const char *)tool.p, tool.len);
	c->tzdata = tally_strndup((const char *)tzdata.p, tzdata.len);
	c->options.zone = c->zone;
	c->options.tool = c->tool;
	c->options.tzdata = c->tzdata;
	c->options.sha256 = tally_sha256;
	c->options.parallel = tally_parallel;
	c->options.threads = tally_parallel_threads();
	return true;
}

/* The report that it supersedes is one of its inputs, and has to be among the
 * paths: what became different cannot be told without it. */
static bool
take_old(struct tally_verify *v, struct target *t, struct claims *c)
{
	const struct tally_json *report = tally_json_get(tally_json_root(c->doc), "report");
	const struct tally_json *is = tally_json_get(report, "supersedes");
	const struct tally_json *inputs = tally_json_get(report, "inputs");
	size_t first = SIZE_MAX, count = inputs ? tally_json_count(inputs) : 0, n;
	struct tally_bytes name = tally_bytes(NULL, 0);

	if (!is || tally_json_type(is) == TALLY_JSON_NULL)
		return true;
	for (size_t i = 0; i < count; i++) {
		const struct tally_json *input = tally_json_at(inputs, i);
		struct tally_bytes hex = text(input, "sha256");
		const struct digest *found = NULL;
		uint8_t hash[TALLY_HASH];

		if (tally_unhex(hash, TALLY_HASH, (const char *)hex.p, hex.len))
			found = digests_find(&v->reports, t->bundle, hash, &n);
		if (!found)
			continue;
		/* And so is a copy of it. */
		for (size_t k = 0; k < n && !v->targets[found[0].at].named; k++)
			v->targets[found[n - 1 - k].at].named = true;
		if (found->at < first) {
			first = found->at;
			name = text(input, "name");
		}
	}
	if (first == SIZE_MAX || !name.p) {
		TELL(v, t, "report %.*s, which it supersedes, is not among the paths",
		     (int)tally_json_string(is).len, (const char *)tally_json_string(is).p);
		return false;
	}
	c->old_name = tally_strndup((const char *)name.p, name.len);
	c->old = (struct tally_report_input){ c->old_name,
					      tally_buf_view(&v->targets[first].content) };
	c->options.old = &c->old;
	return true;
}

/* What the report was made from, and is not here: a file of its name may be. */
static void
tell_absent(struct tally_verify *v, struct target *t, struct tally_bytes name,
	    struct tally_bytes hash)
{
	const struct input *other = verify_find_other(v, t->bundle, name);
	char hex[2 * TALLY_HASH + 1] = "";

	if (other)
		tally_hex(hex, other->hash, TALLY_HASH);
	TELL(v, t, "%.*s (SHA-256 %.*s), which it was made from, is not among the paths%s%s%s",
	     (int)name.len, (const char *)name.p, (int)hash.len, (const char *)hash.p,
	     other ? ": the file there is another one (SHA-256 " : "", hex, other ? ")" : "");
}

/* One pack of the report's, by its hash. */
static bool
take_pack(struct tally_verify *v, struct target *t, struct claims *c, const struct tally_json *is)
{
	struct tally_bytes hash = text(is, "sha256"), id = text(is, "id");
	const struct input *in = verify_find_input(v, t->bundle, hash);
	struct tally_err err = TALLY_ERR_INIT;

	if (!in) {
		TELL(v, t, "rule pack %.*s (SHA-256 %.*s) is neither installed nor among the paths",
		     (int)id.len, (const char *)id.p, (int)hash.len, (const char *)hash.p);
		return false;
	}
	if (tally_pack_parse(&c->packs[c->n_packs], in->name, tally_buf_view(&in->content), &err) <
	    0) {
		TELL(v, t, "%s", err.text);
		return false;
	}
	tally_pack_set_hash(c->packs[c->n_packs++], in->hash);
	return true;
}

static bool
take_packs(struct tally_verify *v, struct target *t, struct claims *c)
{
	const struct tally_json *report = tally_json_get(tally_json_root(c->doc), "report");
	const struct tally_json *list = tally_json_get(report, "rule_packs");
	struct tally_err err = TALLY_ERR_INIT;
	size_t n = list && tally_json_type(list) == TALLY_JSON_ARRAY ? tally_json_count(list) : 0;
	bool all = true;

	c->packs = tally_alloc((n + 1) * sizeof(struct tally_pack *));
	for (size_t i = 0; i < n; i++)
		all = take_pack(v, t, c, tally_json_at(list, i)) && all;
	if (all && tally_packs_settle(c->packs, c->n_packs, &err) < 0) {
		TELL(v, t, "%s", err.text);
		return false;
	}
	c->options.packs = c->packs;
	c->options.n_packs = c->n_packs;
	return all;
}

static bool
is_content(struct tally_bytes hash, struct tally_bytes content)
{
	char hex[2 * TALLY_HASH + 1];
	uint8_t raw[TALLY_HASH];

	tally_sha256(raw, content);
	tally_hex(hex, raw, TALLY_HASH);
	return tally_bytes_eq(hash, tally_bytes_str(hex));
}

/* What is held, or who must report; the name has to live as long as the report. */
static void
take_role(struct claims *c, struct tally_bytes name, struct tally_bytes content)
{
	char *base = tally_strndup((const char *)name.p, name.len);
	struct tally_report_input in = { .name = base, .content = content };
	enum tally_report_role role = tally_report_role(&in);

	if (role == TALLY_REPORT_ENTITLEMENTS && !c->held_name) {
		c->held_name = base;
		c->held = in;
		c->options.entitlements = &c->held;
	} else if (role == TALLY_REPORT_ROSTER && !c->roster_name) {
		c->roster_name = base;
		c->roster = in;
		c->options.roster = &c->roster;
	} else {
		free(base);
	}
}

/* One more file that the report was made from: what it is, it says by being that. */
static bool
take_input(struct tally_verify *v, struct target *t, struct claims *c, const struct tally_json *is)
{
	struct tally_bytes hash = text(is, "sha256"), name = text(is, "name");
	struct tally_err ignored = TALLY_ERR_INIT;
	const struct input *in;
	char *base;

	if (c->options.old && is_content(hash, c->old.content))
		return true;
	in = verify_find_input(v, t->bundle, hash);
	if (!in) {
		tell_absent(v, t, name, hash);
		return false;
	}
	base = tally_strndup((const char *)name.p, name.len);
	if (!c->prices &&
	    tally_prices_parse(&c->prices, base, tally_buf_view(&in->content), &ignored) == 0)
		c->options.prices = c->prices;
	free(base);
	take_role(c, name, tally_buf_view(&in->content));
	return true;
}

static bool
take_inputs(struct tally_verify *v, struct target *t, struct claims *c)
{
	const struct tally_json *report = tally_json_get(tally_json_root(c->doc), "report");
	const struct tally_json *list = tally_json_get(report, "inputs");
	size_t n = list && tally_json_type(list) == TALLY_JSON_ARRAY ? tally_json_count(list) : 0;
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all = take_input(v, t, c, tally_json_at(list, i)) && all;
	return all;
}

/* "host NAME: N ..." of the finding after-checkpoint. */
static uint64_t
beyond(const struct claims *c, struct tally_bytes host)
{
	const struct tally_json *list = tally_json_get(tally_json_root(c->doc), "findings");
	struct tally_buf begin = TALLY_BUF_INIT;
	uint64_t n = 0;

	tally_buf_add_str(&begin, "host ");
	tally_buf_add_bytes(&begin, host);
	tally_buf_add_str(&begin, ": ");
	for (size_t i = 0;
	     list && tally_json_type(list) == TALLY_JSON_ARRAY && i < tally_json_count(list); i++) {
		const struct tally_json *finding = tally_json_at(list, i);
		struct tally_bytes words = text(finding, "text");
		const uint8_t *p, *space;

		if (!tally_bytes_eq(text(finding, "kind"), tally_bytes_str("after-checkpoint")) ||
		    words.len <= begin.len || memcmp(words.p, begin.p, begin.len) != 0)
			continue;
		p = words.p + begin.len;
		space = memchr(p, ' ', words.len - begin.len);
		if (space)
			(void)tally_parse_u64(&n, (const char *)p, (size_t)(space - p), UINT64_MAX);
	}
	tally_buf_deinit(&begin);
	return n;
}

static struct tally_export *
find_export(struct tally_verify *v, size_t bundle, struct tally_bytes origin, uint64_t size)
{
	struct target *found = NULL;

	for (size_t k = 0; k < v->n_exports; k++) {
		struct target *t = &v->targets[v->exports[k]];
		const struct tally_export *x = t->export;

		if (t->bundle == bundle && x->origin &&
		    tally_bytes_eq(tally_bytes_str(x->origin), origin) &&
		    (!found || found->export->size < size || !found->export->private))
			found = t;
	}
	if (!found)
		return NULL;
	found->named = true;
	return found->export;
}

static int
root_at(void *ctx, uint64_t size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	return export_root_at(ctx, size, root, err);
}

/* One ledger of the report. 1 ready, 0 told or already known not to hold, -1. */
static int
take_ledger(struct tally_verify *v, struct target *t, struct claims *c, size_t i,
	    const struct tally_json *ledger, struct tally_err *err)
{
	struct tally_bytes origin = text(ledger, "origin");
	const struct tally_json *size = tally_json_get(ledger, "size");
	struct tally_report_ledger *out = &c->ledgers[i];
	struct tally_export *x;

	if (origin.len == 0 || !size || tally_json_type(size) != TALLY_JSON_INT ||
	    tally_json_int(size) < 0) {
		TELL(v, t, "a ledger without origin or size");
		return 0;
	}
	out->size = (uint64_t)tally_json_int(size);
	x = find_export(v, t->bundle, origin, out->size);
	if (!x || (x->sound && (!x->private || x->size < out->size))) {
		TELL(v, t, "%s of %.*s is among the paths",
		     x ? "no export with its entries" : "no export", (int)origin.len,
		     (const char *)origin.p);
		return 0;
	}
	if (!x->sound)
		return 0;
	c->exports[i] = x;
	out->origin = x->origin;
	out->root_at = root_at;
	out->root_ctx = x;
	out->beyond = beyond(c, text(ledger, "host"));
	if (out->beyond > 0)
		remark(&v->problems, "%s: %" PRIu64 " entries of %s lay behind its checkpoint",
		       t->path, out->beyond, x->origin);
	if (tally_export_entries(x, out->size, &out->entries, err) < 0 ||
	    tally_export_entries(x, out->size, &out->entries2, err) < 0 ||
	    export_root_at(x, out->size, out->root, err) < 0)
		return -1;
	return 1;
}

static int
take_ledgers(struct tally_verify *v, struct target *t, struct claims *c, struct tally_err *err)
{
	const struct tally_json *evidence = tally_json_get(tally_json_root(c->doc), "evidence");
	const struct tally_json *list = evidence ? tally_json_get(evidence, "ledgers") : NULL;
	int ready = 1;

	if (!list || tally_json_type(list) != TALLY_JSON_ARRAY || tally_json_count(list) == 0) {
		TELL(v, t, "it names no ledgers");
		return 0;
	}
	c->count = tally_json_count(list);
	c->ledgers = tally_alloc(c->count * sizeof(*c->ledgers));
	c->exports = tally_alloc(c->count * sizeof(struct tally_export *));
	for (size_t i = 0; i < c->count; i++) {
		int r = take_ledger(v, t, c, i, tally_json_at(list, i), err);

		if (r < 0)
			return -1;
		ready = ready && r;
	}
	return ready;
}

#define SHOWN 80 /* bytes of a line */

/* What a line says around the place where it differs. Both texts are UTF-8. */
static struct tally_bytes
line_around(struct tally_bytes text, size_t at)
{
	size_t begin = at, end = at;

	while (begin > 0 && text.p[begin - 1] != '\n')
		begin--;
	while (begin < at && text.p[begin] == ' ')
		begin++;
	if (at - begin > SHOWN - 20)
		begin = at - 20;
	while (begin > 0 && begin < text.len && (text.p[begin] & 0xc0) == 0x80)
		begin--;
	while (end < text.len && text.p[end] != '\n' && end - begin < SHOWN)
		end++;
	while (end > begin && end < text.len && (text.p[end] & 0xc0) == 0x80)
		end--;
	return tally_bytes(text.p + begin, end - begin);
}

/* Names the first line that differs. */
static void
compare(struct tally_verify *v, struct target *t, struct tally_bytes made)
{
	struct tally_bytes given = tally_buf_view(&t->content), is, ought;
	size_t line = 1, same = 0;

	if (tally_bytes_eq(given, made))
		return;
	while (same < given.len && same < made.len && given.p[same] == made.p[same]) {
		line += given.p[same] == '\n';
		same++;
	}
	is = line_around(given, same);
	ought = line_around(made, same);
	if (tally_bytes_eq(is, ought))
		TELL(v, t, "line %zu is not what comes out of the entries", line);
	else
		TELL(v, t,
		     "line %zu is not what comes out of the entries: it says '%.*s', they say "
		     "'%.*s'",
		     line, (int)is.len, (const char *)is.p, (int)ought.len, (const char *)ought.p);
}

static void
state_differences(struct tally_verify *v, struct target *t, const struct claims *c)
{
	static const char tool[] = "tally " TALLY_VERSION;

	if (strcmp(c->tool, tool) != 0)
		remark_verdict(&v->problems, "%s: made by %s, computed again by %s", t->path,
			       c->tool, tool);
	if (strcmp(c->tzdata, tally_zone_tzdata()) != 0)
		remark_verdict(&v->problems, "%s: made with tzdata %s, computed again with %s",
			       t->path, c->tzdata, tally_zone_tzdata());
}

/* An id of its head, which is what came out of the entries. */
static bool
take_id(uint8_t out[TALLY_HASH], const struct tally_json *head, const char *key)
{
	struct tally_bytes hex = text(head, key);

	return hex.p && tally_unhex(out, TALLY_HASH, (const char *)hex.p, hex.len);
}

static void
judge_issue(struct tally_verify *v, struct target *t, const struct claims *c)
{
	const struct tally_json *head = tally_json_get(tally_json_root(c->doc), "report");
	struct issued_report r = { .from = (uint64_t)c->options.from.ns,
				   .to = (uint64_t)c->options.to.ns,
				   .exports = c->exports,
				   .ledgers = c->ledgers,
				   .count = c->count };

	if (!take_id(r.id, head, "id"))
		return;
	r.supersedes = take_id(r.old, head, "supersedes");
	tally_sha256(r.digest, tally_buf_view(&t->content));
	issued_judge(v, t, &r);
}

static int
recompute(struct tally_verify *v, struct target *t, struct claims *c, struct tally_err *err)
{
	struct tally_buf made = TALLY_BUF_INIT;
	struct tally_report *report;
	int r = 0;

	c->options.stays = t->main; /* for its page */
	if (tally_report_make(&report, c->ledgers, c->count, &c->options, err) < 0) {
		if (err->code != TALLY_USE && err->code != TALLY_FAILS)
			return -1;
		TELL(v, t, "cannot be computed again: %s", err->text);
		tally_err_clear(err);
		return 0;
	}
	tally_report_json(report, &made);
	compare(v, t, tally_buf_view(&made));
	if (tally_bytes_eq(tally_buf_view(&t->content), tally_buf_view(&made)))
		judge_issue(v, t, c);
	tally_buf_deinit(&made);
	if (t->main)
		r = bundle_report(v, t, tally_json_get(tally_json_root(c->doc), "report"), report,
				  err);
	tally_report_free(report);
	if (r < 0)
		return -1;
	state_differences(v, t, c);
	t->anchored = true;
	for (size_t i = 0; i < c->count; i++)
		t->anchored = t->anchored && c->exports[i]->anchored;
	return 0;
}

int
report_check(struct tally_verify *v, struct target *t, struct tally_err *err)
{
	struct tally_err bad = TALLY_ERR_INIT;
	struct claims c = { 0 };
	int r = 0;

	if (tally_json_parse(&c.doc, tally_buf_view(&t->content), &bad) < 0) {
		TELL(v, t, "%s", bad.text);
		return 0;
	}
	if (tally_json_type(tally_json_root(c.doc)) != TALLY_JSON_OBJECT)
		TELL(v, t, "not an object");
	else if (take_head(v, t, &c) && take_packs(v, t, &c) && take_old(v, t, &c) &&
		 take_inputs(v, t, &c))
		r = take_ledgers(v, t, &c, err);
	if (r > 0)
		r = recompute(v, t, &c, err);
	claims_deinit(&c);
	return r < 0 ? -1 : 0;
}
