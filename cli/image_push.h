/* SPDX-License-Identifier: Apache-2.0 */
/* image_push.h - options of ch-image push */
#ifndef CH_CLI_IMAGE_PUSH_H
#define CH_CLI_IMAGE_PUSH_H

#include "archive/compress.h"
#include "image_options.h"

struct ch_image_push {
	struct ch_image_common common;
	const char *image;		 /* borrowed; NULL: the image is in storage */
	struct ch_compress_how compress; /* none: not given */
};

extern const struct ch_opt ch_image_push_options[];

#endif
