/* SPDX-License-Identifier: Apache-2.0 */
/* Entitlements as files, good ones and each kind of bad one, and what one row is
 * good for. */
#include <stdio.h>
#include <string.h>
#include "../../../reports/entitlement.h"
#include "tally/err.h"
#include "testlib.h"

static struct entitlements *
read_as(const char *name, const char *text)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct entitlements *e;
	struct tally_zone *zone = NULL;

	if (entitlements_parse(&e, name, tally_bytes_str(text), &err) < 0 ||
	    tally_zone_open(&zone, "Europe/Berlin", &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(entitlements_settle(e, zone, &err), 0);
	tally_zone_free(zone);
	return e;
}

static void
check_first(const struct entitlement *e)
{
	assert_string_equal(e->product, "windows-server-datacenter");
	assert_string_equal(e->metric, "core");
	assert_true(e->quantity == 64 * AMOUNT_ONE);
	assert_string_equal(e->agreement, "EA 7, part \"b\"");
	assert_string_equal(e->legal_entity, "Acme GmbH");
	assert_string_equal(e->reference, "PO-1");
	assert_string_equal(e->assigned_host, "h1");
	assert_int_equal(e->valid_from.at, test_wall("2025-12-31T23:00:00Z").ns);
	assert_int_equal(e->valid_to.at, test_wall("2026-07-14T22:00:00Z").ns);
	assert_int_equal(e->maintenance_from.at, e->valid_from.at);
	assert_int_equal(e->maintenance_to.at, test_wall("2026-03-29T22:00:00Z").ns);
	assert_int_equal(e->assigned_date.at, test_wall("2026-01-31T23:00:00Z").ns);
	assert_int_equal(e->rights, RIGHT_SOFTWARE_ASSURANCE | RIGHT_DISASTER_RECOVERY);
	assert_int_equal(e->scope, SCOPE_CLUSTER);
	assert_string_equal(e->scope_id, "c1");
}

static void
check_second(const struct entitlement *e)
{
	assert_true(e->quantity == 18400000);
	assert_string_equal(e->agreement, "");
	assert_string_equal(e->assigned_host, "");
	assert_int_equal(e->valid_from.at, DAY_ALWAYS);
	assert_int_equal(e->valid_to.at, DAY_FOREVER);
	assert_int_equal(e->rights, 0);
	assert_int_equal(e->scope, SCOPE_FLEET);
	assert_string_equal(e->scope_id, "fleet");
}

static const char yaml[] =
	"# what we bought\n"
	"entitlements:\n"
	"  - product: windows-server-datacenter\n"
	"    metric: core\n"
	"    quantity: 64\n"
	"    agreement: 'EA 7, part \"b\"'\n"
	"    legal_entity: Acme GmbH\n"
	"    valid_from: 2026-01-01\n"
	"    valid_to: 2026-07-15\n"
	"    maintenance_from: 2026-01-01\n"
	"    maintenance_to: 2026-03-30\n"
	"    rights: [software-assurance, dr]\n"
	"    assigned_host: h1\n"
	"    assigned_date: 2026-02-01\n"
	"    reference: PO-1\n"
	"    scope: cluster:c1\n"
	"  - {product: windows-server, metric: core-hours, quantity: 18.4, agreement: }\n";
static const char csv[] =
	"product,metric,quantity,agreement,legal_entity,valid_from,valid_to,maintenance_from,"
	"maintenance_to,rights,assigned_host,assigned_date,reference,scope\r\n"
	"windows-server-datacenter,core,64,\"EA 7, part \"\"b\"\"\",Acme GmbH,2026-01-01,"
	"2026-07-15,2026-01-01,2026-03-30,software-assurance; disaster-recovery,h1,2026-02-01,"
	"PO-1,cluster:c1\r\n"
	"windows-server,core-hours,18.4,,,,,,,,,,,\r\n";

static void
yaml_and_csv_say_the_same(void **state)
{
	static const struct {
		const char *name, *text;
	} files[] = { { "e.yaml", yaml }, { "e.csv", csv },  { "e", yaml },
		      { "e", csv },       { "E.YML", yaml }, { "E.CSV", csv } };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct entitlements *e = read_as(files[i].name, files[i].text);

		assert_int_equal(e->n, 2);
		check_first(&e->p[0]);
		check_second(&e->p[1]);
		entitlements_free(e);
	}
}

