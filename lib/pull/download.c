/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/download.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "hash/hash.h"
#include "oci/manifest.h"
#include "pull/blobs.h"
#include "registry/registry.h"

enum {
	THREADS_MAX = 4,
	NS = 1000 * 1000 * 1000, /* in a second */
	PAUSE_NS = NS / 10,
	HURRY_NS = NS / 2,
};

/* Changed with the lock held; the file grows without it. */
struct layer {
	int fd;		  /* owned; -1: there is nothing yet */
	bool is_whole;	  /* nothing more comes */
	bool is_verified; /* it was, when it came */
	bool is_rejected; /* it is of no use */
};

struct ch_downloads {
	struct ch_downloads_options options;
	struct layer *layers; /* owned */

	pthread_mutex_t lock;
	pthread_cond_t change; /* of a layer, or FAILED */
	size_t next;	       /* layer that nobody has begun */
	bool failed;
	struct ch_err err; /* why */

	struct worker {
		struct ch_downloads *all;
		struct ch_registry *registry; /* owned */
		pthread_t thread;
	} workers[THREADS_MAX];
	size_t n_workers;

	/* Of the reader */
	size_t reading;
	off_t at;
	struct ch_hash hash; /* of what is not verified */
	int64_t deadline;    /* of CLOCK_MONOTONIC; 0: none */
};

/* ---- threads ---------------------------------------------------------------------------- */

/* The first one tells why; others follow from it. */
void ch_downloads_fail(struct ch_downloads *d, const struct ch_err *err)
{
	pthread_mutex_lock(&d->lock);
	if (!d->failed)
		d->err = *err;
	d->failed = true;
	atomic_store(d->options.cancel, true);
	pthread_cond_broadcast(&d->change);
	pthread_mutex_unlock(&d->lock);
}

/* Where an earlier layer is the same, that one's file will do. */
static size_t first_like(const struct ch_downloads *d, size_t i)
{
	size_t first = 0;

	while (strcmp(d->options.layers[first].digest, d->options.layers[i].digest) != 0)
		first++;
	return first;
}

/* Take a layer that nobody has begun. */
static bool take_next(struct ch_downloads *d, size_t *ret_i)
{
	bool is_taken = false;

	pthread_mutex_lock(&d->lock);
	while (!d->failed && d->next < d->options.n && !is_taken) {
		*ret_i = d->next++;
		is_taken = first_like(d, *ret_i) == *ret_i;
	}
	pthread_mutex_unlock(&d->lock);
	return is_taken;
}

static void change(struct ch_downloads *d, size_t i, struct layer now)
{
	pthread_mutex_lock(&d->lock);
	d->layers[i] = now;
	pthread_cond_broadcast(&d->change);
	pthread_mutex_unlock(&d->lock);
}

/* Is it in the cache? Its size tells much. */
static bool find_whole(struct ch_downloads *d, size_t i)
{
	const struct ch_oci_desc *desc = &d->options.layers[i];
	struct ch_err ignored;
	ch_auto(fd) int fd = ch_blobs_find(d->options.blobs, desc->digest, &ignored);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size != desc->size)
		return false;
	change(d, i, (struct layer){ .fd = ch_take_fd(&fd), .is_whole = true });
	return true;
}

