/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/report.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "rt/server_proto.h"

#define PATIENCE 1000 /* ms, should the socket be full */

/* By write(2), because a filter could not see where sendmsg(2) sends to. It cannot block, as
 * nobody else writes to this end; SIGPIPE is blocked, and not raised for packets anyway. */
void ch_report(int sock, int code, const char *msg)
{
	struct ch_server_report r = { .version = CH_SERVER_VERSION, .code = code };
	struct pollfd p = { .fd = sock, .events = POLLOUT };

	if (sock < 0)
		return;
	snprintf(r.msg, sizeof(r.msg), "%s", msg);
	if (poll(&p, 1, PATIENCE) > 0)
		(void)!write(sock, &r, sizeof(r));
}
