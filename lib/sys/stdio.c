/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* open(2) takes the lowest number that is free, which is FD: those below are not. */
static void occupy(int fd)
{
	int wrong_way = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

	(void)!open("/dev/null", wrong_way | O_CLOEXEC);
}

void ch_stdio_guard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			occupy(fd);
}
