/* SPDX-License-Identifier: Apache-2.0 */
/* relay.h - a sink that works in a thread of its own
 *
 * A sink in front of another one. What it is given is copied, and given on by a thread, in the
 * same order: so the next files are read, or unpacked, while the sink behind is at work. Not more
 * than a few MiB are under way; who gives more waits. */
#ifndef CH_ARCHIVE_RELAY_H
#define CH_ARCHIVE_RELAY_H

struct ch_err;
struct ch_relay;
struct ch_sink;

/* TO is borrowed till the relay is freed, and called by its thread, or by the caller's while
 * that waits: never by two at a time. That a thread cannot be had is no failure.
 * Errors: -ENOMEM */
int ch_relay_new(struct ch_sink *to, struct ch_relay **ret_relay, struct ch_err *err);

/* Its sink, for one thread at a time. What TO reports is returned by a later call, by that of
 * end() at the latest: when that has returned 0, so has TO's. */
struct ch_sink *ch_relay_sink(struct ch_relay *relay);

/* The thread ends; what was not yet given on is forgotten. */
void ch_relay_free(struct ch_relay *relay);

static inline void ch_auto_relay(struct ch_relay **relay)
{
	ch_relay_free(*relay);
}

#endif
