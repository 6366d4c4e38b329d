/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ENROLMENT_H
#define TALLY_ENROLMENT_H
/*
 * Who a TPM is: endorsement keys and their certificates, the manufacturers'
 * roots, and the record by which an enroller binds a key to a host (FORMAT.md
 * section 26). PURE: bytes in, verdicts out; nothing read here is believed.
 */
#include "tally/bytes.h"
#include "tally/evidence.h"

struct tally_err;

/* The templates of the TCG EK Credential Profile that a certificate may be of.
 * L-2 makes host_id and the parent of the attestation key. */
enum tally_ek_template {
	TALLY_EK_L1, /* RSA 2048 */
	TALLY_EK_L2, /* ECC P-256 */
	TALLY_EK_H1, /* RSA 2048 */
	TALLY_EK_H2, /* ECC P-256 */
	TALLY_EK_H3, /* ECC P-384 */
	TALLY_EK_TEMPLATES
};
/* Its authPolicy: PolicySecret(endorsement), of the high ones the PolicyOR of that with
 * PolicyAuthorizeNV. */
struct tally_bytes tally_ek_policy(enum tally_ek_template t);
struct tally_ek {
	enum tally_ek_template template;
	bool rsa;
	unsigned hash;              /* bits of the name's hash: 256 or 384 */
	unsigned aes;               /* bits of its symmetric key */
	struct tally_bytes modulus; /* of RSA */
	struct tally_bytes x, y;    /* of ECC, in full length */
};
/* TPMT_PUBLIC; views into it. Anything but one of the templates is refused. */
int tally_ek_parse(struct tally_ek *out, struct tally_bytes in, struct tally_err *err);

/* Pinned roots, and certificates between them and a TPM's. */
struct tally_roots;
struct tally_roots *tally_roots_new(void);
void tally_roots_free(struct tally_roots *r); /* NULL ok */
/* A certificate in DER. One that is issued by itself becomes a root that leads to
 * the class; any other only helps to get there. TALLY_USE where it is none. */
int tally_roots_add(struct tally_roots *r, struct tally_bytes der, enum tally_class class,
		    struct tally_err *err);
/* A whole file: DER, or a text of PEM blocks, comments, and lines `roots hardware`
 * or `roots cloud-vtpm`, which say what those behind them lead to. The error is
 * NAME:LINE: what. */
int tally_roots_read(struct tally_roots *r, const char *name, struct tally_bytes content,
		     struct tally_err *err);
/* Of a line `roots WORD`: 1 and the class, 0 where it is no such line, -1. */
int tally_roots_line(struct tally_bytes line, enum tally_class *class, struct tally_err *err);
/* What stands between the two lines of a PEM block, in DER (appended). */
int tally_pem_decode(struct tally_buf *out, struct tally_bytes text, struct tally_err *err);
size_t tally_roots_count(const struct tally_roots *r); /* roots only */

#define TALLY_CHAIN_MAX 8
struct tally_chain {
	enum tally_class class; /* that it leads to; software where it is a software TPM's */
	bool software;          /* its certificate says that it is a software TPM */
	/* Certificates behind the first up to the root, without it: a new list that
	 * the caller frees with tally_chain_deinit. */
	struct tally_buf link[TALLY_CHAIN_MAX];
	size_t links;
	uint8_t root[TALLY_HASH]; /* SHA-256 of the root's DER */
};
/* Check 13: `certificate[0]` is the key's own, the others may help. It is judged
 * at `at` (ns since 1970). 1 it leads to a pinned root; 0 it is well made, but no
 * pinned root is found; -1 (TALLY_FAILS) it is malformed, another key's, not for
 * endorsement keys, out of its time, or its signatures do not hold. */
int tally_chain_check(const struct tally_roots *roots, const struct tally_bytes *certificate,
		      size_t certificates, const struct tally_ek *ek, int64_t at,
		      struct tally_chain *out, struct tally_err *err);
void tally_chain_deinit(struct tally_chain *c);

