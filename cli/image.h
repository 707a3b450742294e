/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - sub-commands of ch-image: one row of a table, and one file, each */
#ifndef CH_CLI_IMAGE_H
#define CH_CLI_IMAGE_H

#include <errno.h>
#include <stddef.h>

#include "image_options.h"
#include "sys/waitlock.h"

struct ch_err;
struct ch_ref;
struct ch_store;

#define CH_IMAGE_USAGE (-EDOM)

/* ERR is what is wrong with the argument of OPTION, which is looked at late. Returns its code,
 * which becomes CH_IMAGE_USAGE if it is the argument alone. */
int ch_image_wrong(const char *option, struct ch_err *err);

struct ch_image_verb {
	const char *name;
	const char *operands;	      /* as in help: "PATH IMAGE" */
	const char *summary;	      /* a line of help */
	int min, max;		      /* number of operands; max -1: any */
	const struct ch_opt *options; /* NULL: none of its own */
	size_t size;		      /* of its settings, which begin with struct ch_image_common */

	/* SETTINGS: all zero but for what was given. Returns 0, or a negative errno: an error;
	 * CH_IMAGE_USAGE: it was called in the wrong way. */
	int (*run)(void *settings, int argc, char **argv, struct ch_err *err);
	void (*done)(void *settings); /* release them; NULL: nothing is owned */
};

/* Whoever waits for others says so, and is ended by signals that are held back. */
struct ch_waiter ch_image_waiter(void);

/* Open the storage that the options mean; what it has to say is printed. */
int ch_image_storage(const struct ch_image_common *common, struct ch_store **ret_store,
		     struct ch_err *err);

int ch_image_build(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_build_cache(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_delete(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_gestalt(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_import(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_list(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_modify(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_pull(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_push(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_reset(void *settings, int argc, char **argv, struct ch_err *err);
int ch_image_undelete(void *settings, int argc, char **argv, struct ch_err *err);

#endif
