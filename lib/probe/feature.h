/* SPDX-License-Identifier: Apache-2.0 */
/* feature.h - ch-run --feature: what scripts ask for, in terms of probes */
#ifndef CH_PROBE_FEATURE_H
#define CH_PROBE_FEATURE_H

struct ch_err;
struct ch_finding;
struct ch_site;

/* Try feature NAME; for "there", FINDING has to be ok. Errors: -EINVAL no such feature; the
 * message names all that there are. */
int ch_feature_try(const char *name, const struct ch_site *site, struct ch_finding *ret_finding,
		   struct ch_err *err);

#endif
