/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: whole, changed in each byte, forged with care, and read by a stranger's program. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "fixture.h"
#include "tally/bundle.h"
#include "tally/entry.h"
#include "tally/zip.h"

static struct ledger one, two;
static char *exports[2], *rules, *held, *path;
static struct tally_buf whole, pins;

#define MEMBERS 64
struct part {
	char name[TALLY_ZIP_NAME_MAX + 1];
	struct tally_buf content;
};
/* The bundle's members without the manifest, and how they become an archive. */
static struct part parts[MEMBERS];
static size_t count;
static struct {
	const char *name; /* the member that is told wrongly; NULL: none */
	int32_t crc, size, central, unlisted, twice, swapped, gap;
	uint8_t patch, is; /* a byte of its record in the directory */
} bend;

static const char pack[] =
	"pack: test\nversion: \"1\"\ntitle: Test\nvendor: Nobody\n"
	"rules:\n"
	"  - rule: test/vm\n    title: Guests\n    metric: instances\n    of: vms\n"
	"    valid_from: 2020-01-01\n    source: {text: here, read: 2026-01-01}\n    unit: vm\n"
	"    product: test\n    guests: {os: [http://example.com/]}\n";
static const char licences[] = "- {product: test, metric: vm, quantity: 3}\n";

static void
make_bundle(bool both)
{
	char *argv[] = { "bundle",  exports[1], exports[0], "--from", "2026-03", "--to", "2026-04",
			 "--rules", rules,      "-e",       held,     "-o",      path,   NULL };
	struct tally_err err = TALLY_ERR_INIT;

	argv[1] = both ? argv[1] : argv[0];
	if (cli_bundle(both ? 13 : 12, both ? argv : argv + 1, &err) != 0)
		fail_msg("%s", err.text);
}

static void
write_archive(const char *file, const void *p, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

static uint32_t
little(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Local headers one behind the other: this is all that our archives are. */
static void
take_apart(void)
{
	const uint8_t *p = whole.p;

	for (size_t i = 0; i < count; i++)
		tally_buf_deinit(&parts[i].content);
	for (count = 0; little(p) == 0x04034b50; count++) {
		size_t name = (size_t)p[26] + 256U * p[27], size = little(p + 18);

		assert_true(count < MEMBERS && name < sizeof(parts->name));
		memcpy(parts[count].name, p + 30, name);
		parts[count].name[name] = '\0';
		parts[count].content = (struct tally_buf)TALLY_BUF_INIT;
		tally_buf_add(&parts[count].content, p + 30 + name, size);
		p += 30 + name + size;
	}
	assert_string_equal(parts[--count].name, "manifest.json");
	tally_buf_deinit(&parts[count].content);
	memset(&bend, 0, sizeof(bend));
}

static struct tally_buf *
part(const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(parts[i].name, name) == 0)
			return &parts[i].content;
	fail_msg("no member %s", name);
	return NULL;
}

static int
compare_parts(const void *a, const void *b)
{
	return strcmp(((const struct part *)a)->name, ((const struct part *)b)->name);
}

static void
add_part(const char *name, const char *content)
{
	struct part *p = &parts[count++];

	assert_true(count < MEMBERS);
	memcpy(p->name, name, strlen(name) + 1);
	p->content = (struct tally_buf)TALLY_BUF_INIT;
	tally_buf_add_str(&p->content, content);
	qsort(parts, count, sizeof(*parts), compare_parts);
}

static void
drop_part(const char *name)
{
	struct tally_buf *b = part(name);
	size_t i = (size_t)((struct part *)((char *)b - offsetof(struct part, content)) - parts);

	tally_buf_deinit(b);
	memmove(&parts[i], &parts[i + 1], (--count - i) * sizeof(*parts));
}

/* One member, told as `bend` wants. */
static void
put(struct tally_buf *out, struct tally_buf *directory, const char *name,
    struct tally_bytes content)
{
	bool bent = bend.name && strcmp(name, bend.name) == 0;
	struct tally_zip_member m = { name, content.len, out->len,
				      tally_crc32(0, content.p, content.len) };
	size_t record = directory->len;

	for (int i = 0; bent && i < bend.gap; i++)
		tally_buf_add_u8(out, 'x');
	m.at = out->len;
	m.crc += bent ? (uint32_t)bend.crc : 0;
	m.size += bent ? (uint64_t)(int64_t)bend.size : 0;
	tally_zip_local(out, &m);
	tally_buf_add_bytes(out, content);
	m.crc += bent ? (uint32_t)bend.central : 0;
	tally_zip_central(directory, &m);
	if (bent && bend.patch)
		directory->p[record + bend.patch] = bend.is;
}

static void
build(struct tally_buf *out)
{
	struct tally_buf directory = TALLY_BUF_INIT, manifest = TALLY_BUF_INIT;
	struct tally_bundle_file files[MEMBERS];
	size_t n = 0, all = 0, at;

	for (size_t i = 0; i < count; i++) {
		bool bent = bend.name && strcmp(parts[i].name, bend.name) == 0;
		size_t is = bent && bend.swapped ? i + 1
			    : i > 0 && bend.name && bend.swapped &&
					    strcmp(parts[i - 1].name, bend.name) == 0
				    ? i - 1
				    : i;

		for (int again = 0; again <= (bent && bend.twice); again++, all++)
			put(out, &directory, parts[is].name, tally_buf_view(&parts[is].content));
		if (bent && bend.unlisted)
			continue;
		files[n].name = parts[i].name;
		files[n].size = parts[i].content.len;
		tally_sha256(files[n++].sha256, tally_buf_view(&parts[i].content));
	}
	tally_bundle_manifest(&manifest, files, n);
	put(out, &directory, "manifest.json", tally_buf_view(&manifest));
	at = out->len;
	tally_buf_add_bytes(out, tally_buf_view(&directory));
	tally_zip_end(out, all + 1, at, directory.len);
	tally_buf_deinit(&directory);
	tally_buf_deinit(&manifest);
}

/* What comes of the parts as they are now: its exit code, and what it says. */
static int
verdict_of(struct tally_bytes bytes, const char *says)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_verify *v;
	int exit;

	write_archive(path, bytes.p, bytes.len);
	v = verified_one(tally_buf_cstr(&pins), path);
	exit = tally_verify_exit(v);
	tally_verify_text(v, &out);
	if (says && !strstr(tally_buf_cstr(&out), says))
		fail_msg("'%s' is not told: %s", says, tally_buf_cstr(&out));
	tally_verify_free(v);
	tally_buf_deinit(&out);
	return exit;
}

