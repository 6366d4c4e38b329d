/* SPDX-License-Identifier: Apache-2.0 */
/* Licence positions of histories, by the packs that the product has: the table of
 * the design, and what moves, crashes and unknowns do to the three readings. */
#include <stdio.h>
#include <string.h>
#include "../../../reports/position.h"
#include "positionlib.h"
#include "tally/err.h"

/* Starts VMs a, b, ... of a host. */
static void
start(struct tally_buf *b, const char *host, const char *at, char first, unsigned n,
      const char *what)
{
	for (unsigned i = 0; i < n; i++)
		tally_buf_addf(b, "%s %s start %c vcpus=4 %s\n", host, at, first + (int)i, what);
}

static void
host(struct tally_buf *b, const char *name, const char *cores, const char *more)
{
	tally_buf_addf(b, "%s 00:00 host cores_per_socket=%s %s\n", name, cores, more);
}

static const struct tally_json *
day(struct tally_buf *b)
{
	return report_of_day(tally_buf_cstr(b));
}

static void
two_hosts_of_which_one_was_emptied_for_two_hours(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	host(&b, "h1", "8,8", "cluster=c1");
	host(&b, "h2", "8,8", "cluster=c1");
	start(&b, "h1", "00:00", 'a', 3, WIN " edition=standard");
	start(&b, "h2", "00:00", 'd', 3, WIN " edition=standard");
	for (char vm = 'd'; vm <= 'f'; vm++)
		tally_buf_addf(&b, "h2 10:00 migrate-out %c\nh1 10:00 migrate-in %c vcpus=4\n", vm,
			       vm);
	for (char vm = 'd'; vm <= 'f'; vm++)
		tally_buf_addf(&b, "h1 12:00 migrate-out %c\nh2 12:00 migrate-in %c vcpus=4\n", vm,
			       vm);
	tally_buf_add_str(&b, "h1 23:59 heartbeat\nh2 23:59 heartbeat\n");
	r = day(&b);
	assert_reading(r, STANDARD FLEET, "64", "80", "96");
	assert_reading(r, STANDARD " scope=cluster id=c1", "64", "80", "96");
	assert_reading(r, STANDARD " id=h1", "48", "48", "48");
	assert_reading(r, STANDARD " id=h2", "32", "32", "48");
	assert_figure(r, "positions", STANDARD FLEET, "order", "80");
	assert_figure(r, "positions", STANDARD FLEET, "at", "2026-03-01T10:00:00Z");
	assert_figure(r, "positions", STANDARD FLEET, "product", "windows-server");
	assert_figure(r, "positions", STANDARD FLEET, "unit", "core");
	assert_figure(r, "positions", STANDARD FLEET, "entitled", "null");
	assert_figure(r, "positions", STANDARD FLEET, "surplus.measured", "null");
	assert_figure(r, "positions", STANDARD FLEET, "evidence.imported", "1.000000");
	assert_figure(r, "positions", STANDARD FLEET, "cheapest.rule",
		      "windows-server-standard/host");
	assert_reading(r, "rule=windows-server-datacenter/host" FLEET, "32", "32", "32");
	assert_figure(r, "findings", "kind=short-history", "severity", "warning");
	tally_buf_deinit(&b);
}

static void
a_licence_that_went_there_and_back_within_90_days_is_two(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	host(&b, "h1", "8,8", "");
	host(&b, "h2", "8,8", "");
	tally_buf_add_str(&b, "h1 01:00 start a vcpus=2 " WIN "\nh1 02:00 migrate-out a\n"
			      "h2 02:00 migrate-in a vcpus=2\nh2 02:59 heartbeat\n");
	r = day(&b);
	assert_reading(r, STANDARD FLEET, "16", "32", "32");
	tally_buf_add_str(&b, "h2 03:00 migrate-out a\nh1 03:00 migrate-in a vcpus=2\n"
			      "h1 04:00 stop a cause=shutdown\n");
	r = day(&b);
	assert_reading(r, STANDARD FLEET, "32", "32", "32");
	assert_reading(r, STANDARD " id=h2", "16", "16", "16");
	tally_buf_deinit(&b);
}

