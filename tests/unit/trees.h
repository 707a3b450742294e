/* SPDX-License-Identifier: Apache-2.0 */
/* trees.h - small trees of files as texts, to be made and to be compared
 *
 * Entries are separated by spaces, and sorted as their names are:
 *
 *	d/		a directory; those that lead to something need no mention
 *	d/f=text	a file
 *	l->target	a symbolic link
 *	h==d/f		a hard link to an earlier file
 *	p|		a FIFO
 *
 * Behind any but links may be ":MODE", else it is 755 for directories and 644. */
#ifndef CH_TESTS_TREES_H
#define CH_TESTS_TREES_H

#include <stddef.h>

/* A new directory for a test, open; the caller's. PATH gets its path. */
int trees_temp(char *path, size_t size);

/* Make TEXT in the directory DIR. Asserts that it can. */
void trees_make(int dir, const char *text);

/* What is in DIR, as text; malloc'ed. Directories that have something in them, and mode 755,
 * are not mentioned. */
char *trees_text(int dir);

/* Remove the directory PATH, open as DIR, which is closed. */
void trees_remove(int dir, const char *path);

/* A context and an image, empty, in a directory of their own */
struct trees {
	char path[64];
	int dir, from, to;
};

void trees_begin(struct trees *t);
void trees_end(struct trees *t);

#endif
