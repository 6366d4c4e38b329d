/* SPDX-License-Identifier: Apache-2.0 */
/* Whom an entry of an operator names. */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "tally/err.h"
#include "cli.h"

void
cli_user_name(struct tally_buf *out)
{
	const struct passwd *user = getpwuid(getuid());

	if (user && user->pw_name[0] && strlen(user->pw_name) <= CLI_NAME_MAX)
		tally_buf_add_str(out, user->pw_name);
	else
		tally_buf_addf(out, "uid %ju", (uintmax_t)getuid());
}

int
cli_check_by(const char *by, struct tally_err *err)
{
	if (by && (!by[0] || strlen(by) > CLI_NAME_MAX || !tally_utf8_valid(by, strlen(by))))
		return tally_err_set(err, TALLY_USE, "--by: UTF-8 of 1 to %d bytes", CLI_NAME_MAX);
	return 0;
}
