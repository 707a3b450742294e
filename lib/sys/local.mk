# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += libchsys.la
libchsys_la_SOURCES = \
	%D%/caps.c %D%/caps.h \
	%D%/mnt.c %D%/mnt.h \
	%D%/mountinfo.c %D%/mountinfo.h \
	%D%/msg.c %D%/msg.h \
	%D%/seccomp.c %D%/seccomp.h \
	%D%/syslog.c %D%/syslog.h \
	%D%/userns.c %D%/userns.h
