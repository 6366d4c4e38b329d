/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_LOG_H
#define TALLY_LOG_H
/* A daemon's log: lines on stderr with a "<N>" syslog prefix. What matters for
 * an audit goes into the ledger, not here. Never a secret, never guest data;
 * control characters are escaped. */

enum tally_level {
	TALLY_LOG_ERR = 3,
	TALLY_LOG_WARNING = 4,
	TALLY_LOG_NOTICE = 5,
	TALLY_LOG_INFO = 6,
	TALLY_LOG_DEBUG = 7
};

void tally_log_level(enum tally_level most_verbose); /* default: info */
void tally_log_prefix(int on); /* "<N>" or plain; default: on unless stderr is a terminal */
void tally_log(enum tally_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
