/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/pull.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/layer.h"
#include "archive/read.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "hash/hash.h"
#include "inner.h"
#include "oci/image_meta.h"
#include "oci/meta.h"
#include "pull/download.h"
#include "store/about.h"
#include "sys/within.h"

/* ---- layers ----------------------------------------------------------------------------- */

static void say_layer(const struct ch_pull *pull, size_t i, const char *what)
{
	ch_tell(&pull->options.teller, CH_INFO, "layer %zu/%zu: %.7s: %s", i + 1, pull->manifest.n,
		CH_OCI_HEX(pull->manifest.items[i].digest), what);
}

static void tell_layer(void *pull, size_t i, const char *what)
{
	say_layer(pull, i, what);
}

/* A layer on its way to the archive's reader */
struct feed {
	const struct ch_pull *pull;
	struct ch_downloads *downloads;
	size_t i;
	bool has_begun;
	bool has_failed; /* then ERR says why, better than what follows from it */
	struct ch_err err;
};

static ssize_t feed_more(void *data, void *buf, size_t size, const atomic_bool *unwanted,
			 struct ch_err *err)
{
	struct feed *feed = data;
	ssize_t n = ch_downloads_read(feed->downloads, feed->i, buf, size, unwanted, err);

	/* Nothing has failed here; drain may go on. */
	if (n == -EAGAIN)
		return n;
	if (n < 0) {
		feed->has_failed = true;
		feed->err = *err;
	} else if (!feed->has_begun) {
		feed->has_begun = true;
		say_layer(feed->pull, feed->i, "extracting");
	}
	return n;
}

/* What is behind the end of the compressed data belongs to the blob, and to its digest. */
static int drain(struct feed *feed, struct ch_err *err)
{
	char part[16384];
	ssize_t n;

	do
		n = feed_more(feed, part, sizeof(part), NULL, err);
	while (n > 0);
	return (int)n;
}

/* Is it this machine that cannot, whatever is in the layer? */
static bool is_lack(int code)
{
	return code == -ENOSPC || code == -EDQUOT || code == -ENOMEM;
}

static int check_diff_id(const uint8_t *bytes, const char *wanted, struct ch_err *err)
{
	char hex[CH_SHA256_HEX];

	ch_hash_hex(bytes, CH_SHA256_BYTES, hex);
	if (strcmp(hex, CH_OCI_HEX(wanted)) == 0)
		return 0;
	return ch_err_set(err, -EBADMSG,
			  "its contents have the digest 'sha256:%s', and not '%s', as the image's "
			  "configuration says",
			  hex, wanted);
}

/* Layer I cannot be applied, as ERR says. Is it not what it should be? That is the better reason,
 * if it is known soon: who sends what nobody can use may never send the rest. */
static void reject(struct feed *feed, const struct ch_err *err)
{
	ch_downloads_hurry(feed->downloads);
	(void)drain(feed, &feed->err);
	ch_downloads_reject(feed->downloads, feed->i, feed->has_failed ? &feed->err : err);
}

static struct ch_progress *show(const struct ch_pull *pull, size_t i)
{
	char what[48];

	snprintf(what, sizeof(what), "extracting %zu/%zu", i + 1, pull->manifest.n);
	return ch_progress_new(what, CH_PROGRESS_BYTES, pull->manifest.items[i].size);
}

/* Apply layer I; count what is left out. */
static int apply(const struct ch_pull *pull, struct ch_layers *layers, struct feed *feed,
		 uint64_t *devices, struct ch_err *err)
{
	size_t i = feed->i;
	ch_auto(str) char *name = NULL;
	uint8_t diff_id[CH_SHA256_BYTES];
	struct ch_archive_got got = { 0 };
	int rc;

	if (asprintf(&name, "layer %zu/%zu", i + 1, pull->manifest.n) < 0) {
		name = NULL;
		return ch_err_nomem(err);
	}

	ch_auto(progress) struct ch_progress *progress = show(pull, i);
	const struct ch_archive archive = {
		.name = name,
		.fd = -1,
		.more = feed_more,
		.data = feed,
		.progress = progress,
		.diff_id = diff_id,
	};

	rc = ch_layers_apply(layers, &archive, &got, err);
	if (rc == 0)
		rc = drain(feed, err);
	else if (!is_lack(rc) && !feed->has_failed)
		reject(feed, err);
	if (rc < 0 && feed->has_failed) {
		*err = feed->err;
		return err->code;
	}
	if (rc == 0) {
		*devices += got.devices;
		rc = check_diff_id(diff_id, pull->image.diff_ids[i], err);
		if (rc < 0)
			ch_err_in(err, "%s", name);
	}
	return rc;
}

