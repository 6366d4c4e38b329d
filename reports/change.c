/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a change: split, then each value read as its key wants it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "change.h"
#include "price.h"
#include "table.h"
#include "tally/event.h"
#include "tally/parse.h"

#define WORDS_MAX   65536U
#define TEXT_MOST   255U
#define CORES_MOST  4096U
#define SOCKET_MOST 1024U
#define VCPUS_MOST  65536U
#define COPIES_MOST 100000U

static const char *const key_names[CHANGE_KEYS] = {
	[KEY_LIKE] = "like",
	[KEY_CORES] = "cores",
	[KEY_CLUSTER] = "cluster",
	[KEY_REGION] = "region",
	[KEY_CPU] = "cpu",
	[KEY_MAX_SOCKETS] = "max-sockets",
	[KEY_THREADS] = "threads",
	[KEY_HYPERVISOR] = "hypervisor",
	[KEY_OS] = "os",
	[KEY_PARTITIONING] = "partitioning",
	[KEY_TO] = "to",
	[KEY_VCPUS] = "vcpus",
	[KEY_COPIES] = "copies",
	[KEY_EDITION] = "edition",
	[KEY_SOFTWARE] = "software",
	[KEY_TENANT] = "tenant",
	[KEY_ENVIRONMENT] = "environment",
	[KEY_HOST] = "host",
};
#define BIT(key) (1U << (key))
/* Which machines: of their claims and of where they stood. */
#define SELECTS                                                                                    \
	(BIT(KEY_OS) | BIT(KEY_EDITION) | BIT(KEY_SOFTWARE) | BIT(KEY_TENANT) |                    \
	 BIT(KEY_ENVIRONMENT) | BIT(KEY_HOST) | BIT(KEY_CLUSTER))
#define GROWS_HOST (BIT(KEY_CORES) | BIT(KEY_CPU) | BIT(KEY_MAX_SOCKETS) | BIT(KEY_THREADS))

static const struct {
	const char *option;
	unsigned keys; /* that it knows at all */
} options[] = {
	[TALLY_CHANGE_ADD_HOST] = { "--add-host", BIT(KEY_LIKE) | BIT(KEY_CORES) |
							  BIT(KEY_CLUSTER) | BIT(KEY_REGION) |
							  BIT(KEY_CPU) | BIT(KEY_MAX_SOCKETS) |
							  BIT(KEY_THREADS) | BIT(KEY_HYPERVISOR) |
							  BIT(KEY_OS) | BIT(KEY_PARTITIONING) },
	[TALLY_CHANGE_REMOVE_HOST] = { "--remove-host", BIT(KEY_TO) },
	[TALLY_CHANGE_MOVE] = { "--move", SELECTS | BIT(KEY_TO) },
	[TALLY_CHANGE_GROW] = { "--grow", SELECTS | GROWS_HOST | BIT(KEY_VCPUS) | BIT(KEY_COPIES) |
						  BIT(KEY_TO) },
};

const char *
change_option(enum tally_change option)
{
	return options[option].option;
}

void
change_error_(const struct change *c, unsigned at, struct tally_err *err, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tally_err_set_(err, TALLY_USE, "change %zu, %s '%s', character %u: %s", c->number,
		       options[c->option].option, c->words, at, text);
}

static unsigned
characters(const char *p, const char *end)
{
	unsigned n = 1;

	for (; p < end; p++)
		n += ((uint8_t)*p & 0xc0) != 0x80;
	return n;
}

/* Up to the next comma that nobody took, without the backslashes. `p` goes on to it. */
static char *
take_field(const char **p)
{
	struct tally_buf b = TALLY_BUF_INIT;
	char *text;

	for (; **p && **p != ','; (*p)++) {
		if (**p == '\\' && (*p)[1])
			(*p)++;
		tally_buf_add(&b, *p, 1);
	}
	text = tally_strdup(tally_buf_cstr(&b));
	tally_buf_deinit(&b);
	return text;
}

