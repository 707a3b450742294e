/* SPDX-License-Identifier: Apache-2.0 */
#include "image_cache.h"

#include "opt/setters.h"

static int set_dot(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_build_cache *s = target;

	(void)err;
	s->is_dot = true;
	s->dot = value;
	return 0;
}

CH_OPT_FLAG_SETTER(ch_image_build_cache, gc)
CH_OPT_FLAG_SETTER(ch_image_build_cache, reset)
CH_OPT_FLAG_SETTER(ch_image_build_cache, tree)
CH_OPT_FLAG_SETTER(ch_image_build_cache, verify)

const struct ch_opt ch_image_build_cache_options[] = {
	{ "dot", 0, CH_OPT_RUN, CH_OPT_OPTIONAL, "PATH",
	  "write the tree as PATH.dot and pictures of it",
	  "Write the tree of states for graphviz(7), to the file PATH.dot (default: "
	  "./build-cache.dot), and where dot(1) is installed, as PDF and SVG files beside it.",
	  set_dot },
	{ "gc", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "remove states that no image needs",
	  "Collect garbage: remove all that no image needs, deleted images too, and put the rest "
	  "into one file. Nobody else may use the cache meanwhile. Downloads of pull that were not "
	  "used for 30 days are removed, too.",
	  set_gc },
	{ "reset", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "remove everything from the cache",
	  "Remove the build cache with all that is in it. Images stay.", set_reset },
	{ "text", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "as --tree", "The same as --tree.", set_tree },
	{ "tree", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print the tree of states",
	  "Print all states as a tree, newest first, with the images that are called after them; "
	  "with "
	  "-v, also when and by which names they are kept.",
	  set_tree },
	{ "verify", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "read everything, and look for damage",
	  "Read everything in the cache, and compare it with its checksums. Each fault is an "
	  "error.",
	  set_verify },
	{ 0 },
};
