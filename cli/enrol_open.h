/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_ENROL_OPEN_H
#define TALLY_CLI_ENROL_OPEN_H
/* Challenges that an enroller has given out, on the disk. */
#include "enrol_desk.h"

#define OPEN_CLIENT  DESK_CLIENT
#define OPEN_ALL     DESK_OPEN
#define OPEN_RECORDS DESK_RECORDS

struct open_challenge {
	uint8_t client[TALLY_HASH]; /* SHA-256 of its certificate */
	int64_t time;
	struct tally_bytes request, challenge; /* as they travelled */
	/* Once it is answered: the hash of the response, and what it got. */
	uint8_t response[TALLY_HASH];
	struct tally_bytes record; /* empty: not answered */
};
struct open_known {
	uint8_t id[TALLY_HASH], client[TALLY_HASH];
	int64_t time;
	bool answered;
};
struct open_folder {
	const struct tally_disk *disk;
	char *path;
	int fd;
	struct open_known *known;
	size_t n;
};
/* Called at the opening for each that is answered. */
struct open_take {
	void *ctx;
	int (*take)(void *ctx, const struct open_challenge *c, struct tally_err *err);
};
/* Close it in any case. */
int open_folder_open(struct open_folder *f, const char *dir, const struct tally_disk *disk,
		     struct open_take *taker, struct tally_err *err);
void open_folder_close(struct open_folder *f);
/* -1 (TALLY_FAILS): this client has got all records that it gets for now. */
int open_folder_admit(const struct open_folder *f, const uint8_t client[TALLY_HASH],
		      struct tally_err *err);
/* New, or the same with its answer. */
int open_folder_put(struct open_folder *f, const struct open_challenge *c, struct tally_err *err);
/* By the hash of the challenge: 1, 0 none. Views into the arena. */
int open_folder_get(struct open_folder *f, const uint8_t id[TALLY_HASH], struct open_challenge *c,
		    struct tally_arena *arena, struct tally_err *err);
/* What can be answered no more goes. */
int open_folder_sweep(struct open_folder *f, int64_t now, struct tally_err *err);

#endif
