/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/report.h"

#include <stdio.h>

#include "rt/server_proto.h"
#include "sys/msg.h"

#define PATIENCE 1000 /* ms, should the socket be full */

void ch_report(int sock, int code, const char *msg)
{
	struct ch_server_report r = { .version = CH_SERVER_VERSION, .code = code };

	if (sock < 0)
		return;
	snprintf(r.msg, sizeof(r.msg), "%s", msg);
	(void)ch_msg_send(sock, &r, sizeof(r), NULL, 0, ch_msg_deadline(PATIENCE));
}
