/* SPDX-License-Identifier: Apache-2.0 */
/* The libvirt source over libvirt's own test driver: a real connection, real
 * callbacks, no hypervisor. */
#include "testlib.h"

#include <libvirt/libvirt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "source_libvirt.h"
#include "tally/err.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_arrive_in_order_and_the_list_agrees),
		cmocka_unit_test(no_manager_is_an_error_with_its_uri),
		cmocka_unit_test(a_manager_that_does_not_answer_is_an_error_in_time),
	};
	return cmocka_run_group_tests_name("agent libvirt", tests, NULL, NULL);
}
