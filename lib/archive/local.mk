# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libcharchive.la
libcharchive_la_SOURCES = \
	%D%/codec.c %D%/codec.h \
	%D%/compress.c %D%/compress.h \
	%D%/entry.h \
	%D%/member.c %D%/member.h \
	%D%/output.c %D%/output.h \
	%D%/tar.c %D%/tar.h \
	%D%/unpack.c %D%/unpack.h \
	%D%/walk.c %D%/walk.h
libcharchive_la_CPPFLAGS = $(AM_CPPFLAGS) $(ARCHIVE_CFLAGS) $(PACK_CFLAGS)
libcharchive_la_CFLAGS = $(AM_CFLAGS) -pthread
libcharchive_la_LIBADD = $(ARCHIVE_LIBS) $(PACK_LIBS) -lpthread
endif
