/* SPDX-License-Identifier: Apache-2.0 */
/* The library's face: pinned keys, paths, the run, the verdict. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/file.h"
#include "tally/parse.h"
#include "tally/report.h"
#include "archived.h"
#include "verify_internal.h"

int
tally_verify_new(struct tally_verify **out, struct tally_err *err)
{
	(void)err;
	*out = tally_alloc(sizeof(**out));
	(*out)->anchors.roots = tally_roots_new();
	return 0;
}

void
tally_verify_free(struct tally_verify *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->count; i++) {
		tally_export_close(v->targets[i].export);
		tally_buf_deinit(&v->targets[i].content);
		free(v->targets[i].path);
		free(v->targets[i].origin);
		free(v->targets[i].prefix);
		if (v->targets[i].fd >= 0)
			close(v->targets[i].fd);
	}
	/* Exports may lie in them. */
	for (size_t i = 0; i < v->count; i++)
		archive_close(v->targets[i].archive);
	for (size_t i = 0; i < v->n_inputs; i++) {
		tally_buf_deinit(&v->inputs[i].content);
		free(v->inputs[i].name);
	}
	problems_deinit(&v->problems);
	digests_deinit(&v->by_content);
	digests_deinit(&v->reports);
	free(v->exports);
	free(v->inputs);
	free(v->targets);
	anchors_deinit(&v->anchors);
	free(v->view);
	free(v);
}

int
tally_verify_anchor(struct tally_verify *v, const char *name, struct tally_bytes text,
		    struct tally_err *err)
{
	return anchors_take(&v->anchors, name, text, err);
}

int
tally_verify_require(struct tally_verify *v, const char *list, struct tally_err *err)
{
	for (bool more = true; more;) {
		size_t n = strcspn(list, ",");

		if (n == strlen("hardware") && strncmp(list, "hardware", n) == 0)
			v->require_hardware = true;
		else if (n == strlen("witness") && strncmp(list, "witness", n) == 0)
			v->require_witness = true;
		else if (n == strlen("timestamp") && strncmp(list, "timestamp", n) == 0)
			v->require_timestamp = true;
		else
			return tally_err_set(
				err, TALLY_USE,
				"'%.*s' cannot be required (hardware, timestamp, witness)", (int)n,
				list);
		more = list[n] == ',';
		list += n + more;
	}
	return 0;
}

struct target *
verify_add_target(struct tally_verify *v, const char *path)
{
	v->targets = tally_realloc_array(v->targets, v->count + 1, sizeof(*v->targets));
	v->targets[v->count] = (struct target){ .path = tally_strdup(path), .fd = -1 };
	return &v->targets[v->count++];
}

struct input *
verify_add_input(struct tally_verify *v, const char *name, struct tally_bytes content, bool of_path)
{
	struct input *in;

	v->inputs = tally_realloc_array(v->inputs, v->n_inputs + 1, sizeof(*v->inputs));
	in = &v->inputs[v->n_inputs++];
	*in = (struct input){ .name = tally_strdup(name), .of_path = of_path };
	tally_buf_add_bytes(&in->content, content);
	tally_sha256(in->hash, content);
	return in;
}

void
tally_verify_input(struct tally_verify *v, const char *name, struct tally_bytes content)
{
	(void)verify_add_input(v, name, content, false);
}

const struct input *
verify_find_input(struct tally_verify *v, size_t bundle, struct tally_bytes hash)
{
	const struct digest *found;
	uint8_t raw[TALLY_HASH];
	size_t n;

	if (!tally_unhex(raw, TALLY_HASH, (const char *)hash.p, hash.len))
		return NULL;
	found = digests_find(&v->by_content, bundle, raw, &n);
	if (!found)
		return NULL;
	/* The same file may be installed and among the paths, too. */
	for (size_t i = 0; i < n && !v->inputs[found[0].at].named; i++)
		v->inputs[found[n - 1 - i].at].named = true;
	return &v->inputs[found->at];
}

