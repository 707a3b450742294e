# SPDX-License-Identifier: Apache-2.0
# Tests of "make check": unit, fuzz replay, lint. (End-to-end and Slurm tests need root and an
# installation: contrib/check.)

# One program per source file: to add unit/test_X.c, add its line here. Nothing else: sources
# and libraries are the defaults of automake and of LDADD below.
unit_tests = \
	%D%/unit/test_ask \
	%D%/unit/test_bind \
	%D%/unit/test_buf \
	%D%/unit/test_contain \
	%D%/unit/test_doomed \
	%D%/unit/test_env \
	%D%/unit/test_err \
	%D%/unit/test_hear \
	%D%/unit/test_image \
	%D%/unit/test_join \
	%D%/unit/test_json_write \
	%D%/unit/test_keeper \
	%D%/unit/test_keeper_policy \
	%D%/unit/test_log \
	%D%/unit/test_meta \
	%D%/unit/test_mnt \
	%D%/unit/test_mountinfo \
	%D%/unit/test_msg \
	%D%/unit/test_opt \
	%D%/unit/test_plan \
	%D%/unit/test_probe_slurm \
	%D%/unit/test_probe_stamp \
	%D%/unit/test_request \
	%D%/unit/test_rmtree \
	%D%/unit/test_seccomp \
	%D%/unit/test_settings \
	%D%/unit/test_sif \
	%D%/unit/test_stdio \
	%D%/unit/test_storage \
	%D%/unit/test_text

# Those that need the image server's libraries: unit/test_fs_X.c.
unit_tests_fs = \
	%D%/unit/test_fs_ahead \
	%D%/unit/test_fs_blocks \
	%D%/unit/test_fs_confine \
	%D%/unit/test_fs_journal \
	%D%/unit/test_fs_meta \
	%D%/unit/test_fs_near \
	%D%/unit/test_fs_node \
	%D%/unit/test_fs_push \
	%D%/unit/test_fs_turns

# Those that need the JSON library.
unit_tests_json = \
	%D%/unit/test_command \
	%D%/unit/test_image_print \
	%D%/unit/test_oci_config \
	%D%/unit/test_oci_manifest \
	%D%/unit/test_oci_meta \
	%D%/unit/test_ref

# Those that need libseccomp.
unit_tests_seccomp = %D%/unit/test_fakeroot

# Those of ch-image.
unit_tests_image = \
	%D%/unit/test_build_force \
	%D%/unit/test_build_values \
	%D%/unit/test_cache \
	%D%/unit/test_cache_files \
	%D%/unit/test_cache_upkeep \
	%D%/unit/test_compress \
	%D%/unit/test_copy \
	%D%/unit/test_copy_flags \
	%D%/unit/test_copy_hash \
	%D%/unit/test_dockerfile \
	%D%/unit/test_dockerfile_errors \
	%D%/unit/test_dockerfile_subst \
	%D%/unit/test_dockerfile_tree \
	%D%/unit/test_flatten \
	%D%/unit/test_gunzip \
	%D%/unit/test_hash \
	%D%/unit/test_ignore \
	%D%/unit/test_layer \
	%D%/unit/test_mode \
	%D%/unit/test_place \
	%D%/unit/test_progress \
	%D%/unit/test_registry_auth \
	%D%/unit/test_registry_proxy \
	%D%/unit/test_registry_url \
	%D%/unit/test_relay \
	%D%/unit/test_rsync \
	%D%/unit/test_sif_env \
	%D%/unit/test_store \
	%D%/unit/test_tar \
	%D%/unit/test_tree \
	%D%/unit/test_walk

# Those of ch-convert that read images by the server's code.
unit_tests_squash = \
	%D%/unit/test_squash_limits \
	%D%/unit/test_squash_write

# Parsers of foreign data: fuzz/fuzz_X.c, replaying fuzz/corpus/X/.
fuzz_targets = \
	%D%/fuzz/fuzz_bind \
	%D%/fuzz/fuzz_env \
	%D%/fuzz/fuzz_meta \
	%D%/fuzz/fuzz_mountinfo \
	%D%/fuzz/fuzz_options \
	%D%/fuzz/fuzz_proto \
	%D%/fuzz/fuzz_request \
	%D%/fuzz/fuzz_sif \
	%D%/fuzz/fuzz_text

if JSON
fuzz_targets += \
	%D%/fuzz/fuzz_config \
	%D%/fuzz/fuzz_manifest \
	%D%/fuzz/fuzz_ref
endif
if IMAGE
fuzz_targets += \
	%D%/fuzz/fuzz_authfile \
	%D%/fuzz/fuzz_bundle \
	%D%/fuzz/fuzz_cache \
	%D%/fuzz/fuzz_challenge \
	%D%/fuzz/fuzz_dockerfile \
	%D%/fuzz/fuzz_flatten \
	%D%/fuzz/fuzz_ignore \
	%D%/fuzz/fuzz_layer \
	%D%/fuzz/fuzz_mode \
	%D%/fuzz/fuzz_sif_env \
	%D%/fuzz/fuzz_unpack_tar
endif
if SERVER
# A whole image, and its parts.
fuzz_targets += \
	%D%/fuzz/fuzz_blocks \
	%D%/fuzz/fuzz_dir \
	%D%/fuzz/fuzz_fragment \
	%D%/fuzz/fuzz_inode \
	%D%/fuzz/fuzz_squash \
	%D%/fuzz/fuzz_unpack \
	%D%/fuzz/fuzz_xattr
endif

lint_tests = \
	%D%/lint/check-banned \
	%D%/lint/check-compat \
	%D%/lint/check-completion \
	%D%/lint/check-dist \
	%D%/lint/check-docs \
	%D%/lint/check-format \
	%D%/lint/check-headers \
	%D%/lint/check-layers \
	%D%/lint/check-length \
	%D%/lint/check-messages \
	%D%/lint/check-options \
	%D%/lint/check-plugin \
	%D%/lint/check-shell

