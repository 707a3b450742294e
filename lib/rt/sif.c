/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/sif.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/le.h"

/* The header: launcher script (32 bytes), magic (10), version (3), architecture (3), ...;
 * numbers are little-endian, wherever it was made. */
enum { AT_MAGIC = 32, AT_VERSION = 42, AT_TOTAL = 88, AT_TABLE = 96 };

/* A descriptor; not aligned. */
enum {
	D_TYPE = 0,
	D_USED = 4,
	D_OFFSET = 17,
	D_SIZE = 25,
	D_FS_TYPE = 201,
	D_PART_TYPE = 205,
	D_BYTES = 585,
};

enum { TYPE_PARTITION = 0x4004, TYPE_OCI_INDEX = 0x400a, PART_PRIMARY = 2, FS_SQUASH = 1 };

/* Apptainer makes 48 of them. */
enum { DESCRIPTORS_MAX = 4096 };

static const char magic[] = "SIF_MAGIC"; /* with its NUL */

bool ch_sif_is(const void *head, size_t len)
{
	return len >= AT_MAGIC + sizeof(magic) &&
	       memcmp((const char *)head + AT_MAGIC, magic, sizeof(magic)) == 0;
}

static int damaged(struct ch_err *err, const char *what)
{
	return ch_err_set(err, -EPROTO, "damaged SIF image: %s", what);
}

static int read_at(int fd, uint64_t pos, void *buf, size_t len, struct ch_err *err)
{
	uint8_t *to = buf;

	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(err, "read");
		if (n == 0)
			return damaged(err, "truncated");
		to += n;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static const char *fs_name(uint32_t type)
{
	switch (type) {
	case 2:
		return "an ext3 file system; build it again with SquashFS, as is the default";
	case 3:
		return "an archive; build it again with SquashFS, as is the default";
	case 4:
		return "raw data; build it again with SquashFS, as is the default";
	case 5:
		return "encrypted; build it again without --encrypt";
	default:
		return "a file system of unknown type";
	}
}

/* The primary partition has descriptor D: can we use it? */
static int take(const uint8_t d[D_BYTES], uint64_t file_size, struct ch_sif *ret_sif,
		struct ch_err *err)
{
	struct ch_sif sif = { .offset = ch_le64(d + D_OFFSET), .size = ch_le64(d + D_SIZE) };
	uint32_t type = ch_le32(d + D_FS_TYPE);

	if (type != FS_SQUASH)
		return ch_err_set(err, -ENOTSUP, "a SIF image whose system partition is %s",
				  fs_name(type));
	if (sif.offset < CH_SIF_HEAD || sif.size == 0 || sif.offset > INT64_MAX ||
	    sif.size > INT64_MAX)
		return damaged(err, "impossible position of the system partition");
	if (sif.offset > file_size || sif.size > file_size - sif.offset)
		return ch_err_set(err, -EPROTO,
				  "truncated SIF image: %llu bytes, but its system partition "
				  "ends at %llu",
				  (unsigned long long)file_size,
				  (unsigned long long)(sif.offset + sif.size));
	*ret_sif = sif;
	return 0;
}

static int none(bool has_oci, struct ch_err *err)
{
	if (has_oci)
		return ch_err_set(err, -ENOTSUP,
				  "a SIF image that holds OCI layers and no system partition; "
				  "build it again without --oci");
	return ch_err_set(err, -ENOTSUP, "a SIF file without a primary system partition");
}

int ch_sif_find(int fd, struct ch_sif *ret_sif, struct ch_err *err)
{
	uint8_t head[CH_SIF_HEAD], d[D_BYTES];
	bool has_oci = false;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at it");
	if (read_at(fd, 0, head, sizeof(head), err) < 0)
		return err->code;
	if (!ch_sif_is(head, sizeof(head)))
		return ch_err_set(err, -EPROTO, "not a SIF file");
	/* "00" was never used outside the developers' own machines; later ones may differ. */
	if (memcmp(head + AT_VERSION, "01", 3) != 0)
		return ch_err_set(err, -ENOTSUP, "a SIF image of a version that is not known");

	uint64_t file_size = (uint64_t)st.st_size;
	uint64_t table = ch_le64(head + AT_TABLE), total = ch_le64(head + AT_TOTAL);

	if (total > DESCRIPTORS_MAX || table < CH_SIF_HEAD || table > INT64_MAX)
		return damaged(err, "impossible table of descriptors");
	if (table > file_size || total * D_BYTES > file_size - table)
		return damaged(err, "truncated");
	for (uint64_t i = 0; i < total; i++) {
		if (read_at(fd, table + i * D_BYTES, d, sizeof(d), err) < 0)
			return err->code;
		if (!d[D_USED])
			continue;
		has_oci = has_oci || ch_le32(d + D_TYPE) == TYPE_OCI_INDEX;
		if (ch_le32(d + D_TYPE) == TYPE_PARTITION &&
		    ch_le32(d + D_PART_TYPE) == PART_PRIMARY)
			return take(d, file_size, ret_sif, err);
	}
	return none(has_oci, err);
}
