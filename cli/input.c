/* SPDX-License-Identifier: Apache-2.0 */
/* Input files that the user names. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/err.h"
#include "cli.h"

#define CHUNK 65536

static int
read_all(int fd, size_t max, struct tally_buf *out, struct tally_err *err)
{
	for (;;) {
		ssize_t n;

		tally_buf_reserve(out, CHUNK);
		n = read(fd, out->p + out->len, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tally_err_sys(err, "read");
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		if (out->len > max)
			return tally_err_set(err, TALLY_USE, "more than %zu bytes", max);
	}
}

int
cli_read_input(const char *path, size_t max, struct tally_buf *out, struct tally_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;
	struct stat st;

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		status = tally_err_set(err, TALLY_SYS, "a folder");
	else
		status = read_all(fd, max, out, err);
	(void)close(fd);
	return status < 0 ? tally_err_prefix(err, "%s", path) : 0;
}

int
cli_file_read(struct cli_file *f, const char *option, const char *path, size_t max,
	      struct tally_err *err)
{
	const char *slash = strrchr(path, '/');

	if (cli_read_input(path, max, &f->content, err) < 0)
		return tally_err_prefix(err, "%s", option);
	f->input = (struct tally_report_input){ slash ? slash + 1 : path,
						tally_buf_view(&f->content), path };
	return 0;
}

void
cli_file_deinit(struct cli_file *f)
{
	tally_buf_deinit(&f->content);
}
