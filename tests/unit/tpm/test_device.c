/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport to a device, against a fake descriptor: a libtpms in another
 * process answers whole messages, as /dev/tpmrm0 does, and does what no libtpms
 * would do by itself. (No hardware TPM was at hand.)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>
#include "chip.h"
#include "device.h"
#include "state.h"
#include "tcti.h"
#include "testlib.h"
#include "wire.h"
#include "tally/err.h"
#include "tally/wait.h"

#define SHORT_MS 400

/* What the device is told, in memory that both processes see. */
struct orders {
	uint32_t command; /* to which it does something else, ... */
	unsigned times;   /* ... so often */
	enum { ANSWER, HANG, VANISH, RESET, FLUSH, SHORT, LONG } how;
	uint32_t code;     /* ANSWER: this one */
	unsigned commands; /* of that code that came */
};

struct place {
	char *dir, *chip_dir;
	struct orders *orders;
	pid_t device;
	struct chip chip;
	struct tally_err err;
	uint8_t q[TALLY_HASH];
};

static const struct tpm_transport where = { .kind = TPM_DEVICE,
					    .name = "device",
					    .host = "/dev/tpmrm0" };
static const uint8_t pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* The device's own TPM. */
struct inside {
	int dir;
	uint8_t key[SEALED_KEY];
	TSS2_TCTI_CONTEXT *tcti;
	uint8_t response[TPM2_MAX_RESPONSE_SIZE];
	size_t len;
};

static void
work(struct inside *d, const uint8_t *command, size_t n)
{
	d->len = sizeof(d->response);
	TALLY_ASSERT(Tss2_Tcti_Transmit(d->tcti, n, command) == TSS2_RC_SUCCESS &&
		     Tss2_Tcti_Receive(d->tcti, &d->len, d->response, -1) == TSS2_RC_SUCCESS);
}

/* As the firmware leaves it. */
static void
power_on(struct inside *d, bool create)
{
	static const uint8_t start_up[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0 };
	struct tally_err err = TALLY_ERR_INIT;

	if (state_open(d->dir, create, d->key, tally_disk_real(), &err) < 0 ||
	    tcti_open(&d->tcti, &err) < 0)
		_exit(1);
	work(d, start_up, sizeof(start_up));
}

static void
flush_sessions(struct inside *d)
{
	uint8_t flush[] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65, 0, 0, 0, 0 };

	for (uint32_t n = 0; n < 64; n++) {
		tally_put_u32(flush + 10, (n & 1 ? 0x02000000u : 0x03000000u) + n / 2);
		work(d, flush, sizeof(flush));
	}
}

/* Whether the command is to be answered all the same. */
static bool
obey(struct inside *d, struct orders *o)
{
	static const uint8_t bare[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0 };

	o->commands++;
	if (o->times == 0)
		return true;
	o->times--;
	if (o->how == VANISH)
		_exit(0);
	if (o->how == FLUSH)
		flush_sessions(d);
	if (o->how == RESET) {
		tcti_close(d->tcti);
		state_close();
		power_on(d, false);
	}
	if (o->how == FLUSH || o->how == RESET)
		return true;
	memcpy(d->response, bare, sizeof(bare));
	tally_put_u32(d->response + 6, o->code);
	d->len = o->how == HANG ? 0 : o->how == SHORT ? 6 : o->how == LONG ? 20 : sizeof(bare);
	return false;
}

