# SPDX-License-Identifier: Apache-2.0
# Always there; without libseccomp it only says so.
noinst_LTLIBRARIES += libchfakeroot.la
libchfakeroot_la_SOURCES = %D%/fakeroot.c %D%/fakeroot.h
libchfakeroot_la_CPPFLAGS = $(AM_CPPFLAGS)
libchfakeroot_la_LIBADD = libchbase.la
if SECCOMP
libchfakeroot_la_CPPFLAGS += $(SECCOMP_CFLAGS) -DHAVE_SECCOMP
libchfakeroot_la_LIBADD += $(SECCOMP_LIBS)
endif
