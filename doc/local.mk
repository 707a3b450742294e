# SPDX-License-Identifier: Apache-2.0
# Documents; man pages and shell completion, whose options come from the table in lib/rt.
noinst_PROGRAMS += doc/optgen
doc_optgen_SOURCES = %D%/optgen.c cli/check_options.c cli/check_options.h \
	cli/image_build.h cli/image_build_options.c cli/image_cache.h cli/image_cache_options.c \
	cli/convert_options.c cli/convert_options.h cli/image_options.c cli/image_options.h
# cli/*_options.c are among the sources of those programs, too: made apart.
doc_optgen_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)
doc_optgen_LDADD = libchprobe.la libchrt.la

dist_doc_DATA += %D%/ADMIN.md %D%/ARCHITECTURE.md %D%/BUILD-CACHE.md %D%/COMPATIBILITY.md \
	%D%/CONVERT.md %D%/DOCKERFILE.md %D%/IMAGE-SERVER.md %D%/REGISTRIES.md %D%/SCALING.md \
	%D%/TUTORIAL.md

# In the tarball, too; made again by each build, since optgen is at hand.
dist_man_MANS = %D%/ch-check.1 %D%/ch-run.1
dist_noinst_DATA =
if PLUGIN
dist_man_MANS += %D%/spank_charlie.8
else
dist_noinst_DATA += %D%/spank_charlie.8
endif
if IMAGE
dist_man_MANS += %D%/ch-convert.1 %D%/ch-image.1
else
dist_noinst_DATA += %D%/ch-convert.1 %D%/ch-image.1
endif

# Loaded for ch-run by itself; for Slurm's commands, see the file.
bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = contrib/completion/ch-run
install-data-hook:
	cd $(DESTDIR)$(bashcompdir) && rm -f ch-check && $(LN_S) ch-run ch-check
	cd $(DESTDIR)$(man1dir) && rm -f ch-checkns.1 && $(LN_S) ch-check.1 ch-checkns.1
if IMAGE
	cd $(DESTDIR)$(bashcompdir) && rm -f ch-convert ch-image && \
		$(LN_S) ch-run ch-convert && $(LN_S) ch-run ch-image
endif

generated = %D%/ch-check.1 %D%/ch-convert.1 %D%/ch-image.1 %D%/ch-run.1 \
	%D%/spank_charlie.8 contrib/completion/ch-run
templates = %D%/ch-check.1.in %D%/ch-convert.1.in %D%/ch-image.1.in %D%/ch-run.1.in \
	%D%/spank_charlie.8.in contrib/completion/ch-run.in
EXTRA_DIST += $(templates)

# $@.in, with each line @FORM TABLE@ replaced by what "optgen FORM TABLE" prints. Where
# optgen does not run (cross compilation), the file of the tarball is taken.
$(generated): doc/optgen$(EXEEXT) $(templates) $(top_srcdir)/configure.ac
	$(AM_V_GEN)$(MKDIR_P) $$(dirname $@) && \
	if doc/optgen$(EXEEXT) list run >$@.tmp 2>/dev/null; then \
		sed 's/@VER[S]ION@/$(PACKAGE_VERSION)/' $(srcdir)/$@.in | \
		while IFS= read -r line; do \
			case $$line in \
			"@"*" "*"@") line=$${line#@}; doc/optgen$(EXEEXT) $${line%@} || exit 1 ;; \
			*) printf '%s\n' "$$line" ;; \
			esac; \
		done >$@.tmp && mv -f $@.tmp $@; \
	else \
		cp $(srcdir)/$@ $@.tmp && mv -f $@.tmp $@; \
	fi

# Those in a source tree belong to the tarball.
clean-local: clean-generated
.PHONY: clean-generated
clean-generated:
	test '$(srcdir)' = . || rm -f $(generated)
MAINTAINERCLEANFILES += $(generated)
