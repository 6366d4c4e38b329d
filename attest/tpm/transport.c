/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a transport's text. It comes from a command line or from a ledger that
 * anybody may have made, and what it names is connected to: so a host is letters
 * of names and addresses only, and everything is there once.
 */
#include <stdbool.h>
#include <string.h>
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/evidence.h"
#include "tally/parse.h"
#include "tally/tpm.h"
#include "transport.h"

static int
refuse(const char *text, const char *at, const char *what, struct tally_err *err)
{
	struct tally_buf safe = TALLY_BUF_INIT;
	int r;

	tally_printable(&safe, tally_bytes_str(text));
	r = tally_err_set(err, TALLY_USE, "transport '%.80s': character %zu: %s",
			  tally_buf_cstr(&safe), (size_t)(at - text) + 1, what);
	tally_buf_deinit(&safe);
	return r;
}

static int
take_host(struct tpm_transport *out, const char *text, const char *at, size_t n,
	  struct tally_err *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789.:-";
	size_t good = strspn(at, letters);

	if (out->host[0] != '\0')
		return refuse(text, at, "a second host", err);
	if (good < n)
		return refuse(text, at + good,
			      "a host is a name or an address of A-Z a-z 0-9 . - and :", err);
	if (n == 0 || n >= sizeof(out->host) || at[0] == '-')
		return refuse(text, at, "a host is 1 to 253 characters, no '-' first", err);
	memcpy(out->host, at, n);
	out->host[n] = '\0';
	return 0;
}

static int
take_port(struct tpm_transport *out, const char *text, const char *at, size_t n,
	  struct tally_err *err)
{
	uint64_t port;

	if (out->port != 0)
		return refuse(text, at, "a second port", err);
	if (!tally_parse_u64(&port, at, n, UINT16_MAX) || port == 0)
		return refuse(text, at, "a port is a number from 1 to 65535", err);
	out->port = (uint16_t)port;
	return 0;
}

static int
take_swtpm(struct tpm_transport *out, const char *text, const char *at, struct tally_err *err)
{
	static const char host[] = "host=", port[] = "port=";

	for (bool more = true; more;) {
		size_t n = strcspn(at, ",");
		int r;

		if (strncmp(at, host, sizeof(host) - 1) == 0)
			r = take_host(out, text, at + sizeof(host) - 1, n - (sizeof(host) - 1),
				      err);
		else if (strncmp(at, port, sizeof(port) - 1) == 0)
			r = take_port(out, text, at + sizeof(port) - 1, n - (sizeof(port) - 1),
				      err);
		else
			r = refuse(text, at, "host=HOST or port=PORT is wanted here", err);
		if (r < 0)
			return -1;
		more = at[n] == ',';
		at += n + more;
	}
	if (out->host[0] == '\0')
		return refuse(text, at, "host=HOST is missing", err);
	if (out->port == 0)
		return refuse(text, at, "port=PORT is missing", err);
	return 0;
}

/* Nothing but such a device: opening another may do what nobody wants (a watchdog's
 * would reboot), and beside the resource manager there would be no second user. */
static int
take_device(struct tpm_transport *out, const char *text, const char *at, struct tally_err *err)
{
	static const char prefix[] = "/dev/tpmrm";
	size_t n = sizeof(prefix) - 1, digits;

	if (strncmp(at, prefix, n) != 0)
		return refuse(text, at, "a device is /dev/tpmrmN, of the resource manager", err);
	digits = strspn(at + n, "0123456789");
	if (digits == 0 || digits > 3 || at[n + digits] != '\0')
		return refuse(text, at + n,
			      "a number of at most three digits is wanted here, and "
			      "no more",
			      err);
	memcpy(out->host, at, n + digits + 1);
	return 0;
}

int
transport_parse(struct tpm_transport *out, const char *text, struct tally_err *err)
{
	static const char swtpm[] = "swtpm:", device[] = "device:";

	*out = (struct tpm_transport){ .kind = TPM_LIBTPMS, .name = "libtpms" };
	if (strcmp(text, "libtpms") == 0)
		return 0;
	if (strncmp(text, device, sizeof(device) - 1) == 0) {
		out->kind = TPM_DEVICE;
		out->name = "device";
		return take_device(out, text, text + sizeof(device) - 1, err);
	}
	if (strncmp(text, swtpm, sizeof(swtpm) - 1) != 0)
		return refuse(
			text, text,
			"unknown; there are libtpms, device:/dev/tpmrm0 and swtpm:host=H,port=P",
			err);
	out->kind = TPM_SWTPM;
	out->name = "swtpm";
	return take_swtpm(out, text, text + sizeof(swtpm) - 1, err);
}

int
tally_tpm_check_transport(const char *text, struct tally_err *err)
{
	struct tpm_transport t;

	return transport_parse(&t, text, err);
}

/* Any other TPM than the ledger's own has owners of its PCRs already. */
unsigned
tally_tpm_default_pcr(const char *transport)
{
	return strcmp(transport, "libtpms") == 0 ? TALLY_LEDGER_PCR : TALLY_NO_PCR;
}