static void
known_keys(const struct change *c, struct tally_buf *out)
{
	for (unsigned k = 0; k < CHANGE_KEYS; k++)
		if (options[c->option].keys & BIT(k))
			tally_buf_addf(out, "%s%s", out->len ? ", " : "", key_names[k]);
}

static int
find_key(const struct change *c, const char *p, size_t len, enum change_key *out,
	 struct tally_err *err)
{
	struct tally_buf known = TALLY_BUF_INIT;

	for (unsigned k = 0; k < CHANGE_KEYS; k++)
		if ((options[c->option].keys & BIT(k)) && strlen(key_names[k]) == len &&
		    memcmp(key_names[k], p, len) == 0) {
			*out = (enum change_key)k;
			return 0;
		}
	known_keys(c, &known);
	change_error_(c, characters(c->words, p), err, "unknown key '%.*s' (it knows %s)",
		      (int)(len < TEXT_MOST ? len : TEXT_MOST), p, tally_buf_cstr(&known));
	tally_buf_deinit(&known);
	return -1;
}

static int
take_pair(struct change *c, const char **p, struct tally_err *err)
{
	const char *begin = *p;
	size_t len = strcspn(begin, "=,\\");
	enum change_key key;

	if (begin[len] != '=')
		return change_error(c, characters(c->words, begin), err,
				    "KEY=VALUE is wanted here");
	if (find_key(c, begin, len, &key, err) < 0)
		return -1;
	if (c->value[key])
		return change_error(c, characters(c->words, begin), err, "'%s' stands there twice",
				    key_names[key]);
	*p = begin + len + 1;
	c->at[key] = characters(c->words, *p);
	c->value[key] = take_field(p);
	if (c->value[key][0] == '\0')
		return change_error(c, c->at[key], err, "'%s' is empty", key_names[key]);
	if (strlen(c->value[key]) > TEXT_MOST)
		return change_error(c, c->at[key], err, "'%s' is longer than %u bytes",
				    key_names[key], TEXT_MOST);
	return 0;
}

static int
split(struct change *c, struct tally_err *err)
{
	const char *p = c->words;

	c->begin = 1;
	c->subject = take_field(&p);
	if (c->subject[0] == '\0' || strlen(c->subject) > TEXT_MOST)
		return change_error(c, 1, err, "a name of 1 to %u bytes is wanted here", TEXT_MOST);
	while (*p == ',') {
		p++;
		if (take_pair(c, &p, err) < 0)
			return -1;
	}
	return 0;
}

static int
take_number(const struct change *c, enum change_key key, uint32_t most, uint32_t *out,
	    struct tally_err *err)
{
	const char *text = c->value[key];
	uint64_t n;

	if (!text)
		return 0;
	if (!tally_parse_u64(&n, text, strlen(text), most) || n == 0)
		return change_error(c, c->at[key], err, "'%s' must be a whole number from 1 to %u",
				    key_names[key], most);
	*out = (uint32_t)n;
	return 0;
}

/* "16+16", "2x16", "2x16+8": the cores of each populated socket. */
static int
take_cores(struct change *c, struct tally_err *err)
{
	const char *p = c->value[KEY_CORES];
	size_t cap = 0;

	while (p) {
		size_t len = strcspn(p, "+"), times = strcspn(p, "x");
		const char *number = times < len ? p + times + 1 : p;
		uint64_t sockets = 1, cores;

		if ((times < len && !tally_parse_u64(&sockets, p, times, SOCKET_MOST)) ||
		    !tally_parse_u64(&cores, number, (size_t)(p + len - number), CORES_MOST) ||
		    cores == 0 || sockets == 0 || sockets > SOCKET_MOST - c->sockets)
			return change_error(c, c->at[KEY_CORES], err,
					    "'cores' must be those of each socket, 1 to %u, such "
					    "as 16+16 or 2x16",
					    CORES_MOST);
		for (; sockets > 0; sockets--) {
			c->cores = array_grow(c->cores, &cap, c->sockets, sizeof(*c->cores));
			c->cores[c->sockets++] = (uint32_t)cores;
		}
		p = p[len] ? p + len + 1 : NULL;
	}
	return 0;
}

