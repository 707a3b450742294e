/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/convert.h"

#include <errno.h>
#include <string.h>

#include "archive/entry.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "convert/filter.h"
#include "convert/sif_copy.h"
#include "oci/image_meta.h"
#include "oci/meta.h"

/* Once may not be enough: a source may find out on the way how it has to be read, and each time
 * something more. */
enum { TRIES = 100 };

/* ---- what the image says about itself ------------------------------------------------------ */

/* As files, for formats that have nothing else, and for ch-run. */
static int put_meta(struct ch_filter *filter, const struct ch_oci_meta *meta, struct ch_err *err)
{
	ch_auto(str) char *json = NULL;
	ch_auto(str) char *environment = NULL;

	if (ch_oci_meta_print(meta, &json, err) < 0 ||
	    ch_oci_meta_environment(meta, &environment, err) < 0 ||
	    ch_filter_put(filter, CH_FILTER_METADATA_PATH, json, strlen(json), err) < 0)
		return err->code;
	return ch_filter_put(filter, CH_FILTER_ENVIRONMENT_PATH, environment, strlen(environment),
			     err);
}

/* It has a configuration. */
static int take_config(struct ch_filter *filter, const struct ch_source *source,
		       struct ch_oci_meta *ret, struct ch_err *err)
{
	if (ch_oci_image_meta(source->config, source->config_len, ret, err) < 0)
		return ch_err_in(err, "configuration");
	if (ch_filter_put(filter, CH_FILTER_CONFIG_PATH, source->config, source->config_len, err) <
	    0)
		return err->code;
	return put_meta(filter, ret, err);
}

/* It has files only: ours, or one that another tool has left. What cannot be understood, it has
 * not said. */
static int take_files(struct ch_filter *filter, const struct ch_source *source,
		      struct ch_oci_meta *ret, unsigned *ret_unread, struct ch_err *err)
{
	const char *ours = filter->texts[CH_FILTER_METADATA];
	const char *pulled = filter->texts[CH_FILTER_CONFIG];
	int rc = 0;

	if (ours)
		rc = ch_oci_meta_parse(ours, filter->lens[CH_FILTER_METADATA], ret, err);
	else if (pulled)
		rc = ch_oci_image_meta(pulled, filter->lens[CH_FILTER_CONFIG], ret, err);
	if (ours || pulled)
		return rc == -ENOMEM ? rc : 0;
	rc = ch_sif_meta(source, filter->texts + CH_FILTER_SIF, ret, ret_unread, err);
	return rc > 0 && !filter->has_place ? put_meta(filter, ret, err) : rc < 0 ? rc : 0;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* One try. Returns 1 if it has to be repeated. */
static int try(struct ch_convert *c, struct ch_source *source, struct ch_target *target,
	       struct ch_converted *ret, struct ch_err *err)
{
	const struct ch_filter_how how = {
		.no_xattrs = c->target.no_xattrs,
		.has_meta = source->config, /* what a layer has there, is old */
		.max = c->source.max,
		.progress = source->size > 0 ? NULL : c->source.progress,
		.cancel = c->source.cancel,
	};
	ch_auto(filter) struct ch_filter filter = { 0 };
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	struct ch_sink *sink;
	unsigned unread = 0;
	int rc;

	if (ch_target_begin(target, &sink, err) < 0)
		return err->code;
	if (source->root && ch_place_is_below(&target->place, *source->root))
		return ch_err_set(err, -EINVAL, "'%s' is in '%s', which it would become a part of",
				  c->target.path, c->source.path);
	ch_filter_init(&filter, sink, &how);
	rc = source->send(source, &filter.sink, err);
	if (rc != 0)
		return rc;
	rc = source->config ? take_config(&filter, source, &meta, err)
			    : take_files(&filter, source, &meta, &unread, err);
	if (rc < 0 || ch_filter_end(&filter, err) < 0)
		return err->code;
	/* A program that takes the image may write to the terminal itself. */
	ch_progress_done(ch_take(c->source.progress));
	if (ch_target_commit(target, &meta, err) < 0)
		return err->code;
	*ret = (struct ch_converted){ source->devices + filter.devices, filter.links, unread };
	return 0;
}

int ch_convert_check(const struct ch_convert *convert, struct ch_err *err)
{
	ch_auto(target) struct ch_target *target = NULL;

	return ch_target_new(convert->to, &convert->target, &target, err);
}

/* A SIF file contains a SquashFS image: if nothing is to be different in it, it is taken as it is.
 */
static bool is_copy(const struct ch_convert *c)
{
	return c->from == CH_FORMAT_SIF && c->to == CH_FORMAT_SQUASH &&
	       c->target.squash.alg == CH_SQUASH_DEFAULT && !c->target.no_xattrs &&
	       c->source.max == 0;
}

static void ch_auto_convert(struct ch_convert *c)
{
	ch_progress_done(c->source.progress);
}

int ch_convert(const struct ch_convert *convert, struct ch_converted *ret, struct ch_err *err)
{
	ch_auto(convert) struct ch_convert c = *convert; /* owns the progress */
	ch_auto(source) struct ch_source *source = NULL;
	ch_auto(target) struct ch_target *target = NULL;
	int rc = 1;

	c.source.progress = ch_progress_new("converting", CH_PROGRESS_BYTES, 0);
	if (is_copy(&c)) {
		*ret = (struct ch_converted){ 0 };
		return ch_sif_copy(&c, err);
	}
	if (ch_target_new(c.to, &c.target, &target, err) < 0 ||
	    ch_source_open(c.from, &c.source, &source, err) < 0)
		return err->code;
	ch_progress_expect(c.source.progress, source->size);
	for (int i = 0; rc == 1; i++) {
		if (i == TRIES)
			return ch_err_set(err, -ELOOP, "it cannot be read in %d tries", TRIES);
		rc = try(&c, source, target, ret, err);
	}
	return rc;
}
