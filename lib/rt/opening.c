/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/opening.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/auto.h"
#include "rt/storage.h"

/* For a few paths, and whoever knows the names of users; the default may be more than a
 * limit on memory allows. */
enum { STACK_SIZE = 512 * 1024 };

static void *work(void *data)
{
	struct ch_opening *o = data;
	uint64_t one = 1;

	o->rc = ch_storage_find(o->req, &o->image, &o->err);
	(void)!write(o->event, &one, sizeof(one));
	return NULL;
}

int ch_opening_start(struct ch_opening *opening, struct ch_request *req, struct ch_err *err)
{
	pthread_attr_t attr;

	/* Not a heap for each thread: that would reserve 64 MB. */
	mallopt(M_ARENA_MAX, 1);
	opening->req = req;
	opening->event = eventfd(0, EFD_CLOEXEC);
	if (opening->event < 0)
		return ch_err_sys(err, "make an eventfd");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);

	int rc = -pthread_create(&opening->thread, &attr, work, opening);

	pthread_attr_destroy(&attr);
	if (rc < 0) {
		close(ch_take_fd(&opening->event));
		return ch_err_rc(err, rc, "start a thread");
	}
	return 0;
}

int ch_opening_finish(struct ch_opening *opening, struct ch_image *ret_image, struct ch_err *err)
{
	pthread_join(opening->thread, NULL);
	close(ch_take_fd(&opening->event));
	if (opening->rc < 0) {
		*err = opening->err;
		return opening->rc;
	}
	*ret_image = opening->image;
	opening->image = CH_IMAGE_INIT;
	return 0;
}