const struct input *
verify_find_other(const struct tally_verify *v, size_t bundle, struct tally_bytes name)
{
	for (size_t i = 0; i < v->n_inputs; i++) {
		const char *slash = strrchr(v->inputs[i].name, '/');
		const char *base = slash ? slash + 1 : v->inputs[i].name;

		if (v->inputs[i].of_path && v->inputs[i].bundle == bundle &&
		    tally_bytes_eq(tally_bytes_str(base), name))
			return &v->inputs[i];
	}
	return NULL;
}

/* An input of a report by its name; whether a report names it, the run shows. */
static bool
is_input(const char *path)
{
	static const char *const endings[] = { ".yaml", ".yml", ".csv" };
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof(endings) / sizeof(*endings); i++)
		if (strcmp(dot, endings[i]) == 0)
			return true;
	return false;
}

/* A folder that holds any part of an export is one. */
static bool
is_export(int fd)
{
	static const char *const names[] = { "checkpoint", "tile", "private" };
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

static int
add_folder(struct tally_verify *v, const char *path, struct tally_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool recognised, ledger;

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	recognised = is_export(fd);
	ledger = faccessat(fd, "data.mdb", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	close(fd);
	if (!recognised && ledger)
		return tally_err_set(
			err, TALLY_USE,
			"%s: a ledger: 'tally export' makes the export that can be verified", path);
	if (!recognised)
		return tally_err_set(err, TALLY_USE, "%s: not an export", path);
	verify_add_target(v, path)->kind = TARGET_EXPORT;
	return 0;
}

/* 1 where it is an archive, 0 where it is none, -1. */
static int
add_archive(struct tally_verify *v, const char *path, struct tally_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct target *t;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)tally_err_sys(err, "%s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (!archive_recognised(fd, (uint64_t)st.st_size)) {
		close(fd);
		return 0;
	}
	t = verify_add_target(v, path);
	t->kind = TARGET_BUNDLE;
	t->fd = fd;
	return 1;
}

static int
add_file(struct tally_verify *v, const char *path, struct tally_err *err)
{
	static const char proof[] = "c2sp.org/tlog-proof@";
	struct tally_buf content = TALLY_BUF_INIT;
	/* The user's own path may be a link; what it leads to is what is read. */
	char *real = realpath(path, NULL);
	struct target *t;
	int r;

	if (!real)
		return tally_err_sys(err, "%s", path);
	r = tally_file_read(AT_FDCWD, real, TALLY_REPORT_MAX, &content, err);
	free(real);
	if (r <= 0) {
		tally_buf_deinit(&content);
		return r < 0 ? -1 : tally_err_set(err, TALLY_SYS, "%s: not there", path);
	}
	if (content.len >= sizeof(proof) - 1 && memcmp(content.p, proof, sizeof(proof) - 1) == 0) {
		t = verify_add_target(v, path);
		t->kind = TARGET_PROOF;
	} else if (report_recognised(tally_buf_view(&content))) {
		t = verify_add_target(v, path);
		t->kind = TARGET_REPORT;
	} else {
		verify_add_input(v, path, tally_buf_view(&content), true)->foreign =
			!is_input(path);
		tally_buf_deinit(&content);
		return 0;
	}
	t->content = content;
	return 0;
}

int
tally_verify_path(struct tally_verify *v, const char *path, struct tally_err *err)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return tally_err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return add_folder(v, path, err);
	if (!S_ISREG(st.st_mode))
		return tally_err_set(err, TALLY_USE, "%s: neither a file nor a folder", path);
	if ((r = add_archive(v, path, err)) != 0)
		return r < 0 ? -1 : 0;
	return add_file(v, path, err);
}

static struct tally_export *
export_at(const struct tally_verify *v, size_t k)
{
	return v->targets[v->exports[k]].export;
}

static bool
are_of_two_logs(const struct tally_export *a, const struct tally_export *b)
{
	return a->sound && b->sound && strcmp(a->origin, b->origin) != 0;
}

