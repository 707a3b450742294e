/* SPDX-License-Identifier: Apache-2.0 */
/* watchdog.h - no request may keep a processor busy for ever
 *
 * What a request costs is bounded; one that computes for seconds has met a mistake of ours, or
 * of a decompressor's. The worker then dies of SIGABRT, as by any other fault, and the
 * supervisor does what it does about those. The time that counts is the thread's own on a
 * processor: who waits, for storage or because the machine is busy, may take any time. */
#ifndef CH_FS_WATCHDOG_H
#define CH_FS_WATCHDOG_H

/* Watch the calling thread from now on. Without a timer to be had, it is not watched. */
void ch_watchdog_start(void);

/* The calling thread begins with another request, or has none. */
void ch_watchdog_feed(void);

#endif
