/* SPDX-License-Identifier: Apache-2.0 */
/* The libvirt source over libvirt's own test driver: a real connection, real
 * callbacks, no hypervisor. */
#include "testlib.h"

#include <libvirt/libvirt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process.h"
#include "source_libvirt.h"
#include "tally/err.h"

/* A world of the test driver with one VM, whose UUID no other run of this test
 * has: processes are looked for on the whole machine. And a stranger's. */
static char world[512], uuid_test[TALLY_UUID_TEXT], uuid_other[TALLY_UUID_TEXT];

static int
wait_next(struct tally_source *s, struct tally_observation *o)
{
	struct pollfd p = { .fd = s->fd(s->ctx), .events = POLLIN };
	for (int i = 0; i < 50; i++) {
		if (s->next(s->ctx, o) == 1)
			return 1;
		(void)poll(&p, 1, 100);
	}
	return 0;
}

/* The test driver's world is one a connection URI and process: a second
 * connection changes what the first one watches. */
static void
events_arrive_in_order_and_the_list_agrees(void **state)
{
	static const unsigned expected[] = { TALLY_SUSPENDED, TALLY_RESUMED, TALLY_STOPPED };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_source s;
	struct tally_domain *doms = NULL;
	struct tally_observation o;
	virConnectPtr writer;
	virDomainPtr dom;
	size_t n = 0;
	(void)state;
	assert_int_equal(source_libvirt_new(&s, "test:///default", NULL, tally_clock_real(), &err),
			 0);
	if (s.connect(s.ctx, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(s.list(s.ctx, &doms, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(doms[0].name, "test");
	assert_int_equal(doms[0].state, TALLY_ST_RUNNING);
	assert_true(doms[0].vcpus > 0);
	writer = virConnectOpen("test:///default");
	assert_non_null(writer);
	dom = virDomainLookupByName(writer, "test");
	assert_non_null(dom);
	assert_int_equal(virDomainSuspend(dom), 0);
	assert_int_equal(virDomainResume(dom), 0);
	assert_int_equal(virDomainDestroy(dom), 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		assert_int_equal(wait_next(&s, &o), 1);
		assert_int_equal(o.what, expected[i]);
		assert_memory_equal(o.domain.uuid, doms[0].uuid, TALLY_UUID);
	}
	free(doms);
	assert_int_equal(s.list(s.ctx, &doms, &n, &err), 0);
	assert_int_equal(n, 0);
	free(doms);
	(void)virDomainFree(dom);
	(void)virConnectClose(writer);
	s.free(s.ctx);
}

static void
no_manager_is_an_error_with_its_uri(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_source s;
	struct tally_domain *doms;
	size_t n;
	const char *uri = "qemu+unix:///system?socket=/nonexistent/sock";
	(void)state;
	assert_int_equal(source_libvirt_new(&s, uri, NULL, tally_clock_real(), &err), 0);
	assert_int_equal(s.connect(s.ctx, &err), -1);
	assert_non_null(strstr(err.text, uri));
	assert_int_equal(s.list(s.ctx, &doms, &n, &err), -1);
	s.free(s.ctx);
}

/* A stopped manager's socket takes the connection and never answers. */
static void
a_manager_that_does_not_answer_is_an_error_in_time(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_source s;
	struct timespec begin, end;
	char *dir = test_dir_make(), *path = test_path(dir, "sock"), uri[256];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)state;
	assert_true(strlen(path) < sizeof(a.sun_path));
	memcpy(a.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	(void)snprintf(uri, sizeof(uri), "qemu+unix:///system?socket=%s", path);
	assert_int_equal(source_libvirt_new(&s, uri, NULL, tally_clock_real(), &err), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(s.connect(s.ctx, &err), -1);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec < 8);
	assert_non_null(strstr(err.text, uri));
	assert_non_null(strstr(err.text, "no answer"));
	(void)close(fd); /* now the thread behind it has its error, and ends */
	for (int i = 0; i < 50 && strstr(err.text, "no answer") != NULL; i++)
		assert_int_equal(s.connect(s.ctx, &err), -1);
	assert_null(strstr(err.text, "no answer"));
	s.free(s.ctx);
	free(path);
	test_dir_remove(dir);
}

static void
world_make(const char *dir)
{
	uint8_t uuid[TALLY_UUID] = { 0x7a };
	struct timespec now;
	char *path = test_path(dir, "node.xml");
	FILE *f = fopen(path, "w");
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	tally_put_u32(uuid + 4, (uint32_t)getpid());
	tally_put_u32(uuid + 8, (uint32_t)now.tv_nsec);
	tally_uuid_text(uuid_test, uuid);
	uuid[15] = 1;
	tally_uuid_text(uuid_other, uuid);
	assert_non_null(f);
	(void)fprintf(
		f,
		"<node><domain type='test'><name>test</name><uuid>%s</uuid>"
		"<memory>8192</memory><vcpu>2</vcpu><os><type>hvm</type></os></domain></node>",
		uuid_test);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(world, sizeof(world), "test://%s", path);
	free(path);
}

/* A process that calls itself QEMU: this program once more. */
static pid_t
qemu_start(const char *name, const char *uuid)
{
	struct process_guest g;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)execl("/proc/self/exe", "qemu-system-test", "-name", name, "-uuid", uuid,
			    (char *)NULL);
		_exit(127);
	}
	/* Until it has become what it says. */
	for (int i = 0; i < 5000 && process_guest_read(&g, "/proc", (uint32_t)pid) != 1; i++)
		(void)usleep(1000);
	assert_string_equal(g.name, name);
	return pid;
}

static void
qemu_end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
pid_file(const char *dir, pid_t pid)
{
	char path[512];
	FILE *f;
	(void)snprintf(path, sizeof(path), "%s/test.pid", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "%d", (int)pid);
	assert_int_equal(fclose(f), 0);
}

static void
source_open(struct tally_source *s, const char *pids, const struct tally_clock *clock)
{
	struct tally_err err = TALLY_ERR_INIT;
	assert_int_equal(source_libvirt_new(s, world, pids, clock, &err), 0);
	if (s->connect(s->ctx, &err) < 0)
		fail_msg("%s", err.text);
}

static struct tally_domain
list_one(struct tally_source *s)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_domain *doms = NULL, one;
	size_t n = 0;
	assert_int_equal(s->list(s->ctx, &doms, &n, &err), 0);
	assert_int_equal(n, 1);
	one = doms[0];
	free(doms);
	return one;
}

static void
an_exit_is_told_even_while_the_manager_is_away(void **state)
{
	char *dir = test_dir_make();
	pid_t pid = qemu_start("test", uuid_test);
	struct tally_source s;
	struct tally_domain d;
	struct tally_observation o;
	uint64_t ns;
	(void)state;
	pid_file(dir, pid);
	source_open(&s, dir, tally_clock_real());
	d = list_one(&s);
	assert_int_equal(d.pid, pid);
	assert_true(d.start_ticks > 0);
	assert_int_equal(s.cpu_time(s.ctx, &d, &ns), 1);
	(void)list_one(&s);
	s.disconnect(s.ctx);
	assert_int_equal(s.next(s.ctx, &o), 0);
	qemu_end(pid);
	assert_int_equal(wait_next(&s, &o), 1);
	assert_int_equal(o.kind, TALLY_OBS_EXIT);
	assert_int_equal(o.domain.pid, pid);
	assert_int_equal(o.domain.start_ticks, d.start_ticks);
	assert_memory_equal(o.domain.uuid, d.uuid, TALLY_UUID);
	assert_int_equal(s.next(s.ctx, &o), 0);
	assert_int_equal(s.cpu_time(s.ctx, &d, &ns), 0);
	s.free(s.ctx);
	test_dir_remove(dir);
}

/* The loop waited for the manager meanwhile, as it does while a VM is destroyed. */
static void
an_exit_comes_before_the_event_that_followed_it_and_behind_the_one_before(void **state)
{
	char *dir = test_dir_make(), uuid[TALLY_UUID_TEXT];
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_source s;
	struct tally_observation o;
	struct tally_domain d;
	struct pollfd p = { .events = POLLIN };
	virConnectPtr writer = virConnectOpen("test:///default");
	virDomainPtr dom = virDomainLookupByName(writer, "test");
	pid_t pid;
	(void)state;
	assert_non_null(dom);
	assert_int_equal(source_libvirt_new(&s, "test:///default", dir, tally_clock_real(), &err),
			 0);
	assert_int_equal(s.connect(s.ctx, &err), 0);
	p.fd = s.fd(s.ctx);
	d = list_one(&s);
	tally_uuid_text(uuid, d.uuid);
	for (int round = 0; round < 2; round++) {
		pid = qemu_start("test", uuid);
		pid_file(dir, pid);
		assert_int_equal(list_one(&s).pid, pid);
		if (round == 0)
			assert_int_equal(virDomainSuspend(dom), 0);
		else
			qemu_end(pid);
		assert_int_equal(poll(&p, 1, 30000), 1); /* it is queued */
		if (round == 0)
			qemu_end(pid);
		else
			assert_int_equal(virDomainDestroy(dom), 0);
		(void)usleep(100000); /* so that the other one is, too */
		assert_int_equal(s.next(s.ctx, &o), 1);
		assert_int_equal(o.kind, round == 0 ? TALLY_OBS_EVENT : TALLY_OBS_EXIT);
		assert_int_equal(wait_next(&s, &o), 1);
		assert_int_equal(o.kind, round == 0 ? TALLY_OBS_EXIT : TALLY_OBS_EVENT);
		assert_int_equal(s.next(s.ctx, &o), 0);
		assert_int_equal(poll(&p, 1, 0), 0);
	}
	assert_int_equal(o.what, TALLY_STOPPED);
	(void)virDomainFree(dom);
	(void)virConnectClose(writer);
	s.free(s.ctx);
	test_dir_remove(dir);
}

/* The agent was restarted, and comes before libvirt has looked. */
static void
what_an_earlier_agent_saw_is_watched_before_the_first_list(void **state)
{
	char *dir = test_dir_make();
	pid_t pid = qemu_start("test", uuid_test);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_source s;
	struct tally_domain before, other = { .uuid = { 9 }, .pid = 1, .start_ticks = 1 };
	struct tally_observation o;
	(void)state;
	pid_file(dir, pid);
	source_open(&s, dir, tally_clock_real());
	before = list_one(&s);
	s.free(s.ctx);
	/* It ends between the start and the list. */
	assert_int_equal(source_libvirt_new(&s, world, dir, tally_clock_real(), &err), 0);
	s.watch(s.ctx, &before);
	qemu_end(pid);
	assert_int_equal(wait_next(&s, &o), 1);
	assert_int_equal(o.kind, TALLY_OBS_EXIT);
	assert_int_equal(o.domain.pid, pid);
	s.free(s.ctx);
	/* It had ended before: told with the list that shows it still, and once. */
	assert_int_equal(source_libvirt_new(&s, world, dir, tally_clock_real(), &err), 0);
	s.watch(s.ctx, &before);
	s.watch(s.ctx, &other); /* in no list */
	assert_int_equal(s.next(s.ctx, &o), 0);
	assert_int_equal(s.connect(s.ctx, &err), 0);
	assert_int_equal(list_one(&s).pid, 0);
	assert_int_equal(s.next(s.ctx, &o), 1);
	assert_int_equal(o.kind, TALLY_OBS_EXIT);
	assert_int_equal(o.domain.start_ticks, before.start_ticks);
	assert_memory_equal(o.domain.uuid, before.uuid, TALLY_UUID);
	(void)list_one(&s);
	assert_int_equal(s.next(s.ctx, &o), 0);
	s.free(s.ctx);
	test_dir_remove(dir);
}

/* The same VM, the same id: the manager was restarted, and it with it. */
static void
another_process_under_the_same_id_is_seen_and_watched(void **state)
{
	char *dir = test_dir_make();
	pid_t first = qemu_start("test", uuid_test), second;
	struct tally_source s;
	struct tally_observation o;
	(void)state;
	pid_file(dir, first);
	source_open(&s, dir, tally_clock_real());
	assert_int_equal(list_one(&s).pid, first);
	qemu_end(first);
	assert_int_equal(list_one(&s).pid, 0); /* its file is stale */
	second = qemu_start("test", uuid_test);
	pid_file(dir, second);
	assert_int_equal(list_one(&s).pid, second);
	qemu_end(second);
	assert_int_equal(wait_next(&s, &o), 1);
	assert_int_equal(o.domain.pid, first);
	assert_int_equal(wait_next(&s, &o), 1);
	assert_int_equal(o.domain.pid, second);
	s.free(s.ctx);
	test_dir_remove(dir);
}

static void
a_pid_file_that_names_another_process_is_not_believed(void **state)
{
	char *dir = test_dir_make();
	pid_t other = qemu_start("test", uuid_other);
	struct tally_source s;
	(void)state;
	pid_file(dir, other);
	source_open(&s, dir, tally_clock_real());
	assert_int_equal(list_one(&s).pid, 0);
	s.free(s.ctx);
	pid_file(dir, getpid());
	source_open(&s, dir, tally_clock_real());
	assert_int_equal(list_one(&s).pid, 0);
	s.free(s.ctx);
	qemu_end(other);
	test_dir_remove(dir);
}

/* Where the manager's folder may not be read: by UUID, and by name where two have it. */
static void
without_pid_files_the_command_line_tells_unless_two_say_the_same(void **state)
{
	pid_t one = qemu_start("test", uuid_test), two;
	struct tally_source s;
	(void)state;
	source_open(&s, "/nonexistent/run/qemu", tally_clock_real());
	assert_int_equal(list_one(&s).pid, one);
	s.free(s.ctx);
	two = qemu_start("test", uuid_test);
	source_open(&s, "/nonexistent/run/qemu", tally_clock_real());
	assert_int_equal(list_one(&s).pid, 0);
	s.free(s.ctx);
	qemu_end(two);
	two = qemu_start("renamed", uuid_test);
	source_open(&s, "/nonexistent/run/qemu", tally_clock_real());
	assert_int_equal(list_one(&s).pid, one);
	s.free(s.ctx);
	qemu_end(two);
	qemu_end(one);
}

static _Atomic int64_t later; /* ns that the shifted clock is ahead */

static struct tally_now
shifted_now(void *ctx)
{
	struct tally_now now = tally_clock_now(tally_clock_real());
	(void)ctx;
	now.uptime.ns += later;
	return now;
}

static bool
has_unmanaged(struct tally_source *s, pid_t pid, const char *name)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_process *p;
	size_t n;
	bool found = false;
	assert_int_equal(s->unmanaged(s->ctx, &p, &n, &err), 0);
	for (size_t i = 0; i < n; i++) {
		if (p[i].pid != (uint32_t)pid)
			continue;
		assert_string_equal(p[i].name, name);
		assert_true(p[i].start_ticks > 0);
		found = true;
	}
	free(p);
	return found;
}