static void
serve_device(const char *dir, int fd, struct orders *o)
{
	struct inside d = { .dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t command[TPM2_MAX_COMMAND_SIZE];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (d.dir < 0 || sealed_key(d.dir, true, d.key, &err) < 0)
		_exit(1);
	power_on(&d, faccessat(d.dir, "state", F_OK, 0) != 0);
	while ((n = recv(fd, command, sizeof(command), 0)) > 0) {
		if (n < 10 || tally_get_u32(command + 6) != o->command || obey(&d, o))
			work(&d, command, (size_t)n);
		if (d.len > 0)
			(void)send(fd, d.response, d.len, MSG_NOSIGNAL);
	}
	tcti_close(d.tcti);
	state_close();
	_exit(0);
}

static void
unplug(struct place *p)
{
	if (p->device <= 0)
		return;
	(void)kill(p->device, SIGKILL);
	assert_int_equal(waitpid(p->device, NULL, 0), p->device);
	p->device = 0;
}

/* The TPM's state outlives the process that holds it. */
static void
plug(struct place *p)
{
	int pair[2];

	unplug(p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	p->device = fork();
	assert_true(p->device >= 0);
	if (p->device == 0) {
		close(pair[0]);
		serve_device(p->dir, pair[1], p->orders);
	}
	close(pair[1]);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	device_fake(pair[0]);
}

static int
open_chip(struct place *p, bool create)
{
	plug(p);
	return chip_open(&p->chip, p->chip_dir, &where, create, NULL, &p->err);
}

static int
setup(void **state)
{
	struct place *p = tally_alloc(sizeof(*p));

	setenv("TSS2_LOG", "all+none", 1);
	p->dir = test_dir_make();
	p->chip_dir = test_path(p->dir, "chip");
	p->orders = mmap(NULL, sizeof(*p->orders), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(p->orders, MAP_FAILED);
	memset(p->q, 0x71, sizeof(p->q));
	if (open_chip(p, true) < 0)
		fail_msg("%s", p->err.text);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	(void)chip_close(&p->chip, &p->err);
	unplug(p);
	munmap(p->orders, sizeof(*p->orders));
	test_dir_remove(p->dir);
	free(p->chip_dir);
	free(p);
	return 0;
}

static int
quote(struct place *p)
{
	struct tally_buf blob = TALLY_BUF_INIT;
	int r = chip_quote(&p->chip, pcrs, sizeof(pcrs), p->q, &blob, &p->err);

	assert_true(r < 0 || blob.len > 100);
	tally_buf_deinit(&blob);
	return r;
}

static void
order(struct place *p, uint32_t command, unsigned times, unsigned how, uint32_t code)
{
	p->orders->command = command;
	p->orders->times = times;
	p->orders->how = how;
	p->orders->code = code;
	p->orders->commands = 0;
}

/* Fails with this text; where it is `gone`, every later command fails at once, and a new
 * start puts all right. */
static void
fails(struct place *p, const char *says, bool gone)
{
	assert_int_equal(quote(p), -1);
	if (!strstr(p->err.text, says))
		fail_msg("'%s', not '%s'", p->err.text, says);
	assert_int_equal(p->err.code, TALLY_TPM);
	if (gone) {
		assert_int_equal(quote(p), -1);
		assert_non_null(strstr(p->err.text, says));
		(void)chip_close(&p->chip, &p->err);
		p->orders->times = 0;
		if (open_chip(p, false) < 0)
			fail_msg("%s", p->err.text);
	}
	assert_int_equal(quote(p), 0);
}

static void
a_device_is_a_tpm_like_any_other(void **state)
{
	struct place *p = *state;
	struct tally_buf ak = TALLY_BUF_INIT;
	uint8_t value[TALLY_HASH];
	uint32_t reset, restart;

	assert_int_equal(quote(p), 0);
	assert_int_equal(chip_pcr_read(&p->chip, 7, value, &p->err), 0);
	assert_int_equal(chip_counts(&p->chip, &reset, &restart, &p->err), 0);
	tally_buf_add_bytes(&ak, tally_buf_view(&p->chip.ak_public));
	assert_int_equal(chip_close(&p->chip, &p->err), 0);
	assert_int_equal(open_chip(p, false), 0);
	assert_true(tally_bytes_eq(tally_buf_view(&ak), tally_buf_view(&p->chip.ak_public)));
	assert_int_equal(quote(p), 0);
	tally_buf_deinit(&ak);
}

/* A command a PCR would be most of what a checkpoint costs a chip. */
static void
a_quote_reads_eight_pcrs_a_command_and_each_is_its_own(void **state)
{
	static const uint8_t nine[] = { 0, 1, 2, 3, 4, 5, 6, 7, 14 };
	struct place *p = *state;
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_blob blob;
	uint8_t value[TALLY_HASH];

	for (size_t i = 0; i < sizeof(nine); i++) {
		memset(value, nine[i] + 1, sizeof(value));
		assert_int_equal(chip_pcr_extend(&p->chip, nine[i], value, &p->err), 0);
	}
	order(p, TPM2_CC_PCR_Read, 0, ANSWER, 0);
	assert_int_equal(chip_quote(&p->chip, nine, sizeof(nine), p->q, &bytes, &p->err), 0);
	assert_int_equal(p->orders->commands, 2);
	assert_int_equal(tally_blob_parse(&blob, tally_buf_view(&bytes), &p->err), 0);
	assert_int_equal(blob.pcrs, sizeof(nine));
	for (size_t i = 0; i < sizeof(nine); i++) {
		assert_int_equal(blob.pcr[i], nine[i]);
		assert_int_equal(chip_pcr_read(&p->chip, nine[i], value, &p->err), 0);
		assert_memory_equal(blob.value[i], value, TALLY_HASH);
		assert_true(i == 0 || memcmp(blob.value[i - 1], value, TALLY_HASH) != 0);
	}
	tally_buf_deinit(&bytes);
}

static void
what_a_tpm_has_not_done_yet_is_asked_again_after_a_pause(void **state)
{
	static const uint32_t codes[] = { TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING,
					  TPM2_RC_NV_RATE };
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		int64_t began = tally_ticks_ms();

		order(p, TPM2_CC_Quote, 3, ANSWER, codes[i]);
		assert_int_equal(quote(p), 0);
		assert_int_equal(p->orders->commands, 4);
		assert_true(tally_ticks_ms() - began >= 20 + 40 + 80);
	}
}

static void
a_tpm_that_puts_off_without_end_is_given_up(void **state)
{
	struct place *p = *state;

	wire_set_timeout(SHORT_MS);
	order(p, TPM2_CC_Quote, 1000, ANSWER, TPM2_RC_TESTING);
	fails(p, "/dev/tpmrm0: it puts a command off, again and again", true);
}

/* Our keys are not subject to it, so it is somebody else's; and it lasts. */
static void
a_lockout_is_told_at_once_and_ends_nothing(void **state)
{
	struct place *p = *state;

	order(p, TPM2_CC_Quote, 1, ANSWER, TPM2_RC_LOCKOUT);
	fails(p, "0x921", false);
}

static void
a_tpm_that_does_not_answer_is_given_up_in_its_time(void **state)
{
	struct place *p = *state;
	int64_t began = tally_ticks_ms();

	wire_set_timeout(SHORT_MS);
	order(p, TPM2_CC_Quote, 1, HANG, 0);
	fails(p, "/dev/tpmrm0: no answer in time", true);
	assert_in_range(tally_ticks_ms() - began, SHORT_MS, 20000);
}

static void
a_device_that_is_gone_is_told(void **state)
{
	struct place *p = *state;

	order(p, TPM2_CC_Quote, 1, VANISH, 0);
	fails(p, "/dev/tpmrm0: the connection was lost", true);
}

static void
an_answer_of_another_length_than_it_says_is_none(void **state)
{
	struct place *p = *state;

	wire_set_timeout(SHORT_MS);
	order(p, TPM2_CC_Quote, 1, LONG, 0);
	fails(p, "an answer that is none of a TPM", true);
	wire_set_timeout(SHORT_MS);
	order(p, TPM2_CC_Quote, 1, SHORT, 0);
	fails(p, "no answer in time", true);
}

/* What was loaded is gone with it; a new start finds another session, and the same key. */
static void
a_reset_in_mid_run_costs_a_command_and_is_counted(void **state)
{
	struct place *p = *state;
	uint32_t before, after, restart;

	assert_int_equal(chip_counts(&p->chip, &before, &restart, &p->err), 0);
	order(p, TPM2_CC_Quote, 1, RESET, 0);
	assert_int_equal(quote(p), -1);
	assert_non_null(strstr(p->err.text, "TPM2_Quote"));
	(void)chip_close(&p->chip, &p->err);
	if (open_chip(p, false) < 0)
		fail_msg("%s", p->err.text);
	assert_int_equal(chip_counts(&p->chip, &after, &restart, &p->err), 0);
	assert_true(after > before);
	assert_int_equal(quote(p), 0);
}

/* Between the begin of a session and its use. */
static void
sessions_that_are_lost_cost_a_start_and_nothing_else(void **state)
{
	struct place *p = *state;

	assert_int_equal(chip_close(&p->chip, &p->err), 0);
	order(p, TPM2_CC_Load, 1, FLUSH, 0);
	assert_int_equal(open_chip(p, false), -1);
	assert_int_equal(p->orders->times, 0);
	if (open_chip(p, false) < 0)
		fail_msg("%s", p->err.text);
	assert_int_equal(quote(p), 0);
}

static void
only_a_device_is_opened(void **state)
{
	struct tpm_transport t = where;
	struct place *p = *state;
	TSS2_TCTI_CONTEXT *tcti;
	char *path = test_path(p->dir, "file");

	assert_int_equal(device_open(&tcti, &t, &p->err), -1);
	assert_non_null(strstr(p->err.text, "/dev/tpmrm0: No such file"));
	test_file_write(path, "x", 1);
	memcpy(t.host, path, strlen(path) + 1);
	assert_int_equal(device_open(&tcti, &t, &p->err), -1);
	assert_non_null(strstr(p->err.text, ": not a device"));
	free(path);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_device_is_a_tpm_like_any_other),
		CASE(a_quote_reads_eight_pcrs_a_command_and_each_is_its_own),
		CASE(what_a_tpm_has_not_done_yet_is_asked_again_after_a_pause),
		CASE(a_tpm_that_puts_off_without_end_is_given_up),
		CASE(a_lockout_is_told_at_once_and_ends_nothing),
		CASE(a_tpm_that_does_not_answer_is_given_up_in_its_time),
		CASE(a_device_that_is_gone_is_told),
		CASE(an_answer_of_another_length_than_it_says_is_none),
		CASE(a_reset_in_mid_run_costs_a_command_and_is_counted),
		CASE(sessions_that_are_lost_cost_a_start_and_nothing_else),
		CASE(only_a_device_is_opened),
	};

	return cmocka_run_group_tests_name("tpm device", tests, NULL, NULL);
}
