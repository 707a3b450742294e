/* SPDX-License-Identifier: Apache-2.0 */
/* flatten.h - the layers of an image as one tree, while they are read
 *
 * Layers are archives, each of what it changes in the tree that those below it make; whiteouts
 * (archive/whiteout.h) say what is gone. To see each file once, and to have none that is replaced
 * later, the uppermost layer comes first: what a layer has, or whites out, is left out of those
 * below. In memory there are paths, not contents.
 *
 * Reading from above leaves three things open, each rare:
 *
 * - A hard link to a file that an upper layer has replaced needs that file's contents nevertheless:
 *   its layer is read once more.
 * - A hard link to a file of a lower layer waits until that comes.
 * - A path of an upper layer may lead through a symbolic link of a lower one, which is not known
 *   yet. When it is met, all of it has to begin again, with that knowledge.
 *
 * The same serves for an archive that is no layer: there, paths through symbolic links are what is
 * left of this. */
#ifndef CH_CONVERT_FLATTEN_H
#define CH_CONVERT_FLATTEN_H

#include <stdbool.h>

struct ch_err;
struct ch_flatten;
struct ch_sink;

/* is_plain: an archive, where whiteouts are files like others */
int ch_flatten_new(bool is_plain, struct ch_flatten **ret_flatten, struct ch_err *err);

void ch_flatten_free(struct ch_flatten *flatten);

static inline void ch_auto_flatten(struct ch_flatten **flatten)
{
	ch_flatten_free(*flatten);
}

/* Begin, or begin again. TO is borrowed till the end; its own end is not called. */
void ch_flatten_begin(struct ch_flatten *flatten, struct ch_sink *to);

/* Where the entries of layer N go. Layers are numbered from the lowest one, 0, on; the uppermost
 * one has to come first. */
struct ch_sink *ch_flatten_layer(struct ch_flatten *flatten, int n);

/* The layer's entries, and its end, were given. Is that to be done once more? */
bool ch_flatten_layer_again(const struct ch_flatten *flatten);

/* That was the lowest one. Returns 1 if what TO has got is wrong: begin again.
 * Errors: -EINVAL a hard link leads to nothing. */
int ch_flatten_end(struct ch_flatten *flatten, struct ch_err *err);

#endif