static void
a_qemu_that_is_in_no_list_is_unmanaged_once_it_is_old_enough(void **state)
{
	const struct tally_clock clock = { .now = shifted_now };
	char *dir = test_dir_make();
	pid_t ours = qemu_start("test", uuid_test), hand = qemu_start("by hand", uuid_other);
	pid_t twin = qemu_start("twin", uuid_test);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_process *p;
	size_t n;
	struct tally_source s;
	char *file = test_path(dir, "test.pid");
	(void)state;
	later = -3600 * TALLY_SECOND;
	pid_file(dir, ours);
	source_open(&s, dir, &clock);
	(void)list_one(&s);
	assert_false(has_unmanaged(&s, hand, "by hand"));
	later = 3600 * TALLY_SECOND;
	assert_true(has_unmanaged(&s, hand, "by hand"));
	assert_true(has_unmanaged(&s, twin, "twin"));
	assert_false(has_unmanaged(&s, ours, "test"));
	/* One that no list had yet is asked for. */
	s.free(s.ctx);
	source_open(&s, dir, &clock);
	assert_false(has_unmanaged(&s, ours, "test"));
	/* Where the VM's process is unknown, none with its UUID is told of. */
	s.free(s.ctx);
	assert_int_equal(unlink(file), 0);
	source_open(&s, dir, &clock);
	assert_false(has_unmanaged(&s, twin, "twin"));
	s.disconnect(s.ctx);
	assert_int_equal(s.unmanaged(s.ctx, &p, &n, &err), -1);
	s.free(s.ctx);
	qemu_end(twin);
	qemu_end(hand);
	qemu_end(ours);
	free(file);
	test_dir_remove(dir);
}

