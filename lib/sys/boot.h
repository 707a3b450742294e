/* SPDX-License-Identifier: Apache-2.0 */
/* boot.h - is the machine still the one that was started then? */
#ifndef CH_SYS_BOOT_H
#define CH_SYS_BOOT_H

#define CH_BOOT_MAX 64

/* The kernel's name for the time since the machine was started: digits, letters, "-"; "" if it is
 * not known. */
void ch_boot_name(char ret[CH_BOOT_MAX]);

#endif