/* One machine has one TPM and one log, unless a log succeeds another. */
static int
compare_hosts(struct tally_verify *v, struct tally_err *err)
{
	for (size_t i = 0; i < v->n_exports; i++)
		for (size_t j = 0; j < v->n_exports; j++)
			if (are_of_two_logs(export_at(v, i), export_at(v, j)))
				enrolment_mark(export_at(v, i), export_at(v, j));
	for (size_t i = 0; i < v->n_exports; i++)
		for (size_t j = i + 1; j < v->n_exports; j++)
			if (are_of_two_logs(export_at(v, i), export_at(v, j))) {
				tpms_compare(export_at(v, i), export_at(v, j));
				if (enrolment_compare(export_at(v, i), export_at(v, j), err) < 0)
					return -1;
			}
	return 0;
}

/* Whatever they call themselves: what one TPM's counter says of two histories. */
static void
compare_counters(const struct tally_verify *v)
{
	for (size_t i = 0; i < v->n_exports; i++)
		for (size_t j = i + 1; j < v->n_exports; j++)
			anchored_compare(export_at(v, i), export_at(v, j));
}

/* Two exports of one log: one history must be the beginning of the other. */
static int
compare_histories(struct tally_verify *v, struct tally_err *err)
{
	uint8_t root[TALLY_HASH];

	for (size_t i = 0; i < v->n_exports; i++)
		for (size_t j = 0; j < v->n_exports; j++) {
			struct tally_export *a = export_at(v, i), *b = export_at(v, j);

			if (i == j || !a->sound || !b->sound || strcmp(a->origin, b->origin) != 0 ||
			    a->size > b->size || (a->size == b->size && i > j))
				continue;
			if (export_root_at(b, a->size, root, err) < 0)
				return -1;
			if (memcmp(root, a->root, TALLY_HASH) != 0)
				problem(&v->problems, "tpm-16", a->folder.path, "checkpoint",
					"another history of the log than in %s", b->folder.path);
		}
	return 0;
}

/* For whomever it was made: a reader is to know how much there is that he does not see. */
static void
tell_withheld(struct tally_verify *v, const struct tally_export *x)
{
	if (x->withheld + x->partly > 0)
		remark(&v->problems,
		       "%s: of %" PRIu64 " entries %" PRIu64 " are disclosed, %" PRIu64
		       " in part, %" PRIu64 " are commitments only",
		       x->folder.path, x->size, x->size - x->withheld - x->partly, x->partly,
		       x->withheld);
}

static int
run_exports(struct tally_verify *v, struct tally_err *err)
{
	v->exports = tally_alloc((v->count + 1) * sizeof(*v->exports));
	for (size_t i = 0; i < v->count; i++) {
		struct target *t = &v->targets[i];
		struct place place = { t->path, NULL, t->prefix };

		if (t->kind != TARGET_EXPORT)
			continue;
		remarks_begin(&v->problems);
		if (t->bundle > 0)
			place.archive = v->targets[t->bundle - 1].archive;
		if (export_check(&t->export, &place, &v->anchors, &v->problems, err) < 0)
			return -1;
		v->exports[v->n_exports++] = i;
		t->anchored = t->export->anchored;
		t->class = enrolment_class(t->export);
		tell_withheld(v, t->export);
	}
	remarks_begin(&v->problems); /* of all pairs together */
	compare_counters(v);
	return compare_histories(v, err) < 0 ? -1 : compare_hosts(v, err);
}

/* What they hold goes the way of all paths. */
static int
run_bundles(struct tally_verify *v, struct tally_err *err)
{
	size_t given = v->count;

	for (size_t i = 0; i < given; i++)
		if (v->targets[i].kind == TARGET_BUNDLE && bundle_open(v, i, err) < 0)
			return -1;
	return 0;
}

/* What reports name is found by its content. */
static void
sort_contents(struct tally_verify *v)
{
	uint8_t hash[TALLY_HASH];

	for (size_t i = 0; i < v->n_inputs; i++)
		digests_add(&v->by_content, v->inputs[i].bundle, v->inputs[i].hash, i);
	digests_sort(&v->by_content);
	for (size_t i = 0; i < v->count; i++)
		if (v->targets[i].kind == TARGET_REPORT) {
			tally_sha256(hash, tally_buf_view(&v->targets[i].content));
			digests_add(&v->reports, v->targets[i].bundle, hash, i);
		}
	digests_sort(&v->reports);
}

