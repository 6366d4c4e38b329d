/* SPDX-License-Identifier: Apache-2.0 */
/* What changes do to an estate, on histories small enough to count by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "simulatelib.h"
#include "tally/err.h"

#define FACTS  "cores_per_socket=8,8 max_sockets=2 cluster=c1 region=eu\n"
#define OTHER  "cores_per_socket=16 cluster=c2 region=us\n"
#define WIN    "os=http://microsoft.com/win/2k22 edition=standard"
#define RHEL   "os=http://redhat.com/rhel/9.2"
#define END    "h1 23:00 heartbeat\nh2 23:00 heartbeat\nh3 23:00 heartbeat\n"
#define STD    "rule=windows-server-standard/host "
#define DC     "rule=windows-server-datacenter/host "
#define PERVM  "rule=windows-server/vm "
#define PAIRS  "rule=rhel/vm-pairs "
#define FLEET_ "scope=fleet"

/* Two hosts of a cluster and one of another; of one machine nobody knows the system. */
static const char small[] =
	"h1 00:00 host " FACTS "h2 00:00 host " FACTS "h3 00:00 host " OTHER
	"h1 01:00 start a vcpus=4 name=web1 " WIN "\n"
	"h1 01:00 start b vcpus=4 name=web2 " WIN "\n"
	"h2 01:00 start c vcpus=2 name=lin1 tenant=acme environment=test " RHEL "\n"
	"h3 01:00 start d vcpus=8 name=db software=sql-server-standard\n" END;

/* What random histories of a day do not have: a host that fails, and a long history. */
static void
nothing_changes_without_a_change(void **state)
{
	static const char fails[] = "h1 00:00 host " FACTS "h2 00:00 host " FACTS
				    "h1 01:00 start a vcpus=4 name=web " WIN "\n"
				    "h1 02:00 migrate-out a\nh2 02:00 migrate-in a vcpus=4\n"
				    "h2 03:00 heartbeat\nh2 03:30 host-failed by=ann reason=x\n"
				    "h1 04:00 start a vcpus=4 name=web " WIN "\n"
				    "h1 23:00 heartbeat\n";
	static const char old[] = "h1 2025-11-01T00:00:00Z host " FACTS
				  "h1 2025-11-02T00:00:00Z start a vcpus=4 name=web " WIN "\n"
				  "h1 23:00 heartbeat\n";

	(void)state;
	identical(small, NULL);
	identical(fails, NULL);
	identical(old, NULL);
	/* A licence leaves a host that failed as often as that happens. */
	what_if(fails, "--add-host h9,cores=8,cluster=apart", NULL);
	assert_row(STD FLEET_, "new.low", "16");
	assert_row(STD FLEET_, "new.measured", "32");
}

static void
a_machine_gets_other_vcpus(void **state)
{
	(void)state;
	what_if(small, "--grow web1,vcpus=12", NULL);
	assert_row(PERVM FLEET_, "old.measured", "16");
	assert_row(PERVM FLEET_, "new.measured", "20");
	assert_row(PERVM FLEET_, "more.measured", "4");
	assert_row(PERVM FLEET_, "differs", "true");
	assert_row(PAIRS FLEET_, "differs", "false");
	assert_told(1, "1 machine of 12 vCPUs (before: 4)");
}

static void
copies_run_when_and_where_the_machine_ran(void **state)
{
	(void)state;
	what_if(small, "--grow lin1,copies=20", NULL);
	assert_row(PAIRS FLEET_, "old.measured", "1");
	assert_row(PAIRS FLEET_, "new.measured", "11");
	assert_row(PAIRS "scope=host id=h2", "new.measured", "11");
	assert_told(1, "20 copies of 1 machine, running when it ran and where it ran");
	assert_machine(1, "lin1", "copies", "true");
	assert_machine(1, "lin1", "machines", "20");
	assert_machine(1, "lin1", "from", "null");
	assert_machine(1, "lin1", "to", "h2");
	/* The same as machines that were recorded. */
	what_if("h1 00:00 host " FACTS "h1 01:00 start a vcpus=4 " WIN "\n"
		"h1 05:00 config a vcpus=9\nh1 06:00 stop a\nh1 23:00 heartbeat\n",
		"--grow *,copies=2", NULL);
	same_as("h1 00:00 host " FACTS "h1 01:00 start a vcpus=4 " WIN "\n"
		"h1 01:00 start b vcpus=4 " WIN "\nh1 01:00 start c vcpus=4 " WIN "\n"
		"h1 05:00 config a vcpus=9\nh1 05:00 config b vcpus=9\nh1 05:00 config c vcpus=9\n"
		"h1 06:00 stop a\nh1 06:00 stop b\nh1 06:00 stop c\nh1 23:00 heartbeat\n");
}