static void
set_metadata(virDomainPtr dom, const char *xml)
{
	assert_int_equal(virDomainSetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, xml, "tally",
					      "https://tallystick.invalid/xmlns/metadata/1",
					      VIR_DOMAIN_AFFECT_LIVE),
			 0);
}

static void
metadata_that_changes_is_an_event_and_in_the_next_list(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_source s;
	struct tally_domain d;
	struct tally_observation o;
	virConnectPtr writer;
	virDomainPtr dom;
	(void)state;
	/* The only world of the test driver that two connections share. */
	assert_int_equal(source_libvirt_new(&s, "test:///default", NULL, tally_clock_real(), &err),
			 0);
	assert_int_equal(s.connect(s.ctx, &err), 0);
	d = list_one(&s);
	assert_string_equal(d.tenant, "");
	assert_int_equal(d.pid, 0);
	writer = virConnectOpen("test:///default");
	assert_non_null(writer);
	dom = virDomainLookupByName(writer, "test");
	assert_non_null(dom);
	set_metadata(dom, "<vm><tenant>ACME</tenant><cost-center>7</cost-center>"
			  "<environment>test</environment></vm>");
	assert_int_equal(wait_next(&s, &o), 1);
	assert_int_equal(o.kind, TALLY_OBS_EVENT);
	assert_int_equal(o.what, TALLY_TAGS);
	assert_int_equal(o.raw_event, 256 + VIR_DOMAIN_EVENT_ID_METADATA_CHANGE);
	assert_memory_equal(o.domain.uuid, d.uuid, TALLY_UUID);
	d = list_one(&s);
	assert_string_equal(d.tenant, "ACME");
	assert_string_equal(d.cost_center, "7");
	assert_string_equal(d.environment, "test");
	/* The event is not heard yet: a list is cheap, and a description is not. */
	set_metadata(dom, "<vm><tenant>other</tenant></vm>");
	assert_string_equal(list_one(&s).tenant, "ACME");
	assert_int_equal(s.describe(s.ctx, d.uuid, &d, &err), 1);
	assert_string_equal(d.tenant, "other");
	assert_string_equal(d.cost_center, "");
	assert_false(d.tainted);
	/* Nobody tells what changed while nobody listened. */
	set_metadata(dom, "<vm><tenant>third</tenant></vm>");
	s.disconnect(s.ctx);
	assert_int_equal(s.connect(s.ctx, &err), 0);
	assert_string_equal(list_one(&s).tenant, "third");
	(void)virDomainFree(dom);
	(void)virConnectClose(writer);
	s.free(s.ctx);
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-name") == 0) { /* qemu_start() */
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_arrive_in_order_and_the_list_agrees),
		cmocka_unit_test(no_manager_is_an_error_with_its_uri),
		cmocka_unit_test(a_manager_that_does_not_answer_is_an_error_in_time),
		cmocka_unit_test(an_exit_is_told_even_while_the_manager_is_away),
		cmocka_unit_test(
			an_exit_comes_before_the_event_that_followed_it_and_behind_the_one_before),
		cmocka_unit_test(what_an_earlier_agent_saw_is_watched_before_the_first_list),
		cmocka_unit_test(another_process_under_the_same_id_is_seen_and_watched),
		cmocka_unit_test(a_pid_file_that_names_another_process_is_not_believed),
		cmocka_unit_test(without_pid_files_the_command_line_tells_unless_two_say_the_same),
		cmocka_unit_test(a_qemu_that_is_in_no_list_is_unmanaged_once_it_is_old_enough),
		cmocka_unit_test(metadata_that_changes_is_an_event_and_in_the_next_list),
	};
	char *dir = test_dir_make();
	int rc;
	world_make(dir);
	rc = cmocka_run_group_tests_name("agent libvirt", tests, NULL, NULL);
	test_dir_remove(dir);
	return rc;
}
