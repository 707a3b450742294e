# SPDX-License-Identifier: Apache-2.0
if SERVER
noinst_LTLIBRARIES += libchfs.la
libchfs_la_SOURCES = \
	%D%/ahead.c %D%/ahead.h \
	%D%/blockmap.c %D%/blockmap.h \
	%D%/blocks.c %D%/blocks.h \
	%D%/confine.c %D%/confine.h \
	%D%/data.c %D%/data.h \
	%D%/dir.c %D%/dir.h \
	%D%/squash.c %D%/squash.h \
	%D%/inode.c %D%/inode.h \
	%D%/journal.c %D%/journal.h \
	%D%/meta.c %D%/meta.h \
	%D%/near.c %D%/near.h \
	%D%/node.h \
	%D%/note.c %D%/note.h \
	%D%/ops.c %D%/ops.h \
	%D%/push.c %D%/push.h \
	%D%/report.c %D%/report.h \
	%D%/server.c %D%/server.h \
	%D%/supervise.c %D%/supervise.h \
	%D%/turns.c %D%/turns.h \
	%D%/unpack.c %D%/unpack.h \
	%D%/watchdog.c %D%/watchdog.h \
	%D%/worker.c %D%/worker.h \
	%D%/xattr.c %D%/xattr.h
libchfs_la_CPPFLAGS = $(AM_CPPFLAGS) $(FUSE_CFLAGS) $(UNPACK_CFLAGS)
libchfs_la_CFLAGS = $(AM_CFLAGS) -pthread
libchfs_la_LIBADD = $(FUSE_LIBS) $(UNPACK_LIBS) -lpthread
endif
