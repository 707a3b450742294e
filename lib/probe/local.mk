# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += libchprobe.la
libchprobe_la_SOURCES = \
	%D%/calls.c \
	%D%/feature.c %D%/feature.h \
	%D%/fuse.c \
	%D%/helpers.c \
	%D%/look.h \
	%D%/names.c \
	%D%/plugin.c \
	%D%/probe.c %D%/probe.h \
	%D%/slurm.c %D%/slurm.h \
	%D%/stamp.c %D%/stamp.h \
	%D%/storage.c \
	%D%/table.c
libchprobe_la_LIBADD = libchrt.la
