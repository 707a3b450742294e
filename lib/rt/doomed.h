/* SPDX-License-Identifier: Apache-2.0 */
/* doomed.h - tasks that have been killed, and cannot die
 *
 * A process whose request the image server has read waits for the answer, whatever signal
 * comes (fs/fuse/dev.c, request_wait_answer). When the server itself waits, for a file system
 * that hangs, killed tasks stay, Slurm waits for them, and in the end takes the node out of
 * service. So the keeper looks at the tasks now and then, and lets the server go when all of
 * them have been killed but are still there: then they get an error, and die.
 *
 * What it looks at is /proc/PID/status (proc(5)), which each task opens itself. SIGKILL is
 * seen pending only in who cannot take it. A look costs one read(2). */
#ifndef CH_RT_DOOMED_H
#define CH_RT_DOOMED_H

#include <stdbool.h>
#include <stddef.h>

#define CH_DOOMED_MAX 1024

struct ch_doomed {
	int status[CH_DOOMED_MAX]; /* owned */
	size_t n, max;		   /* max: at most so many, if not 0 */
	unsigned strikes;	   /* looks in a row that found all killed */
	long long next;		   /* deadline (msg.h) of the next look */
};

enum ch_doomed_state {
	CH_DOOMED_GONE, /* or it is no such text */
	CH_DOOMED_ALIVE,
	CH_DOOMED_KILLED, /* and still there */
};

/* What TEXT, the contents of a status file, says. */
enum ch_doomed_state ch_doomed_parse(const char *text);

/* Take no more descriptors than leave half of those that we may have for others. */
void ch_doomed_limit(struct ch_doomed *d);

/* Watch the process whose status file is open as FD; taken. What is none is closed. */
void ch_doomed_add(struct ch_doomed *d, int fd);

/* Milliseconds until the next look is due; -1: there is nobody to be looked at. */
int ch_doomed_patience(const struct ch_doomed *d);

/* Look, if it is time. Returns true if all tasks that are there have been found killed twice
 * in a row. */
bool ch_doomed_look(struct ch_doomed *d);

void ch_doomed_done(struct ch_doomed *d);

#endif
