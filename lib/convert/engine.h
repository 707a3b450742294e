/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - images of Docker and Podman, by their programs
 *
 * PROGRAM is "docker" or "podman", looked for in $PATH. What it says goes to standard error. NAME
 * is an image as it calls it. CANCEL as in source.h: the program is ended, too. */
#ifndef CH_CONVERT_ENGINE_H
#define CH_CONVERT_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>

struct ch_err;

/* Write an archive of the image to FD. Errors: -ENOENT no such program; -EIO it has failed. */
int ch_engine_save(const char *program, const char *name, int fd, const atomic_bool *cancel,
		   struct ch_err *err);

/* Take the image from the archive that FD is at. */
int ch_engine_load(const char *program, int fd, const atomic_bool *cancel, struct ch_err *err);

/* Does it have the image? */
int ch_engine_has(const char *program, const char *name, bool *ret_has, struct ch_err *err);

#endif
