/* SPDX-License-Identifier: Apache-2.0 */
/* The manager's XML and URIs: what is read of them, and what is not. */
#include "testlib.h"

#include <stdlib.h>
#include <string.h>

#include "source_libvirt_uri.h"
#include "source_libvirt_xml.h"
#include "tally/bytes.h"

#define OSINFO(x)                                                                                  \
	"<o:libosinfo xmlns:o='http://libosinfo.org/xmlns/libvirt/domain/1.0'>" x "</o:libosinfo>"
#define OURS(x) "<t:vm xmlns:t='https://tallystick.invalid/xmlns/metadata/1'>" x "</t:vm>"
#define NOVA(x)                                                                                    \
	"<n:instance xmlns:n='http://openstack.org/xmlns/libvirt/nova/1.1'><n:owner>"              \
	"<n:user uuid='u1'>admin</n:user>" x "</n:owner></n:instance>"
#define DOMAIN(x) "<domain type='kvm'><name>vm</name><metadata>" x "</metadata></domain>"

static struct tally_domain
read_claims(const char *xml)
{
	struct tally_domain d;
	memset(&d, 'x', sizeof(d));
	libvirt_xml_claims(&d, xml, strlen(xml));
	return d;
}

static void
claims_are_read_from_their_own_namespaces(void **state)
{
	struct tally_domain d =
		read_claims(DOMAIN(OSINFO("<o:os id='http://debian.org/debian/12'/>")
					   OURS("<t:tenant>\n ACME &amp; Co\n</t:tenant>"
						"<t:cost-center><![CDATA[47<11]]></t:cost-center>"
						"<t:environment>production</t:environment>")
						   NOVA("<n:project uuid='p1'>demo</n:project>")));
	(void)state;
	assert_string_equal(d.os, "http://debian.org/debian/12");
	assert_string_equal(d.tenant, "ACME & Co");
	assert_string_equal(d.cost_center, "47<11");
	assert_string_equal(d.environment, "production");
}

static void
novas_project_is_the_tenant_where_ours_is_absent(void **state)
{
	(void)state;
	assert_string_equal(
		read_claims(DOMAIN(NOVA("<n:project uuid='p1'> demo </n:project>"))).tenant,
		"demo");
	assert_string_equal(read_claims(DOMAIN(NOVA("<n:project uuid='p1'/>"))).tenant, "p1");
	assert_string_equal(read_claims(DOMAIN(NOVA("<n:project uuid='p1'>demo</n:project>")
						       OURS("<t:tenant>x</t:tenant>")))
				    .tenant,
			    "x");
	assert_string_equal(read_claims(DOMAIN(NOVA("<n:project uuid='p1'>demo</n:project>")
						       OURS("<t:tenant> </t:tenant>")))
				    .tenant,
			    "demo");
}

static void
the_same_names_elsewhere_claim_nothing(void **state)
{
	static const char *const wrong[] = {
		"",
		"no xml",
		"<domain/>",
		DOMAIN(""),
		/* No namespace, another one, or a prefix that pretends. */
		DOMAIN("<vm><tenant>x</tenant></vm><libosinfo><os id='x'/></libosinfo>"),
		DOMAIN("<t:vm xmlns:t='https://tallystick.invalid/xmlns/metadata/2'>"
		       "<t:tenant>x</t:tenant></t:vm>"),
		/* Not below the metadata of the root. */
		"<domain>" OURS("<t:tenant>x</t:tenant>") "</domain>",
		"<domain><devices><metadata>" OURS(
			"<t:tenant>x</t:tenant>") "</metadata></devices></domain>",
		"<x>" DOMAIN(OURS("<t:tenant>x</t:tenant>")) "</x>",
		"<capabilities><metadata>" OURS(
			"<t:tenant>x</t:tenant>") "</metadata></capabilities>",
		DOMAIN("<a>" OURS("<t:tenant>x</t:tenant>") "</a>"),
		DOMAIN(OURS("<t:a><t:tenant>x</t:tenant></t:a>")),
		DOMAIN(OSINFO("<o:a><o:os id='x'/></o:a>")),
		DOMAIN(OSINFO("<o:os/>")),
		DOMAIN(NOVA("<n:user>x</n:user>")),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct tally_domain d = read_claims(wrong[i]);
		if (d.os[0] != '\0' || d.tenant[0] != '\0' || d.cost_center[0] != '\0' ||
		    d.environment[0] != '\0')
			fail_msg("claimed by: %s", wrong[i]);
	}
}