static int
verdict(const char *says)
{
	struct tally_buf made = TALLY_BUF_INIT;
	int exit;

	build(&made);
	exit = verdict_of(tally_buf_view(&made), says);
	tally_buf_deinit(&made);
	take_apart();
	return exit;
}

static int
set_up(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	char *file;

	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	ledger_append(&one, 20);
	ledger_checkpoint(&one);
	exports[0] = ledger_export(&one, "export", false);
	ledger_init(&two, "example.com/second", "h2", false);
	ledger_append(&two, 4);
	ledger_checkpoint(&two);
	exports[1] = ledger_export(&two, "export", false);
	tally_buf_add_bytes(&pins, tally_buf_view(&one.vkey));
	tally_buf_add_bytes(&pins, tally_buf_view(&two.vkey));
	rules = test_path(one.root, "rules");
	assert_int_equal(mkdir(rules, 0700), 0);
	file = test_path(rules, "test.yaml");
	test_file_write(file, pack, sizeof(pack) - 1);
	free(file);
	held = test_path(one.root, "held.yaml");
	test_file_write(held, licences, sizeof(licences) - 1);
	path = test_path(one.root, "bundle.zip");
	make_bundle(true);
	assert_int_equal(tally_file_read(AT_FDCWD, path, 1 << 20, &whole, &err), 1);
	take_apart();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	take_apart();
	for (size_t i = 0; i < count; i++)
		tally_buf_deinit(&parts[i].content);
	tally_buf_deinit(&whole);
	tally_buf_deinit(&pins);
	ledger_deinit(&one);
	ledger_deinit(&two);
	free(exports[0]), free(exports[1]), free(rules), free(held), free(path);
	return 0;
}

static void
a_bundle_holds_all_that_its_report_is_made_of(void **state)
{
	(void)state;
	assert_int_equal(verdict_of(tally_buf_view(&whole), "it holds"), 0);
	assert_int_equal(verdict("it holds"), 0); /* and put together again */
}

static void
the_same_ledgers_give_the_same_bytes(void **state)
{
	struct tally_buf again = TALLY_BUF_INIT, made = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	make_bundle(true);
	assert_int_equal(tally_file_read(AT_FDCWD, path, 1 << 20, &again, &err), 1);
	assert_true(tally_bytes_eq(tally_buf_view(&again), tally_buf_view(&whole)));
	build(&made);
	assert_true(tally_bytes_eq(tally_buf_view(&made), tally_buf_view(&whole)));
	tally_buf_deinit(&again);
	tally_buf_deinit(&made);
}

