# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchconvert.la
libchconvert_la_SOURCES = \
	%D%/bundle.c %D%/bundle.h \
	%D%/convert.c %D%/convert.h \
	%D%/filter.c %D%/filter.h \
	%D%/flatten.c %D%/flatten.h \
	%D%/format.c %D%/format.h \
	%D%/from_dir.c \
	%D%/from_tar.c \
	%D%/layer_write.c %D%/layer_write.h \
	%D%/orderly.c %D%/orderly.h \
	%D%/packing.c %D%/packing.h \
	%D%/paths.c %D%/paths.h \
	%D%/place.c %D%/place.h \
	%D%/source.c %D%/source.h \
	%D%/squash_write.h \
	%D%/tarindex.c %D%/tarindex.h \
	%D%/target.c %D%/target.h \
	%D%/to_dir.c \
	%D%/to_image.c \
	%D%/to_squash.c \
	%D%/to_tar.c
libchconvert_la_CPPFLAGS = $(AM_CPPFLAGS)
libchconvert_la_CFLAGS = $(AM_CFLAGS) -pthread
libchconvert_la_LIBADD = -lpthread
if SERVER
# The image server's reader
libchconvert_la_SOURCES += %D%/from_squash.c
libchconvert_la_CPPFLAGS += -DHAVE_SQUASH
libchconvert_la_LIBADD += libchsquashread.la
endif
endif
