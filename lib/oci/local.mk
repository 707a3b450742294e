# SPDX-License-Identifier: Apache-2.0
if JSON
noinst_LTLIBRARIES += libchoci.la
libchoci_la_SOURCES = %D%/config.c %D%/config.h
endif