static void
a_host_that_ran_nothing_is_reached_in_its_cluster(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=8,8 cluster=c1\n"
			      "h2 00:00 host cores_per_socket=8,8 cluster=c1\n"
			      "h3 00:00 host cores_per_socket=8,8 cluster=c2\n"
			      "h1 01:00 start a vcpus=1 " WIN "\nh1 02:00 heartbeat\n");

	(void)state;
	assert_reading(r, STANDARD " scope=cluster id=c1", "16", "16", "32");
	assert_reading(r, STANDARD " scope=cluster id=c2", "0", "0", "0");
	assert_reading(r, STANDARD FLEET, "16", "16", "32");
	assert_reading(r, STANDARD " id=h2", "0", "0", "16");
}

static void
the_window_of_90_days_begins_before_the_period(void **state)
{
	const char *lines = "h1 2026-01-01T00:00:00Z host cores_per_socket=8,8\n"
			    "h1 2026-01-01T00:00:00Z start a vcpus=2 " WIN "\n"
			    "h1 2026-01-01T00:00:00Z start b vcpus=2 " WIN "\n"
			    "h1 2026-01-01T00:00:00Z start c vcpus=2 " WIN "\n"
			    "h1 2026-01-05T00:00:00Z start d vcpus=2 " WIN "\n"
			    "h1 2026-01-06T00:00:00Z start e vcpus=2 " WIN "\n"
			    "h1 2026-01-10T00:00:00Z stop e cause=shutdown\n"
			    "h1 2026-03-12T00:00:00Z stop d cause=shutdown\n"
			    "h1 2026-05-01T00:00:00Z heartbeat\n";
	const struct tally_json *r = report_of(lines, "2026-04-10", "2026-04-11", "UTC");

	(void)state;
	/* 90 days before 2026-04-11 is 2026-01-11: d, which left 30 days ago, counts
	 * and e, which left 91 days ago, does not. */
	assert_reading(r, STANDARD FLEET, "32", "32", "32");
	assert_figure(r, "positions", STANDARD FLEET, "from", "2026-01-11T00:00:00Z");
	assert_figure(r, "positions", STANDARD FLEET, "at", "2026-01-11T00:00:00Z");
	assert_figure(r, "positions", STANDARD FLEET, "short_history", "false");
	assert_int_equal(rows(r, "findings", "kind=short-history"), 0);
	r = report_of(lines, "2026-04-08", "2026-04-09", "UTC");
	assert_reading(r, STANDARD FLEET, "48", "48", "48");
	/* An instant of the peak is not that of the begin where e had not gone yet. */
	r = report_of(lines, "2026-03-01", "2026-04-01", "UTC");
	assert_reading(r, STANDARD FLEET, "48", "48", "48");
	assert_figure(r, "positions", STANDARD FLEET, "at", "2026-01-06T00:00:00Z");
	assert_figure(r, "positions", STANDARD FLEET, "short_history", "false");
	r = report_of(lines, "2026-07-10", "2026-07-11", "UTC");
	assert_reading(r, STANDARD FLEET, "32", "32", "32");
}

static void
a_guest_of_unknown_os_raises_high_alone(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=8,8\n"
			      "h1 01:00 start a vcpus=2 " WIN "\n"
			      "h1 01:00 start b vcpus=2 " WIN " edition=standard\n"
			      "h1 01:00 start c name=who vcpus=12\n"
			      "h1 02:00 heartbeat\n");

	(void)state;
	assert_reading(r, STANDARD FLEET, "16", "16", "32");
	assert_figure(r, "positions", STANDARD FLEET, "unresolved", "?,?");
	assert_reading(r, "rule=windows-server/vm" FLEET, "16", "16", "28");
	assert_figure(r, "positions", "rule=windows-server/vm" FLEET, "unresolved", "?");
	/* RHEL occurs nowhere: nobody asks whether the third is one. */
	assert_int_equal(rows(r, "positions", "product=rhel"), 0);
}