static void
a_bundle_never_anchors_itself(void **state)
{
	struct tally_verify *v;

	(void)state;
	write_archive(path, whole.p, whole.len);
	v = verified_one(NULL, path);
	assert_int_equal(tally_verify_exit(v), 4);
	assert_false(tally_verify_anchored(v));
	tally_verify_free(v);
	/* The pin of one log is none of the other's. */
	v = verified_one(tally_buf_cstr(&one.vkey), path);
	assert_int_equal(tally_verify_exit(v), 4);
	tally_verify_free(v);
	/* A file with pins in it is a file that does not belong there. */
	add_part("anchors.txt", tally_buf_cstr(&pins));
	assert_int_equal(verdict("anchors.txt: does not belong there"), 1);
	add_part("inputs/anchors/anchors.txt", tally_buf_cstr(&pins));
	assert_int_equal(verdict("no report in it was made from it"), 1);
}

/* A sanitizer makes this slow, and looks at memory, not at verdicts. */
#if defined(__SANITIZE_ADDRESS__)
#define EVERY 5U
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVERY 5U
#endif
#endif
#ifndef EVERY
#define EVERY 1U
#endif

/* One bit of each byte (with TALLY_EVERY_BIT each bit of it), and never exit 0 or 4. No byte
 * of the archive is unused. */
static void
no_byte_can_be_changed(void **state)
{
	const bool all = getenv("TALLY_EVERY_BIT") != NULL;
	const size_t bits = all ? 8 : 1, step = all ? 1 : EVERY;
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	size_t passed = 0;
	int fd;

	(void)state, write_archive(path, whole.p, whole.len);
	assert_true((fd = open(path, O_WRONLY | O_CLOEXEC)) >= 0);
	for (size_t i = 0; i < bits * whole.len; i += step) {
		off_t at = (off_t)(i / bits);
		struct tally_verify *v;
		uint8_t bent;

		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		bent = (uint8_t)(whole.p[at] ^ 1U << (bits > 1 ? i % 8 : seed % 8));
		assert_int_equal(pwrite(fd, &bent, 1, at), 1);
		v = verified_one(tally_buf_cstr(&pins), path);
		if (tally_verify_exit(v) != 1 || tally_verify_problems(v) == 0) {
			print_message("byte %zu: 0x%02x: accepted\n", (size_t)at, bent);
			passed++;
		}
		tally_verify_free(v);
		assert_int_equal(pwrite(fd, &whole.p[at], 1, at), 1);
	}
	close(fd);
	print_message("%zu bytes, bits of each: %zu, accepted: %zu\n", whole.len / step, bits,
		      passed);
	assert_true(passed == 0);
	assert_int_equal(verdict_of(tally_buf_view(&whole), NULL), 0);
}

static void
a_bundle_that_is_cut_or_goes_on_is_refused(void **state)
{
	struct tally_buf longer = TALLY_BUF_INIT;

	(void)state;
	for (size_t n = whole.len - 1; n > 22; n -= n > 400 ? n / 97 : 1)
		assert_int_equal(verdict_of(tally_bytes(whole.p, n), "[bundle]"), 1);
	tally_buf_add_bytes(&longer, tally_buf_view(&whole));
	tally_buf_add_u8(&longer, 0);
	assert_int_equal(verdict_of(tally_buf_view(&longer), "stands behind it"), 1);
	tally_buf_clear(&longer);
	tally_buf_add_str(&longer, "#!/bin/sh\n");
	tally_buf_add_bytes(&longer, tally_buf_view(&whole));
	assert_int_equal(verdict_of(tally_buf_view(&longer), "something stands before the archive"),
			 1);
	tally_buf_clear(&longer);
	tally_buf_add_bytes(&longer, tally_buf_view(&whole));
	tally_buf_add_bytes(&longer, tally_buf_view(&whole));
	assert_int_equal(verdict_of(tally_buf_view(&longer), "something stands before the archive"),
			 1);
	tally_buf_deinit(&longer);
}

#define BENT(field, value, says)                                                                   \
	do {                                                                                       \
		bend.name = "inputs/entitlements/held.yaml";                                       \
		bend.field = (value);                                                              \
		assert_int_equal(verdict(says), 1);                                                \
	} while (0)

