/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.h - parse /proc/PID/mountinfo (proc_pid_mountinfo(5)) */
#ifndef CH_SYS_MOUNTINFO_H
#define CH_SYS_MOUNTINFO_H

#include <stddef.h>

struct ch_err;

struct ch_mountinfo {
	int id;		     /* as in /proc/PID/fdinfo */
	char *path;	     /* mount point, unescaped; owned */
	unsigned long flags; /* MS_RDONLY, MS_NOSUID, … of this mount (not of the file system) */
};

/* Parse one line (without its newline). Returns 0, or -EINVAL for what is no mountinfo. */
int ch_mountinfo_parse(const char *line, struct ch_mountinfo *ret_info, struct ch_err *err);

void ch_mountinfo_done(struct ch_mountinfo *info);

static inline void ch_auto_mountinfo(struct ch_mountinfo *info)
{
	ch_mountinfo_done(info);
}

#endif