static void
a_list_needs_no_key_and_columns_stand_in_any_order(void **state)
{
	struct entitlements *e = read_as("e.yaml", "- product: rhel\n  metric: rhel/vm-pairs\n"
						   "  quantity: 2.5\n  scope: host:a:b\n");

	(void)state;
	assert_int_equal(e->n, 1);
	assert_string_equal(e->p[0].scope_id, "a:b");
	assert_true(e->p[0].quantity == 2500000);
	assert_int_equal(e->p[0].place.line, 1);
	assert_int_equal(e->p[0].place.column, 3);
	assert_int_equal(e->p[0].quantity_place.line, 3);
	assert_int_equal(e->p[0].quantity_place.column, 13);
	entitlements_free(e);
	e = read_as("e.csv",
		    "\n\nquantity,scope,metric,product\n7,region:eu,pvu,ibm-websphere-nd\n");
	assert_int_equal(e->n, 1);
	assert_string_equal(e->p[0].scope_id, "eu");
	assert_string_equal(e->p[0].product, "ibm-websphere-nd");
	assert_int_equal(e->p[0].place.line, 4);
	entitlements_free(e);
}

static void
refused(const char *name, const char *text, const char *what)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct entitlements *e;

	if (entitlements_parse(&e, name, tally_bytes_str(text), &err) == 0)
		fail_msg("taken: %s", text);
	assert_int_equal(err.code, TALLY_USE);
	if (strncmp(err.text, what, strlen(what)) != 0)
		fail_msg("%s\nnot: %s\nfor: %s", err.text, what, text);
}