static void
what_is_wrong_with_the_archive_is_told_by_its_name(void **state)
{
	(void)state;
	BENT(crc, 1, "held.yaml: damaged: its CRC is another one");
	BENT(central, 1, "held.yaml: its header is not what the directory says of it");
	BENT(size, -1, "does not begin where the one before it ends");
	BENT(size, 1 << 20, "held.yaml: is longer than what is there");
	BENT(twice, 1, "held.yaml: stands there twice");
	BENT(swapped, 1, "its name does not come behind the one before");
	BENT(gap, 3, "held.yaml: does not begin where the one before it ends");
	BENT(unlisted, 1, "held.yaml: is not what the manifest says");
	bend.patch = 8, bend.is = 1;
	BENT(gap, 0, "held.yaml: encrypted");
	bend.patch = 8, bend.is = 8;
	BENT(gap, 0, "held.yaml: has its size behind it");
	bend.patch = 10, bend.is = 8;
	BENT(gap, 0, "held.yaml: compressed");
	bend.patch = 20, bend.is = 1;
	BENT(gap, 0, "its two sizes differ");
	bend.patch = 30, bend.is = 4;
	BENT(gap, 0, "has an extra field");
	bend.patch = 41, bend.is = 0xa1;
	BENT(gap, 0, "held.yaml: a symbolic link");
	bend.patch = 12, bend.is = 1;
	BENT(gap, 0, "its record in the directory is not the one that its numbers make");
}

/* By a program that does not care: names go into the archive as they are. */
static void
a_name_that_leads_away_is_refused(void **state)
{
	static const char *const names[] = { "../../etc/passwd", "/etc/passwd", "a/../b",
					     "ledgers\\0\\x",    ".hidden",     "a//b" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		add_part(names[i], "x");
		assert_int_equal(verdict("is no name of a member"), 1);
	}
	add_part("manifest.json", "x");
	assert_int_equal(verdict("manifest.json: stands there twice, or in another's place"), 1);
}

/* The archive is in order, and so is its manifest: what it holds is not. */
static void
what_does_not_come_out_of_the_entries_is_found_in_every_format(void **state)
{
	static const char *const formats[] = { "report/report.csv", "report/report.txt",
					       "report/report.rum.xml", "report/report.json",
					       "report/report.html" };

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		struct tally_buf *b = part(formats[i]);
		uint8_t *p = memmem(b->p, b->len, "20", 2);

		assert_non_null(p);
		p[1] = '1';
		assert_int_equal(verdict(formats[i]), 1);
		drop_part(formats[i]);
		assert_int_equal(verdict("not there"), 1);
	}
	part("bundle.json")->p[part("bundle.json")->len - 5] ^= 1;
	assert_int_equal(verdict("bundle.json: line"), 1);
	drop_part("bundle.json");
	assert_int_equal(verdict("bundle.json: not there"), 1);
	/* However long: blanks behind it are no way to have it passed over. */
	tally_buf_addf(part("bundle.json"), "%*s", 65 << 20, "");
	assert_int_equal(verdict("bundle.json: too long"), 1);
	add_part("report/report.pdf", "x");
	assert_int_equal(verdict("holds 1 files that are no format of the report"), 1);
}

static void
what_it_was_made_from_has_to_be_in_it(void **state)
{
	struct tally_verify *v;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf made = TALLY_BUF_INIT;

	(void)state;
	drop_part("inputs/entitlements/held.yaml");
	assert_int_equal(verdict("held.yaml (SHA-256 "), 1);
	part("inputs/entitlements/held.yaml")->p[0] = '#';
	assert_int_equal(verdict("held.yaml (SHA-256 "), 1);
	/* An installed pack does not stand in for the bundle's. */
	drop_part("rules/test.yaml");
	build(&made);
	write_archive(path, made.p, made.len);
	assert_int_equal(tally_verify_new(&v, &err), 0);
	tally_verify_input(v, "test.yaml", tally_bytes(pack, sizeof(pack) - 1));
	assert_int_equal(tally_verify_path(v, path, &err), 0);
	assert_int_equal(tally_verify_run(v, &err), 0);
	assert_int_equal(tally_verify_exit(v), 1);
	tally_verify_free(v);
	tally_buf_deinit(&made);
	take_apart();
	add_part("rules/other.yaml", "pack: other\n");
	assert_int_equal(verdict("no report in it was made from it"), 1);
}