static int
take_place(struct change *c, struct tally_err *err)
{
	static const struct {
		const char *begin;
		enum change_place kind;
	} kinds[] = { { "host:", PLACE_HOST }, { "cluster:", PLACE_CLUSTER } };
	const char *text = c->value[KEY_TO];

	if (!text)
		return 0;
	c->to = strcmp(text, "gone") == 0 ? PLACE_GONE : PLACE_EITHER;
	c->place = text;
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(kinds[i].begin);

		if (strncmp(text, kinds[i].begin, n) != 0)
			continue;
		c->to = kinds[i].kind;
		c->place = text + n;
	}
	return c->place[0] ? 0 : change_error(c, c->at[KEY_TO], err, "'to' names nothing");
}

/* A URI by its shape, a family of systems, or a pattern. */
static int
check_os(const struct change *c, struct tally_err *err)
{
	const char *text = c->value[KEY_OS];

	if (!text || strstr(text, "://"))
		return 0;
	if (c->what == CHANGE_ADD_HOST)
		return change_error(
			c, c->at[KEY_OS], err,
			"'os' must be a libosinfo URI, such as http://suse.com/sles/15");
	if (strchr(text, '*') || strcmp(text, "unclassified") == 0 || os_family(text))
		return 0;
	return change_error(c, c->at[KEY_OS], err,
			    "'os' must be a libosinfo URI, a pattern of it with *, unclassified, "
			    "or one of windows-server, windows-client, rhel, sles, ubuntu, debian, "
			    "oracle-linux");
}

static int
refuse_keys(const struct change *c, unsigned keys, const char *why, struct tally_err *err)
{
	for (unsigned k = 0; k < CHANGE_KEYS; k++)
		if (c->value[k] && (keys & BIT(k)))
			return change_error(c, c->at[k], err, "'%s' %s", key_names[k], why);
	return 0;
}

static unsigned
given(const struct change *c, unsigned keys)
{
	unsigned n = 0;

	for (unsigned k = 0; k < CHANGE_KEYS; k++)
		n += c->value[k] && (keys & BIT(k));
	return n;
}

static int
judge_grow(struct change *c, struct tally_err *err)
{
	unsigned ways = given(c, GROWS_HOST) > 0 ? 1 : 0;

	ways += given(c, BIT(KEY_VCPUS) | BIT(KEY_COPIES)) > 0 ? 1 : 0;
	if (ways != 1)
		return change_error(c, 1, err,
				    ways == 0 ? "says not what grows: vcpus=N or copies=N of "
						"machines, or cores=N+N of hosts"
					      : "is one of three: vcpus=N or copies=N of machines, "
						"or cores=N+N of hosts");
	if (given(c, GROWS_HOST)) {
		c->what = CHANGE_GROW_HOSTS;
		return refuse_keys(c, (SELECTS & ~BIT(KEY_CLUSTER)) | BIT(KEY_TO),
				   "is of machines, and this grows hosts", err);
	}
	if (given(c, BIT(KEY_VCPUS) | BIT(KEY_COPIES)) > 1)
		return change_error(c, c->at[KEY_COPIES], err,
				    "'copies' is given, and so is 'vcpus': two changes are wanted");
	c->what = c->value[KEY_COPIES] ? CHANGE_COPY_VMS : CHANGE_GROW_VMS;
	if (c->to == PLACE_GONE)
		return change_error(c, c->at[KEY_TO], err, "copies cannot be gone");
	return c->what == CHANGE_GROW_VMS
		       ? refuse_keys(c, BIT(KEY_TO), "goes with copies, or with --move", err)
		       : 0;
}