static void
a_document_type_and_its_entities_end_the_reading(void **state)
{
	static const char *const wrong[] = {
		"<!DOCTYPE domain>" DOMAIN(OURS("<t:tenant>x</t:tenant>")),
		"<!DOCTYPE domain [<!ENTITY e 'x'>]>" DOMAIN(OURS("<t:tenant>&e;</t:tenant>")),
		"<!DOCTYPE domain [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>" DOMAIN(
			OURS("<t:tenant>&e;</t:tenant>")),
		"<!DOCTYPE domain SYSTEM 'http://127.0.0.1:1/x.dtd'>" DOMAIN(
			OURS("<t:tenant>x</t:tenant>")),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_string_equal(read_claims(wrong[i]).tenant, "");
}

/* Fields of 256 and 64 bytes hold 255 and 63. */
static void
a_value_that_does_not_fit_is_none_and_the_first_of_two_counts(void **state)
{
	char fits[256], long_value[257];
	struct tally_buf b = TALLY_BUF_INIT;
	(void)state;
	memset(fits, 'f', sizeof(fits) - 1);
	fits[sizeof(fits) - 1] = '\0';
	memset(long_value, 'l', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	tally_buf_addf(&b,
		       DOMAIN(OURS("<t:tenant>%s</t:tenant><t:cost-center>%s</t:cost-center>"
				   "<t:environment>%.64s</t:environment>")),
		       fits, long_value, fits);
	struct tally_domain d = read_claims(tally_buf_cstr(&b));
	assert_string_equal(d.tenant, fits);
	assert_string_equal(d.cost_center, "");
	assert_string_equal(d.environment, "");
	tally_buf_deinit(&b);
	d = read_claims(
		DOMAIN(OURS("<t:tenant/><t:tenant>one</t:tenant><t:tenant>two</t:tenant>")));
	assert_string_equal(d.tenant, "one");
}

static void
a_text_beyond_the_bound_is_not_read(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_domain d;
	(void)state;
	tally_buf_add_str(&b, DOMAIN(OURS("<t:tenant>x</t:tenant>")));
	while (b.len < LIBVIRT_XML_MAX)
		tally_buf_add_u8(&b, ' ');
	libvirt_xml_claims(&d, (const char *)b.p, b.len);
	assert_string_equal(d.tenant, "x");
	tally_buf_add_u8(&b, ' ');
	libvirt_xml_claims(&d, (const char *)b.p, b.len);
	assert_string_equal(d.tenant, "");
	tally_buf_deinit(&b);
}

#define CAPS(x)                                                                                    \
	"<capabilities><host><cpu><topology sockets='9' cores='9' threads='9'/></cpu>"             \
	"<topology><cells num='2'>" x "</cells></topology></host></capabilities>"

static void
sockets_and_cores_are_counted_in_the_capabilities(void **state)
{
	static const char xml[] =
		CAPS("<cell id='0'><cpus num='3'><cpu id='0' socket_id='0' die_id='0' core_id='0'/>"
		     "<cpu id='1' socket_id='0' die_id='0' core_id='0'/>"
		     "<cpu id='2' socket_id='0' die_id='1' core_id='0'/></cpus></cell>"
		     "<cell id='1'><cpus num='2'><cpu id='4' socket_id='3' core_id='7'/>"
		     "<cpu id='5'/></cpus></cell>");
	static const char *const none[] = { "", "<capabilities/>", CAPS(""),
					    CAPS("<cell><cpus><cpu id='0'/></cpus></cell>"),
					    CAPS("<cell><cpus><cpu socket_id='-1' core_id='0'/>"
						 "</cpus></cell>") };
	struct tally_host_view v = { 0 };
	(void)state;
	assert_int_equal(libvirt_xml_topology(&v, xml, sizeof(xml) - 1), 0);
	assert_int_equal(v.sockets, 2);
	assert_int_equal(v.cores_per_socket[0], 2);
	assert_int_equal(v.cores_per_socket[1], 1);
	assert_int_equal(v.threads_per_core, 2);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(libvirt_xml_topology(&v, none[i], strlen(none[i])), -1);
}

static void
pid_files_lie_beside_the_socket_of_a_manager_on_this_machine(void **state)
{
	static const struct {
		const char *uri, *folder;
	} cases[] = {
		{ "qemu:///system", "/run/libvirt/qemu" },
		{ "qemu+unix:///system", "/run/libvirt/qemu" },
		{ "qemu:///system?mode=direct", "/run/libvirt/qemu" },
		{ "qemu+unix:///system?socket=/lab/run/libvirt-sock-ro", "/lab/run/qemu" },
		{ "qemu+unix:///system?mode=direct&socket=/r/virtqemud-sock-ro&x=1", "/r/qemu" },
		{ "qemu+unix:///system?socket=/a%20b/libvirt-sock-ro", "/a b/qemu" },
		{ "qemu+unix:///system?nosocket=/a/s", "/run/libvirt/qemu" },
		{ "qemu:///session", "/user/libvirt/qemu/run" },
		{ "qemu+ssh://host/system", NULL },
		{ "qemu+tcp://127.0.0.1/system", NULL },
		{ "qemu+ssh:///system", NULL },
		{ "test:///default", NULL },
		{ "xen:///system", NULL },
		{ "", NULL },
		{ "::", NULL },
	};
	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/user", 1), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *folder = libvirt_pid_folder(cases[i].uri);
		if (cases[i].folder == NULL
			    ? folder != NULL
			    : folder == NULL || strcmp(folder, cases[i].folder) != 0)
			fail_msg("%s: %s", cases[i].uri, folder != NULL ? folder : "none");
		free(folder);
	}
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_null(libvirt_pid_folder("qemu:///session"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_are_read_from_their_own_namespaces),
		cmocka_unit_test(novas_project_is_the_tenant_where_ours_is_absent),
		cmocka_unit_test(the_same_names_elsewhere_claim_nothing),
		cmocka_unit_test(a_document_type_and_its_entities_end_the_reading),
		cmocka_unit_test(a_value_that_does_not_fit_is_none_and_the_first_of_two_counts),
		cmocka_unit_test(a_text_beyond_the_bound_is_not_read),
		cmocka_unit_test(sockets_and_cores_are_counted_in_the_capabilities),
		cmocka_unit_test(pid_files_lie_beside_the_socket_of_a_manager_on_this_machine),
	};
	return cmocka_run_group_tests_name("agent libvirt xml", tests, NULL, NULL);
}
