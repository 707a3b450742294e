# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += \
	%D%/analyze \
	%D%/check \
	%D%/cluster \
	%D%/deps \
	%D%/examples/mpi-cma.c \
	%D%/images \
	%D%/lib \
	%D%/packages \
	%D%/quickstart

# Dockerfiles that the documentation builds
exampledir = $(docdir)/examples
dist_example_DATA = %D%/examples/Dockerfile.debian_ch %D%/examples/Dockerfile.openmpi
examplehellodir = $(exampledir)/hello
dist_examplehello_DATA = %D%/examples/hello/Dockerfile %D%/examples/hello/hello.sh
examplempihellodir = $(exampledir)/mpihello
dist_examplempihello_DATA = %D%/examples/mpihello/Dockerfile %D%/examples/mpihello/mpihello.c

# A build of its own, so that it has all flags and disturbs nothing.
.PHONY: analyze
analyze:
	@rm -rf _analyze && $(MKDIR_P) _analyze
	@$(MAKE) $(AM_MAKEFLAGS) distdir distdir=_analyze/src >/dev/null
	@bash $(srcdir)/%D%/analyze _analyze/src; rc=$$?; rm -rf _analyze; exit $$rc
