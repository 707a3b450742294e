/* SPDX-License-Identifier: Apache-2.0 */
/* sif_meta.h - what images of Apptainer and Singularity say about themselves
 *
 * They have it in files below /.singularity.d: labels, a script that is run, scripts that set the
 * environment. SIF files that were made of an OCI image have the settings of that, too. */
#ifndef CH_CONVERT_SIF_META_H
#define CH_CONVERT_SIF_META_H

#include <stdbool.h>

struct ch_err;
struct ch_oci_meta;
struct ch_source;

enum ch_sif_text {
	CH_SIF_LABELS,
	CH_SIF_RUN,
	CH_SIF_ENV_DOCKER, /* these three in the order in which they are executed */
	CH_SIF_ENV,
	CH_SIF_ENV_MORE,
	CH_SIF_TEXTS,
};

/* Where they are in an image */
extern const char *const ch_sif_files[CH_SIF_TEXTS];

/* Read what there is to RET, which is empty. SOURCE: where the image comes from, for what is not in
 * its files. TEXTS: of the files; NULL: not there.
 * ret_unread: scripts that do more than to set variables, or set too much (convert/sif_env.h): what
 * they do then is not in RET.
 * Returns 1 if there was something, 0 if there was nothing, or -ENOMEM. */
int ch_sif_meta(const struct ch_source *source, char *const texts[CH_SIF_TEXTS],
		struct ch_oci_meta *ret, unsigned *ret_unread, struct ch_err *err);

#endif
