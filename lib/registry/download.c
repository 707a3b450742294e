/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "hash/hash.h"
#include "registry/digest.h"
#include "registry/inner.h"
#include "registry/reason.h"
#include "sys/write.h"

enum { PART = 256 * 1024 };

/* A blob on its way: GOT bytes are hashed, in the file, and passed on. */
struct transfer {
	const struct ch_registry_download *d;
	struct ch_hash hash;
	uint64_t got;
};

/* LEN more bytes are known, and in the file. */
static int pass(struct transfer *t, const void *bytes, size_t len, struct ch_err *err)
{
	ch_hash_more(&t->hash, bytes, len);
	t->got += len;
	ch_progress_add(t->d->progress, len);
	return t->d->data ? t->d->data(t->d->context, bytes, len, err) : 0;
}

static int receive(void *context, const void *bytes, size_t len, struct ch_err *err)
{
	struct transfer *t = context;
	int rc = 0;

	if (len > t->d->blob->size - t->got)
		return ch_err_set(err, -EBADMSG, "more than the promised %llu bytes were sent",
				  (unsigned long long)t->d->blob->size);
	if (t->d->fd >= 0)
		rc = ch_pwrite_all(t->d->fd, bytes, len, (off_t)t->got);
	if (rc < 0)
		return ch_err_rc(err, rc, "write");
	return pass(t, bytes, len, err);
}

/* What is in the file already */
static int take_file(struct transfer *t, struct ch_err *err)
{
	ch_auto(mem) void *part = malloc(PART);
	struct stat st;

	if (!part)
		return ch_err_nomem(err);
	if (fstat(t->d->fd, &st) < 0)
		return ch_err_sys(err, "file");
	if ((uint64_t)st.st_size > t->d->blob->size)
		return ftruncate(t->d->fd, 0) < 0 ? ch_err_sys(err, "file") : 0;
	while (t->got < (uint64_t)st.st_size) {
		ssize_t n = pread(t->d->fd, part, PART, (off_t)t->got);

		if (n <= 0)
			return n < 0 ? ch_err_sys(err, "file") : 0;
		if (pass(t, part, (size_t)n, err) < 0)
			return err->code;
	}
	return 0;
}

/* Get what is missing. A server that promises no length may end early, and not know it. */
static int fetch(struct ch_registry *registry, struct transfer *t, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	ch_auto(str) char *url = NULL;
	struct ch_exchange x = { .resume = true, .end = t->d->blob->size };
	char path[128];

	snprintf(path, sizeof(path), "blobs/%s", t->d->blob->digest);
	if (ch_registry_url(registry, path, &url, err) < 0)
		return err->code;
	x.request = (struct ch_http_request){
		.method = "GET", .url = url, .from = t->got, .write = receive, .write_context = t
	};
	while (t->got < t->d->blob->size) {
		int again;

		if (ch_registry_send(registry, &x, &answer, err) < 0)
			return err->code;
		if (answer.status != 200 && answer.status != 206)
			return ch_reason_err(&answer, err);
		if (t->got == t->d->blob->size)
			break;
		answer.may_pass = true;
		ch_err_set(err, -EBADMSG, "%llu of the promised %llu bytes were sent",
			   (unsigned long long)t->got, (unsigned long long)t->d->blob->size);
		again = ch_retry_wait(&x.retry, registry->http, &answer, err);
		if (again <= 0)
			return err->code;
	}
	return 0;
}

/* What is in the file is of no use. */
static int check(struct transfer *t, struct ch_err *err)
{
	char digest[CH_OCI_DIGEST_SIZE];

	ch_digest_end(&t->hash, digest);
	if (strcmp(digest, t->d->blob->digest) == 0)
		return 0;
	if (t->d->fd >= 0 && ftruncate(t->d->fd, 0) < 0)
		return ch_err_sys(err, "file");
	return ch_err_set(err, -EBADMSG, "what was sent has digest %s; try again", digest);
}

static int download_once(struct ch_registry *registry, const struct ch_registry_download *download,
			 struct ch_err *err)
{
	struct transfer t = { .d = download };
	int rc = ch_hash_start(&t.hash, CH_SHA256, err);

	if (rc == 0 && download->fd >= 0)
		rc = take_file(&t, err);
	if (rc == 0)
		rc = fetch(registry, &t, err);
	if (rc == 0)
		rc = check(&t, err);
	ch_hash_done(&t.hash);
	return rc;
}

int ch_registry_download(struct ch_registry *registry, const struct ch_registry_download *download,
			 struct ch_err *err)
{
	int rc = download_once(registry, download, err);

	/* The begin may be of another time, or a disk's fault. Those who were told of it cannot
	 * be told otherwise. */
	if (rc == -EBADMSG && !download->data)
		rc = download_once(registry, download, err);
	if (rc < 0)
		return ch_err_in(err, "registry '%s': blob '%s' of '%s'",
				 ch_registry_host(registry), download->blob->digest,
				 ch_registry_repository(registry));
	return 0;
}

static int gather(void *context, const void *bytes, size_t len, struct ch_err *err)
{
	struct ch_buf *buf = context;

	ch_buf_add(buf, bytes, len);
	return ch_buf_bad(buf) ? ch_err_nomem(err) : 0;
}

int ch_registry_get_blob(struct ch_registry *registry, const struct ch_oci_desc *blob, size_t max,
			 char **ret_text, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(max);
	struct ch_registry_download download = {
		.blob = blob,
		.fd = -1,
		.data = gather,
		.context = &buf,
	};

	if (blob->size > max)
		return ch_err_set(err, -EFBIG, "blob '%s' is longer than %zu bytes", blob->digest,
				  max);
	if (ch_registry_download(registry, &download, err) < 0)
		return err->code;
	return ch_buf_take(&buf, ret_text) < 0 ? ch_err_nomem(err) : 0;
}
