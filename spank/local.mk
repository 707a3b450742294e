# SPDX-License-Identifier: Apache-2.0
if PLUGIN
plugindir = $(libdir)/slurm
plugin_LTLIBRARIES = spank_charlie.la
spank_charlie_la_SOURCES = \
	%D%/ask.c %D%/ask.h \
	%D%/child.c %D%/child.h \
	%D%/cmdline.c %D%/cmdline.h \
	%D%/config.c %D%/config.h \
	%D%/contain.c %D%/contain.h \
	%D%/job_env.c %D%/job_env.h \
	%D%/options.c %D%/options.h \
	%D%/plugin.c \
	%D%/slurm.h \
	%D%/step.c %D%/step.h \
	%D%/task.c %D%/task.h
spank_charlie_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CFLAGS) \
	-DKEEPER='"$(libexecdir)/ch-keeper"'
spank_charlie_la_LIBADD = libchrt.la
# The version script alone hides what is ours: with -fvisibility=hidden nothing at all
# would be exported, and without, Slurm's symbols of the same names would be taken.
spank_charlie_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(top_srcdir)/%D%/plugin.map
EXTRA_spank_charlie_la_DEPENDENCIES = %D%/plugin.map
endif
EXTRA_DIST += %D%/plugin.map