static void
a_crash_of_the_host_has_its_bound_in_high(void **state)
{
	const struct tally_json *r = report_of_day("h1 00:00 host cores_per_socket=8,8 boot=1\n"
						   "h1 01:00 start a vcpus=4 " WIN "\n"
						   "h1 02:00 heartbeat\n"
						   "h1 05:00 host cores_per_socket=8,8 boot=2\n"
						   "h1 06:00 heartbeat\n");

	(void)state;
	assert_reading(r, "rule=windows-server/payg" FLEET, "4", "4", "16");
	assert_reading(r, STANDARD FLEET, "16", "16", "16");
	assert_figure(r, "positions", "rule=windows-server/payg" FLEET, "unresolved", "?");
	/* It was started elsewhere meanwhile. */
	r = report_of_day("h1 00:00 host cores_per_socket=8,8 boot=1\n"
			  "h2 00:00 host cores_per_socket=8,8 boot=1\n"
			  "h1 01:00 start a vcpus=4 " WIN "\n"
			  "h1 02:00 heartbeat\n"
			  "h2 03:00 start a vcpus=4 " WIN "\n"
			  "h2 04:00 stop a cause=shutdown\n"
			  "h1 05:00 host cores_per_socket=8,8 boot=2\n"
			  "h1 06:00 heartbeat\n");
	assert_reading(r, "rule=windows-server/payg" FLEET, "8", "8", "12");
	assert_reading(r, "rule=windows-server/payg id=h1", "4", "4", "8");
}

static void
windows_by_the_vm_has_minima_of_each_and_of_the_customer(void **state)
{
	const struct tally_json *r = report_of_day("h1 00:00 host cores_per_socket=8\n"
						   "h1 01:00 start a vcpus=4 " WIN "\n"
						   "h1 02:00 heartbeat\n");
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	assert_reading(r, "rule=windows-server/vm" FLEET, "16", "16", "16");
	assert_reading(r, "rule=windows-server/vm id=h1", "8", "8", "8");
	start(&b, "h1", "01:00", 'a', 6, WIN);
	tally_buf_add_str(&b, "h1 02:00 config a vcpus=17\nh1 03:00 stop b cause=shutdown\n");
	r = day(&b);
	assert_reading(r, "rule=windows-server/vm" FLEET, "57", "57", "57");
	assert_figure(r, "positions", "rule=windows-server/vm" FLEET, "order", "58");
	assert_figure(r, "positions", "rule=windows-server/vm" FLEET, "at", "2026-03-01T02:00:00Z");
	tally_buf_deinit(&b);
}

static void
a_provider_pays_for_each_host_that_was_visited_in_the_month(void **state)
{
	const struct tally_json *r = report_of("h1 2026-03-02T00:00:00Z host cores_per_socket=8,8\n"
					       "h2 2026-03-02T00:00:00Z host cores_per_socket=8,8\n"
					       "h3 2026-03-02T00:00:00Z host cores_per_socket=8,8\n"
					       "h1 2026-03-02T00:00:00Z start a vcpus=2 " WIN "\n"
					       "h1 2026-03-03T00:00:00Z migrate-out a\nh2 "
					       "2026-03-03T00:00:00Z migrate-in a vcpus=2\n"
					       "h2 2026-03-04T00:00:00Z migrate-out a\nh3 "
					       "2026-03-04T00:00:00Z migrate-in a vcpus=2\n"
					       "h3 2026-04-20T00:00:00Z heartbeat\n",
					       "2026-02", "2026-05", "UTC");

	(void)state;
	assert_reading(r, "rule=windows-server-standard/spla-month" FLEET, "48", "48", "48");
	assert_figure(r, "positions", "rule=windows-server-standard/spla-month" FLEET, "from",
		      "2026-03-01T00:00:00Z");
	assert_figure(r, "positions", "rule=windows-server-standard/spla-month id=h3", "measured",
		      "16");
}

static void
core_hours_are_those_that_ran(void **state)
{
	const struct tally_json *r = report_of("h1 2026-03-01T00:00:00Z host cores_per_socket=8\n"
					       "h1 2026-03-01T00:00:00Z start a vcpus=4 " WIN "\n"
					       "h1 2026-03-05T04:00:00Z stop a cause=shutdown\n",
					       "2026-03", "2026-04", "UTC");

	(void)state;
	assert_reading(r, "rule=windows-server/payg" FLEET, "400", "400", "400");
	r = report_of_day("h1 00:00 start a vcpus=2 " WIN "\nh1 10:00 config a vcpus=4\n"
			  "h1 10:00:00.5 stop a cause=shutdown\n");
	assert_reading(r, "rule=windows-server/payg" FLEET, "20.000556", "20.000556", "20.000556");
}

