/* SPDX-License-Identifier: Apache-2.0 */
#include "build/download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "pull/watch.h"
#include "registry/fetch.h"
#include "store/store.h"

void ch_download_done(struct ch_download *download)
{
	ch_close(&download->fd);
	free(download->name);
	*download = CH_DOWNLOAD_INIT;
}

/* A file without a name; where those are not possible, with one for a moment, in a directory that
 * is cleaned up when its maker is dead. Returns the descriptor. */
static int make_file(struct ch_store *store, struct ch_err *err)
{
	ch_auto(fd) int dir = ch_store_dir(store, "tmp", err);
	unsigned long long number;
	char name[32];
	int fd;

	if (dir < 0)
		return dir;
	fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (getrandom(&number, sizeof(number), 0) < 0)
		return ch_err_sys(err, "random number");
	snprintf(name, sizeof(name), "add.%016llx", number);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return ch_err_sys(err, "make a file in storage");
	unlinkat(dir, name, 0);
	return fd;
}

static int fetch(struct ch_fetch *how, const atomic_bool *cancel, struct ch_download *ret,
		 struct ch_err *err)
{
	/* Not by its URL, which may have a secret in its query. */
	ch_auto(progress) struct ch_progress *progress = ch_progress_new(
		ret->name[0] ? ret->name : "file", CH_PROGRESS_BYTES, 0);
	struct ch_fetched got;

	how->fd = ret->fd;
	how->cancel = cancel;
	how->progress = progress;
	if (ch_fetch(how, &got, err) < 0)
		return err->code == -ECANCELED ? ch_err_set(err, -EINTR, "interrupted") : err->code;
	snprintf(ret->digest, sizeof(ret->digest), "%s", got.digest);
	ret->size = got.size;
	ret->modified = got.modified > 0 ? got.modified : 0;
	return 0;
}

int ch_download(const char *url, const char *digest, bool no_verify, struct ch_store *store,
		struct ch_download *ret, struct ch_err *err)
{
	ch_auto(download) struct ch_download d = CH_DOWNLOAD_INIT;
	ch_auto(watch) struct ch_watch watch = { 0 };
	struct ch_fetch how = { .url = url, .digest = digest, .no_verify = no_verify };

	if (ch_fetch_name(url, &d.name, err) < 0)
		return err->code;
	d.fd = make_file(store, err);
	if (d.fd < 0 || ch_watch_start(&watch, err) < 0 || fetch(&how, &watch.cancel, &d, err) < 0)
		return err->code;
	*ret = d;
	d = CH_DOWNLOAD_INIT;
	return 0;
}
