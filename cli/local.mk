# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += ch-run
ch_run_SOURCES = %D%/ch-run.c %D%/run_env.c %D%/run_env.h
ch_run_CPPFLAGS = $(AM_CPPFLAGS) -DKEEPER='"$(libexecdir)/ch-keeper"'
ch_run_LDADD = libchrt.la

libexec_PROGRAMS += ch-keeper
ch_keeper_SOURCES = %D%/ch-keeper.c
ch_keeper_LDADD = libchkeeper.la libchrt.la

if SERVER
libexec_PROGRAMS += ch-server
ch_server_SOURCES = %D%/ch-server.c
ch_server_LDADD = libchfs.la libchsys.la libchbase.la
endif
