/* SPDX-License-Identifier: Apache-2.0 */
/* whiteout.h - names in layers that say what is gone of the layers below
 *
 * "DIR/.wh.NAME": DIR/NAME is gone; "DIR/.wh..wh..opq": all that is in DIR is. They act on what
 * was there before this layer: what the layer itself has by that name, stays, wherever in the
 * archive it comes. Other names that begin with ".wh..wh." are notes of the program that made
 * the layer (of hard links, for instance), and mean nothing. */
#ifndef CH_ARCHIVE_WHITEOUT_H
#define CH_ARCHIVE_WHITEOUT_H

#include <stddef.h>

enum ch_whiteout {
	CH_WHITEOUT_NONE,   /* an ordinary name */
	CH_WHITEOUT_NAME,   /* the file or directory NAME in DIR is gone */
	CH_WHITEOUT_OPAQUE, /* everything in DIR is gone */
	CH_WHITEOUT_NOTE,   /* to be left out */
	CH_WHITEOUT_BAD,    /* of nothing, ".", or ".." */
};

/* What is the plain path of an entry?
 * ret_dir: the length of DIR in PATH, without "/"; 0: the root
 * ret_name: NAME, within PATH; only with CH_WHITEOUT_NAME */
enum ch_whiteout ch_whiteout_parse(const char *path, size_t *ret_dir, const char **ret_name);

#endif
