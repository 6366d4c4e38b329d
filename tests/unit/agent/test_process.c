/* SPDX-License-Identifier: Apache-2.0 */
/* Processes as a /proc of our own making shows them. */
#include "testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"

#define TAIL                                                                                       \
	" S 1 2 2 0 -1 138412416 9652 0 0 0 94 50 0 0 20 0 4 0 1287702 1522442240 38760 "          \
	"18446744073709551615 1 1 1 0\n"

static void
put(const char *dir, const char *name, const char *bytes, size_t n)
{
	char path[512];
	FILE *f;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* A process of the fake /proc. */
static void
process(const char *proc, unsigned pid, const char *comm, const char *flags, const char *args,
	size_t n)
{
	char path[512], text[512];
	int len = snprintf(text, sizeof(text),
			   "%u (%s) S 1 2 2 0 -1 %s 9652 0 0 0 94 50 0 0 20 0 4 0 %u 15 38\n", pid,
			   comm, flags, pid * 100);
	(void)snprintf(path, sizeof(path), "%s/%u", proc, pid);
	assert_int_equal(mkdir(path, 0755), 0);
	put(path, "stat", text, (size_t)len);
	put(path, "cmdline", args, n);
}

static void
a_stat_line_is_read_whatever_the_process_calls_itself(void **state)
{
	static const char *const names[] = {
		"qemu-system-x86", "a b", ") S 1 (", "((", "))", "a\nb", "x) R 0", ""
	};
	struct process_stat st;
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char line[512];
		int n = snprintf(line, sizeof(line), "23211 (%s)" TAIL, names[i]);
		assert_true(process_stat_parse(&st, line, (size_t)n));
		assert_int_equal(st.pid, 23211);
		assert_string_equal(st.comm, names[i]);
		assert_int_equal(st.start_ticks, 1287702);
		assert_int_equal(st.cpu_ticks, 144);
		assert_false(st.kernel);
		assert_false(st.ended);
	}
}

static void
a_line_that_is_cut_or_bent_is_no_process(void **state)
{
	static const char line[] = "23211 (qemu)" TAIL;
	static const char *const bad[] = {
		"",
		"(qemu)" TAIL,
		"0 (qemu)" TAIL,
		"-1 (qemu)" TAIL,
		"99999999999 (qemu)" TAIL,
		"1 qemu" TAIL,
		"1 (qemu)S 1 2 2 0 -1 0 0 0 0 0 1 1 0 0 20 0 4 0 5 6\n",
		"1 (q) S 1 2 2 0 -1 0 0 0 0 0 -1 1 0 0 20 0 4 0 5 6\n",
		"1 (q) S 1 2 2 0 -1 0 0 0 0 0 18446744073709551615 1 0 0 20 0 4 0 5 6\n",
		"1 (q) S 1 2 2 0 -1 0 0 0 0 0 1 1 0 0 20 0 4 0 5x 6\n",
		"1 (q) S  1 2 2 0 -1 0 0 0 0 0 1 1 0 0 20 0 4 0 5 6\n",
	};
	size_t whole = (size_t)(strstr(line, "1287702") - line) + strlen("1287702 ");
	struct process_stat st;
	(void)state;
	for (size_t n = 0; n < sizeof(line); n++)
		assert_int_equal(process_stat_parse(&st, line, n), n > whole);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(process_stat_parse(&st, bad[i], strlen(bad[i])));
}