static void
sql_server_counts_where_it_is_declared(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1 00:00 host cores_per_socket=2,2\n"
		"h1 01:00 start a vcpus=2 software=sql-server-standard\n"
		"h1 01:00 start b vcpus=6 software=sql-server-standard\n"
		"h1 01:00 start c vcpus=1 software=sql-server-enterprise\n"
		"h1 01:00 start d vcpus=1\n"
		"h1 02:00 software c remove=sql-server-enterprise\nh1 03:00 heartbeat\n");

	(void)state;
	assert_reading(r, "rule=sql-server/vm product=sql-server-standard" FLEET, "10", "10", "10");
	assert_reading(r, "rule=sql-server/vm product=sql-server-enterprise" FLEET, "4", "4", "4");
	assert_reading(r, "rule=sql-server-enterprise/host" FLEET, "8", "8", "8");
	assert_int_equal(rows(r, "positions", "product=oracle-database-enterprise"), 0);
}

static void
red_hat_guests_pair_over_the_scope_and_hosts_by_sockets(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	host(&b, "h1", "8,8,8", "os=http://redhat.com/rhel/9.2 cluster=c1");
	host(&b, "h2", "8,8", "cluster=c1");
	host(&b, "h3", "8,8", "");
	start(&b, "h1", "01:00", 'a', 3, "os=http://redhat.com/rhel/9.2");
	start(&b, "h2", "01:00", 'd', 4, "os=http://redhat.com/rhel/8.9");
	tally_buf_add_str(&b, "h1 02:00 heartbeat\nh2 02:00 heartbeat\n");
	r = day(&b);
	assert_reading(r, "rule=rhel/vm-pairs" FLEET, "4", "4", "4");
	assert_reading(r, "rule=rhel/vm-pairs id=h1", "2", "2", "2");
	assert_reading(r, "rule=rhel/socket-pairs" FLEET, "2", "2", "2");
	assert_reading(r, "rule=rhel/socket-pairs id=h3", "0", "0", "0");
	assert_figure(r, "positions", "rule=rhel/socket-pairs id=h3", "at", "null");
	assert_reading(r, "rule=rhel/virtual-datacenter" FLEET, "3", "3", "3");
	assert_reading(r, "rule=rhel/virtual-datacenter scope=cluster id=", "0", "0", "0");
	tally_buf_deinit(&b);
}

static void
suse_guests_pair_on_each_host(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1 00:00 host cores_per_socket=8,8\nh2 00:00 host cores_per_socket=8,8\n"
		"h3 00:00 host cores_per_socket=4,4,4,4,4,4,4,4 os=http://suse.com/sles/15.5\n"
		"h1 01:00 start a vcpus=1 os=http://suse.com/sles/15.5\n"
		"h2 01:00 start b vcpus=1 os=http://suse.com/sles/15.5\n"
		"h2 01:00 start c vcpus=1 os=http://suse.com/sles/15.5\n"
		"h2 01:00 start d vcpus=1 os=http://suse.com/sles/15.5\n"
		"h1 02:00 stop a cause=shutdown\nh1 03:00 heartbeat\nh2 03:00 heartbeat\n");

	(void)state;
	assert_reading(r, "rule=sles/sockets-or-vms" FLEET, "7", "7", "7");
	assert_reading(r, "rule=sles/sockets-or-vms id=h2", "2", "2", "2");
	assert_reading(r, "rule=sles/unlimited id=h3", "4", "4", "4");
	assert_reading(r, "rule=sles/unlimited" FLEET, "6", "6", "6");
}

static void
ubuntu_covers_whole_clusters_or_single_guests(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;
	static const char *const names[] = { "h1", "h2", "h3", "h4", "h5" };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		host(&b, names[i], "8,8", "cluster=c1");
	host(&b, "h6", "8", "cluster=c2");
	start(&b, "h1", "01:00", 'a', 20, "os=http://ubuntu.com/ubuntu/22.04");
	tally_buf_add_str(&b, "h1 02:00 heartbeat\n");
	r = day(&b);
	assert_reading(r, "rule=ubuntu-pro/host" FLEET, "5", "5", "5");
	assert_reading(r, "rule=ubuntu-pro/host scope=cluster id=c2", "0", "0", "0");
	assert_reading(r, "rule=ubuntu-pro/host id=h4", "1", "1", "1");
	assert_reading(r, "rule=ubuntu-pro/vm" FLEET, "20", "20", "20");
	tally_buf_deinit(&b);
}

#define DATABASE "software=oracle-database-enterprise"
#define ORACLE   "rule=oracle-database/processor"

