# SPDX-License-Identifier: Apache-2.0
if IMAGE
noinst_LTLIBRARIES += libchdockerfile.la
libchdockerfile_la_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/dockerfile.h %D%/parser.h \
	%D%/err.c %D%/err.h \
	%D%/flags.c \
	%D%/glob.c %D%/glob.h \
	%D%/heredoc.c \
	%D%/ignore.c %D%/ignore.h \
	%D%/instr.c \
	%D%/json.c \
	%D%/lines.c \
	%D%/mount.c \
	%D%/names.c \
	%D%/parse.c \
	%D%/print.c \
	%D%/subst.c %D%/subst.h \
	%D%/words.c
libchdockerfile_la_LIBADD = libchbase.la
endif
