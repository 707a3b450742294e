# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += ch-run
ch_run_SOURCES = %D%/ch-run.c %D%/run_env.c %D%/run_env.h
ch_run_CPPFLAGS = $(AM_CPPFLAGS) -DKEEPER='"$(libexecdir)/ch-keeper"'
ch_run_LDADD = libchfakeroot.la libchrt.la
if JSON
ch_run_CPPFLAGS += -DHAVE_JSON
endif

libexec_PROGRAMS += ch-keeper
ch_keeper_SOURCES = %D%/ch-keeper.c
ch_keeper_LDADD = libchkeeper.la libchrt.la
if JSON
ch_keeper_CPPFLAGS = $(AM_CPPFLAGS) -DHAVE_JSON
ch_keeper_LDADD += libchoci.la libchjson.la
endif

# Static: it has to run in any image. Sanitizers cannot do that, so what it needs of the
# libraries is compiled apart.
libexec_PROGRAMS += ch-entry
ch_entry_SOURCES = %D%/ch-entry.c lib/base/err.c lib/base/text.c
ch_entry_CFLAGS = -std=gnu17 $(WARN_CFLAGS) $(HARDEN_CFLAGS)
ch_entry_LDFLAGS = -all-static
ch_entry_LDADD =

if SERVER
libexec_PROGRAMS += ch-server
ch_server_SOURCES = %D%/ch-server.c
ch_server_LDADD = libchfs.la libchrt.la
endif

# Only here: the plugin is in a process of somebody else's.
if SANITIZERS
reports = $(libexecdir)/sanitizer-reports
AM_CPPFLAGS += -DREPORTS='"$(reports)"'
ch_run_SOURCES += %D%/sanitize.c
ch_keeper_SOURCES += %D%/sanitize.c
if SERVER
ch_server_SOURCES += %D%/sanitize.c
endif
endif
EXTRA_DIST += %D%/sanitize.c

# Not readable for ordinary users: so the kernel lets nobody trace them from their first
# instruction on (PR_SET_DUMPABLE would come a moment later), see execve(2), ptrace(2).
install-exec-hook:
	chmod 0711 $(DESTDIR)$(libexecdir)/ch-keeper
if SERVER
	chmod 0711 $(DESTDIR)$(libexecdir)/ch-server
endif
if SANITIZERS
	: >$(DESTDIR)$(reports)
	chmod 0666 $(DESTDIR)$(reports)
endif

uninstall-local:
if SANITIZERS
	rm -f $(DESTDIR)$(reports)
endif
