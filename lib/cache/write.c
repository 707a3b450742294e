/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/write.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <zlib.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/odb.h"
#include "cache/temp.h"
#include "hash/hash.h"

#define BUFFER	   (1 << 20)
#define CHUNK	   (256 << 10)
#define STORED_MAX 65535 /* bytes of a block that is not compressed */
#define HEADER_MAX 12
#define PACK_HEAD  12
/* git gc(1) removes "tmp_*" that are old; its own are "tmp_pack_*". */
#define TEMP_PREFIX "tmp_ch_"

struct ch_written {
	struct ch_oid oid;
	uint32_t crc;
	uint64_t offset;
};

const char *ch_kind_name(enum ch_kind kind)
{
	static const char *const names[] = {
		[CH_KIND_COMMIT] = "commit",
		[CH_KIND_TREE] = "tree",
		[CH_KIND_BLOB] = "blob",
		[CH_KIND_TAG] = "tag",
	};

	return kind >= CH_KIND_COMMIT && kind <= CH_KIND_TAG ? names[kind] : "object";
}

int ch_object_begin(struct ch_hash *hash, enum ch_kind kind, uint64_t size, struct ch_err *err)
{
	char head[40];
	int len = snprintf(head, sizeof(head), "%s %llu", ch_kind_name(kind),
			   (unsigned long long)size);
	int rc = ch_hash_start(hash, CH_SHA1, err);

	if (rc == 0)
		ch_hash_more(hash, head, (size_t)len + 1);
	return rc;
}

int ch_object_name(enum ch_kind kind, const void *data, size_t len, struct ch_oid *ret_oid,
		   struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	int rc = ch_object_begin(&hash, kind, len, err);

	if (rc < 0)
		return rc;
	ch_hash_more(&hash, data, len);
	ch_hash_end(&hash, ret_oid->bytes);
	return 0;
}

/* ---- compress ---- */

void ch_press_done(struct ch_press *press)
{
	if (press->state)
		deflateEnd(press->state);
	free(press->state);
	free(press->room);
	*press = (struct ch_press){ 0 };
}

/* Is it worth to compress this? Judged by how it begins. */
static bool is_text(const uint8_t *data, size_t len)
{
	return len >= 256 && !memchr(data, '\0', len < 4096 ? len : 4096) &&
	       /* gzip, xz, zstd, bzip2, and pictures may lack a NUL there. */
	       data[0] < 0x80 && memcmp(data, "BZh", 3) != 0;
}

static z_stream *deflater(struct ch_press *press)
{
	z_stream *z = press->state;

	if (z)
		return deflateReset(z) == Z_OK ? z : NULL;
	z = calloc(1, sizeof(*z));
	if (z && deflateInit(z, 1) != Z_OK) {
		free(z);
		return NULL;
	}
	press->state = z;
	return z;
}

static size_t object_header(enum ch_kind kind, uint64_t size, uint8_t *ret)
{
	size_t n = 0;
	uint8_t byte = (uint8_t)(kind << 4 | (size & 15));

	for (size >>= 4; size; size >>= 7) {
		ret[n++] = byte | 0x80;
		byte = size & 0x7f;
	}
	ret[n++] = byte;
	return n;
}

