# SPDX-License-Identifier: Apache-2.0
if SERVER
# What reads images: for the server, and for ch-convert.
noinst_LTLIBRARIES += libchsquashread.la
libchsquashread_la_SOURCES = \
	%D%/ahead.c %D%/ahead.h \
	%D%/blockmap.c %D%/blockmap.h \
	%D%/blocks.c %D%/blocks.h \
	%D%/data.c %D%/data.h \
	%D%/dir.c %D%/dir.h \
	%D%/inode.c %D%/inode.h \
	%D%/meta.c %D%/meta.h \
	%D%/node.h \
	%D%/push.c %D%/push.h \
	%D%/squash.c %D%/squash.h \
	%D%/unpack.c %D%/unpack.h \
	%D%/xattr.c %D%/xattr.h
libchsquashread_la_CPPFLAGS = $(AM_CPPFLAGS) $(UNPACK_CFLAGS)
libchsquashread_la_CFLAGS = $(AM_CFLAGS) -pthread
libchsquashread_la_LIBADD = $(UNPACK_LIBS) -lpthread

noinst_LTLIBRARIES += libchfs.la
libchfs_la_SOURCES = \
	%D%/confine.c %D%/confine.h \
	%D%/journal.c %D%/journal.h \
	%D%/near.c %D%/near.h \
	%D%/note.c %D%/note.h \
	%D%/ops.c %D%/ops.h \
	%D%/report.c %D%/report.h \
	%D%/server.c %D%/server.h \
	%D%/supervise.c %D%/supervise.h \
	%D%/turns.c %D%/turns.h \
	%D%/watchdog.c %D%/watchdog.h \
	%D%/worker.c %D%/worker.h
libchfs_la_CPPFLAGS = $(AM_CPPFLAGS) $(FUSE_CFLAGS)
libchfs_la_CFLAGS = $(AM_CFLAGS) -pthread
libchfs_la_LIBADD = libchsquashread.la $(FUSE_LIBS) -lpthread
endif
