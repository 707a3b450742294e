/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - the server's one message to the keeper (rt/server_proto.h) */
#ifndef CH_FS_REPORT_H
#define CH_FS_REPORT_H

/* Send CODE (negative errno, or 0) and MSG over SOCK; nothing when SOCK is -1, or when the
 * keeper has gone. */
void ch_report(int sock, int code, const char *msg);

#endif