/* Header of a stored block (RFC 1951, 3.2.4). */
static void stored_header(uint8_t *p, size_t len, bool last)
{
	p[0] = last;
	p[1] = (uint8_t)len;
	p[2] = (uint8_t)(len >> 8);
	p[3] = p[1] ^ 0xff;
	p[4] = p[2] ^ 0xff;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

/* As zlib's level 0 would: header, blocks, check sum. */
static size_t store(const uint8_t *data, size_t len, uint8_t *to)
{
	uint8_t *p = to;
	size_t done = 0;

	*p++ = 0x78;
	*p++ = 0x01;
	do {
		size_t n = len - done < STORED_MAX ? len - done : STORED_MAX;

		stored_header(p, n, done + n == len);
		memcpy(p + 5, data + done, n);
		p += 5 + n;
		done += n;
	} while (done < len);
	put_be32(p, (uint32_t)adler32(adler32(0, NULL, 0), data, (uInt)len));
	return (size_t)(p + 4 - to);
}

/* An object as it is in a pack, in PRESS's room. ret_len: its length. */
static int press_object(struct ch_press *press, enum ch_kind kind, const uint8_t *data, size_t len,
			size_t *ret_len, struct ch_err *err)
{
	/* Enough for both: zlib's bound is for what does not shrink. */
	size_t most = HEADER_MAX + compressBound(len) + 5 * (len / STORED_MAX + 1) + 6;
	z_stream *z = is_text(data, len) ? deflater(press) : NULL;

	if (most > press->cap) {
		free(press->room);
		press->cap = 0;
		press->room = malloc(most);
		if (!press->room)
			return ch_err_nomem(err);
		press->cap = most;
	}

	size_t head = object_header(kind, len, press->room);

	if (z) {
		z->next_in = (z_const Bytef *)(uintptr_t)data;
		z->avail_in = (uInt)len;
		z->next_out = press->room + head;
		z->avail_out = (uInt)(press->cap - head);
		if (deflate(z, Z_FINISH) == Z_STREAM_END) {
			*ret_len = head + z->total_out;
			return 0;
		}
	}
	*ret_len = head + store(data, len, press->room + head);
	return 0;
}

/* ---- the pack's file; with the lock held ---- */

static int flush(struct ch_writer *w, struct ch_err *err)
{
	int rc = ch_temp_write(w->fd, w->buffer, w->buffered);

	w->buffered = 0;
	return rc < 0 ? ch_err_rc(err, rc, "write") : 0;
}

static int append(struct ch_writer *w, const void *data, size_t len, struct ch_err *err)
{
	int rc = 0;

	if (w->buffered + len > BUFFER)
		rc = flush(w, err);
	if (rc == 0 && len > BUFFER) {
		rc = ch_temp_write(w->fd, data, len);
		if (rc < 0)
			ch_err_rc(err, rc, "write");
	} else if (rc == 0) {
		memcpy(w->buffer + w->buffered, data, len);
		w->buffered += len;
	}
	w->len += len;
	return rc;
}

static int note(struct ch_writer *w, const struct ch_oid *oid, uint32_t crc, uint64_t offset,
		struct ch_err *err)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 256;
		struct ch_written *more = reallocarray(w->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		w->list = more;
		w->cap = cap;
	}
	w->list[w->n++] = (struct ch_written){ *oid, crc, offset };
	return 0;
}

/* ---- begin, add ---- */

int ch_writer_begin(struct ch_odb *odb, struct ch_writer *ret_writer, struct ch_err *err)
{
	static const uint8_t head[PACK_HEAD] = { 'P', 'A', 'C', 'K', 0, 0, 0, 2 };
	struct ch_writer w = { .odb = odb, .fd = -1, .buffer = malloc(BUFFER) };

	if (!w.buffer)
		return ch_err_nomem(err);
	w.fd = ch_temp_open(odb->dir, TEMP_PREFIX, 0444, w.temp, err);
	if (w.fd < 0) {
		free(w.buffer);
		return w.fd;
	}
	pthread_mutex_init(&w.lock, NULL);
	memcpy(w.buffer, head, sizeof(head));
	w.buffered = w.len = sizeof(head);
	*ret_writer = w;
	return 0;
}

int ch_writer_claim(struct ch_writer *w, const struct ch_oid *oid, struct ch_err *err)
{
	if (ch_odb_has(w->odb, oid))
		return 0;
	pthread_mutex_lock(&w->lock);

	int rc = ch_oidmap_add(&w->claimed, oid, 0);

	pthread_mutex_unlock(&w->lock);
	return rc < 0 ? ch_err_nomem(err) : rc;
}

int ch_writer_copy(struct ch_writer *w, const struct ch_oid *oid, const uint8_t *data, size_t len,
		   uint32_t crc, struct ch_err *err)
{
	pthread_mutex_lock(&w->lock);

	int rc = note(w, oid, crc, w->len, err);

	if (rc == 0)
		rc = append(w, data, len, err);
	pthread_mutex_unlock(&w->lock);
	return rc;
}

