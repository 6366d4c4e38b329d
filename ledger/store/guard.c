/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB trusts the pages it maps. A page whose header is damaged, or a disk that
 * cannot read it, is a fault inside the map or inside LMDB's code, or an
 * assertion of LMDB's: here these become an error message and exit 1, in place
 * of a core dump. Nothing is lost by that: what is acknowledged is on disk, and
 * the lock ends with us. Where LMDB changes its copy of a damaged page, the
 * fault can be in libc. Any other fault is our own bug and ends as ever.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include "store_internal.h"
#include "tally/csv.h"

#define MAPS 256 /* stores open at once that are guarded; more are not */

struct guarded {
	MDB_env *env; /* NULL: free */
	ino_t inode;  /* of data.mdb; 0 where unknown */
	char *text;
};

/* Changed under the lock, for stores are opened in several threads; the handler
 * looks without. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct guarded maps[MAPS];
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

/* /proc/self/maps, read by nothing but what a signal handler may. */
struct reader {
	int fd;
	size_t at, len;
	char buf[1024];
};
struct mapping {
	uintptr_t begin, end;
	uintmax_t inode;
};

/* -1 at the end. */
static int
next_byte(struct reader *r)
{
	if (r->at == r->len) {
		ssize_t n = read(r->fd, r->buf, sizeof(r->buf));

		if (n <= 0)
			return -1;
		r->at = 0;
		r->len = (size_t)n;
	}
	return (unsigned char)r->buf[r->at++];
}

/* Up to the first byte that is no digit, which is taken, too. */
static uintmax_t
next_number(struct reader *r, unsigned base, int *behind)
{
	uintmax_t n = 0;

	for (;;) {
		int c = next_byte(r);
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							: 16;

		if (digit >= base) {
			*behind = c;
			return n;
		}
		n = n * base + digit;
	}
}

/* A line is BEGIN-END MODE OFFSET DEVICE INODE PATH (proc(5)). */
static bool
next_mapping(struct reader *r, struct mapping *m)
{
	int c;

	m->begin = (uintptr_t)next_number(r, 16, &c);
	m->end = c == '-' ? (uintptr_t)next_number(r, 16, &c) : 0;
	for (unsigned blanks = 0; c >= 0 && blanks < 3;)
		blanks += (c = next_byte(r)) == ' ';
	m->inode = c >= 0 ? next_number(r, 10, &c) : 0;
	while (c >= 0 && c != '\n')
		c = next_byte(r);
	return c >= 0;
}

/* LMDB does not tell where its map is; the kernel does: the file that is mapped at an
 * address (0: none), and whether the code that ran is LMDB's, which is the mapping in
 * which mdb_get is. */
static uintmax_t
find_fault(uintptr_t at, uintptr_t counter, bool *inside)
{
	struct reader r = { .fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC) };
	uintptr_t code = (uintptr_t)mdb_get;
	uintmax_t inode = 0;
	struct mapping m;

	*inside = false;
	if (r.fd < 0)
		return 0;
	while (next_mapping(&r, &m)) {
		if (at >= m.begin && at < m.end)
			inode = m.inode;
		if (code >= m.begin && code < m.end)
			*inside = counter >= m.begin && counter < m.end;
	}
	(void)close(r.fd);
	return inode;
}

static void
on_fault(int number, siginfo_t *info, void *context)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	uintmax_t inode;
	bool inside;

	if (info->si_code <= 0) { /* somebody sent it: there is no fault that would come again */
		(void)sigaction(number, &usual, NULL);
		(void)raise(number);
		return;
	}
	inode = find_fault((uintptr_t)info->si_addr, counter_of(context), &inside);
	for (size_t i = 0; i < MAPS; i++)
		if (maps[i].env && inode != 0 && maps[i].inode == inode)
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

static ino_t
inode_of(MDB_env *env)
{
	struct stat st;
	int fd;

	return mdb_env_get_fd(env, &fd) == 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
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
		maps[i].inode = inode_of(env);
		maps[i].env = env;
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