static int
judge_move(struct change *c, struct tally_err *err)
{
	if (!c->value[KEY_TO])
		return change_error(c, 1, err,
				    "says not where to: to=HOST, to=cluster:NAME or "
				    "to=gone");
	c->what = CHANGE_MOVE_VMS;
	if (strncmp(c->subject, "host:", 5) != 0)
		return 0;
	c->what = CHANGE_MOVE_HOSTS;
	if (c->to != PLACE_CLUSTER)
		return change_error(c, c->at[KEY_TO], err,
				    "a host moves to=cluster:NAME (it leaves by --remove-host)");
	return refuse_keys(c, SELECTS, "is of machines, and this moves hosts", err);
}

/* What may stand together. */
static int
judge(struct change *c, struct tally_err *err)
{
	switch (c->option) {
	case TALLY_CHANGE_ADD_HOST:
		c->what = CHANGE_ADD_HOST;
		if (!c->value[KEY_CORES] && !c->value[KEY_LIKE])
			return change_error(c, 1, err,
					    "says not what the host is: cores=N+N or like=HOST");
		break;
	case TALLY_CHANGE_REMOVE_HOST:
		c->what = CHANGE_REMOVE_HOSTS;
		break;
	case TALLY_CHANGE_MOVE:
		if (judge_move(c, err) < 0)
			return -1;
		break;
	case TALLY_CHANGE_GROW:
		if (judge_grow(c, err) < 0)
			return -1;
		break;
	}
	if (c->max_sockets > 0 && c->max_sockets < c->sockets)
		return change_error(c, c->at[KEY_MAX_SOCKETS], err,
				    "'max-sockets' is less than the %u sockets of 'cores'",
				    c->sockets);
	return check_os(c, err);
}

static int
read_values(struct change *c, struct tally_err *err)
{
	const char *hypervisor = c->value[KEY_HYPERVISOR];

	if (take_cores(c, err) < 0 ||
	    take_number(c, KEY_MAX_SOCKETS, SOCKET_MOST, &c->max_sockets, err) < 0 ||
	    take_number(c, KEY_THREADS, SOCKET_MOST, &c->threads, err) < 0 ||
	    take_number(c, KEY_VCPUS, VCPUS_MOST, &c->vcpus, err) < 0 ||
	    take_number(c, KEY_COPIES, COPIES_MOST, &c->copies, err) < 0 || take_place(c, err) < 0)
		return -1;
	if (hypervisor && (c->hypervisor = tally_hypervisor_find(tally_bytes_str(hypervisor))) == 0)
		return change_error(c, c->at[KEY_HYPERVISOR], err,
				    "no hypervisor is called '%s' (tally-events(5) lists them)",
				    hypervisor);
	return judge(c, err);
}

static void
change_deinit(struct change *c)
{
	for (unsigned k = 0; k < CHANGE_KEYS; k++)
		free(c->value[k]);
	free(c->words);
	free(c->subject);
	free(c->cores);
}

struct tally_changes *
tally_changes_new(void)
{
	return tally_alloc(sizeof(struct tally_changes));
}

void
tally_changes_free(struct tally_changes *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->n; i++)
		change_deinit(&list->p[i]);
	free(list->p);
	free(list);
}

int
tally_changes_add(struct tally_changes *list, enum tally_change kind, const char *words,
		  struct tally_err *err)
{
	struct change c = { .option = kind, .number = list->n + 1 };
	size_t len = strlen(words);

	if (len > WORDS_MAX || !tally_utf8_valid(words, len))
		return tally_err_set(err, TALLY_USE, "change %zu, %s: %s", c.number,
				     options[kind].option,
				     len > WORDS_MAX ? "too long" : "is no UTF-8");
	c.words = tally_strdup(words);
	if (split(&c, err) < 0 || read_values(&c, err) < 0) {
		change_deinit(&c);
		return -1;
	}
	list->p = array_grow(list->p, &list->cap, list->n, sizeof(*list->p));
	list->p[list->n++] = c;
	return 0;
}