int ch_writer_add(struct ch_writer *w, struct ch_press *press, const struct ch_oid *oid,
		  enum ch_kind kind, const void *data, size_t len, struct ch_err *err)
{
	size_t packed = 0;
	int rc = press_object(press, kind, data, len, &packed, err);

	if (rc < 0)
		return rc;

	uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), press->room, packed);

	return ch_writer_copy(w, oid, press->room, packed, crc, err);
}

int ch_writer_put(struct ch_writer *w, struct ch_press *press, enum ch_kind kind, const void *data,
		  size_t len, struct ch_oid *ret_oid, struct ch_err *err)
{
	int rc = ch_object_name(kind, data, len, ret_oid, err);

	if (rc == 0)
		rc = ch_writer_claim(w, ret_oid, err);
	return rc == 1 ? ch_writer_add(w, press, ret_oid, kind, data, len, err) : rc;
}

/* ---- a big file, piece by piece ---- */

struct stream {
	struct ch_writer *w;
	struct ch_hash hash;
	uint32_t crc;
	z_stream z;
	uint8_t in[CHUNK], out[CHUNK];
};

static int emit(struct stream *s, const void *data, size_t len, struct ch_err *err)
{
	s->crc = (uint32_t)crc32_z(s->crc, data, len);
	return append(s->w, data, len, err);
}

static int squeeze(struct stream *s, size_t len, bool last, struct ch_err *err)
{
	int rc = 0;

	s->z.next_in = s->in;
	s->z.avail_in = (uInt)len;
	do {
		s->z.next_out = s->out;
		s->z.avail_out = CHUNK;
		deflate(&s->z, last ? Z_FINISH : Z_NO_FLUSH);
		rc = emit(s, s->out, CHUNK - s->z.avail_out, err);
	} while (rc == 0 && s->z.avail_out == 0);
	return rc;
}

static int changed(struct ch_err *err)
{
	return ch_err_set(err, -EAGAIN, "it changes while it is read");
}

