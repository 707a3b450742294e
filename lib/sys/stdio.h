/* SPDX-License-Identifier: Apache-2.0 */
/* stdio.h - standard input, output and error that the caller has closed
 *
 * The next files that are opened would get their numbers, and messages would be written to what
 * happens to be there: an image, a lock. */
#ifndef CH_SYS_STDIO_H
#define CH_SYS_STDIO_H

/* Occupy the closed ones of descriptors 0 to 2, at the beginning of main(). To use them fails with
 * EBADF, as before, and programs that are executed find them closed, as before. Without /dev/null
 * nothing is done. */
void ch_stdio_guard(void);

#endif
