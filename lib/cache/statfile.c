/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/statfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <libdeflate.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/dirmeta.h"
#include "cache/name.h"
#include "cache/pieces.h"
#include "sys/machine.h"
#include "sys/write.h"

#define MAGIC	 "chs1"
#define SUM	 4 /* bytes of the check sum (CRC-32) */
#define FILE_MAX (4ULL << 30)
#define TICK	 10000000 /* ns; kernels have 250 or more in a second, or at least 100 */

enum {
	IS_KNOWN = 1,
	IS_LARGE = 2,
	HAS_XATTRS = 4,
};

/* Files need not have come to the disk when the machine stops, and may then look as if they had. */
static void make_key(const uint8_t generation[CH_GENERATION_BYTES],
		     uint8_t ret[CH_GENERATION_BYTES])
{
	char boot[CH_MACHINE_BOOT_MAX];

	ch_machine_boot(boot);
	memcpy(ret, generation, CH_GENERATION_BYTES);
	for (size_t i = 0; boot[i]; i++)
		ret[i % CH_GENERATION_BYTES] ^= (uint8_t)boot[i];
}

/* ---- read ---- */

static int take_node(struct ch_pieces *from, struct ch_gittree *tree, struct ch_node *node)
{
	size_t name_len = ch_pieces_u8(from);
	const uint8_t *name = ch_pieces_take(from, name_len);
	unsigned flags = ch_pieces_u8(from);

	node->mode = ch_pieces_u32(from);
	node->mtime = (int64_t)ch_pieces_u64(from);
	node->mtime_nsec = ch_pieces_u32(from);
	node->stamp.ino = ch_pieces_u64(from);
	node->stamp.size = ch_pieces_u64(from);
	node->stamp.ctime = (int64_t)ch_pieces_u64(from);
	node->stamp.ctime_nsec = ch_pieces_u32(from);
	node->known = flags & IS_KNOWN;
	node->large = flags & IS_LARGE;
	node->xattrs_len = flags & HAS_XATTRS ? ch_pieces_u32(from) : 0;

	const uint8_t *xattrs = ch_pieces_take(from, node->xattrs_len);
	const uint8_t *oid = ch_pieces_take(from, CH_OID_BYTES);

	if (!name || !oid || memchr(name, '\0', name_len) || node->xattrs_len > CH_XATTRS_MAX)
		return -EBADMSG;

	char *copy = ch_arena_get(&tree->arena, name_len + 1);

	memcpy(node->oid.bytes, oid, CH_OID_BYTES);
	if (node->xattrs_len)
		node->xattrs = ch_arena_copy(&tree->arena, xattrs, node->xattrs_len);
	if (!copy || (node->xattrs_len && !node->xattrs))
		return -ENOMEM;
	memcpy(copy, name, name_len);
	copy[name_len] = '\0';
	node->name = copy;
	return 0;
}

static int take_dir(struct ch_pieces *from, struct ch_gittree *tree, struct ch_node *dir,
		    unsigned depth);

static int take_kids(struct ch_pieces *from, struct ch_gittree *tree, struct ch_node *dir,
		     uint32_t n, unsigned depth)
{
	ch_auto(nodes) struct ch_nodes nodes = { 0 };
	struct ch_err err;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		struct ch_node node = { 0 };

		rc = take_node(from, tree, &node);
		if (rc == 0)
			rc = ch_name_is_file(node.name) ? ch_nodes_add(&nodes, &node, &err)
							: -EBADMSG;
		if (rc == 0 && S_ISDIR(node.mode))
			rc = take_dir(from, tree, &nodes.list[nodes.n - 1], depth + 1);
	}
	return rc == 0 ? ch_nodes_move(&nodes, tree, dir, &err) : rc;
}

static int take_dir(struct ch_pieces *from, struct ch_gittree *tree, struct ch_node *dir,
		    unsigned depth)
{
	uint32_t n = ch_pieces_u32(from);

	if (from->bad || depth > CH_NODE_DEPTH_MAX)
		return -EBADMSG;
	return take_kids(from, tree, dir, n, depth);
}

int ch_statfile_parse(const uint8_t *data, size_t len,
		      const uint8_t generation[CH_GENERATION_BYTES], struct ch_gittree *ret_tree)
{
	struct ch_pieces from = { .p = data, .end = data + len - (len < SUM ? len : SUM) };
	const uint8_t *magic = ch_pieces_take(&from, 4);
	const uint8_t *of = ch_pieces_take(&from, CH_GENERATION_BYTES);
	int rc;

	if (!magic || !of || memcmp(magic, MAGIC, 4) != 0)
		return -EBADMSG;
	if (memcmp(of, generation, CH_GENERATION_BYTES) != 0)
		return -ESTALE;
	*ret_tree = (struct ch_gittree){ 0 };
	rc = take_node(&from, ret_tree, &ret_tree->root);
	if (rc == 0)
		rc = S_ISDIR(ret_tree->root.mode) ? take_dir(&from, ret_tree, &ret_tree->root, 0)
						  : -EBADMSG;
	if (rc == 0 && from.p != from.end)
		rc = -EBADMSG;
	if (rc < 0)
		ch_gittree_done(ret_tree);
	return rc;
}

static uint32_t sum_of(const void *data, size_t len)
{
	return libdeflate_crc32(0, data, len);
}

static bool has_right_sum(const uint8_t *data, size_t len)
{
	return len >= SUM && ch_le32(data + len - SUM) == sum_of(data, len - SUM);
}