static void
oracle_reaches_every_core_of_the_cluster(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	for (unsigned i = 1; i <= 15; i++)
		tally_buf_addf(
			&b, "h%u 00:00 host cores_per_socket=16,16 cpu=Intel%%20Xeon cluster=%s\n",
			i, i <= 12 ? "c1" : "");
	tally_buf_add_str(&b, "h1 01:00 start a vcpus=2 " DATABASE "\nh1 02:00 migrate-out a\n"
			      "h2 02:00 migrate-in a vcpus=2\nh2 03:00 heartbeat\n");
	r = day(&b);
	/* It ran on two hosts; twelve it could have reached. */
	assert_reading(r, ORACLE FLEET, "32", "32", "192");
	assert_reading(r, ORACLE " id=h9", "0", "0", "16");
	assert_reading(r, ORACLE " id=h13", "0", "0", "0");
	tally_buf_deinit(&b);
}

static void
oracle_takes_pins_for_proof_where_the_technology_is_approved(void **state)
{
	static const char *const begin =
		"h1 00:00 host cores_per_socket=16,16 cpu=Intel%20Xeon cluster=c1 partitioning=";
	static const char *const start_pinned =
		"\nh1 01:00 start a vcpus=4 pinned=0,1,2,3 " DATABASE "\n";
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	tally_buf_addf(&b, "%soracle-linux-kvm%sh1 03:00 heartbeat\n", begin, start_pinned);
	r = day(&b);
	assert_reading(r, ORACLE FLEET, "2", "16", "16");
	assert_int_equal(rows(r, "findings", "kind=pin-breach"), 0);
	tally_buf_clear(&b);
	tally_buf_addf(&b, "%s%sh1 03:00 heartbeat\n", begin, start_pinned);
	assert_reading(day(&b), ORACLE FLEET, "16", "16", "16");
	tally_buf_clear(&b);
	tally_buf_addf(&b,
		       "%soracle-linux-kvm%sh1 02:00 config a pinned=0,1,2,4\nh1 03:00 heartbeat\n",
		       begin, start_pinned);
	r = day(&b);
	assert_reading(r, ORACLE FLEET, "16", "16", "16");
	assert_figure(r, "findings", "kind=pin-breach", "severity", "error");
	tally_buf_clear(&b);
	tally_buf_addf(&b,
		       "%soracle-linux-kvm%sh1 02:00 start b vcpus=1 " DATABASE
		       "\nh1 03:00 heartbeat\n",
		       begin, start_pinned);
	assert_reading(day(&b), ORACLE FLEET, "16", "16", "16");
	tally_buf_deinit(&b);
}

static void
a_pin_to_a_core_that_the_host_does_not_have_proves_nothing(void **state)
{
#define KVM "cpu=Intel%20Xeon cluster=c1 partitioning=oracle-linux-kvm\n"
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=16,16 " KVM
			      "h1 01:00 start a vcpus=4 pinned=28,29,30,31 " DATABASE "\n"
			      "h1 03:00 heartbeat\n");

	(void)state;
	assert_reading(r, ORACLE FLEET, "2", "16", "16");
	r = report_of_day("h1 00:00 host cores_per_socket=16,16 " KVM
			  "h1 01:00 start a vcpus=4 pinned=0,1,2,32 " DATABASE "\n"
			  "h1 03:00 heartbeat\n");
	assert_reading(r, ORACLE FLEET, "16", "16", "16");
	assert_figure(r, "findings", "kind=pin-breach", "severity", "error");
	/* A processor is taken out while it runs. */
	r = report_of_day("h1 00:00 host cores_per_socket=16,16 " KVM
			  "h1 01:00 start a vcpus=4 pinned=0,1,2,16 " DATABASE "\n"
			  "h1 02:00 host cores_per_socket=16 " KVM "h1 03:00 heartbeat\n");
	assert_reading(r, ORACLE FLEET, "16", "16", "16");
	assert_int_equal(rows(r, "findings", "kind=pin-breach"), 1);
	/* Where no pin is proof, one of those is nothing to tell. */
	r = report_of_day("h1 00:00 host cores_per_socket=16,16 cpu=Intel%20Xeon cluster=c1\n"
			  "h1 01:00 start a vcpus=4 pinned=99 " DATABASE "\nh1 03:00 heartbeat\n");
	assert_reading(r, ORACLE FLEET, "16", "16", "16");
	assert_int_equal(rows(r, "findings", "kind=pin-breach"), 0);
#undef KVM
}

#define WAS "software=ibm-websphere-nd"
#define PVU "rule=ibm/pvu-subcapacity"

