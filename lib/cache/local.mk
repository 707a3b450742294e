# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchcache.la
libchcache_la_SOURCES = \
	%D%/attrs.c %D%/attrs.h \
	%D%/blobs.c %D%/blobs.h \
	%D%/branch.c \
	%D%/cache.h \
	%D%/checkout.c %D%/checkout.h \
	%D%/checkout_dirs.c \
	%D%/checkout_end.c \
	%D%/checkout_files.c \
	%D%/collect.c \
	%D%/commit.c %D%/commit.h \
	%D%/dirmeta.c %D%/dirmeta.h \
	%D%/files.c %D%/files.h \
	%D%/git.c %D%/git.h \
	%D%/graph.c \
	%D%/install.c \
	%D%/large.c %D%/large.h \
	%D%/large_hash.c \
	%D%/mark.c %D%/mark.h \
	%D%/name.c %D%/name.h \
	%D%/node.c %D%/node.h \
	%D%/object.c %D%/object.h \
	%D%/odb.c %D%/odb.h \
	%D%/oid.c %D%/oid.h \
	%D%/pack.c %D%/pack.h \
	%D%/parallel.c %D%/parallel.h \
	%D%/pieces.h \
	%D%/press.c %D%/press.h \
	%D%/refs.c %D%/refs.h \
	%D%/repack.c %D%/repack.h \
	%D%/repo.c %D%/repo.h \
	%D%/statfile.c %D%/statfile.h \
	%D%/temp.c %D%/temp.h \
	%D%/usage.c %D%/usage.h \
	%D%/verify.c \
	%D%/walk.c %D%/walk.h \
	%D%/write.c %D%/write.h \
	%D%/write_file.c
libchcache_la_CPPFLAGS = $(AM_CPPFLAGS) $(GIT2_CFLAGS) $(CRYPTO_CFLAGS) $(PACK_CFLAGS)
libchcache_la_CFLAGS = $(AM_CFLAGS) -pthread
libchcache_la_LIBADD = libchhash.la libchprogress.la $(GIT2_LIBS) $(CRYPTO_LIBS) $(PACK_LIBS) -lpthread
endif