static void
copies_are_spread_over_a_cluster_and_not_copied_again(void **state)
{
	(void)state;
	/* h1 runs 8 vCPUs, h2 runs 2: three go to h2 before both are even. */
	what_if(small, "--grow lin1,copies=4,to=cluster:c1", NULL);
	assert_row(PAIRS "scope=host id=h1", "new.measured", "1");
	assert_row(PAIRS "scope=host id=h2", "new.measured", "2");
	assert_row(PAIRS FLEET_, "new.measured", "3");
	what_if(small, "--grow lin1,copies=1", "--grow lin1,copies=1", NULL);
	assert_row(PAIRS FLEET_, "new.measured", "2");
	what_if(small, "--grow lin1,copies=3", "--move lin1,to=h3", NULL);
	assert_row(PAIRS "scope=host id=h3", "new.measured", "2");
	assert_told(2, "4 machines moved");
	assert_machine(2, "lin1", "to", "h3");
}

static void
hosts_grow(void **state)
{
	(void)state;
	what_if(small, "--grow h1,cores=2x24", NULL);
	assert_row(DC FLEET_, "old.measured", "16");
	assert_row(DC FLEET_, "new.measured", "48");
	assert_told(1, "1 host: cores 24+24 instead of 8+8");
	what_if(small, "--grow h*,cluster=c1,cores=12,cpu=Xeon", NULL);
	assert_row(DC FLEET_, "new.high", "48");
	assert_told(1, "2 hosts: cores 12, cpu Xeon");
}

static void
a_new_host_is_empty_and_machines_can_go_there(void **state)
{
	(void)state;
	what_if(small, "--add-host h9,cores=32+32,cluster=win", "--move *,os=windows-server,to=h9",
		NULL);
	assert_row(DC FLEET_, "new.measured", "64");
	assert_row(DC "scope=host id=h1", "new.measured", "0");
	assert_row(DC "scope=host id=h9", "old", "null");
	assert_row(DC "scope=host id=h9", "more.measured", "64");
	assert_row(DC "scope=cluster id=win", "new.high", "64");
	what_if(small, "--add-host z,cores=8,cluster=n", "--add-host b,cores=8,cluster=n",
		"--move lin1,to=cluster:n", NULL);
	assert_machine(3, "lin1", "to", "b");
	/* What nobody says is that of another host, its cluster's region is told by the others. */
	what_if(small, "--add-host h9,like=h1", NULL);
	assert_row(DC FLEET_, "new.high", "64");
	assert_told(1, "a host with cores 8+8, cluster c1, region eu, without machines");
	what_if(small, "--add-host h9,cores=4,cluster=c1", NULL);
	assert_told(1, "a host with cores 4, cluster c1, region eu, without machines");
	what_if(small, "--add-host h9,like=h1,cluster=c2", NULL);
	assert_told(1, "a host with cores 8+8, cluster c2, region us, without machines");
}

