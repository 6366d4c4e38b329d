/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport to swtpm against a peer that is none: silent, short, too long,
 * slow, gone. Each ends in time, with words, and the connection stays closed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>
#include "swtpm.h"
#include "wire.h"
#include "testlib.h"
#include "tally/bytes.h"
#include "tally/err.h"

#define COMMAND_MS 300

/* What the peer does with each connection, once it has a whole command. */
struct peer {
	pthread_t thread;
	int listening;
	const uint8_t *answer;
	size_t len, piece; /* in pieces of so many bytes; 0 at once */
	bool unasked;      /* answers before it is asked, too */
	bool closes;       /* after its answer */
	struct tpm_transport where;
};

static const uint8_t command[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0 };
static const uint8_t answer[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0, 0, 0xaa, 0xbb };

static void
send_pieces(int fd, const struct peer *p)
{
	const struct timespec pause = { 0, 10000000 };

	for (size_t at = 0; at < p->len;) {
		size_t n = p->piece && p->piece < p->len - at ? p->piece : p->len - at;

		if (send(fd, p->answer + at, n, MSG_NOSIGNAL) < 0)
			return;
		at += n;
		if (p->piece)
			nanosleep(&pause, NULL);
	}
}

static void *
serve(void *ctx)
{
	struct peer *p = ctx;
	uint8_t bytes[sizeof(command)];
	int fd;

	while ((fd = accept(p->listening, NULL, NULL)) >= 0) {
		if (p->unasked)
			send_pieces(fd, p);
		while (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) == sizeof(bytes)) {
			send_pieces(fd, p);
			if (p->closes)
				break;
		}
		close(fd);
	}
	return NULL;
}

static int
setup(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct peer *p = tally_alloc(sizeof(*p));
	socklen_t len = sizeof(a);

	p->answer = answer;
	p->len = sizeof(answer);
	p->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listening, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(p->listening, 4), 0);
	assert_int_equal(getsockname(p->listening, (struct sockaddr *)&a, &len), 0);
	p->where = (struct tpm_transport){
		.kind = TPM_SWTPM, .name = "swtpm", .host = "127.0.0.1", .port = ntohs(a.sin_port)
	};
	swtpm_set_timeout(5000);
	wire_set_timeout(WIRE_RESPONSE_MS);
	*state = p;
	return 0;
}

static void
begin(struct peer *p)
{
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static int
teardown(void **state)
{
	struct peer *p = *state;

	shutdown(p->listening, SHUT_RDWR);
	if (p->thread)
		pthread_join(p->thread, NULL);
	close(p->listening);
	free(p);
	return 0;
}

static TSS2_TCTI_CONTEXT *
reach(struct peer *p)
{
	struct tally_err err = TALLY_ERR_INIT;
	TSS2_TCTI_CONTEXT *tcti = NULL;

	if (swtpm_open(&tcti, &p->where, &err) < 0)
		fail_msg("%s", err.text);
	return tcti;
}

static TSS2_RC
ask(TSS2_TCTI_CONTEXT *tcti, uint8_t *response, size_t *size)
{
	TSS2_RC rc = Tss2_Tcti_Transmit(tcti, sizeof(command), command);

	return rc ? rc : Tss2_Tcti_Receive(tcti, size, response, TSS2_TCTI_TIMEOUT_BLOCK);
}

static void
commands_and_answers_go_through_in_one_piece_or_many(void **state)
{
	struct peer *p = *state;
	uint8_t response[64];

	begin(p);
	for (size_t piece = 0; piece < 4; piece++) {
		TSS2_TCTI_CONTEXT *tcti;

		p->piece = piece;
		tcti = reach(p);
		for (int i = 0; i < 3; i++) {
			size_t size = sizeof(response);

			assert_int_equal(ask(tcti, response, &size), TSS2_RC_SUCCESS);
			assert_int_equal(size, sizeof(answer));
			assert_memory_equal(response, answer, sizeof(answer));
		}
		assert_null(wire_failure());
		wire_close(tcti);
	}
}

static void
the_size_is_told_first_where_there_is_no_room(void **state)
{
	struct peer *p = *state;
	TSS2_TCTI_CONTEXT *tcti;
	uint8_t response[64];
	size_t size = 0;

	begin(p);
	tcti = reach(p);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, sizeof(command), command), TSS2_RC_SUCCESS);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, sizeof(command), command),
			 TSS2_TCTI_RC_BAD_SEQUENCE);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &size, NULL, -1), TSS2_RC_SUCCESS);
	assert_int_equal(size, sizeof(answer));
	size = sizeof(answer) - 1;
	assert_int_equal(Tss2_Tcti_Receive(tcti, &size, response, -1),
			 TSS2_TCTI_RC_INSUFFICIENT_BUFFER);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &size, response, -1), TSS2_RC_SUCCESS);
	assert_memory_equal(response, answer, sizeof(answer));
	assert_int_equal(Tss2_Tcti_Receive(tcti, &size, response, -1), TSS2_TCTI_RC_BAD_SEQUENCE);
	wire_close(tcti);
}

