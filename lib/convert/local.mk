# SPDX-License-Identifier: Apache-2.0
if IMAGE
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
	%D%/squash_store.c \
	%D%/squash_tables.c %D%/squash_tables.h \
	%D%/squash_tree.c %D%/squash_tree.h \
	%D%/squash_write.c %D%/squash_write.h
libchsquash_la_CPPFLAGS = $(AM_CPPFLAGS) $(SQFS_CFLAGS) $(PACK_CFLAGS)
libchsquash_la_CFLAGS = $(AM_CFLAGS) -pthread
libchsquash_la_LIBADD = libchhash.la $(SQFS_LIBS) $(PACK_LIBS) -lpthread
endif
