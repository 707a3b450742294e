/* SPDX-License-Identifier: Apache-2.0 */
/* auto.h - owning local variables: released when they go out of scope
 *
 *	ch_auto(fd) int fd = open(...);
 *	ch_auto(str) char *s = strdup(...);
 *
 * Every owning local is declared so and initialised on the same line. Ownership is
 * handed on visibly: ch_take(s), ch_take_fd(&fd). Destructors keep errno. */
#ifndef CH_BASE_AUTO_H
#define CH_BASE_AUTO_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ch_auto(kind) __attribute__((cleanup(ch_auto_##kind)))

static inline void ch_auto_fd(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void ch_auto_str(char **s)
{
	int saved = errno;

	free(*s);
	errno = saved;
}

static inline void ch_auto_mem(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void ch_auto_file(FILE **f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

static inline void ch_auto_dir(DIR **d)
{
	int saved = errno;

	if (*d)
		closedir(*d);
	errno = saved;
}

/* Move out of P, leaving the empty value behind; for pointers and structs alike. */
#define ch_take(p)                                                                                 \
	__extension__({                                                                            \
		__typeof__(p) out_ = (p);                                                          \
		(p) = (__typeof__(p)){ 0 };                                                        \
		out_;                                                                              \
	})

/* Move a descriptor out of *FD, leaving -1. */
static inline int ch_take_fd(int *fd)
{
	int out = *fd;

	*fd = -1;
	return out;
}

/* Close *FD, if it is open, and forget it. */
static inline void ch_close(int *fd)
{
	if (*fd >= 0)
		close(ch_take_fd(fd));
}

#endif
