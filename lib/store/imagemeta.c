/* SPDX-License-Identifier: Apache-2.0 */
#include "store/imagemeta.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "oci/meta.h"
#include "sys/mnt.h"
#include "sys/rmtree.h"
#include "sys/write.h"

#define META_DIR    "ch"
#define META_FILE   "metadata.json"
#define ENV_FILE    "environment"
#define CONFIG_FILE "config.pulled.json"

/* Read FILE, which must be an ordinary one: the image is anybody's. */
static int read_all(int fd, struct ch_buf *ret)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	rc = ch_buf_read(ret, fd);
	if (rc < 0)
		return rc;
	return ch_buf_bad(ret) ? -EFBIG : 0;
}

int ch_store_read_meta(int root, struct ch_oci_meta *ret_meta, struct ch_err *err)
{
	static const char path[] = "/" META_DIR "/" META_FILE;
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_OCI_META_MAX);
	ch_auto(fd) int fd = ch_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 ? fd : read_all(fd, &text);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	if (rc < 0)
		return ch_err_rc(err, rc, "image: read '%s'", path);
	if (text.len == 0)
		return 0;
	rc = ch_oci_meta_parse(text.data, text.len, ret_meta, err);
	return rc < 0 ? ch_err_in(err, "image: '%s'", path) : 0;
}

/* A directory of that name. What is none, a link for instance, is replaced. */
static int open_meta_dir(int root)
{
	int dir;

	if (unlinkat(root, META_DIR, 0) < 0 && errno != ENOENT && errno != EISDIR)
		return -errno;
	if (mkdirat(root, META_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	dir = openat(root, META_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return dir < 0 ? -errno : dir;
}

/* Whatever was there is replaced, not followed. */
static int write_file(int dir, const char *name, const char *text)
{
	struct ch_err err;

	if (ch_rmtree(dir, name, &err) < 0)
		return err.code;

	ch_auto(fd) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    0644);

	return fd < 0 ? -errno : ch_write_all(fd, text, strlen(text));
}

int ch_store_write_meta(int root, const struct ch_oci_meta *meta, struct ch_err *err)
{
	ch_auto(str) char *json = NULL;
	ch_auto(str) char *environment = NULL;
	int rc = ch_oci_meta_print(meta, &json, err);

	if (rc == 0)
		rc = ch_oci_meta_environment(meta, &environment, err);
	if (rc != 0)
		return rc;

	ch_auto(fd) int dir = open_meta_dir(root);

	rc = dir;
	if (rc >= 0)
		rc = write_file(dir, META_FILE, json);
	if (rc >= 0)
		rc = write_file(dir, ENV_FILE, environment);
	return rc < 0 ? ch_err_rc(err, rc, "image: write its metadata to '/" META_DIR "'") : 0;
}

int ch_store_write_config(int root, const char *config, struct ch_err *err)
{
	ch_auto(fd) int dir = open_meta_dir(root);
	int rc = dir < 0 ? dir : write_file(dir, CONFIG_FILE, config);

	return rc < 0 ? ch_err_rc(err, rc, "image: write '/" META_DIR "/" CONFIG_FILE "'") : 0;
}
