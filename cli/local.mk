# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += ch-run
ch_run_SOURCES = %D%/ch-run.c %D%/run_env.c %D%/run_env.h \
	%D%/run_exec.c %D%/run_exec.h
ch_run_CPPFLAGS = $(AM_CPPFLAGS) -DKEEPER='"$(libexecdir)/ch-keeper"'
ch_run_LDADD = libchrt.la

libexec_PROGRAMS += ch-keeper
ch_keeper_SOURCES = %D%/ch-keeper.c
ch_keeper_LDADD = libchkeeper.la libchrt.la
if JSON
ch_keeper_CPPFLAGS = $(AM_CPPFLAGS) -DHAVE_JSON
ch_keeper_LDADD += libchoci.la libchjson.la
endif

# Static: it has to run in any image. Sanitizers cannot do that.
libexec_PROGRAMS += ch-entry
ch_entry_SOURCES = %D%/ch-entry.c
ch_entry_CFLAGS = -std=gnu17 $(WARN_CFLAGS) $(HARDEN_CFLAGS)
ch_entry_LDFLAGS = -all-static
ch_entry_LDADD =

if SERVER
libexec_PROGRAMS += ch-server
ch_server_SOURCES = %D%/ch-server.c
ch_server_LDADD = libchfs.la libchsys.la libchbase.la
endif

# Not readable for ordinary users: so the kernel lets nobody trace them from their first
# instruction on (PR_SET_DUMPABLE would come a moment later), see execve(2), ptrace(2).
install-exec-hook:
	chmod 0711 $(DESTDIR)$(libexecdir)/ch-keeper
if SERVER
	chmod 0711 $(DESTDIR)$(libexecdir)/ch-server
endif
