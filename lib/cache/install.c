/* SPDX-License-Identifier: Apache-2.0 */
/* install.c - the index of a pack, and both files where they belong; what is left over of others */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/be.h"
#include "base/err.h"
#include "cache/odb.h"
#include "cache/temp.h"
#include "cache/write.h"
#include "hash/hash.h"

/* ---- the index ---- */

static int by_name(const void *a, const void *b)
{
	const struct ch_written *x = a, *y = b;

	return ch_oid_cmp(&x->oid, &y->oid);
}

static uint8_t *put_fanout(const struct ch_writer *w, uint8_t *p)
{
	size_t i = 0;

	for (unsigned byte = 0; byte < 256; byte++, p += 4) {
		while (i < w->n && w->list[i].oid.bytes[0] <= byte)
			i++;
		ch_put_be32(p, (uint32_t)i);
	}
	return p;
}

static uint8_t *put_offsets(const struct ch_writer *w, uint8_t *p)
{
	uint8_t *far = p + 4 * w->n;
	uint32_t n_far = 0;

	for (size_t i = 0; i < w->n; i++, p += 4) {
		uint64_t offset = w->list[i].offset;

		if (offset < 0x80000000) {
			ch_put_be32(p, (uint32_t)offset);
			continue;
		}
		ch_put_be32(p, 0x80000000 | n_far++);
		ch_put_be32(far, (uint32_t)(offset >> 32));
		ch_put_be32(far + 4, (uint32_t)offset);
		far += 8;
	}
	return far;
}

/* The index; LIST is sorted by name. ret_data: malloc'ed. */
static int make_index(const struct ch_writer *w, const struct ch_oid *sum, uint8_t **ret_data,
		      size_t *ret_len, struct ch_err *err)
{
	static const uint8_t magic[8] = { 0xff, 't', 'O', 'c', 0, 0, 0, 2 };
	uint8_t *data = malloc(sizeof(magic) + 1024 + w->n * 36 + 2UL * CH_OID_BYTES);
	struct ch_oid own;

	if (!data)
		return ch_err_nomem(err);
	memcpy(data, magic, sizeof(magic));

	uint8_t *p = put_fanout(w, data + sizeof(magic));

	for (size_t i = 0; i < w->n; i++, p += CH_OID_BYTES)
		memcpy(p, w->list[i].oid.bytes, CH_OID_BYTES);
	for (size_t i = 0; i < w->n; i++, p += 4)
		ch_put_be32(p, w->list[i].crc);
	p = put_offsets(w, p);
	memcpy(p, sum->bytes, CH_OID_BYTES);
	p += CH_OID_BYTES;

	ch_auto(hash) struct ch_hash hash = { 0 };
	int rc = ch_hash_start(&hash, CH_SHA1, err);

	if (rc < 0) {
		free(data);
		return rc;
	}
	ch_hash_more(&hash, data, (size_t)(p - data));
	ch_hash_end(&hash, own.bytes);
	memcpy(p, own.bytes, CH_OID_BYTES);
	*ret_data = data;
	*ret_len = (size_t)(p - data) + CH_OID_BYTES;
	return 0;
}

/* ---- install ---- */

/* "pack-X.pack" without "pack-X.idx"? */
static bool lacks_index(int dir, const char *name)
{
	size_t len = strlen(name);
	struct stat st;
	char idx[80];

	if (len < 6 || len >= sizeof(idx) || strncmp(name, "pack-", 5) != 0 ||
	    strcmp(name + len - 5, ".pack") != 0)
		return false;
	memcpy(idx, name, len - 5);
	memcpy(idx + len - 5, ".idx", 5);
	return fstatat(dir, idx, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* The pack first: one without an index is nothing yet. The lock on it stays until both are
 * there (see ch_writer_clean). */
static int rename_both(struct ch_writer *w, const struct ch_oid *sum, const uint8_t *index,
		       size_t index_len, struct ch_err *err)
{
	char hex[CH_OID_HEX], pack[64];

	snprintf(pack, sizeof(pack), "pack-%s.pack", ch_oid_hex(sum, hex));
	snprintf(w->name, sizeof(w->name), "pack-%s.idx", hex);
	if (fdatasync(w->fd) < 0 || renameat(w->odb->dir, w->temp, w->odb->dir, pack) < 0)
		return ch_err_sys(err, "write");
	w->temp[0] = '\0';

	int rc = ch_temp_replace(w->odb->dir, CH_WRITER_TEMP, w->odb->dir, w->name, index,
				 index_len, err);

	if (rc < 0 && lacks_index(w->odb->dir, pack))
		unlinkat(w->odb->dir, pack, 0);
	if (rc == 0 && fsync(w->odb->dir) < 0)
		rc = ch_err_sys(err, "write");
	return rc;
}

int ch_writer_install(struct ch_writer *w, const struct ch_oid *sum, struct ch_err *err)
{
	ch_auto(mem) uint8_t *index = NULL;
	size_t index_len = 0;
	int rc;

	qsort(w->list, w->n, sizeof(*w->list), by_name);
	rc = make_index(w, sum, &index, &index_len, err);
	return rc < 0 ? rc : rename_both(w, sum, index, index_len, err);
}

/* ---- clean ---- */

static void clean(int dir, const char *name)
{
	bool is_temp = strncmp(name, CH_WRITER_TEMP, strlen(CH_WRITER_TEMP)) == 0;

	if (!is_temp && !lacks_index(dir, name))
		return;

	ch_auto(fd) int fd = ch_temp_dead(dir, name);

	/* Now that it is locked: its writer may have been about to end. */
	if (fd >= 0 && (is_temp || lacks_index(dir, name)))
		unlinkat(dir, name, 0);
}

void ch_writer_clean(int dir)
{
	ch_auto(fd) int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d)
		return;
	ch_take_fd(&copy);
	for (struct dirent *entry; (entry = readdir(d));)
		clean(dir, entry->d_name);
}
