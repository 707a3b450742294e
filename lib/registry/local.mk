# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchregistry.la
libchregistry_la_SOURCES = \
	%D%/auth.c %D%/auth.h \
	%D%/authfile.c %D%/authfile.h \
	%D%/base64.c %D%/base64.h \
	%D%/blobs.c \
	%D%/challenge.c %D%/challenge.h \
	%D%/credentials.c %D%/credentials.h \
	%D%/digest.c %D%/digest.h \
	%D%/download.c \
	%D%/exchange.c %D%/exchange.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/file.c %D%/file.h \
	%D%/helper.c %D%/helper.h \
	%D%/http.c %D%/http.h \
	%D%/http_answer.c %D%/http_answer.h \
	%D%/inner.h \
	%D%/manifests.c \
	%D%/proxy.c %D%/proxy.h \
	%D%/reason.c %D%/reason.h \
	%D%/registry.c %D%/registry.h \
	%D%/secret.h \
	%D%/token.c %D%/token.h \
	%D%/trust.c %D%/trust.h \
	%D%/upload.c \
	%D%/url.c %D%/url.h
libchregistry_la_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
libchregistry_la_CFLAGS = $(AM_CFLAGS) -pthread
libchregistry_la_LIBADD = libchoci.la libchjson.la libchhash.la libchprogress.la $(CURL_LIBS) -lpthread
endif
