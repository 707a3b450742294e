/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - what is this machine's alone, and for how long */
#ifndef CH_SYS_MACHINE_H
#define CH_SYS_MACHINE_H

#include <stdbool.h>

#define CH_MACHINE_BOOT_MAX 64

/* The kernel's name for the time since the machine was started: digits, letters, "-"; "" if it is
 * not known. */
void ch_machine_boot(char ret[CH_MACHINE_BOOT_MAX]);

/* Is FD on a file system that no other machine uses at the same time? In doubt, not. */
bool ch_machine_owns(int fd);

#endif
