/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "base/text.h"
#include "rt/sif.h"
#include "sys/mnt.h"

#define MAKE_SQUASHFS "; make a SquashFS file of its contents"

/* What users take for images, and what to do about it. */
static const struct {
	size_t offset;
	const char *bytes;
	size_t len;
	const char *what;
} known[] = {
#define MAGIC(offset, bytes, what)                                                                 \
	{                                                                                          \
		offset, bytes, sizeof(bytes) - 1, what                                             \
	}
	MAGIC(0, "\x1f\x8b", "a gzip file, perhaps a tar archive; convert it with ch-convert"),
	MAGIC(0, "\x28\xb5\x2f\xfd",
	      "a zstd file, perhaps a tar archive; convert it with ch-convert"),
	MAGIC(0,
	      "\xfd"
	      "7zXZ",
	      "an xz file, perhaps a tar archive; convert it with ch-convert"),
	MAGIC(0, "BZh", "a bzip2 file, perhaps a tar archive; convert it with ch-convert"),
	MAGIC(0, "\x04\x22\x4d\x18",
	      "an lz4 file, perhaps a tar archive; convert it with ch-convert"),
	MAGIC(0, "PK\x03\x04", "a zip archive; unpack it, or make a SquashFS file of it"),
	MAGIC(257, "ustar", "a tar archive; convert it with ch-convert"),
	MAGIC(1080, "\x53\xef", "an ext file system (2, 3 or 4)" MAKE_SQUASHFS),
	MAGIC(1024, "\xe2\xe1\xf5\xe0", "an EROFS file system" MAKE_SQUASHFS),
	MAGIC(0, "XFSB", "an XFS file system" MAKE_SQUASHFS),
	MAGIC(0, "LUKS\xba\xbe", "an encrypted volume (LUKS)"),
	MAGIC(0, "QFI\xfb", "a disk image of a virtual machine (qcow2)"),
	MAGIC(0, "sqsh", "a big-endian SquashFS file, which is not supported"),
	MAGIC(0,
	      "\x7f"
	      "ELF",
	      "a program"),
	MAGIC(0, "#!", "a script"),
#undef MAGIC
};

static bool is_text(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)data[i] < ' ' && !memchr("\t\n\r\f", data[i], 4))
			return false;
	return true;
}

/* The first member of a tar archive tells whether it holds layers, not a file tree. */
static bool is_layers(const char *data, size_t len)
{
	static const char *const names[] = { "blobs/", "oci-layout", "index.json", "manifest.json",
					     "repositories" };

	if (len < 512 || memcmp(data + 257, "ustar", 5) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(data, names[i], strlen(names[i])) == 0)
			return true;
	return strspn(data, "0123456789abcdef") == 64 && (data[64] == '/' || data[64] == '.');
}

static const char *looks_like(const char *data, size_t len)
{
	if (len == 0)
		return "empty";
	if (is_layers(data, len))
		return "an archive of container layers (Docker or OCI); convert it with ch-convert";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].offset + known[i].len <= len &&
		    memcmp(data + known[i].offset, known[i].bytes, known[i].len) == 0)
			return known[i].what;
	return is_text(data, len) ? "a text file" : "something unknown";
}

/* The partition of a SIF file is used where it is. */
static int use_sif(struct ch_image *image, struct ch_err *err)
{
	struct ch_sif sif;

	if (ch_sif_find(image->fd, &sif, err) < 0)
		return err->code;
	image->kind = CH_IMAGE_SQUASH;
	image->is_sif = true;
	image->offset = sif.offset;
	image->size = sif.size;
	return 0;
}

static int classify(struct ch_image *image, mode_t mode, struct ch_err *err)
{
	char head[2048];

	if (S_ISDIR(mode)) {
		image->kind = CH_IMAGE_DIR;
		if (faccessat(image->fd, "oci-layout", F_OK, 0) == 0 &&
		    faccessat(image->fd, "index.json", F_OK, 0) == 0)
			return ch_err_set(err, -EINVAL,
					  "an OCI layout, whose layers are not unpacked; convert "
					  "it with ch-convert");
		return 0;
	}
	if (!S_ISREG(mode))
		return ch_err_set(err, -EINVAL, "neither a directory nor a regular file");

	ssize_t len = pread(image->fd, head, sizeof(head), 0);

	if (len < 0)
		return ch_err_sys(err, "read");
	if (ch_sif_is(head, (size_t)len))
		return use_sif(image, err);
	if (len < 4 || memcmp(head, "hsqs", 4) != 0)
		return ch_err_set(err, -EINVAL, "not a directory, SquashFS or SIF file, but %s",
				  looks_like(head, (size_t)len));
	image->kind = CH_IMAGE_SQUASH;
	return 0;
}

int ch_image_take(int fd, const char *path, struct ch_image *ret_image, struct ch_err *err)
{
	ch_auto(image) struct ch_image image = { .fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "image '%s'", path);
	if (classify(&image, st.st_mode, err) < 0)
		return ch_err_in(err, "image '%s'", path);
	*ret_image = image;
	image.fd = -1;
	return 0;
}

int ch_image_open(const char *path, struct ch_image *ret_image, struct ch_err *err)
{
	int fd = open(path, CH_IMAGE_OPEN);

	if (fd < 0)
		return ch_err_sys(err, "image '%s'", path);
	return ch_image_take(fd, path, ret_image, err);
}

/* Is PATH below DIR, wherever links lead DIR to? */
static bool is_really_below(const char *path, const char *dir)
{
	char real[PATH_MAX];

	return realpath(dir, real) && ch_path_is_below(path, real);
}

int ch_image_check_allowed(const struct ch_image *image, const char *allowed, struct ch_err *err)
{
	char link[CH_FD_PATH_MAX], path[PATH_MAX];
	ssize_t len = readlink(ch_fd_path(image->fd, link), path, sizeof(path) - 1);

	if (len < 0)
		return ch_err_sys(err, "where is the image");
	path[len] = '\0';
	while (allowed) {
		ch_auto(str) char *dir = NULL;

		if (ch_text_next(&allowed, ':', &dir, err) < 0)
			return err->code;
		if (is_really_below(path, dir))
			return 0;
	}
	return ch_err_set(err, -EACCES,
			  "image '%s' is in none of the directories that this site allows "
			  "(allowed_images in plugstack.conf)",
			  path);
}

void ch_image_done(struct ch_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	*image = CH_IMAGE_INIT;
}
