/* SPDX-License-Identifier: Apache-2.0 */
/* note.h - lines for the system log, from a process that may not make sockets any more
 * (sys/syslog.h) */
#ifndef CH_FS_NOTE_H
#define CH_FS_NOTE_H

/* Connect to /dev/log. Call once, before the filter and before threads. */
void ch_note_open(void);

/* Log a line as a warning. Thread-safe; never blocks. */
void ch_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same at most once in ten seconds; says how many lines were left out. */
void ch_note_rarely(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
