/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - what a user may ask for, on the command line of ch-run or of Slurm
 *
 * ch_options[] is the one table of options; its setters fill a struct ch_settings. Front
 * ends turn that into a request for the keeper, and into what they do after entering. */
#ifndef CH_RT_SETTINGS_H
#define CH_RT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/color.h"
#include "opt/opt.h"
#include "rt/bind.h"
#include "rt/env.h"
#include "rt/request.h"

enum ch_home {
	CH_HOME_DEFAULT, /* ch-run: not bound; Slurm: bound where it is */
	CH_HOME_YES,	 /* bound at /home/USER, and HOME says so */
	CH_HOME_NO,
};

struct ch_settings {
	const char *cwd; /* for relative sources of binds; borrowed; set it first */
	char *image;	 /* Slurm only; "none" is none */
	struct ch_binds binds;
	struct ch_env_ops env;
	char *cd;
	char *feature; /* a question, not a container */
	bool has_uid, has_gid;
	uint32_t uid, gid;
	enum ch_home home;
	enum ch_write write;
	char *write_size;
	char *storage; /* as given; NULL: not */
	bool unsafe;
	bool private_tmp, no_passwd;
	bool each; /* Slurm: join=no */
	bool join; /* ch-run: any --join of a tag */
	char *join_tag;
	uint32_t join_peers; /* 0: as the environment says */
	pid_t join_pid;	     /* 0: none */
	bool entrypoint;
	bool script;
	enum ch_color color;
	bool seccomp; /* root emulation */
	bool dry_run, help, version;
	uint32_t verbose, quiet, threads;
};

extern const struct ch_opt ch_options[];

void ch_settings_done(struct ch_settings *s);

static inline void ch_auto_settings(struct ch_settings *s)
{
	ch_settings_done(s);
}

#endif
