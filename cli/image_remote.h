/* SPDX-License-Identifier: Apache-2.0 */
/* image_remote.h - what a registry says about an image */
#ifndef CH_CLI_IMAGE_REMOTE_H
#define CH_CLI_IMAGE_REMOTE_H

#include "image_options.h"

struct ch_err;
struct ch_ref;

/* Print it, as lines of ch-image list. That the registry does not have it, or is not there, is an
 * answer, too. Errors: -EINVAL, -ENOMEM. */
int ch_image_remote(const struct ch_image_common *common, const struct ch_ref *ref,
		    struct ch_err *err);

#endif
