# SPDX-License-Identifier: Apache-2.0
if IMAGE
# RUN
noinst_LTLIBRARIES += libchbuildrun.la
libchbuildrun_la_SOURCES = \
	%D%/force.c %D%/force.h \
	%D%/force_distro.c %D%/force_distro.h \
	%D%/force_words.c %D%/force_words.h \
	%D%/mount.c %D%/mount.h \
	%D%/run.c %D%/run.h \
	%D%/run_cache.c %D%/run_cache.h \
	%D%/run_inside.c %D%/run_inside.h \
	%D%/run_output.c %D%/run_output.h \
	%D%/run_plan.c %D%/run_plan.h \
	%D%/run_points.c %D%/run_points.h

# COPY and ADD
noinst_LTLIBRARIES += libchcopy.la
libchcopy_la_SOURCES = \
	%D%/context.c %D%/context.h \
	%D%/copy.h %D%/copy_execute.c %D%/copy_hash.c %D%/copy_plan.c %D%/copy_plan.h \
	%D%/download.c %D%/download.h \
	%D%/find.c %D%/find.h \
	%D%/mode.c %D%/mode.h \
	%D%/rsync.c %D%/rsync.h %D%/rsync_options.c %D%/rsync_options.h \
	%D%/rsync_rules.c %D%/rsync_rules.h \
	%D%/statcache.c %D%/statcache.h
libchcopy_la_CFLAGS = $(AM_CFLAGS) -pthread

# Images as states of the cache
noinst_LTLIBRARIES += libchstage.la
libchstage_la_SOURCES = \
	%D%/again.c %D%/again.h \
	%D%/key.c %D%/key.h \
	%D%/placed.c %D%/placed.h \
	%D%/stage.c %D%/stage.h

# Builds
noinst_LTLIBRARIES += libchbuild.la
libchbuild_la_SOURCES = \
	%D%/base.c %D%/base.h \
	%D%/build.c %D%/build.h \
	%D%/do_arg.c \
	%D%/do_copy.c \
	%D%/do_env.c \
	%D%/do_from.c \
	%D%/do_rsync.c \
	%D%/do_run.c \
	%D%/do_settings.c \
	%D%/do_workdir.c \
	%D%/step.c %D%/step.h \
	%D%/step_mounts.c %D%/step_mounts.h \
	%D%/tag.c \
	%D%/values.c %D%/values.h \
	%D%/vars.c %D%/vars.h
endif
