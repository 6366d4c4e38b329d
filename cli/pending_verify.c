/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in until verify/ is there. */
#include "tally/err.h"
#include "tally/verify.h"

int
tally_verify_new(struct tally_verify **out, struct tally_err *err)
{
	(void)out;
	return tally_err_set(err, TALLY_USE, "verify is not there yet");
}

void
tally_verify_free(struct tally_verify *v)
{
	(void)v;
}

int
tally_verify_anchor(struct tally_verify *v, const char *name, struct tally_bytes text,
		    struct tally_err *err)
{
	(void)v;
	(void)name;
	(void)text;
	return tally_err_set(err, TALLY_USE, "verify is not there yet");
}

int
tally_verify_path(struct tally_verify *v, const char *path, struct tally_err *err)
{
	(void)v;
	(void)path;
	return tally_err_set(err, TALLY_USE, "verify is not there yet");
}

int
tally_verify_run(struct tally_verify *v, struct tally_err *err)
{
	(void)v;
	return tally_err_set(err, TALLY_USE, "verify is not there yet");
}

bool
tally_verify_holds(const struct tally_verify *v)
{
	(void)v;
	return false;
}

bool
tally_verify_anchored(const struct tally_verify *v)
{
	(void)v;
	return false;
}

const char *
tally_verify_class(const struct tally_verify *v)
{
	(void)v;
	return NULL;
}

size_t
tally_verify_problems(const struct tally_verify *v)
{
	(void)v;
	return 0;
}

const struct tally_problem *
tally_verify_problem(const struct tally_verify *v, size_t i)
{
	(void)v;
	(void)i;
	return 0;
}

int
tally_verify_exit(const struct tally_verify *v)
{
	(void)v;
	return 0;
}

void
tally_verify_json(const struct tally_verify *v, struct tally_buf *out)
{
	(void)v;
	(void)out;
}

void
tally_verify_text(const struct tally_verify *v, struct tally_buf *out)
{
	(void)v;
	(void)out;
}

int
tally_export_open(struct tally_export **out, const char *dir, struct tally_err *err)
{
	(void)out;
	(void)dir;
	return tally_err_set(err, TALLY_USE, "verify is not there yet");
}

void
tally_export_close(struct tally_export *x)
{
	(void)x;
}

const char *
tally_export_origin(const struct tally_export *x)
{
	(void)x;
	return NULL;
}

uint64_t
tally_export_size(const struct tally_export *x)
{
	(void)x;
	return 0;
}

const uint8_t *
tally_export_root(const struct tally_export *x)
{
	(void)x;
	return NULL;
}

int
tally_export_entries(struct tally_export *x, uint64_t size, struct tally_entries *out,
		     struct tally_err *err)
{
	(void)x;
	(void)size;
	(void)out;
	return tally_err_set(err, TALLY_USE, "verify is not there yet");
}

int
tally_verify_require(struct tally_verify *v, const char *list, struct tally_err *err)
{
	(void)v;
	(void)list;
	return tally_err_set(err, TALLY_USE, "verify is not there yet");
}
