# SPDX-License-Identifier: Apache-2.0
noinst_PROGRAMS += doc/optgen
doc_optgen_SOURCES = %D%/optgen.c
doc_optgen_LDADD = libchrt.la
