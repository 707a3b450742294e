/* SPDX-License-Identifier: Apache-2.0 */
/* layered.h - what is known of the paths of layers that are read downwards; a part of flatten.c
 *
 * The first layer that is seen is the uppermost one. Paths are nodes (paths.h). */
#ifndef CH_CONVERT_LAYERED_H
#define CH_CONVERT_LAYERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "convert/paths.h"

struct ch_err;

#define CH_LAYERED_NONE (-1) /* no layer */

/* A layer's number, and what it was before this layer came */
struct ch_layered_low {
	int now, before;
};

struct ch_layered_node {
	int self;		     /* uppermost layer that has it, or whites it out */
	struct ch_layered_low selfs; /* lowest one so far */
	int below;		     /* uppermost one that hides what lower ones have below it */
	int kids; /* uppermost one that made it a directory, or put something below it */
	struct ch_layered_low names; /* lowest one so far that names something below it */
	bool is_dir;		     /* in the lowest layer it is a directory */
	bool is_sent;		     /* in the lowest layer it is a file that was passed on */
	char *link;	 /* owned; in the lowest layer it is a symbolic link to this; or NULL */
	uint32_t alias;	 /* in the lowest layer it is a hard link to this; or CH_PATHS_NONE */
	uint32_t wishes; /* first name that is to be a link to the file it will be; or NONE */
};

/* In layers between LAYER and UPTO, NODE is a symbolic link. */
struct ch_layered_rule {
	uint32_t node;
	int layer, upto;
	char *target; /* owned */
};

struct ch_layered {
	int layer; /* that is read now */
	/* An upper layer had a path through a symbolic link that only now is known. From the
	 * next begin on, it is. */
	bool is_wrong;
	struct ch_paths paths;
	struct ch_layered_node *states; /* owned; by nodes */

	/* private */
	size_t n_states;
	struct ch_layered_rule *rules; /* owned */
	size_t n_rules, n_settled;     /* the others are of this layer, and may go again */
};

/* Forget what was seen, but not the rules, nor which node is which path: rules go by nodes. */
void ch_layered_begin(struct ch_layered *layered);

void ch_layered_done(struct ch_layered *layered);

/* The node of PATH, whose last part is not followed. Links stay inside: the root is "/".
 * Errors: -ELOOP, -ENOMEM. */
int ch_layered_find(struct ch_layered *layered, const char *path, uint32_t *ret_node,
		    struct ch_err *err);

/* The node of NAME (NULL: itself) in the directory DIR of LEN bytes. No links are followed. */
int ch_layered_find_name(struct ch_layered *layered, const char *dir, size_t len, const char *name,
			 uint32_t *ret_node, struct ch_err *err);

/* The uppermost directory above NODE of which an upper layer hides what is in it, or
 * CH_PATHS_NONE */
uint32_t ch_layered_hider(const struct ch_layered *layered, uint32_t node);

/* Does an entry of this layer become NODE of the tree? */
bool ch_layered_is_visible(const struct ch_layered *layered, uint32_t node, bool is_dir);

/* This layer has something at NODE, or whites it out. */
void ch_layered_claim(struct ch_layered *layered, uint32_t node, bool is_dir);

/* So it has directories above. */
void ch_layered_claim_above(struct ch_layered *layered, uint32_t node, bool is_sent);

/* NODE is a symbolic link to TARGET. Have upper layers taken it for a directory, since it last was
 * something else? Before it is claimed. */
int ch_layered_check_link(struct ch_layered *layered, uint32_t node, const char *target,
			  struct ch_err *err);

/* The layer is complete: of its symbolic links, some may have been replaced in it. */
void ch_layered_settle(struct ch_layered *layered);

#endif