static void
ibm_caps_each_server_and_adds_the_regions_peaks(void **state)
{
	const struct tally_json *r = report_of("h1 2026-01-01T00:00:00Z host cores_per_socket=8,8 "
					       "max_sockets=2 cpu=Intel%20Xeon region=eu\n"
					       "h2 2026-01-01T00:00:00Z host cores_per_socket=8,8 "
					       "max_sockets=2 cpu=Intel%20Xeon region=us\n"
					       "h1 2026-01-02T00:00:00Z start a vcpus=12 " WAS "\n"
					       "h1 2026-01-02T00:00:00Z start b vcpus=12 " WAS "\n"
					       "h1 2026-01-03T00:00:00Z stop a cause=shutdown\n"
					       "h1 2026-01-03T00:00:00Z stop b cause=shutdown\n"
					       "h2 2026-02-01T00:00:00Z start c vcpus=2 " WAS "\n"
					       "h2 2026-02-02T00:00:00Z stop c cause=shutdown\n"
					       "h1 2026-05-02T00:00:00Z start d vcpus=15 " WAS "\n"
					       "h1 2026-05-03T00:00:00Z stop d cause=shutdown\n",
					       "2026-01", "2026-07", "UTC");

	(void)state;
	assert_reading(r, PVU " scope=region id=eu", "1120", "1120", "1120");
	assert_reading(r, PVU " scope=region id=us", "140", "140", "140");
	assert_reading(r, PVU FLEET, "1260", "1260", "1260");
	assert_figure(r, "positions", PVU " scope=region id=eu", "at", "2026-01-02T00:00:00Z");
	assert_figure(r, "positions", PVU " scope=region id=eu", "from", "2026-01-01T00:00:00Z");
	assert_figure(r, "positions", PVU " scope=region id=eu", "to", "2026-04-01T00:00:00Z");
	assert_int_equal(rows(r, "findings", "kind=pvu-max-sockets"), 0);
	r = report_of_day("h1 00:00 host cores_per_socket=8,8,8 cpu=Xeon\n"
			  "h2 00:00 host cores_per_socket=8,8,8 cpu=Xeon\n"
			  "h1 01:00 start a vcpus=4 " WAS "\nh1 02:00 heartbeat\n");
	assert_reading(r, PVU FLEET, "400", "400", "400");
	assert_figure(r, "findings", "kind=pvu-max-sockets", "severity", "warning");
	r = report_of_day("h1 01:00 start a vcpus=24 " WAS "\nh1 02:00 heartbeat\n");
	assert_reading(r, PVU FLEET, "2880", "2880", "2880");
	assert_figure(r, "positions", PVU FLEET, "unresolved", "?");
}

static void
vmware_counts_the_cores_of_its_hosts(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=8,8 hypervisor=vmware\n"
			      "h2 00:00 host cores_per_socket=24,24 hypervisor=vmware\n"
			      "h3 00:00 host cores_per_socket=24,24 hypervisor=qemu\n");

	(void)state;
	assert_reading(r, "rule=vmware/cores" FLEET, "80", "80", "80");
	assert_figure(r, "positions", "rule=vmware/cores" FLEET, "order", "80");
	assert_figure(r, "positions", "rule=vmware/cores" FLEET, "because", "?,?");
	r = report_of_day("h1 00:00 host cores_per_socket=8 hypervisor=vmware\n"
			  "h2 00:00 host cores_per_socket=8 hypervisor=vmware\n"
			  "h3 12:00 host cores_per_socket=8 hypervisor=vmware\n"
			  "h3 13:00 host-retired\n");
	assert_reading(r, "rule=vmware/cores" FLEET, "48", "48", "48");
	assert_figure(r, "positions", "rule=vmware/cores" FLEET, "order", "72");
	assert_figure(r, "positions", "rule=vmware/cores" FLEET, "at", "2026-03-01T12:00:00Z");
	r = report_of("h1 2025-04-01T00:00:00Z host cores_per_socket=8 hypervisor=vmware\n",
		      "2025-04-01", "2025-04-02", "UTC");
	assert_figure(r, "positions", "rule=vmware/cores" FLEET, "order", "16");
	r = report_of("h1 2023-01-01T00:00:00Z host cores_per_socket=8 hypervisor=vmware\n",
		      "2023-12-10", "2023-12-12", "UTC");
	assert_reading(r, "rule=vmware/cores" FLEET, "16", "16", "16");
	assert_figure(r, "positions", "rule=vmware/cores" FLEET, "at", "2023-12-11T00:00:00Z");
	assert_figure(r, "findings", "kind=rule-validity", "severity", "warning");
}

