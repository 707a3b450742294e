/* SPDX-License-Identifier: Apache-2.0 */
/* run_output.h - the output of a command: passed on as it comes, and the end of it kept
 *
 * Where ours is a terminal, the command gets a pseudo-terminal: programs then show progress,
 * and write line by line. Its input side is never used. Where our stdout and stderr are one
 * and the same, so are the command's: nothing changes the order in between. */
#ifndef CH_BUILD_RUN_OUTPUT_H
#define CH_BUILD_RUN_OUTPUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct ch_err;

#define CH_RUN_CHANNELS 2

struct ch_run_output {
	struct ch_run_channel {
		int in;	    /* what the command writes; not blocking; -1: it has ended */
		int theirs; /* the command's end */
		int out;    /* ours; borrowed; -1: nowhere */
		char buf[4096];
		size_t len, done; /* of buf: what is there, and what of it is written */
	} channels[CH_RUN_CHANNELS];
	size_t n;
	char tail[8192];
	size_t tail_len;
};

/* SILENT: keep the tail only. */
int ch_run_output_open(struct ch_run_output *out, bool silent, struct ch_err *err);

/* What the command's stdout (1) or stderr (2) is to be. */
int ch_run_output_theirs(const struct ch_run_output *out, int number);

/* The command has its ends: close them here. */
void ch_run_output_forked(struct ch_run_output *out);

/* Fill P, one for each channel. */
void ch_run_output_poll(const struct ch_run_output *out, struct pollfd p[CH_RUN_CHANNELS]);

/* Do what P says is possible. Returns whether anything was. */
bool ch_run_output_attend(struct ch_run_output *out, const struct pollfd p[CH_RUN_CHANNELS]);

/* Is something read, but not yet written? */
bool ch_run_output_is_behind(const struct ch_run_output *out);

/* The last LINES lines, without control characters; of a line that was overwritten, what
 * came last. ret_text: malloc'ed. */
int ch_run_output_tail(const struct ch_run_output *out, unsigned lines, char **ret_text,
		       struct ch_err *err);

void ch_run_output_done(struct ch_run_output *out);

static inline void ch_auto_run_output(struct ch_run_output *out)
{
	ch_run_output_done(out);
}

#endif