static const char *const bad_yaml[][2] = {
	{ "", "e.yaml:1:1: no entitlements" },
	{ "# nothing\n", "e.yaml:1:1: no entitlements" },
	{ "entitlements: []\n", "e.yaml:1:15: no entitlements" },
	{ "[]\n", "e.yaml:1:1: no entitlements" },
	{ "entitlements: 7\n", "e.yaml:1:15: 'entitlements' must be a list of maps" },
	{ "text\n", "e.yaml:1:1: 'entitlements' must be a list of maps" },
	{ "entitlement: []\n", "e.yaml:1:1: unknown key 'entitlement'" },
	{ "entitlements: [{product: a}]\nprices: []\n", "e.yaml:2:1: unknown key 'prices'" },
	{ "prices: []\nentitlements: [{product: a}]\n", "e.yaml:1:1: unknown key 'prices'" },
	{ "a: 1\na: 2\n", "e.yaml:2:1: doubled key 'a'" },
	{ "- 7\n", "e.yaml:1:3: an entitlement must be a map" },
	{ "- [a]\n", "e.yaml:1:3: an entitlement must be a map" },
	{ "- {metric: m, quantity: 1}\n", "e.yaml:1:3: 'product' is missing" },
	{ "- {product: p, quantity: 1}\n", "e.yaml:1:3: 'metric' is missing" },
	{ "- {product: p, metric: m}\n", "e.yaml:1:3: 'quantity' is missing" },
	{ "- {product: p, metric: m, quantity: }\n", "e.yaml:1:3: 'quantity' is missing" },
	{ "- {product: , metric: m, quantity: 1}\n", "e.yaml:1:3: 'product' is missing" },
	{ "- {product: [p], metric: m, quantity: 1}\n", "e.yaml:1:13: 'product' must be a text" },
	{ "- {product: p, metrik: m}\n", "e.yaml:1:16: unknown key 'metrik'" },
	{ "- product: p\n  metric: m\n  quantity: 1\n  product: p\n",
	  "e.yaml:4:3: doubled key 'product'" },
	{ "- {product: p, metric: m, quantity: '1'}\n",
	  "e.yaml:1:37: 'quantity' must be a number" },
	{ "- {product: p, metric: m, quantity: 0}\n",
	  "e.yaml:1:37: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: m, quantity: -1}\n",
	  "e.yaml:1:37: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: m, quantity: +1}\n",
	  "e.yaml:1:37: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: m, quantity: 007}\n",
	  "e.yaml:1:37: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: m, quantity: 1e3}\n",
	  "e.yaml:1:37: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: m, quantity: 1 0}\n",
	  "e.yaml:1:37: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: hours, quantity: 0.0}\n",
	  "e.yaml:1:41: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: hours, quantity: 1.}\n",
	  "e.yaml:1:41: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: hours, quantity: .5}\n",
	  "e.yaml:1:41: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: hours, quantity: 1.2.3}\n",
	  "e.yaml:1:41: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: hours, quantity: 1.1234567}\n",
	  "e.yaml:1:41: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: m, quantity: 1.5}\n",
	  "e.yaml:1:37: 'quantity' must be a whole number" },
	{ "- {product: p, metric: m, quantity: 1000000000001}\n",
	  "e.yaml:1:37: 'quantity' is beyond" },
	{ "- {product: p, metric: m, quantity: 99999999999999999999999}\n",
	  "e.yaml:1:37: 'quantity' must be a number above 0" },
	{ "- {product: p, metric: m, quantity: 1, valid_from: 2026-13-01}\n",
	  "e.yaml:1:52: 'valid_from' must be a day" },
	{ "- {product: p, metric: m, quantity: 1, valid_to: 2026-02-29}\n",
	  "e.yaml:1:50: 'valid_to' must be a day" },
	{ "- {product: p, metric: m, quantity: 1, maintenance_from: 1.1.2026}\n",
	  "e.yaml:1:58: 'maintenance_from' must be a day" },
	{ "- {product: p, metric: m, quantity: 1, maintenance_to: 2026-01}\n",
	  "e.yaml:1:56: 'maintenance_to' must be a day" },
	{ "- {product: p, metric: m, quantity: 1, assigned_host: h, assigned_date: "
	  "2026-1-1}\n",
	  "e.yaml:1:73: 'assigned_date' must be a day" },
	{ "- {product: p, metric: m, quantity: 1, valid_from: 1969-12-31}\n",
	  "e.yaml:1:52: 'valid_from' must be a day" },
	{ "- {product: p, metric: m, quantity: 1, valid_from: 2026-02-02, valid_to: "
	  "2026-02-01}\n",
	  "e.yaml:1:74: 'valid_to' must lie behind 'valid_from'" },
	{ "- {product: p, metric: m, quantity: 1, valid_from: 2026-02-02, valid_to: "
	  "2026-02-02}\n",
	  "e.yaml:1:74: 'valid_to' must lie behind 'valid_from'" },
	{ "- {product: p, metric: m, quantity: 1, maintenance_from: 2027-01-01, "
	  "maintenance_to: "
	  "2026-12-31}\n",
	  "e.yaml:1:86: 'maintenance_to' must lie behind 'maintenance_from'" },
	{ "- {product: p, metric: m, quantity: 1, rights: magic}\n",
	  "e.yaml:1:48: an unknown right: it must be one of software-assurance" },
	{ "- {product: p, metric: m, quantity: 1, rights: [byol, magic]}\n",
	  "e.yaml:1:55: an unknown right" },
	{ "- {product: p, metric: m, quantity: 1, rights: [dr, disaster-recovery]}\n",
	  "e.yaml:1:53: the right 'disaster-recovery' stands there twice" },
	{ "- {product: p, metric: m, quantity: 1, rights: {a: b}}\n",
	  "e.yaml:1:48: 'rights' must be a list of texts" },
	{ "- {product: p, metric: m, quantity: 1, rights: [[a]]}\n",
	  "e.yaml:1:49: 'rights' must be a list of texts" },
	{ "- {product: p, metric: m, quantity: 1, rights: "
	  "[a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a]}\n",
	  "e.yaml:1:81: more than 16 rights" },
	{ "- {product: p, metric: m, quantity: 1, scope: galaxy}\n",
	  "e.yaml:1:47: 'scope' must be fleet" },
	{ "- {product: p, metric: m, quantity: 1, scope: 'host:'}\n",
	  "e.yaml:1:47: 'scope' must be fleet" },
	{ "- {product: p, metric: m, quantity: 1, scope: 'tenant:t'}\n",
	  "e.yaml:1:47: 'scope' must be fleet" },
	{ "- {product: p, metric: m, quantity: 1, assigned_date: 2026-01-01}\n",
	  "e.yaml:1:55: 'assigned_date' without 'assigned_host'" },
	{ "- {product: p, metric: m, quantity: 1, scope: 'host:a', assigned_host: b}\n",
	  "e.yaml:1:72: 'assigned_host' is another host than that of 'scope'" },
	{ "- {product: p, metric: m, quantity: 1, reference: r}\n"
	  "- {product: p, metric: m, quantity: 1}\n"
	  "- {product: p, metric: m, quantity: 1}\n"
	  "- {product: p, metric: m, quantity: 1, reference: r}\n"
	  "- {product: p, metric: m, quantity: 1, reference: r}\n",
	  "e.yaml:4:51: another entitlement has this reference" },
};

