# SPDX-License-Identifier: Apache-2.0
if JSON
noinst_LTLIBRARIES += libchoci.la
libchoci_la_SOURCES = \
	%D%/arch.c \
	%D%/config.c %D%/config.h \
	%D%/image.c %D%/image.h \
	%D%/image_meta.c %D%/image_meta.h \
	%D%/image_print.c %D%/image_print.h \
	%D%/manifest.c %D%/manifest.h \
	%D%/meta.c %D%/meta.h \
	%D%/ref.c %D%/ref.h
libchoci_la_LIBADD = libchjsonout.la
endif
