/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.c - is the plugin in Slurm's configuration, and will this Slurm load it? */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "look.h"
#include "probe/probe.h"
#include "probe/slurm.h"
#include "probe/stamp.h"
#include "rt/version.h"

#define PLUGIN_NAME "spank_charlie.so"

enum { FILE_MAX = 64 * 1024 * 1024 };

/* Ask a program of Slurm's which version it is of; slurmd needs no configuration for that.
 * Returns false if there is none. */
static bool installed(unsigned *ret_major, unsigned *ret_minor)
{
	static const char *const programs[] = { "slurmd", "sinfo", "srun" };
	const char *path = getenv("PATH");
	char out[512], all[8192];

	snprintf(all, sizeof(all), "%s%s/usr/local/sbin:/usr/sbin:/sbin", path ? path : "",
		 path ? ":" : "");
	setenv("PATH", all, 1);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		char program[16], *argv[] = { program, (char[]){ "-V" }, NULL };

		snprintf(program, sizeof(program), "%s", programs[i]);

		if (ch_look_run(argv, out, sizeof(out)) == 0 &&
		    ch_slurm_version(out, ret_major, ret_minor))
			return true;
	}
	return false;
}

static int read_file(const char *path, void **ret_data, size_t *ret_len)
{
	ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return -EINVAL;

	size_t size = (size_t)st.st_size;
	ch_auto(mem) void *data = malloc(size + 1);
	ssize_t n = data ? read(fd, data, size) : -1;

	if (n < 0)
		return -errno;
	*ret_len = (size_t)n;
	*ret_data = ch_take(data);
	return 0;
}

struct versions {
	bool is_known; /* Slurm's */
	unsigned major, minor;
};

/* Does the plugin's FILE fit? "Ok" includes the versions. */
static void judge_file(const char *file, const struct versions *slurm, struct ch_finding *f)
{
	static const char again[] = "build and install it again";
	ch_auto(mem) void *data = NULL;
	size_t len = 0;
	uint32_t number;
	struct ch_err err;
	char version[128];
	int rc = read_file(file, &data, &len);

	if (rc < 0) {
		ch_found_no(f,
			    "install it there, or correct plugstack.conf; its directories have "
			    "to be open to all users",
			    "'%s': %s", file, strerrordesc_np(-rc));
		return;
	}
	if (ch_stamp_number(data, len, "plugin_version", &number, &err) < 0) {
		ch_found_no(f, again, "'%s': %s", file, err.msg);
		return;
	}

	unsigned major = number >> 16, minor = number >> 8 & 0xff;

	if (slurm->is_known && (slurm->major != major || slurm->minor != minor))
		ch_found_no(f, "build it again, with the headers of this Slurm",
			    "'%s' was built for Slurm %u.%02u, and this is %u.%02u", file, major,
			    minor, slurm->major, slurm->minor);
	else if (ch_stamp_version(data, len, version, sizeof(version)) < 0 ||
		 strcmp(version, ch_version) != 0)
		ch_found_limited(f, "install all parts together",
				 "'%s' is not of version %s, as ch-check is", file, ch_version);
	else if (!slurm->is_known)
		ch_found_limited(f, "", "'%s' is for Slurm %u.%02u; no program tells which this is",
				 file, major, minor);
	else
		ch_found_ok(f, "'%s', for Slurm %u.%02u", file, major, minor);
}

void ch_look_plugin(const struct ch_site *site, struct ch_finding *f)
{
	static const char *const missing_remedy =
		"a line 'required %s' in it; without, jobs that ask for an image run on the host";
	static struct ch_slurm slurm;
	struct versions v = { 0 };
	char remedy[sizeof(f->remedy)];

	ch_slurm_find(PLUGIN_NAME, &slurm);
	v.is_known = installed(&v.major, &v.minor);
	if (!v.is_known && !slurm.conf[0]) {
		ch_found_ok(f, "not needed: there is no Slurm here");
		return;
	}
	if (!slurm.conf[0]) {
		ch_found_limited(f, "set SLURM_CONF", "no slurm.conf found: cannot tell");
		return;
	}
	if (!slurm.plugin[0]) {
		snprintf(remedy, sizeof(remedy), missing_remedy, site->plugin);
		ch_found_no(f, remedy, "no " PLUGIN_NAME " in '%s'", slurm.stack);
		return;
	}
	if (slurm.plugin[0] != '/') {
		ch_found_limited(f, "write its absolute path",
				 "'%s' names it without a directory: cannot tell", slurm.stack);
		return;
	}
	judge_file(slurm.plugin, &v, f);
	if (f->verdict == CH_VERDICT_OK && !slurm.is_required)
		ch_found_limited(
			f, "write 'required'",
			"optional in '%s': where it cannot be loaded, jobs run on the host",
			slurm.stack);
}