static void
machines_of_a_host_that_goes_are_spread_by_vcpus(void **state)
{
	static const char lines[] =
		"h1 00:00 host " FACTS "h2 00:00 host " FACTS "h3 00:00 host " FACTS
		"h1 01:00 start a vcpus=8 name=big " RHEL "\n"
		"h1 01:00 start b vcpus=2 name=small1 " RHEL "\n"
		"h1 01:00 start c vcpus=2 name=small2 " RHEL "\n"
		"h1 01:00 start d vcpus=2 name=small3 " RHEL "\n"
		"h3 01:00 start e vcpus=3 name=there " RHEL "\n" END;

	(void)state;
	what_if(lines, "--remove-host h1", NULL);
	assert_told(1, "1 host removed, 4 machines moved");
	assert_machine(1, "big", "to", "h2");
	assert_machine(1, "small1", "to", "h3");
	assert_machine(1, "small2", "to", "h3");
	assert_machine(1, "small3", "to", "h3");
	assert_row(PAIRS "scope=host id=h1", "new", "null");
	assert_row(PAIRS FLEET_, "differs", "false");
	what_if(lines, "--remove-host h1,to=gone", NULL);
	assert_row(PAIRS FLEET_, "new.measured", "1");
	assert_machine(1, "big", "to", "null");
	what_if(lines, "--remove-host h1,to=h3", "--remove-host h2", NULL);
	assert_row(PAIRS "scope=host id=h3", "new.measured", "3");
	assert_told(2, "1 host removed");
	assert_int_equal(hosts_left(), 1);
}

static void
a_machine_that_moved_about_goes_as_a_whole(void **state)
{
	static const char lines[] =
		"h1 00:00 host " FACTS "h2 00:00 host " FACTS "h3 00:00 host " FACTS
		"h4 00:00 host " FACTS "h1 01:00 start a vcpus=4 name=web " WIN "\n"
		"h1 02:00 migrate-out a\nh2 02:00 migrate-in a vcpus=4\n"
		"h2 03:00 migrate-out a\nh3 03:00 migrate-in a vcpus=4\n" END;

	(void)state;
	what_if(lines, "--remove-host h*1", NULL);
	assert_machine(1, "web", "to", "h2");
	/* Not to h4, which is empty: h2 is where it stands afterwards. */
	assert_row(STD FLEET_, "new.measured", "32");
	what_if(lines, "--remove-host h1", "--remove-host h2", NULL);
	assert_machine(2, "web", "to", "h3");
	assert_row(STD FLEET_, "old.measured", "48");
	assert_row(STD FLEET_, "new.measured", "16");
	/* What stands at the place already stays, and the rest joins it. */
	what_if(lines, "--move web,to=cluster:c1", "--move web,host=h1,to=h2", NULL);
	assert_refused("change 1, --move 'web,to=cluster:c1', character 8: changes nothing");
	what_if(lines, "--move web,host=h1,to=h2", NULL);
	assert_row(STD FLEET_, "new.measured", "32");
}

static void
hosts_go_into_another_cluster(void **state)
{
	(void)state;
	what_if(small, "--move host:h2,to=cluster:lin", NULL);
	assert_row(DC FLEET_, "old.high", "48");
	assert_row(DC FLEET_, "new.high", "32");
	assert_told(1, "1 host put into cluster lin");
	what_if(small, "--move host:h1,to=cluster:c1", NULL);
	assert_refused("character 1: changes nothing: they are in cluster 'c1'");
}

