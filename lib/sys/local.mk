# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += libchsys.la
libchsys_la_SOURCES = \
	%D%/caps.c %D%/caps.h \
	%D%/machine.c %D%/machine.h \
	%D%/mnt.c %D%/mnt.h \
	%D%/mountinfo.c %D%/mountinfo.h \
	%D%/msg.c %D%/msg.h \
	%D%/rmtree.c %D%/rmtree.h \
	%D%/seccomp.c %D%/seccomp.h \
	%D%/stdio.c %D%/stdio.h \
	%D%/syslog.c %D%/syslog.h \
	%D%/userns.c %D%/userns.h \
	%D%/write.c %D%/write.h

# Trees of files, for ch-image.
if IMAGE
noinst_LTLIBRARIES += libchtree.la
libchtree_la_SOURCES = \
	%D%/owner.c %D%/owner.h \
	%D%/names.c %D%/names.h \
	%D%/rmtree_shown.c \
	%D%/threads.c %D%/threads.h \
	%D%/tree.h %D%/tree_copy.c %D%/tree_data.c %D%/tree_meta.c %D%/tree_own.h \
	%D%/tree_scan.c %D%/tree_strip.c \
	%D%/twins.c %D%/twins.h \
	%D%/waitlock.c %D%/waitlock.h \
	%D%/within.c %D%/within.h \
	%D%/xattrs.c %D%/xattrs.h
libchtree_la_CFLAGS = $(AM_CFLAGS) -pthread
libchtree_la_LIBADD = libchprogress.la -lpthread
endif
