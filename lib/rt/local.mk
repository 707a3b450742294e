# SPDX-License-Identifier: Apache-2.0

# What plugin and ch-run are made of; needs libc only.
noinst_LTLIBRARIES += libchrt.la
libchrt_la_SOURCES = \
	%D%/bind.c %D%/bind.h \
	%D%/command.c %D%/command.h \
	%D%/enter.c %D%/enter.h \
	%D%/env.c %D%/env.h \
	%D%/environ.c %D%/environ.h \
	%D%/exec.c %D%/exec.h \
	%D%/hear.c %D%/hear.h \
	%D%/image.c %D%/image.h \
	%D%/join.c %D%/join.h \
	%D%/meta.c %D%/meta.h \
	%D%/plan.c %D%/plan.h \
	%D%/proto.h \
	%D%/request.c %D%/request.h \
	%D%/settings.c %D%/settings.h \
	%D%/sif.c %D%/sif.h \
	%D%/spawn.c %D%/spawn.h \
	%D%/start.c %D%/start.h \
	%D%/storage.c %D%/storage.h \
	%D%/version.c %D%/version.h
libchrt_la_LIBADD = libchopt.la libchsys.la libchbase.la

# The keeper and its builder.
noinst_LTLIBRARIES += libchkeeper.la
libchkeeper_la_SOURCES = \
	%D%/build.c %D%/build.h \
	%D%/doomed.c %D%/doomed.h \
	%D%/door.c %D%/door.h \
	%D%/ident.c %D%/ident.h \
	%D%/keeper.c %D%/keeper.h \
	%D%/keeper_guests.c %D%/keeper_guests.h \
	%D%/keeper_make.c %D%/keeper_make.h \
	%D%/keeper_policy.c %D%/keeper_policy.h \
	%D%/keeper_state.h \
	%D%/kid.c %D%/kid.h \
	%D%/mirror.c %D%/mirror.h \
	%D%/opening.c %D%/opening.h \
	%D%/server_proto.h \
	%D%/skel.c %D%/skel.h
libchkeeper_la_CFLAGS = $(AM_CFLAGS) -pthread
libchkeeper_la_LIBADD = -lpthread