static void
machines_are_meant_by_claims_and_place(void **state)
{
	static const struct {
		const char *change, *told;
	} rows[] = {
		{ "--move *,os=windows-server,to=h3", "2 machines moved" },
		{ "--move *,os=*/win/2k*,edition=stand*,to=h3", "2 machines moved" },
		{ "--move *,os=unclassified,to=h1", "1 machine moved" },
		{ "--move *,software=sql-*,to=h1", "1 machine moved" },
		{ "--move *,tenant=acme,to=h1", "1 machine moved" },
		{ "--move *,environment=test,to=h1", "1 machine moved" },
		{ "--move *,host=h1,to=h3", "2 machines moved" },
		{ "--move *,cluster=c1,to=h3", "3 machines moved" },
		{ "--move WEB2,to=h3", "1 machine moved" },
		{ "--move 00000000-0000-0000-0000-000000000061,to=h3", "1 machine moved" },
		{ "--move *,to=h1", "2 machines moved, 2 there already" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		what_if(small, rows[i].change, NULL);
		assert_told(1, rows[i].told);
	}
}

static void
what_is_not_there_or_changes_nothing_is_refused(void **state)
{
	static const struct {
		const char *change, *error;
	} rows[] = {
		{ "--add-host h1,cores=8", "character 1: there is a host of that name" },
		{ "--add-host h9,like=h8",
		  "character 9: no host is called 'h8' (there are: h1, h2, h3)" },
		{ "--remove-host h8", "character 1: no host is called 'h8'" },
		{ "--remove-host x*", "character 1: no host is 'x*' (there are: h1, h2, h3)" },
		{ "--remove-host h3",
		  "host 'h3' has machines, and no host is left in cluster 'c2'" },
		{ "--remove-host h3,to=h3", "character 7: host 'h3' was removed by change 1" },
		{ "--remove-host h3,to=c2", "character 7: 'c2' is neither a host nor a cluster" },
		{ "--move nix,to=h1", "character 1: no machine is called 'nix'" },
		{ "--move web1,tenant=x,to=h1",
		  "character 1: no machine that 'web1' fits is what" },
		{ "--move web1,to=h8",
		  "'h8' is neither a host nor a cluster with one (hosts are: h1," },
		{ "--move web1,to=host:h8", "character 9: no host is called 'h8'" },
		{ "--move web1,to=cluster:c8", "character 9: no host is in cluster 'c8'" },
		{ "--move web1,to=h1", "character 9: changes nothing: all of it is there already" },
		{ "--grow web*,vcpus=4", "character 12: changes nothing: they have 4 already" },
		{ "--grow h1,cores=8+8", "character 1: changes nothing: they are so already" },
		{ "--grow h8,cores=8", "character 1: no host is called 'h8'" },
		{ "--grow h*,cluster=c8,cores=8", "character 1: no host is 'h*' in cluster c8" },
		{ "--grow *,copies=100000,to=nix", "character 20: 'nix' is neither" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		what_if(small, rows[i].change, NULL);
		assert_refused(rows[i].error);
	}
	what_if(small, "--remove-host h1,to=gone", "--remove-host h1", NULL);
	assert_refused(
		"change 2, --remove-host 'h1', character 1: host 'h1' was removed by change 1");
	what_if(small, "--move web1,to=gone", "--grow web1,vcpus=8", NULL);
	assert_refused("change 2, --grow 'web1,vcpus=8', character 1: no machine is called 'web1'");
	what_if(small, "--remove-host h1,to=gone", "--add-host h1,like=h2", "--move lin1,to=h1",
		NULL);
	assert_row(PAIRS "scope=host id=h1", "new.measured", "1");
	what_if(small, "--move host:h2,to=cluster:h1", "--move web1,to=h1", NULL);
	assert_refused("'h1' is a host and a cluster: say host:h1 or cluster:h1");
}

static void
a_host_that_was_retired_or_never_described_takes_nothing(void **state)
{
	static const char lines[] = "h1 00:00 host " FACTS "h2 00:00 host " FACTS
				    "h1 01:00 start a vcpus=4 name=web " WIN "\n"
				    "h3 01:00 start b vcpus=4 name=dark " WIN "\n"
				    "h2 05:00 host-retired by=ann reason=old\n"
				    "h1 23:00 heartbeat\nh3 23:00 heartbeat\n";

	(void)state;
	what_if(lines, "--move web,to=h2", NULL);
	assert_refused("host 'h2' was retired: nothing can go there");
	what_if(lines, "--move web,to=h3", NULL);
	assert_refused("nothing is known of host 'h3' but its name");
	what_if(lines, "--grow h3,cores=8", NULL);
	assert_refused("nothing is known of the host but its name");
	what_if(lines, "--add-host h9,like=h2", NULL);
	assert_refused("nothing is known of host 'h2' at the end of the period");
	what_if(lines, "--remove-host h1", NULL);
	assert_refused("no host is left in cluster 'c1'");
	what_if(lines, "--remove-host h3", NULL);
	assert_refused("host 'h3' has machines and is in no cluster");
	what_if(lines, "--remove-host h2", "--move dark,to=h1", NULL);
	assert_row(STD FLEET_, "new.measured", "16");
}

static void
what_is_strange_about_it_is_told(void **state)
{
	static const char late[] = "h1 00:00 host " FACTS "h2 12:00 host " FACTS
				   "h1 01:00 start a vcpus=4 name=web pinned=0,1 " WIN "\n"
				   "h1 23:00 heartbeat\nh2 23:00 heartbeat\n";
	static const char crowded[] =
		"h1 00:00 host " FACTS "h1 01:00 start a vcpus=40 name=web\nh1 23:00 heartbeat\n";
	/* One UUID on two hosts at once, and nobody says that it moved. */
	static const char both[] = "h1 00:00 host " FACTS "h2 00:00 host " FACTS
				   "h1 01:00 start a vcpus=4 name=web " WIN "\n"
				   "h2 02:00 start a vcpus=4 name=web " WIN "\n"
				   "h1 23:00 heartbeat\nh2 23:00 heartbeat\n";

	(void)state;
	what_if(small, "--grow web1,vcpus=40", NULL);
	assert_noted("host h1: up to 44 vCPUs at once on 16 cores, first at 2026-03-01T01:00:00Z; "
		     "before, 8 on 16");
	what_if(small, "--grow h1,cores=4", NULL);
	assert_noted("host h1: up to 8 vCPUs at once on 4 cores");
	what_if(small, "--grow web1,vcpus=12", NULL);
	assert_int_equal(notes(), 0);
	/* What was so before and is so now is nobody's doing. */
	what_if(crowded, "--add-host h9,like=h1", NULL);
	assert_int_equal(notes(), 0);
	what_if(late, "--move web,to=h2", NULL);
	assert_noted("host h2: nothing is known of it for a part of the time");
	assert_noted("1 of the changed machines is pinned to cores");
	what_if(both, "--move web,host=h1,to=h2", NULL);
	assert_noted("1 machine stands on one host twice at once");
	assert_row(STD FLEET_, "old.measured", "32");
	assert_row(STD FLEET_, "new.measured", "16");
	what_if(small, "--move web*,to=h2", NULL);
	assert_int_equal(notes(), 0);
}

static void
licences_are_laid_beside_and_go_with_their_host(void **state)
{
	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 16}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 16, scope: "
		    "'host:h1'}\n",
		    NULL);
	what_if(small, "--grow web1,copies=2", NULL);
	assert_row(STD FLEET_, "old.entitled", "32");
	assert_row(STD FLEET_, "new.entitled", "32");
	assert_row(STD FLEET_, "new.measured", "32");
	assert_int_equal(shortfalls(), 0);
	what_if(small, "--grow web1,copies=4", NULL);
	assert_int_equal(shortfalls(), 1);
	what_if(small, "--remove-host h1", NULL);
	assert_row(STD FLEET_, "new.entitled", "16");
	assert_noted("held.yaml:2 is bound to host h1, which is removed: it counts nowhere");
	assert_int_equal(shortfalls(), 0);
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, "
		    "assigned_host: h1, assigned_date: 2026-02-01}\n",
		    NULL);
	what_if(small, "--remove-host h1", NULL);
	assert_noted("held.yaml:1 is assigned to host h1, which is removed");
	report_with(NULL, NULL);
}

