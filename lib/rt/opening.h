/* SPDX-License-Identifier: Apache-2.0 */
/* opening.h - open an image without waiting for it
 *
 * A file server that is gone holds whoever asks it for a file, for as long as it likes. So
 * a thread of its own does that, and the process is free to lose patience: when it ends,
 * the kernel takes the thread along. */
#ifndef CH_RT_OPENING_H
#define CH_RT_OPENING_H

#include <pthread.h>

#include "base/err.h"
#include "rt/image.h"
#include "rt/request.h"

struct ch_opening {
	struct ch_request *req; /* the caller's, who leaves it alone until the end */
	int event; /* readable when there is a result; -1: there was none, or it is fetched */
	pthread_t thread;
	struct ch_image image;
	struct ch_err err;
	int rc;
};

#define CH_OPENING_INIT ((struct ch_opening){ .event = -1, .image = CH_IMAGE_INIT })

/* Begin to look for the image of REQ (storage.h), and to open it. OPENING and REQ must stay
 * where they are until the result has been fetched. */
int ch_opening_start(struct ch_opening *opening, struct ch_request *req, struct ch_err *err);

/* Fetch the result (image.h), when event is readable. */
int ch_opening_finish(struct ch_opening *opening, struct ch_image *ret_image, struct ch_err *err);

#endif