static void
every_bad_value_of_yaml_is_refused_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_yaml) / sizeof(bad_yaml[0]); i++)
		refused("e.yaml", bad_yaml[i][0], bad_yaml[i][1]);
}

static const char *const bad_csv[][2] = {
	{ "", "e.csv:1:1: no row" },
	{ "product,metric,quantity\n", "e.csv:1:1: no entitlements" },
	{ "product,metric,quantity,price\na,b,1,2\n", "e.csv:1:25: unknown column 'price'" },
	{ "product,metric,product\na,b,c\n", "e.csv:1:16: the column 'product'" },
	{ "product,metric,quantity\na,b\n", "e.csv:2:3: the row has 2 cells" },
	{ "product,metric,quantity\na,b,1,x\n", "e.csv:2:7: the row has 4 cells" },
	{ "product,metric\na,b\n", "e.csv:2:1: 'quantity' is missing" },
	{ "product,metric,quantity\n\na,,1\n", "e.csv:3:1: 'metric' is missing" },
	{ "product,metric,quantity\na,b,x\n", "e.csv:2:5: 'quantity' must be a number" },
	{ "product,metric,quantity\na,b,\"1,5\"\n", "e.csv:2:5: 'quantity' must be a number" },
	{ "product,metric,quantity,valid_to\na,b,1,soon\n", "e.csv:2:7: 'valid_to' must be a day" },
	{ "product,metric,quantity,rights\na,b,1,dr magic\n", "e.csv:2:7: an unknown right" },
	{ "product,metric,quantity,scope\na,b,1,x\n", "e.csv:2:7: 'scope' must be fleet" },
	{ "product,metric,quantity,reference\na,b,1,r\na,b,1,r\n",
	  "e.csv:3:7: another entitlement has this reference" },
	{ "product,metric,quantity\na,\"b,1\n", "e.csv:2:3: " },
	{ "product,metric,quantity\na,b\"c,1\n", "e.csv:2:" },
};

static void
every_bad_value_of_csv_is_refused_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_csv) / sizeof(bad_csv[0]); i++)
		refused("e.csv", bad_csv[i][0], bad_csv[i][1]);
}

