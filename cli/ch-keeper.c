/* SPDX-License-Identifier: Apache-2.0 */
/* ch-keeper - makes a container and lets processes in; started by ch-run and the plugin */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_JSON
#include "oci/config.h"
#endif
#include "rt/keeper.h"
#include "rt/proto.h"
#include "rt/version.h"

/* The image server lives beside us. */
static int server_path(char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';

	char *slash = strrchr(self, '/');

	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return snprintf(out, size, "%s/ch-server", self) < (int)size ? 0 : -ENAMETOOLONG;
}

#ifdef HAVE_JSON
#define read_meta ch_oci_config_read
#else
/* Built without JSON: an image's /ch/environment works all the same. */
static int read_meta(char **ret_text, size_t *ret_len, struct ch_err *err)
{
	(void)err;
	*ret_text = NULL;
	*ret_len = 0;
	return 0;
}
#endif

int main(int argc, char **argv)
{
	char server[PATH_MAX];
	struct stat st;

	/* For ch-check; otherwise a person at a terminal has nothing to say here. */
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		ch_version_print("ch-keeper");
		return 0;
	}
	if (fstat(CH_KEEPER_SOCK, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fprintf(stderr,
			"ch-keeper: error: not for use by hand; ch-run and Slurm start it\n");
		return 64;
	}
	if (server_path(server, sizeof(server)) < 0)
		return 31;
	return ch_keeper_main(server, read_meta,
			      argc > 1 && strcmp(argv[1], CH_KEEPER_PLACED) == 0);
}
