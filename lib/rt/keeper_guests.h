/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_guests.h - what the keeper's guests (door.h) say, and what it answers */
#ifndef CH_RT_KEEPER_GUESTS_H
#define CH_RT_KEEPER_GUESTS_H

#include <stddef.h>

struct ch_keeper;
struct pollfd;

/* Look at each of the N guests whose entry in P says that there is something to see. */
void ch_keeper_attend(struct ch_keeper *k, const struct pollfd *p, size_t n);

/* Serve the image, if it is known where, or nobody tells. */
void ch_keeper_serve(struct ch_keeper *k);

/* Answer whoever waits, as far as answers go out now. */
void ch_keeper_answer_all(struct ch_keeper *k);

#endif
