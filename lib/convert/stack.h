/* SPDX-License-Identifier: Apache-2.0 */
/* stack.h - the layers of an image in a layout or archive, and its configuration
 *
 * Everything in there is foreign: what has a digest is compared with it. */
#ifndef CH_CONVERT_STACK_H
#define CH_CONVERT_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "convert/bundle.h"
#include "oci/manifest.h"

struct ch_err;
struct ch_flatten;
struct ch_sink;
struct ch_source_how;

struct ch_stack_layer {
	char *name; /* owned; for messages */
	struct ch_piece piece;
	char digest[CH_OCI_DIGEST_SIZE];  /* of the archive as it is; "": unknown */
	char diff_id[CH_OCI_DIGEST_SIZE]; /* unpacked */
};

struct ch_stack {
	struct ch_stack_layer *layers; /* owned; the lowest one first */
	size_t n;
	char *config; /* owned; the image's configuration, JSON */
	size_t config_len;
};

/* Find the image that HOW means in BUNDLE: in an OCI layout; in an archive of Docker. The stack is
 * good as long as the bundle.
 * Errors: -ENOENT it is not there, or it is not said which one of several is meant, with a list;
 * -EINVAL, -EBADMSG something is damaged. */
int ch_stack_of_oci(const struct ch_bundle *bundle, const struct ch_source_how *how,
		    struct ch_stack *ret_stack, struct ch_err *err);
int ch_stack_of_docker(const struct ch_bundle *bundle, const struct ch_source_how *how,
		       struct ch_stack *ret_stack, struct ch_err *err);

/* For these two: make a stack with the configuration CONFIG (malloc'ed, and taken, also on
 * failure), and N layers, which have only their diff IDs yet. */
int ch_stack_begin(struct ch_stack *ret_stack, char *config, size_t config_len, size_t n,
		   struct ch_err *err);

/* Give the tree that the layers make to SINK. Returns as ch_source's send; FLAT is the same each
 * time.
 * ret_devices: left out */
int ch_stack_send(const struct ch_stack *stack, struct ch_flatten *flat,
		  const struct ch_source_how *how, struct ch_sink *sink, uint64_t *ret_devices,
		  struct ch_err *err);

void ch_stack_done(struct ch_stack *stack);

static inline void ch_auto_stack(struct ch_stack *stack)
{
	ch_stack_done(stack);
}

#endif
