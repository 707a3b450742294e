/* SPDX-License-Identifier: Apache-2.0 */
/* caps.h - give up privileges for good (capabilities(7), prctl(2))
 *
 * Async-signal-safe: usable between fork and exec. */
#ifndef CH_SYS_CAPS_H
#define CH_SYS_CAPS_H

/* Drop all capabilities of the calling thread, the bounding set included where permitted
 * (it needs CAP_SETPCAP), so that no exec brings any back. Returns 0 or a negative errno. */
int ch_caps_drop(void);

/* Drop the bounding set only, as far as permitted. */
void ch_caps_drop_bounding(void);

/* Set no_new_privs: set-user-ID programs and file capabilities gain nothing from here on. */
int ch_caps_no_new_privs(void);

/* May the user attach to this process, read its memory or preload into it? DUMPABLE 0: no
 * (PR_SET_DUMPABLE); /proc/self then belongs to root. exec(2) resets it. */
int ch_caps_dumpable(int dumpable);

#endif
