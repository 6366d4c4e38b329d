/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier of somebody else's: the installed header and library, nothing more. */
#include <stdio.h>
#include <tally/err.h>
#include <tally/verify.h>

static char anchor[4096];

static int
judge(struct tally_verify *v, char **argv, size_t n, struct tally_err *err)
{
	struct tally_bytes pinned = { (uint8_t *)anchor, n };

	if (tally_verify_anchor(v, argv[2], pinned, err) < 0 ||
	    tally_verify_path(v, argv[1], err) < 0 || tally_verify_run(v, err) < 0) {
		fprintf(stderr, "stranger: %s\n", err->text);
		return tally_err_exit(err);
	}
	for (size_t i = 0; i < tally_verify_problems(v); i++)
		printf("%s: %s\n", tally_verify_problem(v, i)->check,
		       tally_verify_problem(v, i)->file);
	printf("%s, %s\n", tally_verify_holds(v) ? "holds" : "fails", tally_verify_class(v));
	return tally_verify_exit(v);
}

int
main(int argc, char **argv)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v = NULL;
	FILE *f = argc == 3 ? fopen(argv[2], "r") : NULL;
	size_t n = f ? fread(anchor, 1, sizeof(anchor), f) : 0;
	int status = 2;

	if (f && tally_verify_new(&v, &err) == 0)
		status = judge(v, argv, n, &err);
	tally_verify_free(v);
	if (f)
		fclose(f);
	return status;
}
