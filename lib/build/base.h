/* SPDX-License-Identifier: Apache-2.0 */
/* base.h - images that builds use, and storage has not: they come from registries */
#ifndef CH_BUILD_BASE_H
#define CH_BUILD_BASE_H

#include <stdbool.h>

struct ch_err;
struct ch_pull_options;
struct ch_ref;
struct ch_shelf;
struct ch_stage;

/* Begin STAGE with the image FROM of its registry. If the cache has it, nothing is unpacked yet;
 * else its files are there then, and in the cache. Returns 1 if the cache had it, else 0. */
int ch_base_pull(struct ch_stage *stage, const struct ch_ref *from,
		 const struct ch_pull_options *how, struct ch_err *err);

/* Get the image REF from its registry, whether it is there or not, so that stages can begin with
 * it. ARCH: of ch_oci_arch_parse; NULL: as the shelf says. */
int ch_base_fetch(const struct ch_shelf *shelf, const struct ch_ref *ref, const char *arch,
		  struct ch_err *err);

/* Have the image REF in storage, or, if no files are needed, at least in the cache; where it is
 * not, by ch_base_fetch. */
int ch_base_have(const struct ch_shelf *shelf, const struct ch_ref *ref, bool files,
		 struct ch_err *err);

/* Was REF, which the cache has, pulled as it is? Then it may be pulled again. */
bool ch_base_was_pulled(const struct ch_shelf *shelf, const struct ch_ref *ref);

#endif
