/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - how far a long piece of work is: one line on the terminal
 *
 * Shown on standard error, if that is a terminal and not everything but errors is off: what,
 * how much of how much, rate and time left; several at a time have a line each. Elsewhere
 * there is nothing to see. Log messages (log.h) come out above the lines. */
#ifndef CH_BASE_PROGRESS_H
#define CH_BASE_PROGRESS_H

#include <stdint.h>

struct ch_progress;

enum ch_progress_unit {
	CH_PROGRESS_BYTES,
	CH_PROGRESS_FILES,
};

/* Begin to show WHAT (copied). TOTAL 0: not known.
 * Returns NULL if there is nobody to see it, or no memory: that may be passed everywhere here. */
struct ch_progress *ch_progress_new(const char *what, enum ch_progress_unit unit, uint64_t total);

/* N more are done. By any thread, as often as one likes. */
void ch_progress_add(struct ch_progress *progress, uint64_t n);

/* The end, good or bad: its line goes. */
void ch_progress_done(struct ch_progress *progress);

static inline void ch_auto_progress(struct ch_progress **progress)
{
	ch_progress_done(*progress);
}

#endif
