/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The release of the machine's tzdata, from the first line of tzdata.zi
 * ("# version 2025b"). It is a report's input and so is read once.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "tally/time.h"

static char release[32] = "none";
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
read_release(void)
{
	static const char intro[] = "# version ";
	FILE *f = fopen("/usr/share/zoneinfo/tzdata.zi", "re");
	char line[64];
	size_t n;

	if (!f)
		return;
	if (fgets(line, sizeof(line), f) && strncmp(line, intro, sizeof(intro) - 1) == 0) {
		const char *value = line + sizeof(intro) - 1;

		n = strspn(value, "0123456789abcdefghijklmnopqrstuvwxyz-");
		if (n > 0 && n < sizeof(release) && value[n] == '\n') {
			memcpy(release, value, n);
			release[n] = '\0';
		}
	}
	fclose(f);
}

const char *
tally_zone_tzdata(void)
{
	pthread_once(&once, read_release);
	return release;
}
