# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchpush.la
libchpush_la_SOURCES = \
	%D%/layers.c %D%/layers.h \
	%D%/pack.c %D%/pack.h \
	%D%/push.c %D%/push.h
endif
