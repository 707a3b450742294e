# SPDX-License-Identifier: Apache-2.0
if PMIX
noinst_LTLIBRARIES += libchpmix.la
libchpmix_la_SOURCES = %D%/launch.c %D%/launch.h
libchpmix_la_CPPFLAGS = $(AM_CPPFLAGS) $(PMIX_CFLAGS)
libchpmix_la_LIBADD = libchbase.la $(PMIX_LIBS)
endif
