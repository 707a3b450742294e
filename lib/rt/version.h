/* SPDX-License-Identifier: Apache-2.0 */
/* version.h - which version of ours is this?
 *
 * Programs and plugin of one installation have to be of one version. Each can be asked:
 * "ch-keeper --version"; the plugin's file contains the text behind CH_VERSION_MARK. */
#ifndef CH_RT_VERSION_H
#define CH_RT_VERSION_H

#define CH_VERSION_MARK "@(#)charlie "

/* "0.1.0, protocols 1 1 1": package; keeper, request, server. */
extern const char *const ch_version;

/* The same for a program that is asked: "NAME (charlie) 0.1.0, protocols 1 1 1". */
void ch_version_print(const char *name);

#endif