void ch_statfile_read(const struct ch_cache_image *image,
		      const uint8_t generation[CH_GENERATION_BYTES], struct ch_gittree *ret_tree)
{
	ch_auto(fd) int fd = openat(image->dir, image->stat_name,
				    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t key[CH_GENERATION_BYTES];
	struct stat st;

	*ret_tree = (struct ch_gittree){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > FILE_MAX)
		return;

	size_t len = (size_t)st.st_size;
	void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);

	if (data == MAP_FAILED)
		return;
	make_key(generation, key);
	if (has_right_sum(data, len))
		(void)ch_statfile_parse(data, len, key, ret_tree);
	munmap(data, len);
}

/* ---- write ---- */

static int now(struct ch_statfile *statfile, struct ch_err *err)
{
	struct stat st;

	/* A file's clock may be a server's. */
	if (futimens(statfile->fd, NULL) < 0 || fstat(statfile->fd, &st) < 0)
		return ch_err_sys(err, "time of '%s'", statfile->image->stat_name);
	statfile->time = st.st_mtim.tv_sec;
	statfile->time_nsec = (uint32_t)st.st_mtim.tv_nsec;
	return 0;
}

int ch_statfile_begin(const struct ch_cache_image *image, struct ch_statfile *ret_statfile,
		      struct ch_err *err)
{
	struct ch_statfile s = { .image = image };

	if (snprintf(s.temp, sizeof(s.temp), "%s=new", image->stat_name) >= (int)sizeof(s.temp))
		return ch_err_set(err, -ENAMETOOLONG, "'%s' is too long", image->stat_name);
	s.fd = openat(image->dir, s.temp, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		      0600);
	if (s.fd < 0)
		return ch_err_sys(err, "write '%s'", s.temp);

	int rc = now(&s, err);

	if (rc < 0)
		ch_statfile_abort(&s);
	else
		*ret_statfile = s;
	return rc;
}

int ch_statfile_wait(struct ch_statfile *statfile, struct ch_err *err)
{
	const struct timespec two_ticks = { .tv_nsec = 2L * TICK };

	nanosleep(&two_ticks, NULL);
	return now(statfile, err);
}

/* Changed well before the time that counts? */
static bool is_settled(const struct ch_statfile *s, const struct ch_node *node)
{
	int64_t sec = s->time - node->stamp.ctime;

	if (sec > 1 || sec < 0)
		return sec > 1;
	return sec * 1000000000 + (int64_t)s->time_nsec - node->stamp.ctime_nsec > TICK;
}

static void put_node(struct ch_buf *to, const struct ch_statfile *s, const struct ch_node *node)
{
	unsigned flags = (node->known && is_settled(s, node) ? IS_KNOWN : 0U) |
			 (node->large ? IS_LARGE : 0U) | (node->xattrs ? HAS_XATTRS : 0U);
	size_t len = strlen(node->name);

	ch_pieces_put(to, len, 1);
	ch_buf_add(to, node->name, len);
	ch_pieces_put(to, flags, 1);
	ch_pieces_put(to, node->mode, 4);
	ch_pieces_put(to, (uint64_t)node->mtime, 8);
	ch_pieces_put(to, node->mtime_nsec, 4);
	ch_pieces_put(to, node->stamp.ino, 8);
	ch_pieces_put(to, node->stamp.size, 8);
	ch_pieces_put(to, (uint64_t)node->stamp.ctime, 8);
	ch_pieces_put(to, node->stamp.ctime_nsec, 4);
	if (node->xattrs) {
		ch_pieces_put(to, node->xattrs_len, 4);
		ch_buf_add(to, node->xattrs, node->xattrs_len);
	}
	ch_buf_add(to, node->oid.bytes, CH_OID_BYTES);
	if (!S_ISDIR(node->mode))
		return;
	ch_pieces_put(to, node->n, 4);
	for (size_t i = 0; i < node->n; i++)
		put_node(to, s, &node->kids[i]);
}

int ch_statfile_end(struct ch_statfile *s, const uint8_t generation[CH_GENERATION_BYTES],
		    const struct ch_gittree *tree, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf data = CH_BUF_INIT(FILE_MAX);
	uint8_t key[CH_GENERATION_BYTES];

	make_key(generation, key);
	ch_buf_adds(&data, MAGIC);
	ch_buf_add(&data, key, sizeof(key));
	put_node(&data, s, &tree->root);
	if (ch_buf_bad(&data))
		return ch_err_nomem(err);

	ch_pieces_put(&data, sum_of(data.data, data.len), SUM);
	if (ch_buf_bad(&data))
		return ch_err_nomem(err);

	/* Not brought to disk: what a crash of the machine leaves of it fails the check sum. */
	int rc = ch_write_all(s->fd, data.data, data.len);

	if (rc == 0 && renameat(s->image->dir, s->temp, s->image->dir, s->image->stat_name) < 0)
		rc = -errno;
	if (rc < 0)
		return ch_err_rc(err, rc, "write '%s'", s->image->stat_name);
	s->temp[0] = '\0';
	return 0;
}

void ch_statfile_abort(struct ch_statfile *s)
{
	if (!s->image)
		return;
	if (s->temp[0])
		unlinkat(s->image->dir, s->temp, 0);
	ch_close(&s->fd);
	*s = (struct ch_statfile){ .fd = -1 };
}