static char *licences[] = { (char *)(uintptr_t) "windows-server-standard" };
static char *generic[] = { (char *)(uintptr_t) "sql-server" };
static char *softwares[] = { (char *)(uintptr_t) "sql-server-standard",
			     (char *)(uintptr_t) "sql-server-enterprise" };
static const struct rule standard = { .id = (char *)(uintptr_t) "windows-server-standard/host",
				      .unit = (char *)(uintptr_t) "core",
				      .product = (char *)(uintptr_t) "windows-server",
				      .licences = { licences, 1 } };
static const struct rule sql = { .id = (char *)(uintptr_t) "sql-server/vm",
				 .unit = (char *)(uintptr_t) "core-licences",
				 .licences = { generic, 1 },
				 .software = { softwares, 2 } };

static struct entitlements *
one(const char *product, const char *metric, const char *rest)
{
	char text[512];

	snprintf(text, sizeof(text), "- {product: %s, metric: %s, quantity: 3%s%s}\n", product,
		 metric, *rest ? ", " : "", rest);
	return read_as("held.yaml", text);
}

static void
serves(const char *product, const char *metric, const struct rule *rule, const char *position,
       bool wanted)
{
	struct entitlements *e = one(product, metric, "");

	if (entitlement_serves(&e->p[0], rule, tally_bytes_str(position)) != wanted)
		fail_msg("%s in %s: %s", product, metric, wanted ? "ought to serve" : "serves");
	entitlements_free(e);
}

static void
a_licence_serves_the_rule_of_its_product_and_metric(void **state)
{
	(void)state;
	serves("windows-server-standard", "core", &standard, "windows-server", true);
	serves("windows-server-standard", "cores", &standard, "windows-server", true);
	serves("windows-server-standard", "core-licences", &standard, "windows-server", true);
	serves("windows-server-standard", "core-license", &standard, "windows-server", true);
	serves("windows-server-standard", "2-core-packs", &standard, "windows-server", true);
	serves("windows-server-standard", "16-core-pack", &standard, "windows-server", true);
	serves("windows-server-standard", "windows-server-standard/host", &standard,
	       "windows-server", true);
	serves("windows-server", "windows-server-standard/host", &standard, "windows-server", true);
	/* Which edition, it does not say. */
	serves("windows-server", "core", &standard, "windows-server", false);
	serves("windows-server-datacenter", "core", &standard, "windows-server", false);
	serves("windows-server-standard", "vm", &standard, "windows-server", false);
	serves("windows-server-standard", "pack", &standard, "windows-server", false);
	serves("windows-server-standard", "0-core-packs", &standard, "windows-server", false);
	serves("windows-server-standard", "windows-server-standard/spla-month", &standard,
	       "windows-server", false);
	serves("sql-server-standard", "core", &sql, "sql-server-standard", true);
	serves("sql-server-standard", "core", &sql, "sql-server-enterprise", false);
	serves("sql-server", "sql-server/vm", &sql, "sql-server-enterprise", true);
	serves("oracle-database", "core", &sql, "sql-server-enterprise", false);
}