/* A crash: nobody saw how long the run went on. */
static void
uncertain_ends_stay_uncertain_wherever_they_go(void **state)
{
	static const char lines[] =
		"h1 00:00 host " FACTS "h2 00:00 host " FACTS
		"h1 01:00 start a vcpus=4 name=web " WIN "\n"
		"h1 02:00 start a vcpus=8 name=web " WIN "\n"
		"h1 02:30 config a vcpus=2\nh1 03:00 host-failed by=ann reason=x\n"
		"h2 23:00 heartbeat\n";

	(void)state;
	what_if(lines, "--move web,to=h2", "--grow web,copies=1", NULL);
	assert_row(PERVM "scope=host id=h1", "new.high", "0");
	assert_row(PERVM "scope=host id=h2", "new.measured", "16");
	what_if(lines, "--add-host h9,like=h1", "--move web,to=h9", NULL);
	assert_row(PERVM FLEET_, "differs", "false");
	assert_row(STD FLEET_, "more.measured", "0");
}

static void
more_than_this_can_work_with_is_refused(void **state)
{
	struct tally_buf many = TALLY_BUF_INIT;

	(void)state;
	tally_buf_add_str(&many, "h1 00:00 host " FACTS);
	for (unsigned i = 0; i < 510; i++)
		tally_buf_addf(&many, "h1 01:00 start 00000000-0000-0000-0000-000000000%03u\n", i);
	tally_buf_add_str(&many, "h1 23:00 heartbeat\n");
	what_if(tally_buf_cstr(&many), "--grow *,copies=100000", NULL);
	assert_refused("character 10: that is more than this can work with: 510 stretches of time, "
		       "100000 times");
	tally_buf_deinit(&many);
}

