/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roots that an operator has pinned. A root is a certificate that is issued
 * by itself; whatever else stands in the files only helps to reach one.
 */
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "check_internal.h"
#include "chain_internal.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

struct tally_roots *
tally_roots_new(void)
{
	struct tally_roots *r = tally_alloc(sizeof(*r));

	r->store = X509_STORE_new();
	r->between = sk_X509_new_null();
	TALLY_ASSERT(r->store && r->between);
	return r;
}

void
tally_roots_free(struct tally_roots *r)
{
	if (!r)
		return;
	X509_STORE_free(r->store);
	sk_X509_pop_free(r->between, X509_free);
	free(r->pinned);
	free(r);
}

size_t
tally_roots_count(const struct tally_roots *r)
{
	return r->count;
}

X509 *
certificate_parse(struct tally_bytes der)
{
	const unsigned char *p = der.p;
	X509 *x;

	if (der.len == 0 || der.len > CERTIFICATE_MAX)
		return NULL;
	x = d2i_X509(NULL, &p, (long)der.len);
	if (x && p != der.p + der.len) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

int
tally_roots_add(struct tally_roots *r, struct tally_bytes der, enum tally_class class,
		struct tally_err *err)
{
	X509 *x = certificate_parse(der);
	struct pinned *pin;

	if (!x)
		return tally_err_set(err, TALLY_USE, "not a certificate");
	if (X509_check_ca(x) == 0) {
		X509_free(x);
		return tally_err_set(err, TALLY_USE, "a certificate that may issue no others");
	}
	r->pinned = tally_realloc_array(r->pinned, r->all + 1, sizeof(*r->pinned));
	pin = &r->pinned[r->all++];
	pin->class = class;
	check_sha256(pin->hash, der);
	if (X509_check_issued(x, x) != X509_V_OK) {
		TALLY_ASSERT(sk_X509_push(r->between, x) > 0);
		return 0;
	}
	r->count++;
	TALLY_ASSERT(X509_STORE_add_cert(r->store, x) == 1);
	X509_free(x);
	return 0;
}

int
tally_roots_line(struct tally_bytes line, enum tally_class *class, struct tally_err *err)
{
	static const char word[] = "roots ";
	size_t n = sizeof(word) - 1;

	if (line.len < n || memcmp(line.p, word, n) != 0)
		return 0;
	line = tally_bytes(line.p + n, line.len - n);
	if (tally_bytes_eq(line, tally_bytes_str("hardware")))
		*class = TALLY_CLASS_CERTIFIED;
	else if (tally_bytes_eq(line, tally_bytes_str("cloud-vtpm")))
		*class = TALLY_CLASS_CLOUD;
	else
		return tally_err_set(err, TALLY_USE,
				     "roots are 'hardware' or 'cloud-vtpm' (or, of "
				     "anchors, 'timestamp')");
	return 1;
}

int
tally_pem_decode(struct tally_buf *out, struct tally_bytes text, struct tally_err *err)
{
	struct tally_buf plain = TALLY_BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < text.len; i++)
		if (!strchr(" \t\r\n", text.p[i]) || text.p[i] == '\0')
			tally_buf_add_u8(&plain, text.p[i]);
	if (plain.len == 0 || !tally_unbase64(out, (const char *)plain.p, plain.len))
		r = tally_err_set(err, TALLY_USE, "a certificate that is no base64");
	tally_buf_deinit(&plain);
	return r;
}

static struct tally_bytes
trimmed(struct tally_bytes line)
{
	while (line.len > 0 && strchr(" \t\r", line.p[line.len - 1]) && line.p[line.len - 1])
		line.len--;
	return line;
}

/* One line of a text; `block` collects what stands between the marks of PEM. */
static int
take_line(struct tally_roots *r, struct tally_bytes line, struct tally_buf *block, bool *inside,
	  enum tally_class *class, struct tally_err *err)
{
	struct tally_buf der = TALLY_BUF_INIT;
	int status;

	if (*inside && !tally_bytes_eq(line, tally_bytes_str(END))) {
		tally_buf_add_bytes(block, line);
		return 0;
	}
	if (*inside) {
		*inside = false;
		status = tally_pem_decode(&der, tally_buf_view(block), err);
		if (status == 0)
			status = tally_roots_add(r, tally_buf_view(&der), *class, err);
		tally_buf_deinit(&der);
		return status;
	}
	if (tally_bytes_eq(line, tally_bytes_str(BEGIN))) {
		*inside = true;
		tally_buf_clear(block);
		return 0;
	}
	if (line.len == 0 || line.p[0] == '#')
		return 0;
	status = tally_roots_line(line, class, err);
	return status == 0
		       ? tally_err_set(err, TALLY_USE,
				       "neither a certificate in PEM, nor 'roots', nor a comment")
		       : status;
}

static int
read_text(struct tally_roots *r, const char *name, struct tally_bytes text, struct tally_err *err)
{
	enum tally_class class = TALLY_CLASS_CERTIFIED;
	struct tally_buf block = TALLY_BUF_INIT;
	bool inside = false;
	unsigned number = 0;
	int status = 0;

	while (text.len > 0 && status >= 0) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		size_t n = end ? (size_t)(end - text.p) : text.len;

		number++;
		status =
			take_line(r, trimmed(tally_bytes(text.p, n)), &block, &inside, &class, err);
		n += end != NULL;
		text = tally_bytes(text.p + n, text.len - n);
	}
	if (status >= 0 && inside)
		status = tally_err_set(err, TALLY_USE, "a certificate without its end");
	tally_buf_deinit(&block);
	return status < 0 ? tally_err_prefix(err, "%s:%u:1", name, number) : 0;
}

int
tally_roots_read(struct tally_roots *r, const char *name, struct tally_bytes content,
		 struct tally_err *err)
{
	/* A SEQUENCE of more than 127 bytes: no text begins so. */
	if (content.len > 2 && content.p[0] == 0x30 && content.p[1] >= 0x80)
		return tally_roots_add(r, content, TALLY_CLASS_CERTIFIED, err) < 0
			       ? tally_err_prefix(err, "%s", name)
			       : 0;
	return read_text(r, name, content, err);
}