/* A request for enrolment, or the record of one: what both say of a host. Texts
 * and keys are views into the arena of the parser. */
#define TALLY_ENROLMENT_MAX 49152 /* bytes of the text */
#define TALLY_ASSET_MAX     255
struct tally_enrolment {
	bool request; /* no class yet; `time` is when it was made */
	uint8_t host_id[TALLY_HASH];
	struct tally_bytes asset;                /* serial number or tag; empty: none */
	struct tally_bytes ek_public, ak_public; /* TPMT_PUBLIC */
	/* The endorsement key that has the certificates; empty without any. */
	struct tally_bytes certified_public;
	struct tally_bytes certificate[TALLY_CHAIN_MAX]; /* its own first */
	size_t certificates;
	struct tally_bytes nv; /* TPM name of the NV counter; empty: none */
	struct tally_bytes origin, vkey;
	bool succeeds;
	struct tally_bytes prev_origin;
	uint64_t prev_size;
	uint8_t prev_root[TALLY_HASH];
	enum tally_class class;
	int64_t time; /* ns since 1970, whole seconds */
};
/* The text of a note, canonical: what parses has one text. It looks at the keys'
 * structure and that host_id is the EK's; TALLY_USE with "LINE:1: what". */
int tally_enrolment_parse(struct tally_enrolment *out, struct tally_bytes text,
			  struct tally_arena *arena, struct tally_err *err);
void tally_enrolment_write(struct tally_buf *out, const struct tally_enrolment *e);
/* Whether a text begins as a record or request does. */
bool tally_enrolment_recognised(struct tally_bytes text);

/* Check 18 for a record: never more than what it says, than its chain to a pinned
 * root (`chain` as of tally_chain_check) and than the enroller's word without one.
 * `rooted`: roots are pinned, so that a certificate without one of them counts
 * for nothing. */
enum tally_class tally_enrolment_class(const struct tally_enrolment *e, int chain,
				       const struct tally_chain *c, bool rooted);
/* 1 found, 0 no such class. */
int tally_class_find(struct tally_bytes name, enum tally_class *out);

/* Lines `key value\n`, in a fixed order: the form of all texts of an enrolment.
 * After the first mistake everything fails, and `err` says where. */
struct tally_lines {
	struct tally_bytes text;
	size_t at;
	unsigned line; /* the one that was read last, from 1 */
	struct tally_err *err;
	bool failed;
};
void tally_lines_open(struct tally_lines *l, struct tally_bytes text, const char *first,
		      struct tally_err *err);
/* Whether the next line has this key. */
bool tally_lines_next(const struct tally_lines *l, const char *key);
/* The value of the next line, which must have this key; not empty. */
struct tally_bytes tally_lines_value(struct tally_lines *l, const char *key);
/* UTF-8 without control characters, 1 to `max` bytes. */
struct tally_bytes tally_lines_text(struct tally_lines *l, const char *key, size_t max);
/* base64, 1 to `max` bytes when decoded, into the arena. */
struct tally_bytes tally_lines_base64(struct tally_lines *l, const char *key, size_t max,
				      struct tally_arena *arena);
void tally_lines_hash(struct tally_lines *l, const char *key, uint8_t out[TALLY_HASH]); /* hex */
int64_t tally_lines_time(struct tally_lines *l, const char *key); /* RFC 3339 in whole seconds */
/* A mistake in the line that was read last. */
void tally_lines_refuse(struct tally_lines *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Puts a file's name before an error that begins with LINE:1: -1. */
int tally_lines_place(const char *name, struct tally_err *err);
/* At the end: 0, or -1 where anything failed or is left over. */
int tally_lines_end(struct tally_lines *l);
void tally_lines_put_base64(struct tally_buf *out, const char *key, struct tally_bytes value);
void tally_lines_put_hash(struct tally_buf *out, const char *key, const uint8_t hash[TALLY_HASH]);
void tally_lines_put_time(struct tally_buf *out, const char *key, int64_t ns);

#endif
