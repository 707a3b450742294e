# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += libchopt.la
libchopt_la_SOURCES = \
	%D%/opt.c %D%/opt.h \
	%D%/optdoc.c %D%/optdoc.h \
	%D%/setters.h
