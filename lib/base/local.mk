# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += libchbase.la
libchbase_la_SOURCES = \
	%D%/analyser.h \
	%D%/auto.h \
	%D%/be.h \
	%D%/buf.c %D%/buf.h \
	%D%/color.c %D%/color.h \
	%D%/err.c %D%/err.h \
	%D%/le.h \
	%D%/log.c %D%/log.h \
	%D%/path.c %D%/path.h \
	%D%/teller.c %D%/teller.h \
	%D%/text.c %D%/text.h \
	%D%/words.c %D%/words.h \
	%D%/zeros.h

# For programs that work for a while.
if IMAGE
noinst_LTLIBRARIES += libchprogress.la
libchprogress_la_SOURCES = %D%/progress.c %D%/progress.h
libchprogress_la_CFLAGS = $(AM_CFLAGS) -pthread
libchprogress_la_LIBADD = -lpthread
endif
