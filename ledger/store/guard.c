/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB trusts the pages it maps. A page whose header is damaged, or a disk that
 * cannot read it, is a fault inside the map or inside LMDB's code, or an
 * assertion of LMDB's: here these become an error message and exit 1, in place
 * of a core dump. Nothing is lost by that: what is acknowledged is on disk, and
 * the lock ends with us. Where LMDB changes its copy of a damaged page, the
 * fault can be in libc. Any other fault is our own bug and ends as ever.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include "store_internal.h"
#include "tally/csv.h"

#define MAPS 256 /* stores open at once that are guarded; more are not */

struct guarded {
	MDB_env *env;         /* NULL: free */
	uintptr_t begin, end; /* of the map; both 0 where it was not found */
	char *text;
};

/* Changed under the lock, for stores are opened in several threads; the handler
 * looks without. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct guarded maps[MAPS];
static uintptr_t code_begin, code_end; /* of LMDB; both 0 where unknown */
static char program[64] = "tally";

_Thread_local volatile sig_atomic_t store_guard_writing;

void
tally_store_program(const char *name)
{
	size_t len = strnlen(name, sizeof(program) - 1);

	memcpy(program, name, len);
	program[len] = '\0';
}

/* Only what a signal handler may. Of several threads the first one speaks. */
static _Noreturn void
give_up(const char *text)
{
	static atomic_flag spoken = ATOMIC_FLAG_INIT;

	while (atomic_flag_test_and_set(&spoken))
		pause();
	_exit(write(STDERR_FILENO, text, strlen(text)) < 0 ? 3 : 1);
}

static void
on_assert(MDB_env *env, const char *message)
{
	(void)message;
	give_up(mdb_env_get_userctx(env));
}

/* Where the fault happened; 0 where we cannot tell on this machine. */
static uintptr_t
counter_of(const void *context)
{
	const ucontext_t *c = context;

#if defined(__x86_64__)
	return (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)c->uc_mcontext.pc;
#else
	(void)c;
	return 0;
#endif
}

static void
on_fault(int number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr, counter = counter_of(context);
	bool inside = counter >= code_begin && counter < code_end;
	struct sigaction usual = { .sa_handler = SIG_DFL };

	if (info->si_code <= 0) { /* somebody sent it: there is no fault that would come again */
		(void)sigaction(number, &usual, NULL);
		(void)raise(number);
		return;
	}
	for (size_t i = 0; i < MAPS; i++)
		if (maps[i].env && at >= maps[i].begin && at < maps[i].end)
			give_up(maps[i].text);
	/* Of several ledgers the first may be the wrong one; it is damage all the same. */
	for (size_t i = 0; i < MAPS; i++)
		if (maps[i].env && (inside || store_guard_writing))
			give_up(maps[i].text);
	/* A fault of our own: it comes again, and ends the process as ever. */
	(void)sigaction(number, &usual, NULL);
}

static void
catch_faults(void)
{
	struct sigaction ours = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	static bool done;

	if (done)
		return;
	done = true;
	(void)sigemptyset(&ours.sa_mask);
	(void)sigaction(SIGSEGV, &ours, NULL);
	(void)sigaction(SIGBUS, &ours, NULL);
}

static char *
make_text(const char *path)
{
	struct tally_buf text = TALLY_BUF_INIT;
	char *made;

	tally_buf_addf(&text, "%s: ", program);
	tally_printable(&text, tally_bytes_str(path));
	tally_buf_add_str(&text, ": data.mdb: a page of it is damaged or cannot be read\n");
	made = tally_strdup(tally_buf_cstr(&text));
	tally_buf_deinit(&text);
	return made;
}

/* LMDB does not tell where its map is; the kernel does. The code of LMDB is the
 * executable mapping in which mdb_get is. */
static void
find_places(struct guarded *g)
{
	FILE *file = fopen("/proc/self/maps", "re");
	uintptr_t begin, end, code = (uintptr_t)mdb_get;
	uintmax_t inode;
	struct stat st;
	char line[512], mode[8];
	bool known;
	int fd;

	g->begin = g->end = 0;
	if (!file)
		return;
	known = mdb_env_get_fd(g->env, &fd) == 0 && fstat(fd, &st) == 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %" SCNuMAX, &begin, &end,
			   mode, &inode) != 4)
			continue;
		if (known && inode == st.st_ino && end - begin > g->end - g->begin) {
			g->begin = begin;
			g->end = end;
		}
		if (code >= begin && code < end) {
			code_begin = begin;
			code_end = end;
		}
	}
	(void)fclose(file);
}

void
store_guard_begin(MDB_env *env, const char *path)
{
	size_t i = 0;

	pthread_mutex_lock(&lock);
	while (i < MAPS && maps[i].env)
		i++;
	if (i < MAPS) {
		catch_faults();
		maps[i].text = make_text(path);
		maps[i].env = env;
		find_places(&maps[i]);
		(void)mdb_env_set_userctx(env, maps[i].text);
		(void)mdb_env_set_assert(env, on_assert);
	}
	pthread_mutex_unlock(&lock);
}

void
store_guard_end(MDB_env *env)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < MAPS; i++) {
		if (maps[i].env != env)
			continue;
		(void)mdb_env_set_assert(env, NULL); /* it would speak with the text */
		maps[i].env = NULL;
		free(maps[i].text);
		maps[i].text = NULL;
	}
	pthread_mutex_unlock(&lock);
}