static int apply_all(const struct ch_pull *pull, struct ch_downloads *downloads, size_t n, int root,
		     struct ch_err *err)
{
	ch_auto(layers) struct ch_layers layers = { 0 };
	uint64_t devices = 0;

	if (ch_layers_init(&layers, root, err) < 0)
		return err->code;
	ch_tell(&pull->options.teller, CH_INFO, "flattening image");
	for (size_t i = 0; i < n; i++) {
		struct feed feed = { .pull = pull, .downloads = downloads, .i = i };

		if (apply(pull, &layers, &feed, &devices, err) < 0) {
			ch_downloads_fail(downloads, err);
			return err->code;
		}
	}
	if (devices > 0)
		ch_tell(&pull->options.teller, CH_WARN,
			"%" PRIu64 " device files or sockets left out", devices);
	return ch_layers_end(&layers, err);
}

static int get_layers(struct ch_pull *pull, int root, struct ch_err *err)
{
	size_t n = pull->options.last_layer;
	ch_auto(downloads) struct ch_downloads *downloads = NULL;
	const struct ch_downloads_options options = {
		.registry = pull->registry,
		.blobs = &pull->blobs,
		.layers = pull->manifest.items,
		.n = n && n < pull->manifest.n ? n : pull->manifest.n,
		.anew = pull->options.anew,
		.cancel = &pull->watch.cancel,
		.tell = tell_layer,
		.data = pull,
	};

	if (ch_downloads_start(&options, &downloads, err) < 0)
		return err->code;
	return apply_all(pull, downloads, options.n, root, err);
}

/* ---- what else is in an image ----------------------------------------------------------- */

/* Directories that something is to be mounted on. */
static void make_volumes(const struct ch_pull *pull, int root, const struct ch_words *volumes)
{
	for (size_t i = 0; i < volumes->n; i++) {
		ch_auto(str) char *plain = NULL;
		struct ch_err err;
		int rc = ch_within_resolve(root, volumes->v[i], CH_WITHIN_ROOT, &plain, &err);
		ch_auto(fd) int fd = rc < 0 ? rc : ch_within_make_dirs(root, plain, 0755, &err);

		if (fd < 0)
			ch_tell(&pull->options.teller, CH_WARN, "volume '%s': %s", volumes->v[i],
				err.msg);
	}
}

static void tell_arch(const struct ch_pull *pull, const char *arch)
{
	const char *host = ch_oci_arch_host();

	if (!arch)
		ch_tell(&pull->options.teller, CH_INFO, "image arch: not known");
	else if (ch_oci_arch_matches(host, pull->image.arch, pull->image.variant))
		ch_tell(&pull->options.teller, CH_INFO, "image arch: %s", arch);
	else
		ch_tell(&pull->options.teller, CH_INFO, "image arch: %s (may not match host %s)",
			arch, host);
}

int ch_pull_fill(struct ch_pull *pull, int root, char **ret_config, struct ch_oci_meta *ret_meta,
		 struct ch_err *err)
{
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	int rc = get_layers(pull, root, err);

	if (rc == 0)
		rc = ch_oci_image_meta(pull->config, pull->config_len, &meta, err);
	if (rc == 0) {
		make_volumes(pull, root, &meta.volumes);
		rc = ch_about_mount_points(root, err);
	}
	if (rc < 0)
		return ch_pull_fail(pull, err);
	tell_arch(pull, meta.arch);
	*ret_meta = ch_take(meta);
	*ret_config = ch_take(pull->config);
	return 0;
}
