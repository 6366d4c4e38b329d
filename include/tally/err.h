/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ERR_H
#define TALLY_ERR_H
/*
 * Errors. Every function that can fail takes `struct tally_err *err` last,
 * never NULL, and returns 0 or -1 (readers: 1 found, 0 none, -1 error).
 *
 * The error is set once at its source and prefixed by each caller that knows
 * more, outermost first: "tally: report: rules/x.yaml:14:3: unknown key 'a'".
 * It is printed once, by the program's main.
 *
 * The codes are few and map to the frozen exit codes of the command line.
 */
#include <stddef.h>

enum tally_code {
	TALLY_OK = 0,
	TALLY_FAILS = 1, /* damaged, missing or forged data: it does not hold */
	TALLY_USE = 2,   /* wrong use, or the user's malformed input file */
	TALLY_SYS = 3,   /* the machine failed: I/O, memory, no such file */
	TALLY_FULL = 4,  /* no space left; exit code 3 */
	TALLY_HELD = 5,  /* somebody else holds the ledger; exit code 3 */
	TALLY_TPM = 6,   /* the TPM or its helper failed; exit code 3 */
};

struct tally_err {
	enum tally_code code;
	char text[1024]; /* NUL-terminated; cut with "..." where too long */
};

#define TALLY_ERR_INIT                                                                             \
	{                                                                                          \
		TALLY_OK, ""                                                                       \
	}

/* Macros that yield -1, so that analysers see that the caller fails. */
#define tally_err_set(err, code, ...) (tally_err_set_((err), (code), __VA_ARGS__), -1)
/* Like set, with ": strerror(errno)" behind it; ENOSPC and EDQUOT become TALLY_FULL. */
#define tally_err_sys(err, ...) (tally_err_sys_((err), __VA_ARGS__), -1)
/* Puts "text: " before the error that is already there; keeps its code. */
#define tally_err_prefix(err, ...) (tally_err_prefix_((err), __VA_ARGS__), -1)

void tally_err_set_(struct tally_err *err, enum tally_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void tally_err_sys_(struct tally_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void tally_err_prefix_(struct tally_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void tally_err_clear(struct tally_err *err);

/* The exit code of the command line for an error: 1, 2 or 3. */
int tally_err_exit(const struct tally_err *err);

/* Always on, for bugs of our own only; never for input. */
#define TALLY_ASSERT(cond) ((cond) ? (void)0 : tally_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void tally_assert_failed(const char *cond, const char *file, int line);

#endif