static void
a_ledger_that_is_missing_doubled_or_longer_is_found(void **state)
{
	static const char *const names[] = { "ledgers/2/checkpoint", "ledgers/00/checkpoint",
					     "ledgers/x", "ledgers/9999999999999/vkey" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		add_part(names[i], "x");
		assert_int_equal(verdict("ledgers/"), 1);
	}
	for (size_t i = count; i-- > 0;)
		if (strncmp(parts[i].name, "ledgers/0/", 10) == 0)
			drop_part(parts[i].name);
	assert_int_equal(verdict("not numbered from 0 on"), 1);
	add_part("ledgers/0/tile/0/001", "x");
	assert_int_equal(verdict("tile/0/001: does not belong there [format]"), 1);
	add_part("ledgers/0/private/payload/000.p/1", "x");
	assert_int_equal(verdict("private/payload/000.p/1: does not belong there [format]"), 1);
	add_part("ledgers/0/notes.txt", "x");
	assert_int_equal(verdict("notes.txt: does not belong there [format]"), 1);
	drop_part("ledgers/0/private/notes");
	assert_int_equal(verdict("ledgers/0/private/notes: not there [missing]"), 1);
}

/* The bundle of both ledgers, but with the report of one. */
static void
what_no_report_rests_on_is_found(void **state)
{
	struct tally_buf both = whole;
	struct part kept[MEMBERS];
	struct tally_err err;
	size_t n = 0;

	(void)state;
	add_part("inputs/with/0/more.json", tally_buf_cstr(part("report/report.json")));
	assert_int_equal(verdict("inputs/with/0/more.json: no report in it supersedes it"), 1);
	make_bundle(false);
	whole = (struct tally_buf)TALLY_BUF_INIT;
	assert_int_equal(tally_file_read(AT_FDCWD, path, 1 << 20, &whole, &err), 1);
	take_apart();
	for (size_t i = 0; i < count; i++)
		if (strncmp(parts[i].name, "ledgers/", 8) != 0) {
			kept[n++] = parts[i];
			parts[i].content = (struct tally_buf)TALLY_BUF_INIT;
		}
	tally_buf_deinit(&whole);
	whole = both;
	take_apart();
	for (size_t i = 0; i < n; i++) {
		tally_buf_deinit(part(kept[i].name));
		*part(kept[i].name) = kept[i].content;
	}
	assert_int_equal(verdict("no report in it rests on it"), 1);
}

/* A program that knows nothing of us finds the members that the manifest tells. */
static void
a_strangers_reader_finds_the_same(void **state)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	size_t n = 0;

	(void)state;
	write_archive(path, whole.p, whole.len);
	assert_int_equal(archive_read_support_format_zip_seekable(a), ARCHIVE_OK);
	assert_int_equal(archive_read_open_filename(a, path, 65536), ARCHIVE_OK);
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
		size_t size = (size_t)archive_entry_size(entry);
		char *content = malloc(size + 1);

		assert_non_null(content);
		assert_int_equal(archive_read_data(a, content, size + 1), (int64_t)size);
		assert_int_equal(archive_entry_filetype(entry), AE_IFREG);
		assert_int_equal(archive_entry_perm(entry), 0600);
		assert_int_equal(archive_entry_is_encrypted(entry), 0);
		if (n < count) {
			assert_string_equal(archive_entry_pathname(entry), parts[n].name);
			assert_true(tally_bytes_eq(tally_bytes(content, size),
						   tally_buf_view(&parts[n].content)));
		}
		free(content);
		n++;
	}
	assert_null(archive_error_string(a));
	assert_true(n == count + 1);
	assert_int_equal(archive_read_free(a), ARCHIVE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_holds_all_that_its_report_is_made_of),
		cmocka_unit_test(the_same_ledgers_give_the_same_bytes),
		cmocka_unit_test(a_bundle_never_anchors_itself),
		cmocka_unit_test(no_byte_can_be_changed),
		cmocka_unit_test(a_bundle_that_is_cut_or_goes_on_is_refused),
		cmocka_unit_test(what_is_wrong_with_the_archive_is_told_by_its_name),
		cmocka_unit_test(a_name_that_leads_away_is_refused),
		cmocka_unit_test(what_does_not_come_out_of_the_entries_is_found_in_every_format),
		cmocka_unit_test(what_it_was_made_from_has_to_be_in_it),
		cmocka_unit_test(a_ledger_that_is_missing_doubled_or_longer_is_found),
		cmocka_unit_test(what_no_report_rests_on_is_found),
		cmocka_unit_test(a_strangers_reader_finds_the_same),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
