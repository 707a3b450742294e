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
enum { AT_MAGIC = 32, AT_VERSION = 42, AT_ARCH = 45, AT_TOTAL = 88, AT_TABLE = 96 };

/* A descriptor; not aligned. */
enum {
	D_TYPE = 0,
	D_USED = 4,
	D_OFFSET = 17,
	D_SIZE = 25,
	D_NAME = 73,
	D_NAME_BYTES = 128,
	D_FS_TYPE = 201,
	D_PART_TYPE = 205,
	D_BYTES = 585,
};

enum {
	TYPE_PARTITION = 0x4004,
	TYPE_JSON = 0x4006,
	TYPE_OCI_INDEX = 0x400a,
	PART_PRIMARY = 2,
	FS_SQUASH = 1,
};

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

/* ---- the table ---------------------------------------------------------------------------- */

struct table {
	int fd; /* borrowed */
	uint64_t file_size, at, total;
};

static int open_table(int fd, struct table *ret, struct ch_err *err)
{
	uint8_t head[CH_SIF_HEAD];
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
	*ret = (struct table){ .fd = fd, .file_size = file_size, .at = table, .total = total };
	return 0;
}

static int read_descriptor(const struct table *t, uint64_t i, uint8_t d[D_BYTES],
			   struct ch_err *err)
{
	return read_at(t->fd, t->at + i * D_BYTES, d, D_BYTES, err);
}

/* Where the object of D is; WHAT: how it is called. */
static int find_place(const struct table *t, const uint8_t d[D_BYTES], const char *what,
		      struct ch_sif *ret_sif, struct ch_err *err)
{
	struct ch_sif sif = { .offset = ch_le64(d + D_OFFSET), .size = ch_le64(d + D_SIZE) };

	if (sif.offset < CH_SIF_HEAD || sif.size == 0 || sif.offset > INT64_MAX ||
	    sif.size > INT64_MAX)
		return ch_err_set(err, -EPROTO, "damaged SIF image: impossible position of %s",
				  what);
	if (sif.offset > t->file_size || sif.size > t->file_size - sif.offset)
		return ch_err_set(err, -EPROTO,
				  "truncated SIF image: %llu bytes, but %s ends at %llu",
				  (unsigned long long)t->file_size, what,
				  (unsigned long long)(sif.offset + sif.size));
	*ret_sif = sif;
	return 0;
}

/* ---- the system partition ----------------------------------------------------------------- */

/* The primary partition has descriptor D: can we use it? */
static int take(const struct table *t, const uint8_t d[D_BYTES], struct ch_sif *ret_sif,
		struct ch_err *err)
{
	uint32_t type = ch_le32(d + D_FS_TYPE);

	if (type != FS_SQUASH)
		return ch_err_set(err, -ENOTSUP, "a SIF image whose system partition is %s",
				  fs_name(type));
	return find_place(t, d, "the system partition", ret_sif, err);
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
	uint8_t d[D_BYTES];
	bool has_oci = false;
	struct table t;

	if (open_table(fd, &t, err) < 0)
		return err->code;
	for (uint64_t i = 0; i < t.total; i++) {
		if (read_descriptor(&t, i, d, err) < 0)
			return err->code;
		if (!d[D_USED])
			continue;
		has_oci = has_oci || ch_le32(d + D_TYPE) == TYPE_OCI_INDEX;
		if (ch_le32(d + D_TYPE) == TYPE_PARTITION &&
		    ch_le32(d + D_PART_TYPE) == PART_PRIMARY)
			return take(&t, d, ret_sif, err);
	}
	return none(has_oci, err);
}

/* ---- what else is in it ------------------------------------------------------------------- */

int ch_sif_find_json(int fd, const char *name, struct ch_sif *ret_sif, struct ch_err *err)
{
	uint8_t d[D_BYTES];
	struct table t;

	if (open_table(fd, &t, err) < 0)
		return err->code;
	for (uint64_t i = 0; i < t.total; i++) {
		if (read_descriptor(&t, i, d, err) < 0)
			return err->code;
		if (d[D_USED] && ch_le32(d + D_TYPE) == TYPE_JSON &&
		    strncmp((const char *)d + D_NAME, name, D_NAME_BYTES) == 0)
			return find_place(&t, d, name, ret_sif, err) < 0 ? err->code : 1;
	}
	return 0;
}

const char *ch_sif_arch(int fd)
{
	/* Two digits and NUL, from "01" on */
	static const char *const names[] = {
		"386",	"amd64",  "arm",    "arm64",	"ppc64", "ppc64le",
		"mips", "mipsle", "mips64", "mips64le", "s390x", "riscv64",
	};
	char head[CH_SIF_HEAD];
	const char *arch = head + AT_ARCH;
	struct ch_err ignored;
	int n;

	if (read_at(fd, 0, head, sizeof(head), &ignored) < 0 || !ch_sif_is(head, sizeof(head)) ||
	    arch[0] < '0' || arch[0] > '9' || arch[1] < '0' || arch[1] > '9' || arch[2])
		return NULL;
	n = (arch[0] - '0') * 10 + arch[1] - '0';
	return n >= 1 && n <= (int)(sizeof(names) / sizeof(names[0])) ? names[n - 1] : NULL;
}
