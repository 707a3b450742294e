# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libcharchive.la
libcharchive_la_SOURCES = \
	%D%/codec.c %D%/codec.h \
	%D%/compress.c %D%/compress.h \
	%D%/dirsink.c %D%/dirsink.h \
	%D%/dirsink_dirs.c %D%/dirsink_dirs.h \
	%D%/entry.h \
	%D%/entry_xattrs.c %D%/entry_xattrs.h \
	%D%/feeder.c %D%/feeder.h \
	%D%/gunzip.c %D%/gunzip.h \
	%D%/input.c %D%/input.h \
	%D%/layer.c %D%/layer.h \
	%D%/name.c %D%/name.h \
	%D%/output.c %D%/output.h \
	%D%/own.c %D%/own.h \
	%D%/read.c %D%/read.h \
	%D%/relay.c %D%/relay.h \
	%D%/stream.c %D%/stream.h \
	%D%/tar.c %D%/tar.h \
	%D%/unpack.c %D%/unpack.h \
	%D%/walk.c %D%/walk.h \
	%D%/walk_inner.c %D%/walk_inner.h \
	%D%/walk_state.c \
	%D%/whiteout.c %D%/whiteout.h
libcharchive_la_CPPFLAGS = $(AM_CPPFLAGS) $(ARCHIVE_CFLAGS) $(PACK_CFLAGS)
libcharchive_la_CFLAGS = $(AM_CFLAGS) -pthread
libcharchive_la_LIBADD = libchhash.la libchprogress.la $(ARCHIVE_LIBS) $(PACK_LIBS) -lpthread
if ISAL
libcharchive_la_CPPFLAGS += $(ISAL_CFLAGS) -DHAVE_ISAL
libcharchive_la_LIBADD += $(ISAL_LIBS)
endif
endif
