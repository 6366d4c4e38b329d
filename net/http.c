/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST by libcurl. An answer counts only whole and within its bound; where it
 * comes from is the URL's host and nobody that it names: no redirection.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "tally/err.h"
#include "tally/net.h"

#define CONNECT_MS 5000L
#define TOTAL_MS   10000L
#define URL_MAX    2048

struct tally_http_client {
	CURL *curl; /* keeps its connections */
	struct tally_http_identity identity;
	atomic_bool cancelled;
};

struct answer {
	struct tally_buf *out;
	size_t max;
	bool too_long;
};

static CURLcode global;

static void
init_once(void)
{
	global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t
on_data(char *p, size_t size, size_t n, void *ctx)
{
	struct answer *a = ctx;

	size *= n;
	if (size > a->max - a->out->len) {
		a->too_long = true;
		return 0;
	}
	tally_buf_add(a->out, p, size);
	return size;
}

static int
on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct tally_http_client *h = ctx;

	(void)a, (void)b, (void)c, (void)d;
	return atomic_load(&h->cancelled);
}

int
tally_http_open(struct tally_http_client **out, struct tally_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tally_http_client *c;

	TALLY_ASSERT(pthread_once(&once, init_once) == 0);
	c = tally_alloc(sizeof(*c));
	atomic_init(&c->cancelled, false);
	c->curl = global == CURLE_OK ? curl_easy_init() : NULL;
	if (!c->curl) {
		free(c);
		return tally_err_set(err, TALLY_SYS, "libcurl does not start");
	}
	*out = c;
	return 0;
}

void
tally_http_close(struct tally_http_client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c);
}

void
tally_http_cancel(struct tally_http_client *c)
{
	atomic_store(&c->cancelled, true);
}

void
tally_http_identify(struct tally_http_client *c, const struct tally_http_identity *identity)
{
	c->identity = *identity;
}

#define SET(option, value)                                                                         \
	do {                                                                                       \
		r = curl_easy_setopt(c, option, value);                                            \
		if (r != CURLE_OK)                                                                 \
			return r;                                                                  \
	} while (0)

/* Nobody whom the system trusts: the one authority alone. */
static CURLcode
set_identity(CURL *c, const struct tally_http_identity *identity)
{
	CURLcode r;

	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAINFO, identity->ca);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSLCERT, identity->certificate);
	SET(CURLOPT_SSLKEY, identity->key);
	return CURLE_OK;
}

static CURLcode
set_options(struct tally_http_client *h, const char *url, struct tally_bytes body,
	    struct curl_slist *headers, struct answer *a, char error[CURL_ERROR_SIZE])
{
	CURL *c = h->curl;
	CURLcode r;

	curl_easy_reset(c); /* connections stay */
	SET(CURLOPT_ERRORBUFFER, error);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, TOTAL_MS);
	SET(CURLOPT_USERAGENT, "tallystick/" TALLY_VERSION);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	SET(CURLOPT_POSTFIELDS, (const char *)body.p);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, on_data);
	SET(CURLOPT_WRITEDATA, a);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, h);
	return h->identity.ca ? set_identity(c, &h->identity) : CURLE_OK;
}
#undef SET

static void
take_type(struct tally_http_answer *out, const char *type)
{
	size_t n = type ? strcspn(type, "; \t") : 0;

	out->type[0] = '\0';
	if (n >= sizeof(out->type))
		return;
	for (size_t i = 0; i < n; i++)
		out->type[i] = (char)(type[i] >= 'A' && type[i] <= 'Z' ? type[i] + 32 : type[i]);
	out->type[n] = '\0';
}

static int
post(void *ctx, const char *url, const char *type, struct tally_bytes body, size_t max,
     struct tally_http_answer *out, struct tally_err *err)
{
	struct tally_http_client *h = ctx;
	struct answer a = { &out->body, max, false };
	struct tally_buf header = TALLY_BUF_INIT;
	char error[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers;
	char *came = NULL;
	long code = 0;
	CURLcode r;

	tally_buf_clear(&out->body);
	tally_buf_addf(&header, "Content-Type: %s", type);
	headers = curl_slist_append(NULL, tally_buf_cstr(&header));
	r = headers ? set_options(h, url, body, headers, &a, error) : CURLE_OUT_OF_MEMORY;
	if (r == CURLE_OK)
		r = curl_easy_perform(h->curl);
	if (r == CURLE_OK)
		r = curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &code);
	if (r == CURLE_OK)
		r = curl_easy_getinfo(h->curl, CURLINFO_CONTENT_TYPE, &came);
	curl_slist_free_all(headers);
	tally_buf_deinit(&header);
	if (a.too_long)
		return tally_err_set(err, TALLY_SYS, "%s: an answer of more than %zu bytes", url,
				     max);
	if (r != CURLE_OK)
		return tally_err_set(err, TALLY_SYS, "%s: %s", url,
				     error[0] ? error : curl_easy_strerror(r));
	out->status = (unsigned)code;
	take_type(out, came);
	return 0;
}

struct tally_http
tally_http_client(struct tally_http_client *c)
{
	return (struct tally_http){ c, post };
}

/* A name or a password in it would be sent, and told in messages. */
bool
tally_http_url_valid(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *user = NULL, *password = NULL;
	bool ok = u && strlen(url) <= URL_MAX &&
		  curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0) &&
		  curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
		  curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_NO_PASSWORD;

	curl_free(scheme), curl_free(user), curl_free(password);
	curl_url_cleanup(u);
	return ok;
}
