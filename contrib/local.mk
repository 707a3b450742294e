# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += \
	%D%/analyze \
	%D%/check \
	%D%/cluster \
	%D%/deps \
	%D%/examples \
	%D%/images \
	%D%/lib \
	%D%/packages \
	%D%/quickstart

# A build of its own, so that it has all flags and disturbs nothing.
.PHONY: analyze
analyze:
	@rm -rf _analyze && $(MKDIR_P) _analyze
	@$(MAKE) $(AM_MAKEFLAGS) distdir distdir=_analyze/src >/dev/null
	@bash $(srcdir)/%D%/analyze _analyze/src; rc=$$?; rm -rf _analyze; exit $$rc
