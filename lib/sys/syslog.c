/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/syslog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"

int ch_syslog_open(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	ch_auto(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return ch_take_fd(&fd);
}

void ch_syslog_send(int fd, int priority, const char *line)
{
	char packet[CH_SYSLOG_MAX];

	if (fd < 0)
		return;
	snprintf(packet, sizeof(packet), "<%d>%s", priority, line);
	/* Not send(2): a filter cannot look at its address. */
	(void)!write(fd, packet, strlen(packet));
}

void ch_syslog_once(int priority, const char *line)
{
	ch_auto(fd) int fd = ch_syslog_open();

	ch_syslog_send(fd, priority, line);
}
