/* SPDX-License-Identifier: Apache-2.0 */
/* What the helper's process gives up before it holds a key. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "harden.h"

/* Keys are in this process: no core, no debugger, files for nobody else. The
 * end of the stream ends it, not a signal meant for its parent's group. */
void
harden(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	const struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	umask(077);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	/* What goes wrong is told once, in the answer. */
	setenv("TSS2_LOG", "all+none", 1);
}
