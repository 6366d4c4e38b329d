/* SPDX-License-Identifier: Apache-2.0 */
/* Host topology from a sysfs of our own making. */
#include "testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "topology.h"

static void
cpu(const char *dir, int n, int package, int core)
{
	char path[512], text[16];
	(void)snprintf(path, sizeof(path), "%s/cpu%d", dir, n);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/cpu%d/topology", dir, n);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/cpu%d/topology/physical_package_id", dir, n);
	(void)snprintf(text, sizeof(text), "%d\n", package);
	test_file_write(path, text, strlen(text));
	(void)snprintf(path, sizeof(path), "%s/cpu%d/topology/core_id", dir, n);
	(void)snprintf(text, sizeof(text), "%d\n", core);
	test_file_write(path, text, strlen(text));
}

static void
threads_of_a_core_count_once_and_sockets_apart(void **state)
{
	char *dir = test_dir_make(), *info = test_path(dir, "cpuinfo"),
	     *product = test_path(dir, "product");
	struct tally_host_view v = { 0 };
	const char text[] = "processor\t: 0\nmodel name\t: Example CPU 3000\n";
	(void)state;
	/* Two sockets: 2 cores with 2 threads each, and 4 cores. Core ids repeat across sockets. */
	for (int i = 0; i < 4; i++)
		cpu(dir, i, 0, i / 2);
	for (int i = 0; i < 8; i++)
		cpu(dir, 4 + i, 1, i / 2);
	test_file_write(info, text, sizeof(text) - 1);
	test_file_write(product, "Box 1\n", 6);
	assert_int_equal(topology_read(&v, dir, info, product), 0);
	assert_int_equal(v.sockets, 2);
	assert_int_equal(v.cores_per_socket[0], 2);
	assert_int_equal(v.cores_per_socket[1], 4);
	assert_int_equal(v.threads_per_core, 2);
	assert_string_equal(v.cpu, "Example CPU 3000");
	assert_string_equal(v.model, "Box 1");
	free(info);
	free(product);
	test_dir_remove(dir);
}

static void
an_offline_cpu_in_between_does_not_end_the_count(void **state)
{
	char *dir = test_dir_make();
	struct tally_host_view v = { 0 };
	(void)state;
	cpu(dir, 0, 0, 0);
	cpu(dir, 3, 0, 3);
	assert_int_equal(topology_read(&v, dir, "/nonexistent", "/nonexistent"), 0);
	assert_int_equal(v.cores_per_socket[0], 2);
	test_dir_remove(dir);
}

static void
no_sysfs_is_said_and_nothing_is_invented(void **state)
{
	struct tally_host_view v = { 0 };
	(void)state;
	assert_int_equal(topology_read(&v, "/nonexistent", "/nonexistent", "/nonexistent"), -1);
	assert_int_equal(v.sockets, 0);
}

static void
another_count_of_the_manager_is_a_doubt_and_another_order_is_none(void **state)
{
	struct tally_host_view ours = { .sockets = 2,
					.cores_per_socket = { 8, 6 },
					.threads_per_core = 2 };
	struct tally_host_view same = { .sockets = 2,
					.cores_per_socket = { 6, 8 },
					.threads_per_core = 2 };
	struct tally_host_view one = { .sockets = 1,
				       .cores_per_socket = { 14 },
				       .threads_per_core = 1 };
	(void)state;
	topology_compare(&ours, &same);
	assert_string_equal(ours.doubt, "");
	topology_compare(&ours, &one);
	assert_string_equal(ours.doubt, "sysfs: 2 sockets of 8+6 cores, 2 threads each; "
					"libvirt: 1 socket of 14 cores, 1 thread each");
	assert_int_equal(ours.cores_per_socket[0], 8);
	same.threads_per_core = 1;
	ours.doubt[0] = '\0';
	topology_compare(&same, &ours);
	assert_string_equal(same.doubt, "sysfs: 2 sockets of 6+8 cores, 1 thread each; "
					"libvirt: 2 sockets of 8+6 cores, 2 threads each");
}

/* 64 sockets with other counts each are told as far as there is room. */
static void
a_doubt_that_is_too_long_is_cut(void **state)
{
	struct tally_host_view ours = { .sockets = 64, .threads_per_core = 1 },
			       one = { .sockets = 1 };
	(void)state;
	for (size_t i = 0; i < 64; i++)
		ours.cores_per_socket[i] = (uint32_t)(1000000 + i);
	topology_compare(&ours, &one);
	assert_int_equal(strlen(ours.doubt), sizeof(ours.doubt) - 1);
}

static void
dies_do_not_share_cores_and_too_many_sockets_are_not_counted(void **state)
{
	struct topology_cpu cpu[65] = { { 0, 1, 0 }, { 0, 0, 0 }, { 0, 1, 0 }, { 2, 0, 0 } };
	struct tally_host_view v = { .sockets = 7 };
	(void)state;
	assert_int_equal(topology_count(&v, cpu, 4), 0);
	assert_int_equal(v.sockets, 2);
	assert_int_equal(v.cores_per_socket[0], 2);
	assert_int_equal(v.cores_per_socket[1], 1);
	assert_int_equal(v.threads_per_core, 2);
	for (int i = 0; i < 65; i++)
		cpu[i] = (struct topology_cpu){ .package = i };
	assert_int_equal(topology_count(&v, cpu, 65), -1);
	assert_int_equal(topology_count(&v, cpu, 0), -1);
	assert_int_equal(v.sockets, 2);
	assert_int_equal(topology_count(&v, cpu, 64), 0);
	assert_int_equal(v.sockets, 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_of_a_core_count_once_and_sockets_apart),
		cmocka_unit_test(an_offline_cpu_in_between_does_not_end_the_count),
		cmocka_unit_test(no_sysfs_is_said_and_nothing_is_invented),
		cmocka_unit_test(another_count_of_the_manager_is_a_doubt_and_another_order_is_none),
		cmocka_unit_test(a_doubt_that_is_too_long_is_cut),
		cmocka_unit_test(dies_do_not_share_cores_and_too_many_sockets_are_not_counted),
	};
	return cmocka_run_group_tests_name("agent topology", tests, NULL, NULL);
}
