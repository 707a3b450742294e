/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - how far a long piece of work is: one line on the terminal
 *
 * Shown on standard error, if that is a terminal and messages of CH_INFO are wanted (log.h):
 * what, how much of how much, rate and time left; several at a time have a line each. What
 * takes only a moment is not shown, and elsewhere there is nothing to see. Messages come out
 * above the lines. It is drawn by those who do the work, some times a second. */
#ifndef CH_BASE_PROGRESS_H
#define CH_BASE_PROGRESS_H

#include <stdint.h>

struct ch_progress;

enum ch_progress_unit {
	CH_PROGRESS_BYTES,
	CH_PROGRESS_FILES,
};

/* Begin to show WHAT (copied). TOTAL 0: not known (yet).
 * Returns NULL if there is nobody to see it, or no memory: that may be passed everywhere here.
 * All of this may be called by any thread. */
struct ch_progress *ch_progress_new(const char *what, enum ch_progress_unit unit, uint64_t total);

/* N more are to be done than was known. */
void ch_progress_expect(struct ch_progress *progress, uint64_t n);

/* N more are done. As often as one likes. */
void ch_progress_add(struct ch_progress *progress, uint64_t n);

/* The end, good or bad: its line goes. */
void ch_progress_done(struct ch_progress *progress);

/* For handlers of signals that end us: all lines go, and none comes any more. */
void ch_progress_wipe(void);

static inline void ch_auto_progress(struct ch_progress **progress)
{
	ch_progress_done(*progress);
}

#endif
