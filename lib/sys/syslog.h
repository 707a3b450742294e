/* SPDX-License-Identifier: Apache-2.0 */
/* syslog.h - lines for the system log, which never keep anybody waiting
 *
 * syslog(3) blocks when the log daemon hangs, keeps state in the process, and reconnects
 * when it likes. This is silent where there is no log, and drops what does not fit. */
#ifndef CH_SYS_SYSLOG_H
#define CH_SYS_SYSLOG_H

/* Longer lines are cut. */
#define CH_SYSLOG_MAX 2048

/* Connect to /dev/log. Returns a descriptor (the caller's, not blocking, close-on-exec), or
 * a negative errno. */
int ch_syslog_open(void);

/* Send LINE, "NAME: TEXT" or "NAME[PID]: TEXT", to what ch_syslog_open gave (negative:
 * nobody). PRIORITY: facility and level of <syslog.h>. It must be one line: see
 * ch_text_one_line. Thread-safe; calls nothing but write(2). */
void ch_syslog_send(int fd, int priority, const char *line);

/* Open, send, close. */
void ch_syslog_once(int priority, const char *line);

#endif
