/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h - requests being worked on, in memory that survives the worker
 *
 * Each thread reads requests straight into its slot, and marks it empty after the reply. A
 * request that was read by a worker that died is thus still there for the next one; the
 * kernel would never give it out again (before Linux 6.9), and its process would hang. */
#ifndef CH_FS_JOURNAL_H
#define CH_FS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_journal;

/* Map a journal of N slots for requests of up to SIZE bytes. NULL: no memory. */
struct ch_journal *ch_journal_new(unsigned n, size_t size);

unsigned ch_journal_slots(const struct ch_journal *journal);

/* The buffer of slot I. Its first pages are made resident in this process: a page fault
 * while the kernel fills them would fail the request, should a SIGKILL be pending. */
void *ch_journal_buffer(struct ch_journal *journal, unsigned i, size_t *ret_size);

/* Say that slot I holds no request: before the first read, and after each reply. */
void ch_journal_clear(struct ch_journal *journal, unsigned i);

/* Length of the request left in slot I by a dead worker, or 0. */
size_t ch_journal_left(struct ch_journal *journal, unsigned i);

/* Count a death over slot I's request; fault: by a fault of the worker's own, which is more
 * telling than a SIGKILL from outside. Returns false when the request is to be given up. */
bool ch_journal_attempt(struct ch_journal *journal, unsigned i, bool fault);

/* How many requests have been done with (answered, refused, or withdrawn) since the journal
 * was made? FORGETs do not count. */
uint64_t ch_journal_served(const struct ch_journal *journal);

/* To be called now and then, by one process: has a request been there since the last call?
 * Of each that has, this is true once. */
bool ch_journal_is_stuck(struct ch_journal *journal);

#endif
