# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchpull.la
libchpull_la_SOURCES = \
	%D%/blobs.c %D%/blobs.h %D%/blobs_tidy.c \
	%D%/download.c %D%/download.h \
	%D%/inner.h \
	%D%/pull.c %D%/pull.h \
	%D%/resolve.c \
	%D%/watch.c %D%/watch.h
libchpull_la_CFLAGS = $(AM_CFLAGS) -pthread
libchpull_la_LIBADD = -lpthread
endif