static int stream_file(struct stream *s, int fd, uint64_t size, struct ch_err *err)
{
	uint64_t left = size;
	int rc = 0;

	while (rc == 0 && left > 0) {
		ssize_t n = read(fd, s->in, left < CHUNK ? left : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(err, "read");
		if (n == 0)
			return changed(err);
		/* The first piece decides, as for small ones. */
		if (left == size && deflateInit(&s->z, is_text(s->in, (size_t)n) ? 1 : 0) != Z_OK)
			return ch_err_nomem(err);
		ch_hash_more(&s->hash, s->in, (size_t)n);
		left -= (uint64_t)n;
		rc = squeeze(s, (size_t)n, left == 0, err);
	}
	return rc;
}

static int add_stream(struct stream *s, const struct ch_oid *oid, int fd, uint64_t size,
		      struct ch_err *err)
{
	uint8_t head[HEADER_MAX];
	uint64_t offset = s->w->len;
	struct ch_oid is;
	int rc = ch_object_begin(&s->hash, CH_KIND_BLOB, size, err);

	if (rc == 0)
		rc = emit(s, head, object_header(CH_KIND_BLOB, size, head), err);
	if (rc == 0)
		rc = stream_file(s, fd, size, err);
	deflateEnd(&s->z);
	if (rc < 0)
		return rc;
	ch_hash_end(&s->hash, is.bytes);
	if (!ch_oid_is_equal(&is, oid))
		return changed(err);
	return note(s->w, oid, s->crc, offset, err);
}

int ch_writer_add_file(struct ch_writer *w, const struct ch_oid *oid, int fd, uint64_t size,
		       struct ch_err *err)
{
	ch_auto(mem) struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return ch_err_nomem(err);
	s->w = w;
	pthread_mutex_lock(&w->lock);

	int rc = add_stream(s, oid, fd, size, err);

	pthread_mutex_unlock(&w->lock);
	ch_hash_done(&s->hash);
	return rc;
}

/* ---- finish ---- */

static int by_name(const void *a, const void *b)
{
	const struct ch_written *x = a, *y = b;

	return ch_oid_cmp(&x->oid, &y->oid);
}

/* Write the number of objects and the check sum, which goes to SUM. */
static int seal(struct ch_writer *w, struct ch_oid *sum, struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t count[4];
	int rc = flush(w, err);

	put_be32(count, (uint32_t)w->n);
	if (rc == 0 && pwrite(w->fd, count, sizeof(count), 8) != sizeof(count))
		return ch_err_sys(err, "write");
	if (rc == 0)
		rc = ch_hash_start(&hash, CH_SHA1, err);
	if (rc < 0)
		return rc;

	void *p = mmap(NULL, w->len, PROT_READ, MAP_SHARED, w->fd, 0);

	if (p == MAP_FAILED)
		return ch_err_sys(err, "map");
	ch_hash_more(&hash, p, w->len);
	munmap(p, w->len);
	ch_hash_end(&hash, sum->bytes);
	rc = append(w, sum->bytes, CH_OID_BYTES, err);
	return rc == 0 ? flush(w, err) : rc;
}

static uint8_t *put_fanout(const struct ch_writer *w, uint8_t *p)
{
	size_t i = 0;

	for (unsigned byte = 0; byte < 256; byte++, p += 4) {
		while (i < w->n && w->list[i].oid.bytes[0] <= byte)
			i++;
		put_be32(p, (uint32_t)i);
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
			put_be32(p, (uint32_t)offset);
			continue;
		}
		put_be32(p, 0x80000000 | n_far++);
		put_be32(far, (uint32_t)(offset >> 32));
		put_be32(far + 4, (uint32_t)offset);
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
		put_be32(p, w->list[i].crc);
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
static int install(struct ch_writer *w, const struct ch_oid *sum, const uint8_t *index,
		   size_t index_len, struct ch_err *err)
{
	char hex[CH_OID_HEX], pack[64];

	snprintf(pack, sizeof(pack), "pack-%s.pack", ch_oid_hex(sum, hex));
	snprintf(w->name, sizeof(w->name), "pack-%s.idx", hex);
	if (fdatasync(w->fd) < 0 || renameat(w->odb->dir, w->temp, w->odb->dir, pack) < 0)
		return ch_err_sys(err, "write");
	w->temp[0] = '\0';

	int rc = ch_temp_replace(w->odb->dir, TEMP_PREFIX, w->odb->dir, w->name, index, index_len,
				 err);

	if (rc < 0 && lacks_index(w->odb->dir, pack))
		unlinkat(w->odb->dir, pack, 0);
	if (rc == 0 && fsync(w->odb->dir) < 0)
		rc = ch_err_sys(err, "write");
	return rc;
}

int ch_writer_finish(struct ch_writer *w, struct ch_err *err)
{
	ch_auto(mem) uint8_t *index = NULL;
	size_t index_len = 0;
	struct ch_oid sum;

	if (w->n == 0)
		return 0;
	if (w->n > UINT32_MAX)
		return ch_err_set(err, -EFBIG, "too many files at once");

	int rc = seal(w, &sum, err);

	if (rc < 0)
		return rc;
	qsort(w->list, w->n, sizeof(*w->list), by_name);
	rc = make_index(w, &sum, &index, &index_len, err);
	return rc < 0 ? rc : install(w, &sum, index, index_len, err);
}

void ch_writer_abort(struct ch_writer *w)
{
	if (!w->odb)
		return;
	if (w->temp[0])
		unlinkat(w->odb->dir, w->temp, 0);
	ch_close(&w->fd);
	free(w->buffer);
	free(w->list);
	ch_oidmap_done(&w->claimed);
	pthread_mutex_destroy(&w->lock);
	*w = (struct ch_writer){ .fd = -1 };
}

/* ---- clean ---- */

static void clean(int dir, const char *name)
{
	bool is_temp = strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0;

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
