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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_of_a_core_count_once_and_sockets_apart),
		cmocka_unit_test(an_offline_cpu_in_between_does_not_end_the_count),
		cmocka_unit_test(no_sysfs_is_said_and_nothing_is_invented),
	};
	return cmocka_run_group_tests_name("agent topology", tests, NULL, NULL);
}