static int
run_others(struct tally_verify *v, struct tally_err *err)
{
	int r = 0;

	sort_contents(v);
	for (size_t i = 0; i < v->count && r == 0; i++) {
		struct target *t = &v->targets[i];

		remarks_begin(&v->problems);
		if (t->kind == TARGET_PROOF)
			r = proof_check(v, t, err);
		else if (t->kind == TARGET_REPORT && v->n_exports == 0 && t->bundle == 0)
			r = tally_err_set(err, TALLY_USE,
					  "%s: a report is checked together with its exports",
					  t->path);
		else if (t->kind == TARGET_REPORT)
			r = report_check(v, t, err);
	}
	for (size_t i = 0; i < v->count && r == 0; i++)
		if (v->targets[i].kind == TARGET_BUNDLE)
			bundle_close(v, i);
	return r;
}

static int
check_inputs(const struct tally_verify *v, struct tally_err *err)
{
	/* Where something does not hold, it may be that this file is not what it was. */
	for (size_t i = 0; i < v->n_inputs && v->problems.count == 0; i++)
		if (v->inputs[i].of_path && !v->inputs[i].bundle && !v->inputs[i].named)
			return tally_err_set(
				err, TALLY_USE,
				"%s: %sno report among the paths was "
				"made from it",
				v->inputs[i].name,
				v->inputs[i].foreign
					? "neither an export nor a proof nor a report in JSON, and "
					: "");
	return 0;
}

static enum tally_class
lowest_class(const struct tally_verify *v)
{
	enum tally_class lowest = TALLY_CLASS_CERTIFIED;
	bool any = false;

	for (size_t i = 0; i < v->count; i++) {
		if (v->targets[i].kind == TARGET_REPORT || v->targets[i].kind == TARGET_BUNDLE)
			continue;
		any = true;
		lowest = v->targets[i].class < lowest ? v->targets[i].class : lowest;
	}
	return any && tally_verify_holds(v) ? lowest : TALLY_CLASS_SELF_DECLARED;
}

static void
check_required(struct tally_verify *v)
{
	bool hardware = lowest_class(v) >= TALLY_CLASS_UNCERTIFIED;

	if (v->require_hardware && !hardware)
		problem(&v->problems, "require", "hardware", NULL,
			"no hardware TPM is proven for all of it");
	vouched_require(v);
}

int
tally_verify_run(struct tally_verify *v, struct tally_err *err)
{
	TALLY_ASSERT(!v->ran);
	if (v->count == 0)
		return check_inputs(v, err) < 0
			       ? -1
			       : tally_err_set(err, TALLY_USE, "nothing to verify");
	v->ran = true;
	if (run_bundles(v, err) < 0 || run_exports(v, err) < 0 || run_others(v, err) < 0 ||
	    check_inputs(v, err) < 0)
		return -1;
	check_required(v);
	v->view = tally_alloc((v->problems.count + 1) * sizeof(*v->view));
	for (size_t i = 0; i < v->problems.count; i++) {
		const struct problem *p = &v->problems.items[i];

		v->view[i] = (struct tally_problem){ p->check, p->file, p->has_entry, p->entry,
						     p->text };
	}
	return 0;
}

bool
tally_verify_holds(const struct tally_verify *v)
{
	return v->ran && v->problems.count == 0;
}

bool
tally_verify_anchored(const struct tally_verify *v)
{
	for (size_t i = 0; i < v->count; i++)
		if (!v->targets[i].anchored)
			return false;
	return v->count > 0;
}

const char *
tally_verify_class(const struct tally_verify *v)
{
	return tally_class_name(lowest_class(v));
}

size_t
tally_verify_problems(const struct tally_verify *v)
{
	return v->problems.count;
}

const struct tally_problem *
tally_verify_problem(const struct tally_verify *v, size_t i)
{
	TALLY_ASSERT(v->view && i < v->problems.count);
	return &v->view[i];
}

int
tally_verify_exit(const struct tally_verify *v)
{
	if (!tally_verify_holds(v))
		return 1;
	return tally_verify_anchored(v) ? 0 : 4;
}