static void
an_ended_process_is_none_though_its_zombie_stands(void **state)
{
	struct process_stat st;
	char *dir = test_dir_make(), path[512];
	static const char zombie[] = "5 (q) Z 1 2 2 0 -1 0 0 0 0 0 1 1 0 0 20 0 4 0 5 6\n";
	(void)state;
	(void)snprintf(path, sizeof(path), "%s/5", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	put(path, "stat", zombie, sizeof(zombie) - 1);
	assert_int_equal(process_stat_read(&st, dir, 5), 0);
	assert_int_equal(process_stat_read(&st, dir, 6), 0);
	test_dir_remove(dir);
}

static void
our_own_process_has_a_start_and_cpu_time(void **state)
{
	struct process_stat st;
	struct tally_now now = tally_clock_now(tally_clock_real());
	uint64_t before, after, ns;
	(void)state;
	assert_int_equal(process_stat_read(&st, "/proc", (uint32_t)getpid()), 1);
	assert_true(process_started_ns(st.start_ticks) <= now.uptime.ns);
	assert_int_equal(process_cpu_time(&before, "/proc", st.pid, st.start_ticks), 1);
	do { /* ends: each round uses time */
		assert_int_equal(process_cpu_time(&after, "/proc", st.pid, st.start_ticks), 1);
	} while (after == before);
	assert_true(after > before);
	assert_int_equal(process_cpu_time(&ns, "/proc", st.pid, st.start_ticks + 1), 0);
	assert_int_equal(process_cpu_time(&ns, "/proc", 0, 0), 0);
}

static void
expect_pid(const char *folder, const char *name, int found, uint32_t expected)
{
	uint32_t pid = 0;
	assert_int_equal(process_pid_file(&pid, folder, name), found);
	assert_int_equal(pid, expected);
}

static void
a_pid_file_is_read_and_never_another_file(void **state)
{
	char *dir = test_dir_make(), *run = test_path(dir, "qemu"),
	     *out = test_path(dir, "out.pid");
	char *link_path = test_path(run, "link.pid"), *pipe_path = test_path(run, "pipe.pid");
	char name[400];
	(void)state;
	assert_int_equal(mkdir(run, 0755), 0);
	put(run, "vm.pid", "4711", 4);
	put(run, "line.pid", "12\n", 3);
	put(run, "...pid", "13", 2);
	put(run, "a, \"b\" <c>.pid", "14", 2);
	put(run, "bad.pid", "12 13", 5);
	put(run, "neg.pid", "-1", 2);
	put(run, "huge.pid", "4294967296", 10);
	put(run, "empty.pid", "", 0);
	put(dir, "out.pid", "99", 2);
	assert_int_equal(symlink(out, link_path), 0);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	expect_pid(run, "vm", 1, 4711);
	expect_pid(run, "line", 1, 12);
	expect_pid(run, "..", 1, 13);
	expect_pid(run, "a, \"b\" <c>", 1, 14);
	expect_pid(run, "bad", 0, 0);
	expect_pid(run, "neg", 0, 0);
	expect_pid(run, "huge", 0, 0);
	expect_pid(run, "empty", 0, 0);
	expect_pid(run, "none", 0, 0);
	expect_pid(run, "../out", 0, 0);
	expect_pid(run, "link", 0, 0);
	expect_pid(run, "pipe", 0, 0);
	expect_pid(out, "vm", -1, 0);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	expect_pid(run, name, 0, 0);
	free(pipe_path);
	free(link_path);
	free(out);
	free(run);
	test_dir_remove(dir);
}

static int
by_pid(const void *a, const void *b)
{
	const struct process_guest *x = a, *y = b;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void
qemu_processes_are_found_with_their_names_and_nothing_else_is(void **state)
{
	static const char managed[] = "/usr/bin/qemu-system-x86_64\0-name\0"
				      "guest=a,,b=c,debug-threads=on\0-uuid\0"
				      "01234567-89ab-cdef-0123-456789abcdef\0-append\0-uuid\0x";
	static const char by_hand[] = "kvm\0-name\0plain\0-name\0second";
	static const char wrapped[] = "/opt/odd/qemu-kvm\0-m\0"
				      "1";
	static const char broken[] = "qemu-system-arm\0-uuid\0no-uuid\0-name\0g\xff,x=y";
	static const char other[] = "/usr/bin/vim\0qemu-system-x86_64";
	static const char probe[] = "/usr/bin/qemu-system-x86_64\0-S\0-machine\0none,accel=kvm";
	static const char nonesuch[] = "qemu-system-x86_64\0-append\0-machine none\0-M\0nonesuch";
	static const char cut[] = "qemu-system-arm\0-name";
	char *dir = test_dir_make();
	struct process_guest *found;
	uint8_t uuid[TALLY_UUID];
	(void)state;
	process(dir, 10, "qemu-system-x86", "4194304", managed, sizeof(managed));
	process(dir, 11, "kvm", "4194304", by_hand, sizeof(by_hand));
	process(dir, 12, "vm one", "4194304", wrapped, sizeof(wrapped));
	process(dir, 13, "qemu-system-arm", "4194304", broken, sizeof(broken));
	process(dir, 14, "vim", "4194304", other, sizeof(other));
	process(dir, 15, "kvm", "2129984", "", 0); /* a kernel thread */
	process(dir, 16, "qemu-system-arm", "4194304", cut, sizeof(cut));
	process(dir, 17, "qemu-system-x86", "4194304", probe, sizeof(probe));
	process(dir, 18, "qemu-system-x86", "4194304", nonesuch, sizeof(nonesuch));
	put(dir, "meminfo", "x", 1);
	assert_int_equal(process_guests(&found, dir), 6);
	qsort(found, 6, sizeof(*found), by_pid);
	assert_int_equal(found[0].pid, 10);
	assert_int_equal(found[0].start_ticks, 1000);
	assert_string_equal(found[0].name, "a,b=c");
	assert_true(found[0].has_uuid);
	assert_true(tally_uuid_parse(uuid, "01234567-89ab-cdef-0123-456789abcdef", 36));
	assert_memory_equal(found[0].uuid, uuid, TALLY_UUID);
	assert_string_equal(found[1].name, "plain");
	assert_false(found[1].has_uuid);
	assert_int_equal(found[2].pid, 12);
	assert_string_equal(found[2].name, "");
	assert_false(found[3].has_uuid);
	assert_string_equal(found[3].name, "g?");
	assert_string_equal(found[4].name, "");
	assert_int_equal(found[5].pid, 18);
	free(found);
	test_dir_remove(dir);
	assert_int_equal(process_guests(&found, "/nonexistent"), 0);
	free(found);
}

static void
a_vm_is_the_one_process_with_its_uuid_or_else_with_its_name_too(void **state)
{
	struct process_guest g[4] = {
		{ .pid = 1, .has_uuid = true, .uuid = { 1 }, .name = "a" },
		{ .pid = 2, .has_uuid = true, .uuid = { 2 }, .name = "b" },
		{ .pid = 3, .has_uuid = true, .uuid = { 2 }, .name = "renamed" },
		{ .pid = 4, .has_uuid = false, .uuid = { 0 }, .name = "hand" },
	};
	static const uint8_t one[TALLY_UUID] = { 1 }, two[TALLY_UUID] = { 2 }, zero[TALLY_UUID];
	(void)state;
	assert_ptr_equal(process_guest_pick(g, 4, one, "other"), &g[0]);
	assert_ptr_equal(process_guest_pick(g, 4, two, "renamed"), &g[2]);
	assert_null(process_guest_pick(g, 4, two, "other"));
	assert_null(process_guest_pick(g, 4, zero, "hand"));
	(void)snprintf(g[2].name, sizeof(g[2].name), "b");
	assert_null(process_guest_pick(g, 4, two, "b"));
	assert_null(process_guest_pick(NULL, 0, one, "a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stat_line_is_read_whatever_the_process_calls_itself),
		cmocka_unit_test(a_line_that_is_cut_or_bent_is_no_process),
		cmocka_unit_test(an_ended_process_is_none_though_its_zombie_stands),
		cmocka_unit_test(our_own_process_has_a_start_and_cpu_time),
		cmocka_unit_test(a_pid_file_is_read_and_never_another_file),
		cmocka_unit_test(a_vm_is_the_one_process_with_its_uuid_or_else_with_its_name_too),
		cmocka_unit_test(qemu_processes_are_found_with_their_names_and_nothing_else_is),
	};
	return cmocka_run_group_tests_name("agent process", tests, NULL, NULL);
}