/* It fails so, within reason, and every later command at once. */
static void
fails(struct peer *p, const char *says)
{
	TSS2_TCTI_CONTEXT *tcti = reach(p);
	uint8_t response[TPM2_MAX_RESPONSE_SIZE];
	size_t size = sizeof(response);

	wire_set_timeout(COMMAND_MS);
	assert_int_equal(ask(tcti, response, &size), TSS2_TCTI_RC_IO_ERROR);
	assert_non_null(wire_failure());
	assert_int_equal(wire_failure()->code, TALLY_TPM);
	if (!strstr(wire_failure()->text, says))
		fail_msg("%s, not %s", wire_failure()->text, says);
	assert_non_null(strstr(wire_failure()->text, "swtpm at 127.0.0.1 port "));
	assert_int_equal(ask(tcti, response, &size), TSS2_TCTI_RC_IO_ERROR);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &size, response, -1), TSS2_TCTI_RC_IO_ERROR);
	wire_close(tcti);
	assert_null(wire_failure());
}

static void
a_peer_that_is_silent_is_given_up(void **state)
{
	struct peer *p = *state;

	p->len = 0;
	begin(p);
	fails(p, "no answer in time");
}

/* As a second client of swtpm meets it: connected, but not served. */
static void
a_peer_that_never_accepts_is_given_up(void **state)
{
	fails(*state, "no answer in time");
}

static void
a_peer_that_stops_in_the_middle_is_given_up(void **state)
{
	struct peer *p = *state;

	begin(p);
	for (p->len = 1; p->len < sizeof(answer); p->len++)
		fails(p, "no answer in time");
}

static void
a_peer_that_goes_is_told_from_one_that_is_slow(void **state)
{
	struct peer *p = *state;

	begin(p);
	p->closes = true;
	for (p->len = 0; p->len < sizeof(answer); p->len++)
		fails(p, "the connection was lost before the answer");
}

static void
an_answer_of_no_tpms_length_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 9, TPM2_MAX_RESPONSE_SIZE + 1, UINT32_MAX };
	struct peer *p = *state;

	begin(p);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t bad[sizeof(answer)];

		memcpy(bad, answer, sizeof(bad));
		tally_put_u32(bad + 2, sizes[i]);
		p->answer = bad;
		fails(p, "an answer that is none of a TPM");
	}
}

/* An answer to nothing would be taken for that to the next command. */
static void
an_answer_that_nobody_asked_for_ends_the_connection(void **state)
{
	const struct timespec pause = { 0, 100000000 };
	struct peer *p = *state;
	TSS2_TCTI_CONTEXT *tcti;

	p->unasked = true;
	begin(p);
	tcti = reach(p);
	for (int i = 0; i < 50 && Tss2_Tcti_Transmit(tcti, sizeof(command), command) == 0; i++) {
		uint8_t response[64];
		size_t size = sizeof(response);

		(void)Tss2_Tcti_Receive(tcti, &size, response, -1);
		nanosleep(&pause, NULL);
	}
	assert_non_null(wire_failure());
	wire_close(tcti);
}

static void
nobody_there_is_told_with_the_place(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	TSS2_TCTI_CONTEXT *tcti = NULL;
	struct peer *p = *state;

	shutdown(p->listening, SHUT_RDWR);
	assert_int_equal(swtpm_open(&tcti, &p->where, &err), -1);
	assert_int_equal(err.code, TALLY_TPM);
	assert_non_null(strstr(err.text, "swtpm at 127.0.0.1 port "));
	assert_non_null(strstr(err.text, "Connection refused"));
	memcpy(p->where.host, "no.such.name.invalid", sizeof("no.such.name.invalid"));
	assert_int_equal(swtpm_open(&tcti, &p->where, &err), -1);
	assert_non_null(strstr(err.text, "swtpm at no.such.name.invalid port "));
	assert_null(tcti);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(commands_and_answers_go_through_in_one_piece_or_many),
		CASE(the_size_is_told_first_where_there_is_no_room),
		CASE(a_peer_that_is_silent_is_given_up),
		CASE(a_peer_that_never_accepts_is_given_up),
		CASE(a_peer_that_stops_in_the_middle_is_given_up),
		CASE(a_peer_that_goes_is_told_from_one_that_is_slow),
		CASE(an_answer_of_no_tpms_length_is_refused),
		CASE(an_answer_that_nobody_asked_for_ends_the_connection),
		CASE(nobody_there_is_told_with_the_place),
	};

	return cmocka_run_group_tests_name("tpm swtpm", tests, NULL, NULL);
}
