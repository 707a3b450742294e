/* SPDX-License-Identifier: Apache-2.0 */
/* door.h - who asks a keeper to be let in, and who is inside
 *
 * A keeper has one door, which is a socket. Either it is one end of a pair: then there is
 * one guest, who asks as often as it likes, for any number of processes (the tasks of a
 * step), until it closes the other end. Or it is a listening one: processes that join
 * connect, ask once, and are guests until they end. Their pidfd comes with the question.
 *
 * Guests of other users are turned away. Nothing here blocks. */
#ifndef CH_RT_DOOR_H
#define CH_RT_DOOR_H

#include <stdbool.h>
#include <stddef.h>

struct ch_answer;
struct pollfd;

#define CH_DOOR_GUESTS_MAX 4096

/* How long a keeper waits for guests that are expected, while none is there. */
#define CH_DOOR_PATIENCE_MS 5000

struct ch_guest {
	int sock;	  /* on which it asks and is answered; -1: closed, it is inside */
	int pidfd;	  /* of a process that joins; -1: not known */
	unsigned waiting; /* questions without an answer */
	bool is_foreign;  /* it speaks another version */
};

struct ch_door {
	int listener;		 /* -1: none, or shut */
	struct ch_guest *guests; /* owned */
	size_t n;
	unsigned expected;  /* how many processes will join; a hint */
	unsigned let_in;    /* answers given */
	long long deaf;	    /* deadline: until then nobody can be let in */
	long long deadline; /* for those expected, while nobody is there (msg.h) */
};

/* SOCK: taken; which of the two kinds it is, is found out. Returns 0 or -ENOMEM. */
int ch_door_open(struct ch_door *door, int sock);

/* Fill P, of 1 + CH_DOOR_GUESTS_MAX entries: the listener, then each guest. Returns how
 * many. */
size_t ch_door_poll(const struct ch_door *door, struct pollfd *p);

/* Let those who have connected become guests. */
void ch_door_accept(struct ch_door *door);

/* Answer one question of GUEST by HEAD, its META, and, if it is no error, the two
 * descriptors FDS. Of a guest who joins, only its end is of interest from then on.
 * Returns 0, or -EAGAIN: the answer does not go out now, but may in a moment. */
int ch_door_answer(struct ch_door *door, struct ch_guest *guest, const struct ch_answer *head,
		   const char *meta, const int fds[2]);

/* The I-th guest has gone. Another one takes its place in the list. */
void ch_door_leave(struct ch_door *door, size_t i);

/* Let nobody in any more. Those who have not been answered see their connection end. */
void ch_door_shut(struct ch_door *door);

/* Is there somebody, or will somebody come, as far as one knows? */
bool ch_door_is_busy(const struct ch_door *door);

/* How many guests have asked and wait for an answer. */
unsigned ch_door_asking(const struct ch_door *door);

/* Milliseconds after which to look again, though nothing happened; -1: never. */
int ch_door_patience(const struct ch_door *door);

/* Is there a guest who still has to be answered, or may ask? */
bool ch_door_is_asked(const struct ch_door *door);

void ch_door_done(struct ch_door *door);

#endif
