/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that others have given: currencies (ISO 4217, the national ones in use),
 * service categories (FOCUS 1.2), and how libosinfo's URIs of an OS family begin.
 */
#include <string.h>
#include "price.h"

/* By the number of minor digits; those without an entry do not exist. */
static const char *const currencies[] = {
	[0] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	[2] = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN "
	      "BZD "
	      "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
	      "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP "
	      "LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
	      "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
	      "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST "
	      "XCD "
	      "XCG YER ZAR ZMW ZWG",
	[3] = "BHD IQD JOD KWD LYD OMR TND",
	[4] = "CLF UYW",
};

static const char *const categories[] = {
	"AI and Machine Learning",
	"Analytics",
	"Business Applications",
	"Compute",
	"Databases",
	"Developer Tools",
	"Multicloud",
	"Identity",
	"Integration",
	"Internet of Things",
	"Management and Governance",
	"Media",
	"Migration",
	"Mobile",
	"Networking",
	"Security",
	"Storage",
	"Web",
	"Other",
};

#define MICROSOFT "http://microsoft.com/win/"
static const char *const windows_server[] = { MICROSOFT "2k", NULL };
static const char *const windows_client[] = {
	MICROSOFT "xp", MICROSOFT "vista", MICROSOFT "7", MICROSOFT "8",
	MICROSOFT "10", MICROSOFT "11",    NULL
};
static const char *const rhel[] = { "http://redhat.com/rhel/", NULL };
static const char *const sles[] = { "http://suse.com/sles/", NULL };
static const char *const ubuntu[] = { "http://ubuntu.com/ubuntu/", NULL };
static const char *const debian[] = { "http://debian.org/debian/", NULL };
static const char *const oracle_linux[] = { "http://oracle.com/ol/", NULL };

static const struct {
	const char *name;
	const char *const *prefixes;
} families[] = {
	{ "windows-server", windows_server },
	{ "windows-client", windows_client },
	{ "rhel", rhel },
	{ "sles", sles },
	{ "ubuntu", ubuntu },
	{ "debian", debian },
	{ "oracle-linux", oracle_linux },
};

int
currency_digits(const char *code)
{
	if (strlen(code) != 3)
		return -1;
	for (int digits = 0; digits < (int)(sizeof(currencies) / sizeof(*currencies)); digits++)
		for (const char *p = currencies[digits]; p && *p; p += p[3] ? 4 : 3)
			if (memcmp(p, code, 3) == 0)
				return digits;
	return -1;
}

bool
service_category_known(const char *name)
{
	for (size_t i = 0; i < sizeof(categories) / sizeof(*categories); i++)
		if (strcmp(categories[i], name) == 0)
			return true;
	return false;
}

const char *const *
os_family(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (strcmp(families[i].name, name) == 0)
			return families[i].prefixes;
	return NULL;
}