static void
text_and_csv_say_what_they_are(void **state)
{
	struct tally_buf text = TALLY_BUF_INIT, many = TALLY_BUF_INIT;

	(void)state;
	what_if_as('t', &text, small, "--grow web1,vcpus=12", "--move web2,to=h2", NULL);
	assert_has(&text, "What if: computed, not measured\n");
	assert_has(&text, "  1  --grow web1,vcpus=12\n     1 machine of 12 vCPUs (before: 4)\n");
	assert_has(&text, "       web2 (00000000-0000-0000-0000-000000000062): h1 -> h2\n");
	assert_has(&text, "windows-server/vm of windows-server, in units of core\n");
	assert_has(&text, "16 -> 20");
	assert_has(&text, " are the same (--all shows them)\n");
	assert_has(&text, "evidence  self-declared");
	assert_null(strstr(tally_buf_cstr(&text), "rhel/vm-pairs"));
	what_if_as('a', &text, small, "--grow web1,vcpus=12", NULL);
	assert_has(&text, "rhel/vm-pairs");
	what_if_as('c', &text, small, "--grow web1,vcpus=12", NULL);
	assert_has(&text, "rule,product,scope,id,unit,old_low,");
	assert_has(&text, "windows-server/"
			  "vm,windows-server,fleet,fleet,core,16,16,24,16,,,20,20,28,20,,,4,4,4,");
	/* A dozen lines of a change, then how many more. */
	tally_buf_add_str(&many, "h1 00:00 host " FACTS "h2 00:00 host " FACTS);
	for (unsigned i = 0; i < 20; i++)
		tally_buf_addf(&many,
			       "h1 01:00 start 00000000-0000-0000-0000-0000000001%02u " WIN "\n",
			       i);
	tally_buf_add_str(&many, "h1 23:00 heartbeat\nh2 23:00 heartbeat\n");
	what_if_as('t', &text, tally_buf_cstr(&many), "--move *,to=h2", NULL);
	assert_has(&text, "000000000111: h1 -> h2\n       and 8 lines more (--all shows them)\n");
	what_if_as('a', &text, tally_buf_cstr(&many), "--move *,to=h2", NULL);
	assert_has(&text, "000000000119: h1 -> h2\n\nLicence positions, before -> after\n");
	tally_buf_deinit(&many);
	tally_buf_deinit(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes_without_a_change),
		cmocka_unit_test(a_machine_gets_other_vcpus),
		cmocka_unit_test(copies_run_when_and_where_the_machine_ran),
		cmocka_unit_test(copies_are_spread_over_a_cluster_and_not_copied_again),
		cmocka_unit_test(hosts_grow),
		cmocka_unit_test(a_new_host_is_empty_and_machines_can_go_there),
		cmocka_unit_test(machines_of_a_host_that_goes_are_spread_by_vcpus),
		cmocka_unit_test(a_machine_that_moved_about_goes_as_a_whole),
		cmocka_unit_test(hosts_go_into_another_cluster),
		cmocka_unit_test(machines_are_meant_by_claims_and_place),
		cmocka_unit_test(what_is_not_there_or_changes_nothing_is_refused),
		cmocka_unit_test(a_host_that_was_retired_or_never_described_takes_nothing),
		cmocka_unit_test(what_is_strange_about_it_is_told),
		cmocka_unit_test(licences_are_laid_beside_and_go_with_their_host),
		cmocka_unit_test(uncertain_ends_stay_uncertain_wherever_they_go),
		cmocka_unit_test(more_than_this_can_work_with_is_refused),
		cmocka_unit_test(text_and_csv_say_what_they_are),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests_name("reports simulate", tests, NULL, NULL);
	what_if_done();
	report_done();
	return failed;
}