static int wake_reader(void *context, const void *bytes, size_t len, struct ch_err *err)
{
	struct ch_downloads *d = context;

	(void)bytes;
	(void)len;
	(void)err;
	pthread_mutex_lock(&d->lock);
	pthread_cond_broadcast(&d->change);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static struct ch_progress *show(const struct ch_downloads *d, size_t i)
{
	char what[48];

	snprintf(what, sizeof(what), "layer %zu/%zu", i + 1, d->options.n);
	return ch_progress_new(what, CH_PROGRESS_BYTES, d->options.layers[i].size);
}

static int download(struct worker *w, size_t i, struct ch_blobs_part *part, struct ch_err *err)
{
	struct ch_downloads *d = w->all;
	ch_auto(progress) struct ch_progress *progress = show(d, i);
	const struct ch_registry_download how = {
		.blob = &d->options.layers[i],
		.fd = part->fd,
		.data = wake_reader,
		.context = d,
		.progress = progress,
	};
	ch_auto(fd) int copy = fcntl(part->fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return ch_err_sys(err, "download");
	d->options.tell(d->options.data, i, "downloading");
	change(d, i, (struct layer){ .fd = copy });
	copy = -1;
	if (ch_registry_download(w->registry, &how, err) < 0 ||
	    ch_blobs_finish(d->options.blobs, part, err) < 0)
		return err->code;
	pthread_mutex_lock(&d->lock);
	d->layers[i].is_whole = d->layers[i].is_verified = true;
	pthread_cond_broadcast(&d->change);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static bool is_lack(int code)
{
	return code == -ENOSPC || code == -EDQUOT;
}

/* Layer I has failed with CODE: because the disk is full, itself or after another one? What came so
 * far would keep it full. Or is it no layer? */
static bool is_useless(struct ch_downloads *d, size_t i, int code)
{
	bool useless;

	pthread_mutex_lock(&d->lock);
	useless = is_lack(code) || (code == -ECANCELED && d->failed && is_lack(d->err.code)) ||
		  (code < 0 && d->layers[i].is_rejected);
	pthread_mutex_unlock(&d->lock);
	return useless;
}

static int get(struct worker *w, size_t i, struct ch_err *err)
{
	struct ch_downloads *d = w->all;
	const struct ch_downloads_options *o = &d->options;
	struct ch_blobs_part part = CH_BLOBS_PART_INIT;
	bool has_waited;
	int rc;

	if (!o->anew && find_whole(d, i)) {
		o->tell(o->data, i, "using existing file");
		return 0;
	}
	rc = ch_blobs_begin(o->blobs, o->layers[i].digest, &has_waited, &part, err);
	/* Who waited, waited for it. */
	if (rc == 0 && !(has_waited && find_whole(d, i)))
		rc = download(w, i, &part, err);
	if (part.fd >= 0 && is_useless(d, i, rc))
		ch_blobs_empty(&part);
	ch_blobs_part_done(o->blobs, &part);
	return rc;
}

static void *work(void *data)
{
	struct worker *w = data;
	struct ch_err err;
	size_t i = 0;

	while (take_next(w->all, &i))
		if (get(w, i, &err) < 0) {
			ch_err_in(&err, "layer %zu/%zu", i + 1, w->all->options.n);
			ch_downloads_fail(w->all, &err);
		}
	return NULL;
}

static int start_workers(struct ch_downloads *d, struct ch_err *err)
{
	while (d->n_workers < THREADS_MAX && d->n_workers < d->options.n) {
		struct worker *w = &d->workers[d->n_workers];
		int rc;

		w->all = d;
		if (ch_registry_again(d->options.registry, &w->registry, err) < 0)
			return err->code;
		rc = pthread_create(&w->thread, NULL, work, w);
		if (rc != 0) {
			ch_registry_close(ch_take(w->registry));
			/* One is enough. */
			return d->n_workers > 0 ? 0 : ch_err_rc(err, -rc, "start a thread");
		}
		d->n_workers++;
	}
	return 0;
}

int ch_downloads_start(const struct ch_downloads_options *options,
		       struct ch_downloads **ret_downloads, struct ch_err *err)
{
	ch_auto(downloads) struct ch_downloads *d = calloc(1, sizeof(*d));

	if (!d)
		return ch_err_nomem(err);
	d->options = *options;
	d->reading = options->n;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->change, NULL);
	d->layers = calloc(options->n + 1, sizeof(*d->layers));
	if (!d->layers)
		return ch_err_nomem(err);
	for (size_t i = 0; i < options->n; i++)
		d->layers[i].fd = -1;
	if (start_workers(d, err) < 0)
		return err->code;
	*ret_downloads = ch_take(d);
	return 0;
}

/* ---- the reader ------------------------------------------------------------------------- */

static int start_reading(struct ch_downloads *d, size_t i, struct ch_err *err)
{
	d->reading = i;
	d->at = 0;
	return ch_hash_start(&d->hash, CH_SHA256, err);
}

/* Is there something of LAYER to read, or its end? */
static bool is_readable(const struct layer *layer, off_t at)
{
	struct stat st;

	return layer->is_whole || (layer->fd >= 0 && fstat(layer->fd, &st) == 0 && st.st_size > at);
}

static bool is_set(const atomic_bool *flag)
{
	return flag && atomic_load_explicit(flag, memory_order_relaxed);
}

/* Wait for a change; not long, since nothing tells of UNWANTED. */
static void wait_a_moment(struct ch_downloads *d)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PAUSE_NS;
	until.tv_sec += until.tv_nsec / NS;
	until.tv_nsec %= NS;
	pthread_cond_timedwait(&d->change, &d->lock, &until);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

void ch_downloads_hurry(struct ch_downloads *d)
{
	d->deadline = now() + HURRY_NS;
}

/* What is whole only has to be read. */
static bool is_late(const struct ch_downloads *d, const struct layer *layer)
{
	return d->deadline && !layer->is_whole && now() > d->deadline;
}

/* Wait until it is. */
static int wait_for(struct ch_downloads *d, const struct layer *layer, const atomic_bool *unwanted,
		    struct layer *ret_now, struct ch_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	while (!d->failed && !is_readable(layer, d->at) && !is_set(unwanted) && !is_late(d, layer))
		wait_a_moment(d);
	if (d->failed) {
		*err = d->err;
		rc = err->code;
	} else if (atomic_load(d->options.cancel)) {
		rc = ch_err_set(err, -ECANCELED, "interrupted");
	} else if (is_set(unwanted) || is_late(d, layer)) {
		rc = ch_err_set(err, -EAGAIN, "not wanted any more");
	}
	*ret_now = *layer;
	pthread_mutex_unlock(&d->lock);
	return rc;
}

/* What was in the cache is what was read from it: is that right? */
static int verify(struct ch_downloads *d, size_t i, struct ch_err *err)
{
	const struct ch_oci_desc *desc = &d->options.layers[i];
	uint8_t bytes[CH_SHA256_BYTES];
	char hex[CH_SHA256_HEX];

	ch_hash_end(&d->hash, bytes);
	ch_hash_hex(bytes, sizeof(bytes), hex);
	if (strcmp(hex, CH_OCI_HEX(desc->digest)) == 0) {
		pthread_mutex_lock(&d->lock);
		d->layers[first_like(d, i)].is_verified = true;
		pthread_mutex_unlock(&d->lock);
		return 0;
	}
	ch_blobs_drop(d->options.blobs, desc->digest);
	return ch_err_set(err, -EBADMSG,
			  "'%s' is damaged in the download cache, and was removed from it: try "
			  "again",
			  desc->digest);
}

ssize_t ch_downloads_read(struct ch_downloads *d, size_t i, void *buf, size_t size,
			  const atomic_bool *unwanted, struct ch_err *err)
{
	struct layer now;
	ssize_t n;

	if (d->reading != i && start_reading(d, i, err) < 0)
		return err->code;
	/* What has failed is emptied before that is known: there is something to read, and then
	 * there is not. */
	do {
		if (wait_for(d, &d->layers[first_like(d, i)], unwanted, &now, err) < 0)
			return err->code;
		n = pread(now.fd, buf, size, d->at);
	} while (n == 0 && !now.is_whole);
	if (n < 0)
		return ch_err_sys(err, "download cache: read");
	d->at += n;
	if (now.is_whole && !now.is_verified) {
		ch_hash_more(&d->hash, buf, (size_t)n);
		if (n == 0)
			return verify(d, i, err);
	}
	return n;
}

void ch_downloads_reject(struct ch_downloads *d, size_t i, const struct ch_err *err)
{
	pthread_mutex_lock(&d->lock);
	d->layers[first_like(d, i)].is_rejected = true;
	pthread_mutex_unlock(&d->lock);
	ch_downloads_fail(d, err);
}

/* ---- the end ---------------------------------------------------------------------------- */

void ch_downloads_stop(struct ch_downloads *d)
{
	static const struct ch_err stopped = { .code = -ECANCELED };

	if (!d)
		return;
	ch_downloads_fail(d, &stopped);
	for (size_t i = 0; i < d->n_workers; i++) {
		pthread_join(d->workers[i].thread, NULL);
		ch_registry_close(d->workers[i].registry);
	}
	for (size_t i = 0; d->layers && i < d->options.n; i++)
		ch_close(&d->layers[i].fd);
	pthread_cond_destroy(&d->change);
	pthread_mutex_destroy(&d->lock);
	ch_hash_done(&d->hash);
	free(d->layers);
	free(d);
}
