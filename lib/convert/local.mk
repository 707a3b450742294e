# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchconvert.la
libchconvert_la_SOURCES = \
	%D%/bundle.c %D%/bundle.h \
	%D%/bundle_write.c %D%/bundle_write.h \
	%D%/convert.c %D%/convert.h \
	%D%/engine.c %D%/engine.h \
	%D%/filter.c %D%/filter.h \
	%D%/flatten.c %D%/flatten.h \
	%D%/format.c %D%/format.h \
	%D%/from_dir.c \
	%D%/from_stack.c \
	%D%/from_tar.c \
	%D%/layer_write.c %D%/layer_write.h \
	%D%/layered.c %D%/layered.h \
	%D%/namehash.h \
	%D%/orderly.c %D%/orderly.h \
	%D%/packing.c %D%/packing.h \
	%D%/paths.c %D%/paths.h \
	%D%/place.c %D%/place.h \
	%D%/sif_copy.c %D%/sif_copy.h \
	%D%/sif_env.c %D%/sif_env.h \
	%D%/sif_meta.c %D%/sif_meta.h \
	%D%/source.c %D%/source.h \
	%D%/stack.c %D%/stack.h \
	%D%/stack_docker.c \
	%D%/stack_oci.c \
	%D%/tarindex.c %D%/tarindex.h \
	%D%/target.c %D%/target.h \
	%D%/temp.c %D%/temp.h \
	%D%/to_dir.c \
	%D%/to_image.c \
	%D%/to_layout.c \
	%D%/to_squash.c \
	%D%/to_tar.c
libchconvert_la_CPPFLAGS = $(AM_CPPFLAGS)
libchconvert_la_CFLAGS = $(AM_CFLAGS) -pthread
libchconvert_la_LIBADD = libchsquash.la libcharchive.la libchprogress.la -lpthread
if SERVER
# The image server's reader
libchconvert_la_SOURCES += %D%/from_squash.c
libchconvert_la_CPPFLAGS += -DHAVE_SQUASH
libchconvert_la_LIBADD += libchsquashread.la
endif

# The writer of SquashFS images
noinst_LTLIBRARIES += libchsquash.la
libchsquash_la_SOURCES = \
	%D%/squash_blocks.c %D%/squash_blocks.h \
	%D%/squash_compress.c %D%/squash_compress.h \
	%D%/squash_contents.c %D%/squash_contents.h \
	%D%/squash_deflate.c \
	%D%/squash_inode.c %D%/squash_inode.h \
	%D%/squash_order.c %D%/squash_order.h \
	%D%/squash_out.c %D%/squash_out.h \
	%D%/squash_seen.c %D%/squash_seen.h \
	%D%/squash_shorter.c \
	%D%/squash_store.c \
	%D%/squash_tables.c %D%/squash_tables.h \
	%D%/squash_tree.c %D%/squash_tree.h \
	%D%/squash_write.c %D%/squash_write.h
libchsquash_la_CPPFLAGS = $(AM_CPPFLAGS) $(SQFS_CFLAGS) $(PACK_CFLAGS)
libchsquash_la_CFLAGS = $(AM_CFLAGS) -pthread
libchsquash_la_LIBADD = libchhash.la $(SQFS_LIBS) $(PACK_LIBS) -lpthread
endif
