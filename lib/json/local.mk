# SPDX-License-Identifier: Apache-2.0
if JSON
noinst_LTLIBRARIES += libchjson.la
libchjson_la_SOURCES = %D%/json.c %D%/json.h
libchjson_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
libchjson_la_LIBADD = $(JANSSON_LIBS)
endif

# Writing needs no library.
noinst_LTLIBRARIES += libchjsonout.la
libchjsonout_la_SOURCES = %D%/write.c %D%/write.h
libchjsonout_la_LIBADD = libchbase.la