static void
windows_clients_are_counted_at_once(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 01:00 start a vcpus=1 os=http://microsoft.com/win/11\n"
			      "h1 02:00 start b vcpus=1 os=http://microsoft.com/win/10\n"
			      "h1 03:00 stop a cause=shutdown\nh1 03:00 start c vcpus=1 "
			      "os=http://microsoft.com/win/11\n"
			      "h1 04:00 suspend b cause=pmsuspended\nh1 04:00 start d vcpus=1 "
			      "os=http://microsoft.com/win/7\n"
			      "h1 05:00 heartbeat\n");

	(void)state;
	assert_reading(r, "rule=windows-client/concurrent" FLEET, "2", "2", "2");
	assert_figure(r, "positions", "rule=windows-client/concurrent" FLEET, "at",
		      "2026-03-01T02:00:00Z");
	assert_int_equal(rows(r, "positions", "product=windows-server"), 0);
}

static void
a_host_grows_and_the_largest_need_counts(void **state)
{
	const struct tally_json *r = report_of_day("h1 00:00 host cores_per_socket=8,8\n"
						   "h1 01:00 start a vcpus=1 " WIN "\n"
						   "h1 02:00 host cores_per_socket=32,32\n"
						   "h1 03:00 host cores_per_socket=8\n"
						   "h1 04:00 heartbeat\n");

	(void)state;
	assert_reading(r, STANDARD FLEET, "64", "64", "64");
	assert_figure(r, "positions", STANDARD FLEET, "at", "2026-03-01T02:00:00Z");
}

static void
the_period_decides_without_rules_there_are_none(void **state)
{
	const struct tally_json *r = report_of("h1 2026-03-01T00:00:00Z host cores_per_socket=8\n"
					       "h1 2026-03-01T00:00:00Z start a vcpus=1 " WIN "\n"
					       "h1 2026-03-02T00:00:00Z stop a cause=shutdown\n",
					       "2026-03-03", "2026-03-04", "UTC");

	(void)state;
	/* 90 days still see it; the period does not. */
	assert_reading(r, STANDARD FLEET, "16", "16", "16");
	assert_reading(r, "rule=windows-server/vm" FLEET, "0", "0", "0");
	assert_figure(r, "positions", "rule=windows-server/vm" FLEET, "at", "null");
	assert_int_equal(rows(r, "positions", "product=sles"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hosts_of_which_one_was_emptied_for_two_hours),
		cmocka_unit_test(a_licence_that_went_there_and_back_within_90_days_is_two),
		cmocka_unit_test(a_host_that_ran_nothing_is_reached_in_its_cluster),
		cmocka_unit_test(the_window_of_90_days_begins_before_the_period),
		cmocka_unit_test(a_guest_of_unknown_os_raises_high_alone),
		cmocka_unit_test(a_crash_of_the_host_has_its_bound_in_high),
		cmocka_unit_test(windows_by_the_vm_has_minima_of_each_and_of_the_customer),
		cmocka_unit_test(a_provider_pays_for_each_host_that_was_visited_in_the_month),
		cmocka_unit_test(core_hours_are_those_that_ran),
		cmocka_unit_test(sql_server_counts_where_it_is_declared),
		cmocka_unit_test(red_hat_guests_pair_over_the_scope_and_hosts_by_sockets),
		cmocka_unit_test(suse_guests_pair_on_each_host),
		cmocka_unit_test(ubuntu_covers_whole_clusters_or_single_guests),
		cmocka_unit_test(oracle_reaches_every_core_of_the_cluster),
		cmocka_unit_test(oracle_takes_pins_for_proof_where_the_technology_is_approved),
		cmocka_unit_test(a_pin_to_a_core_that_the_host_does_not_have_proves_nothing),
		cmocka_unit_test(ibm_caps_each_server_and_adds_the_regions_peaks),
		cmocka_unit_test(vmware_counts_the_cores_of_its_hosts),
		cmocka_unit_test(windows_clients_are_counted_at_once),
		cmocka_unit_test(a_host_grows_and_the_largest_need_counts),
		cmocka_unit_test(the_period_decides_without_rules_there_are_none),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests_name("reports positions", tests, NULL, NULL);
	report_done();
	return failed;
}
