/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/target.h"

#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/err.h"

static const struct ch_target_kind *kind_of(enum ch_format format)
{
	switch (format) {
	case CH_FORMAT_CH_IMAGE:
		return &ch_target_image;
	case CH_FORMAT_DIR:
		return &ch_target_dir;
	case CH_FORMAT_DOCKER:
		return &ch_target_docker;
	case CH_FORMAT_DOCKER_ARCHIVE:
		return &ch_target_docker_archive;
	case CH_FORMAT_OCI:
		return &ch_target_oci;
	case CH_FORMAT_OCI_ARCHIVE:
		return &ch_target_oci_archive;
	case CH_FORMAT_PODMAN:
		return &ch_target_podman;
	case CH_FORMAT_SQUASH:
		return &ch_target_squash;
	case CH_FORMAT_TAR:
		return &ch_target_tar;
	default:
		return NULL;
	}
}

static unsigned flags_of(const struct ch_target *t)
{
	return (t->kind->is_dir ? CH_PLACE_DIR : 0) | (t->kind->is_layout ? CH_PLACE_LAYOUT : 0) |
	       (t->how->keep ? CH_PLACE_KEEP : 0);
}

int ch_target_new(enum ch_format format, const struct ch_target_how *how,
		  struct ch_target **ret_target, struct ch_err *err)
{
	const struct ch_target_kind *kind = kind_of(format);
	ch_auto(target) struct ch_target *t = kind ? calloc(1, kind->size) : NULL;

	if (!kind)
		return ch_err_set(err, -ENOTSUP, "format '%s' cannot be written",
				  ch_format_name(format));
	if (!t)
		return ch_err_nomem(err);
	t->kind = kind;
	t->how = how;
	t->place = CH_PLACE_INIT;
	if (!kind->is_named && ch_place_check(how->path, flags_of(t), err) < 0)
		return err->code;
	*ret_target = ch_take(t);
	return 0;
}

static void forget(struct ch_target *t)
{
	t->kind->forget(t);
	ch_place_done(&t->place);
}

int ch_target_begin(struct ch_target *t, struct ch_sink **ret_sink, struct ch_err *err)
{
	forget(t);
	if (!t->kind->is_named && ch_place_new(t->how->path, flags_of(t), &t->place, err) < 0)
		return err->code;
	return t->kind->begin(t, ret_sink, err);
}

int ch_target_commit(struct ch_target *t, const struct ch_oci_meta *meta, struct ch_err *err)
{
	if (t->kind->finish && t->kind->finish(t, meta, err) < 0)
		return err->code;
	return t->kind->is_named ? 0 : ch_place_commit(&t->place, err);
}

void ch_target_free(struct ch_target *t)
{
	if (!t)
		return;
	forget(t);
	free(t);
}
