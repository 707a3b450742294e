# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += ch-run
ch_run_SOURCES = \
	%D%/ch-run.c \
	%D%/run.h \
	%D%/run_enter.c \
	%D%/run_log.c %D%/run_log.h \
	%D%/run_request.c
ch_run_CPPFLAGS = $(AM_CPPFLAGS) $(BUILT_CPPFLAGS) -DKEEPER='"$(libexecdir)/ch-keeper"'
ch_run_LDADD = libchprobe.la libchfakeroot.la libchrt.la

bin_PROGRAMS += ch-check
ch_check_SOURCES = \
	%D%/ch-check.c \
	%D%/check_job.c %D%/check_job.h \
	%D%/check_options.c %D%/check_options.h \
	%D%/check_report.c %D%/check_report.h
ch_check_CPPFLAGS = $(AM_CPPFLAGS) $(BUILT_CPPFLAGS) \
	-DKEEPER='"$(libexecdir)/ch-keeper"' -DCH_RUN='"$(bindir)/ch-run"' \
	-DPLUGIN='"$(libdir)/slurm/spank_charlie.so"'
ch_check_LDADD = libchprobe.la libchrt.la libchjsonout.la
if PMIX
ch_check_LDADD += libchpmix.la
endif

if IMAGE
bin_PROGRAMS += ch-image
ch_image_SOURCES = \
	%D%/ch-image.c \
	%D%/image.h \
	%D%/image_ask.c %D%/image_ask.h \
	%D%/image_build.c %D%/image_build.h \
	%D%/image_build_cache.c \
	%D%/image_build_options.c \
	%D%/image_cache.c %D%/image_cache.h \
	%D%/image_cache_options.c \
	%D%/image_delete.c \
	%D%/image_gestalt.c \
	%D%/image_import.c \
	%D%/image_list.c \
	%D%/image_log.c %D%/image_log.h \
	%D%/image_modify.c \
	%D%/image_options.c %D%/image_options.h \
	%D%/image_pull.c \
	%D%/image_push.c \
	%D%/image_registry.c %D%/image_registry.h \
	%D%/image_remote.c %D%/image_remote.h \
	%D%/image_signals.c %D%/image_signals.h \
	%D%/image_undeletable.c \
	%D%/image_undelete.c \
	%D%/messages.c %D%/messages.h
ch_image_CPPFLAGS = $(AM_CPPFLAGS) -DKEEPER='"$(libexecdir)/ch-keeper"'
ch_image_LDADD = libchbuild.la libchstage.la libchbuildrun.la libchcopy.la libchdockerfile.la libchpull.la libchpush.la \
	libchregistry.la libchcache.la libchfakeroot.la libcharchive.la libchstore.la libchtree.la libchoci.la libchjson.la \
	libchjsonout.la libchrt.la

bin_PROGRAMS += ch-convert
ch_convert_SOURCES = \
	%D%/ch-convert.c \
	%D%/convert_options.c %D%/convert_options.h \
	%D%/messages.c %D%/messages.h
ch_convert_LDADD = libchconvert.la libchstage.la libchcache.la libchstore.la libchtree.la \
	libchoci.la libchjson.la libchjsonout.la libchrt.la
endif

# What the programs can say of the others
BUILT_CPPFLAGS =
if JSON
BUILT_CPPFLAGS += -DHAVE_JSON
endif
if SERVER
BUILT_CPPFLAGS += -DHAVE_SERVER
endif
if PMIX
BUILT_CPPFLAGS += -DHAVE_PMIX
endif

libexec_PROGRAMS += ch-keeper
ch_keeper_SOURCES = %D%/ch-keeper.c
ch_keeper_CPPFLAGS = $(AM_CPPFLAGS)
ch_keeper_LDADD = libchkeeper.la libchrt.la
if JSON
ch_keeper_CPPFLAGS += -DHAVE_JSON
ch_keeper_LDADD += libchoci.la libchjson.la
endif

# Static: it has to run in any image. Sanitizers cannot do that, so what it needs of the
# libraries is compiled apart.
libexec_PROGRAMS += ch-entry
ch_entry_SOURCES = %D%/ch-entry.c lib/base/err.c lib/base/text.c lib/rt/version.c lib/rt/version.h
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
ch_check_SOURCES += %D%/sanitize.c
if IMAGE
ch_image_SOURCES += %D%/sanitize.c
ch_convert_SOURCES += %D%/sanitize.c
endif
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
	cd $(DESTDIR)$(bindir) && rm -f ch-checkns && $(LN_S) ch-check ch-checkns
if SANITIZERS
	: >$(DESTDIR)$(reports)
	chmod 0666 $(DESTDIR)$(reports)
endif

uninstall-local:
	rm -f $(DESTDIR)$(bindir)/ch-checkns $(DESTDIR)$(man1dir)/ch-checkns.1 $(DESTDIR)$(bashcompdir)/ch-check \
		$(DESTDIR)$(bashcompdir)/ch-image $(DESTDIR)$(bashcompdir)/ch-convert
if SANITIZERS
	rm -f $(DESTDIR)$(reports)
endif
