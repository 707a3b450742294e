# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchstore.la
libchstore_la_SOURCES = \
	%D%/about.c %D%/about.h \
	%D%/draft.c %D%/draft.h \
	%D%/imagemeta.c %D%/imagemeta.h \
	%D%/images.c \
	%D%/inner.h \
	%D%/lock.c %D%/lock.h \
	%D%/mounted.c \
	%D%/noted.c %D%/noted.h \
	%D%/spare.c \
	%D%/store.c %D%/store.h \
	%D%/trash.c
endif
