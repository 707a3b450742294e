# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchhash.la
libchhash_la_SOURCES = %D%/hash.c %D%/hash.h
libchhash_la_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
libchhash_la_LIBADD = $(CRYPTO_LIBS)
endif
