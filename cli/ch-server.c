/* SPDX-License-Identifier: Apache-2.0 */
/* ch-server - serve a SquashFS image for a FUSE mount; started by the keeper only.
 *
 *	ch-server [OFFSET [SIZE]]	of the file system in the image, in bytes
 *	ch-server --version		for ch-check
 *
 * For tests, in front of OFFSET: --no-journal, --no-resend (fs/server.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/text.h"
#include "fs/server.h"
#include "rt/server_proto.h"
#include "rt/version.h"

static unsigned without(const char *word)
{
	if (strcmp(word, "--no-journal") == 0)
		return CH_SERVER_NO_JOURNAL;
	return strcmp(word, "--no-resend") == 0 ? CH_SERVER_NO_RESEND : 0;
}

int main(int argc, char **argv)
{
	struct ch_err err;
	long long offset = 0, size = 0;
	unsigned less = 0;
	int type;
	socklen_t len = sizeof(type);

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		ch_version_print("ch-server");
		return 0;
	}
	for (; argc > 1 && without(argv[1]); argc--, argv++)
		less |= without(argv[1]);
	if (getsockopt(CH_SERVER_SOCK, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || argc > 3) {
		fprintf(stderr, "ch-server: is started by the keeper, not by hand\n");
		return 64;
	}
	if ((argc > 1 && ch_text_number(argv[1], "offset", 0, INT64_MAX, &offset, &err) < 0) ||
	    (argc > 2 && ch_text_number(argv[2], "size", 0, INT64_MAX, &size, &err) < 0)) {
		fprintf(stderr, "ch-server: %s\n", err.msg);
		return 64;
	}
	return ch_server_run((uint64_t)offset, (uint64_t)size, less);
}