dist_check_SCRIPTS += $(lint_tests)

# ---- how they are made ---------------------------------------------------------------

EXTRA_PROGRAMS =
# What every test program is linked with; all others name their own.
check_LTLIBRARIES = %D%/libtest.la
%C%_libtest_la_SOURCES = %D%/unit/torture.c %D%/unit/torture.h \
	%D%/unit/trees.c %D%/unit/trees.h %D%/unit/unit.h
# In a library, the driver's main() is taken only by programs that have none.
%C%_libtest_la_LIBADD = libchfakeroot.la libchrt.la libchprobe.la libchjsonout.la
EXTRA_DIST += %D%/fuzz/driver.c
# It reads a symbol of its own file.
%C%_unit_test_probe_stamp_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
LDADD = %D%/libtest.la $(WRAP_LDFLAGS) $(CMOCKA_LIBS)
# Of the plugin, what does not need Slurm.
%C%_unit_test_ask_SOURCES = %D%/unit/test_ask.c spank/ask.c spank/ask.h
%C%_unit_test_ask_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)
%C%_unit_test_contain_SOURCES = %D%/unit/test_contain.c spank/contain.c spank/contain.h
%C%_unit_test_contain_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)
if ISAL
%C%_unit_test_gunzip_CPPFLAGS = $(AM_CPPFLAGS) -DHAVE_ISAL
endif
# The keeper's own parts.
%C%_unit_test_doomed_LDADD = libchkeeper.la $(LDADD)
%C%_unit_test_keeper_policy_LDADD = libchkeeper.la $(LDADD)
if SERVER
%C%_libtest_la_SOURCES += %D%/fuzz/image.c %D%/fuzz/image.h
%C%_libtest_la_LIBADD += libchfs.la
endif
if IMAGE
%C%_libtest_la_LIBADD += \
	libchconvert.la \
	libchbuild.la \
	libchcopy.la \
	libchcache.la \
	libchstore.la \
	libchbuildrun.la \
	libchdockerfile.la \
	libcharchive.la \
	libchtree.la \
	libchprogress.la \
	libchpull.la \
	libchregistry.la \
	libchsquash.la \
	libchhash.la
%C%_libtest_la_SOURCES += \
	%D%/unit/copying.c %D%/unit/copying.h \
	%D%/unit/tars.c %D%/unit/tars.h
# Made only when somebody asks for them.
EXTRA_PROGRAMS += \
	%D%/bench/cache_tool \
	%D%/bench/squash_tool \
	%D%/lib/registry_tool
%C%_lib_registry_tool_LDADD = libchregistry.la libchrt.la libchjsonout.la
%C%_fuzz_fuzz_layer_LDADD = libcharchive.la $(LDADD)
%C%_fuzz_fuzz_unpack_tar_LDADD = libcharchive.la $(LDADD)
if UNIT
%C%_libtest_la_SOURCES += %D%/unit/cache_trees.c %D%/unit/cache_trees.h
if SERVER
%C%_libtest_la_SOURCES += %D%/unit/squashing.c %D%/unit/squashing.h
endif
endif
endif
if JSON
%C%_libtest_la_LIBADD += libchoci.la libchjson.la
endif

if FUZZING
# libFuzzer brings main(): only "make fuzz" can run these.
LDADD += $(FUZZ_LDFLAGS)
EXTRA_PROGRAMS += $(fuzz_targets)
CLEANFILES += $(fuzz_targets)
else
%C%_libtest_la_SOURCES += %D%/fuzz/driver.c
check_PROGRAMS += $(fuzz_targets)
if UNIT
check_PROGRAMS += $(unit_tests)
if SERVER
check_PROGRAMS += $(unit_tests_fs)
endif
if JSON
check_PROGRAMS += $(unit_tests_json)
endif
if SECCOMP
check_PROGRAMS += $(unit_tests_seccomp)
endif
if IMAGE
check_PROGRAMS += $(unit_tests_image)
if SERVER
check_PROGRAMS += $(unit_tests_squash)
endif
endif
endif
endif

# How long "make fuzz" runs each target; with -j, some at a time.
FUZZ_SECONDS = 60
fuzz_runs = $(fuzz_targets:=.run)

.PHONY: fuzz $(fuzz_runs)
fuzz: $(fuzz_runs)
$(fuzz_runs): $(fuzz_targets)
	@target=$@ && target=$${target%.run} && name=$${target##*/fuzz_} && \
		mkdir -p fuzz-found/$$name && \
		echo "$$target: $(FUZZ_SECONDS) s" && \
		./$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
			-artifact_prefix=fuzz-found/$$name- fuzz-found/$$name \
			$(srcdir)/%D%/fuzz/corpus/$$name

# ---- other targets ---------------------------------------------------------------------

format_files = cd $(srcdir) && find lib spank cli doc tests contrib -name '*.[ch]' \
	! -path '*/.*' | sort

.PHONY: format format-check
format:
	($(format_files) | xargs clang-format -i)
format-check:
	($(format_files) | xargs clang-format --dry-run -Werror)

# For lint/check-dist: what would be in the tarball.
.PHONY: dist-list
dist-list:
	@for file in $(DISTFILES); do echo "$$file"; done | sed 's,^$(srcdir)/,,'

# Folders are taken whole: new files in them need no mention.
EXTRA_DIST += .shellcheckrc %D%/lint/lib.sh %D%/fuzz/corpus %D%/fuzz/seeds \
	%D%/bench %D%/e2e %D%/lib %D%/long %D%/slurm %D%/variants