static void
packs_of_cores_count_as_often_as_they_hold_cores(void **state)
{
	static const struct {
		const char *metric;
		int units;
	} cases[] = {
		{ "core", 3 }, { "2-core-packs", 6 }, { "16-core-pack", 48 }, { "packs", 3 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct entitlements *e = one("p", cases[i].metric, "");

		assert_true(entitlement_units(&e->p[0]) == cases[i].units * AMOUNT_ONE);
		entitlements_free(e);
	}
}

static void
an_entitlement_holds_from_its_first_instant_to_before_its_last(void **state)
{
	struct entitlements *e = one("p", "m", "valid_from: 2026-03-29, valid_to: 2026-03-30");
	int64_t from = test_wall("2026-03-28T23:00:00Z").ns;
	int64_t to = test_wall("2026-03-29T22:00:00Z").ns; /* a day of 23 hours */

	(void)state;
	assert_false(entitlement_valid(&e->p[0], from - 1));
	assert_true(entitlement_valid(&e->p[0], from));
	assert_true(entitlement_valid(&e->p[0], to - 1));
	assert_false(entitlement_valid(&e->p[0], to));
	assert_false(entitlement_maintained(&e->p[0], from));
	entitlements_free(e);
	e = one("p", "m", "maintenance_to: 2026-03-29");
	assert_true(entitlement_maintained(&e->p[0], from - 1));
	assert_false(entitlement_maintained(&e->p[0], from));
	entitlements_free(e);
	e = one("p", "m", "rights: subscription");
	assert_true(entitlement_maintained(&e->p[0], from));
	entitlements_free(e);
}

static void
a_right_excludes_where_and_while_it_holds(void **state)
{
	struct entitlements *e =
		one("windows-server-standard", "user",
		    "rights: [dev-test, dr], scope: 'cluster:c1', reference: 'MSDN 5', "
		    "valid_to: 2026-03-01, maintenance_to: 2026-02-01");
	struct entitlement_place here = { tally_bytes_str("h1"), tally_bytes_str("c1"),
					  tally_bytes_str("eu") };
	struct entitlement_place there = { tally_bytes_str("h2"), tally_bytes_str("c2"),
					   tally_bytes_str("eu") };
	struct tally_bytes product = tally_bytes_str("windows-server");
	int64_t at = test_wall("2026-01-15T00:00:00Z").ns;
	struct tally_buf why = TALLY_BUF_INIT;

	(void)state;
#define EXCLUDES(right, place, at)                                                                 \
	entitlement_excludes(e, &standard, product, tally_bytes_str(right), &(place), at)
	assert_ptr_equal(EXCLUDES("dev-test", here, at), &e->p[0]);
	assert_ptr_equal(EXCLUDES("dr", here, at), &e->p[0]);
	assert_ptr_equal(EXCLUDES("disaster-recovery", here, at), &e->p[0]);
	assert_null(EXCLUDES("byol", here, at));
	assert_null(EXCLUDES("what", here, at));
	assert_null(EXCLUDES("dev-test", there, at));
	/* The right went with the maintenance. */
	assert_null(EXCLUDES("dr", here, test_wall("2026-02-15T00:00:00Z").ns));
	assert_null(
		entitlement_excludes(NULL, &standard, product, tally_bytes_str("dr"), &here, at));
	assert_null(entitlement_excludes(e, &sql, tally_bytes_str("sql-server-standard"),
					 tally_bytes_str("dr"), &here, at));
	entitlement_reason(e, &e->p[0], tally_bytes_str("dev-test"), &why);
	assert_string_equal(tally_buf_cstr(&why), "dev-test by MSDN 5");
	tally_buf_deinit(&why);
	entitlements_free(e);
	e = one("windows-server", "user", "rights: byol");
	assert_ptr_equal(EXCLUDES("byol", there, at), &e->p[0]);
	entitlement_reason(e, &e->p[0], tally_bytes_str("byol"), &why);
	assert_string_equal(tally_buf_cstr(&why), "byol by held.yaml:1");
	tally_buf_deinit(&why);
	entitlements_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_and_csv_say_the_same),
		cmocka_unit_test(a_list_needs_no_key_and_columns_stand_in_any_order),
		cmocka_unit_test(every_bad_value_of_yaml_is_refused_at_its_place),
		cmocka_unit_test(every_bad_value_of_csv_is_refused_at_its_place),
		cmocka_unit_test(a_licence_serves_the_rule_of_its_product_and_metric),
		cmocka_unit_test(packs_of_cores_count_as_often_as_they_hold_cores),
		cmocka_unit_test(an_entitlement_holds_from_its_first_instant_to_before_its_last),
		cmocka_unit_test(a_right_excludes_where_and_while_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
