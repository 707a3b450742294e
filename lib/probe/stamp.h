/* SPDX-License-Identifier: Apache-2.0 */
/* stamp.h - what a plugin's file says about itself, without loading it
 *
 * Loading it would run its code, and it could not find Slurm's functions. */
#ifndef CH_PROBE_STAMP_H
#define CH_PROBE_STAMP_H

#include <stddef.h>
#include <stdint.h>

struct ch_err;

/* The 32-bit number that shared object DATA (ELF, 64 bits, of this machine's byte order)
 * exports as NAME. Errors: -EINVAL no such object; -ENOENT no such symbol, or no number. */
int ch_stamp_number(const void *data, size_t len, const char *name, uint32_t *ret_number,
		    struct ch_err *err);

/* The version text of ours in DATA (rt/version.h), cut off to SIZE. Returns 0 or -ENOENT. */
int ch_stamp_version(const void *data, size_t len, char *out, size_t size);

#endif
