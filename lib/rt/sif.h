/* SPDX-License-Identifier: Apache-2.0 */
/* sif.h - where in a SIF file (Apptainer, Singularity) is its file system?
 *
 * A SIF file is a header, a table of descriptors of a fixed size, and the objects that they
 * describe. What makes it an image is its primary system partition. Nothing in the file is
 * trusted: what is read is bounded, positions are checked against the size of the file. */
#ifndef CH_RT_SIF_H
#define CH_RT_SIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_err;

#define CH_SIF_HEAD 128 /* bytes of a header; as many are enough for ch_sif_is() */

/* Do the first LEN bytes of a file say that it is a SIF file? */
bool ch_sif_is(const void *head, size_t len);

struct ch_sif {
	uint64_t offset, size; /* of the object in the file, bytes; within it */
};

/* Look for the primary system partition of the SIF file FD, which has to be a SquashFS file
 * system. The position of FD stays. Messages do not name the file, but complete "image 'X': ".
 * Errors: -ENOTSUP it is something else, or there is none; -EPROTO damaged; -EIO etc. */
int ch_sif_find(int fd, struct ch_sif *ret_sif, struct ch_err *err);

/* Look for the JSON object that is called NAME. Returns 1 if there is one, else 0, or an error, as
 * above. */
int ch_sif_find_json(int fd, const char *name, struct ch_sif *ret_sif, struct ch_err *err);

/* The architecture that the file says it is for, as registries call it. Static; NULL: it does not
 * say. */
const char *ch_sif_arch(int fd);

#endif
