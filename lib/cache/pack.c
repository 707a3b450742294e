/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/pack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <libdeflate.h>
#include <zlib.h>

#include "base/auto.h"
#include "base/be.h"
#include "base/err.h"

#define INDEX_HEAD 8
#define FANOUT	   (256 * 4)
#define TRAILERS   (2 * CH_OID_BYTES)
#define PACK_HEAD  12
#define CHUNK	   (64 << 10) /* unpacked at a time */
#define ONCE_MAX   (1 << 20)  /* unpacked as a whole, which is faster */

/* ---- open ---- */

static int map(int dir, const char *name, size_t least, const uint8_t **ret, size_t *ret_len,
	       struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "'%s'", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < least)
		return ch_err_set(err, -EBADMSG, "'%s' is too short", name);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return ch_err_sys(err, "map '%s'", name);
	*ret = p;
	*ret_len = (size_t)st.st_size;
	return 0;
}

static uint32_t fanout(const struct ch_pack *pack, unsigned byte)
{
	return ch_be32(pack->index + INDEX_HEAD + 4UL * byte);
}

static const uint8_t *names(const struct ch_pack *pack)
{
	return pack->index + INDEX_HEAD + FANOUT;
}

/* Tables of the index that follow the names: check sums, offsets, long offsets. */
static const uint8_t *crcs(const struct ch_pack *pack)
{
	return names(pack) + (size_t)pack->n * CH_OID_BYTES;
}

static const uint8_t *offsets(const struct ch_pack *pack)
{
	return crcs(pack) + (size_t)pack->n * 4;
}

static const uint8_t *long_offsets(const struct ch_pack *pack)
{
	return offsets(pack) + (size_t)pack->n * 4;
}

static bool is_sane(struct ch_pack *pack)
{
	static const uint8_t index_magic[INDEX_HEAD] = { 0xff, 't', 'O', 'c', 0, 0, 0, 2 };

	if (memcmp(pack->index, index_magic, sizeof(index_magic)) != 0 ||
	    memcmp(pack->data, "PACK\0\0\0\2", 8) != 0)
		return false;
	for (unsigned i = 1; i < 256; i++)
		if (fanout(pack, i) < fanout(pack, i - 1))
			return false;
	pack->n = fanout(pack, 255);
	return pack->n == ch_be32(pack->data + 8) &&
	       pack->index_len >= INDEX_HEAD + FANOUT + (uint64_t)pack->n * 28 + TRAILERS;
}

int ch_pack_open(int dir, const char *name, struct ch_pack **ret_pack, struct ch_err *err)
{
	ch_auto(pack) struct ch_pack *pack = calloc(1, sizeof(*pack));
	size_t len = strlen(name);
	char file[sizeof(pack->name) + 1];

	if (!pack)
		return ch_err_nomem(err);
	if (len < 4 || len >= sizeof(pack->name))
		return ch_err_set(err, -EBADMSG, "name '%s'", name);
	memcpy(pack->name, name, len + 1);
	memcpy(file, name, len - 4);
	memcpy(file + len - 4, ".pack", 6);

	int rc = map(dir, name, INDEX_HEAD + FANOUT + TRAILERS, &pack->index, &pack->index_len,
		     err);

	if (rc == 0)
		rc = map(dir, file, PACK_HEAD + CH_OID_BYTES, &pack->data, &pack->len, err);
	if (rc < 0)
		return rc;
	if (!is_sane(pack))
		return ch_err_set(err, -EBADMSG, "'%s' is damaged", name);
	*ret_pack = ch_take(pack);
	return 0;
}

void ch_pack_close(struct ch_pack *pack)
{
	if (!pack)
		return;
	if (pack->index)
		munmap((void *)(uintptr_t)pack->index, pack->index_len);
	if (pack->data)
		munmap((void *)(uintptr_t)pack->data, pack->len);
	free(pack->ends);
	free(pack);
}

/* ---- find ---- */

/* An offset out of bounds is left to ch_pack_entry. */
static uint64_t offset_at(const struct ch_pack *pack, uint32_t i)
{
	uint32_t offset = ch_be32(offsets(pack) + 4UL * i);
	size_t room = (size_t)(pack->index + pack->index_len - TRAILERS - long_offsets(pack));
	size_t at = 8UL * (offset & 0x7fffffff);

	if (!(offset & 0x80000000))
		return offset;
	if (at + 8 > room)
		return UINT64_MAX;
	return (uint64_t)ch_be32(long_offsets(pack) + at) << 32 |
	       ch_be32(long_offsets(pack) + at + 4);
}

bool ch_pack_find(const struct ch_pack *pack, const struct ch_oid *oid, uint64_t *ret_offset)
{
	uint32_t low = oid->bytes[0] ? fanout(pack, oid->bytes[0] - 1U) : 0;
	uint32_t high = fanout(pack, oid->bytes[0]);

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = memcmp(oid->bytes, names(pack) + (size_t)mid * CH_OID_BYTES,
				   CH_OID_BYTES);

		if (order == 0) {
			*ret_offset = offset_at(pack, mid);
			return true;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

void ch_pack_item(const struct ch_pack *pack, uint32_t i, struct ch_pack_item *ret_item)
{
	memcpy(ret_item->oid.bytes, names(pack) + (size_t)i * CH_OID_BYTES, CH_OID_BYTES);
	ret_item->offset = offset_at(pack, i);
	ret_item->crc = ch_be32(crcs(pack) + 4UL * i);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t *sort_ends(const struct ch_pack *pack)
{
	uint64_t *ends = malloc((pack->n + 1UL) * sizeof(*ends));

	for (uint32_t i = 0; ends && i < pack->n; i++)
		ends[i] = offset_at(pack, i);
	if (ends) {
		ends[pack->n] = pack->len - CH_OID_BYTES;
		qsort(ends, pack->n + 1UL, sizeof(*ends), by_number);
	}
	return ends;
}

uint64_t ch_pack_room(struct ch_pack *pack, uint64_t offset)
{
	const uint64_t *at;

	if (!pack->ends)
		pack->ends = sort_ends(pack);
	at = pack->ends ? bsearch(&offset, pack->ends, pack->n, sizeof(*pack->ends), by_number)
			: NULL;
	return at && at[1] <= pack->len - CH_OID_BYTES ? at[1] - at[0] : 0;
}

/* ---- read ---- */

int ch_pack_entry(const struct ch_pack *pack, uint64_t offset, struct ch_entry *ret_entry,
		  struct ch_err *err)
{
	size_t end = pack->len - CH_OID_BYTES;
	uint64_t at = offset;
	unsigned shift = 4;

	if (offset < PACK_HEAD || offset >= end)
		return ch_err_set(err, -EBADMSG, "'%s' is damaged", pack->name);

	uint8_t byte = pack->data[at++];
	struct ch_entry entry = { .kind = byte >> 4 & 7, .size = byte & 15 };

	while (byte & 0x80) {
		if (at >= end || shift > 57)
			return ch_err_set(err, -EBADMSG, "'%s' is damaged", pack->name);
		byte = pack->data[at++];
		entry.size |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	}
	entry.data = pack->data + at;
	entry.len = end - at;
	*ret_entry = entry;
	return 0;
}

static int damaged(struct ch_err *err)
{
	return ch_err_set(err, -EBADMSG,
			  "an object is damaged: empty it by "
			  "'ch-image build-cache --reset'");
}

/* Give zlib more of ENTRY: it counts in 32 bits. */
static void feed(z_stream *z, const struct ch_entry *entry)
{
	size_t left = (size_t)(entry->data + entry->len - z->next_in);

	z->avail_in = left > (1U << 30) ? 1U << 30 : (uInt)left;
}

static int inflate_all(z_stream *z, const struct ch_entry *entry, uint8_t *room, ch_pack_sink *sink,
		       void *to, struct ch_err *err)
{
	uint64_t done = 0;
	int rc = Z_OK;

	while (rc != Z_STREAM_END) {
		feed(z, entry);
		z->next_out = room;
		z->avail_out = CHUNK;
		rc = inflate(z, Z_NO_FLUSH);

		size_t got = CHUNK - z->avail_out;

		done += got;
		if ((rc != Z_OK && rc != Z_STREAM_END) || done > entry->size ||
		    (rc == Z_OK && got == 0 && z->avail_in == 0))
			return damaged(err);

		int full = got ? sink(room, got, to, err) : 0;

		if (full < 0)
			return full;
	}
	return done == entry->size ? 0 : damaged(err);
}

/* Objects that are not compressed, as we write them and zlib at level 0 does: a header of two
 * bytes, blocks, and a check sum (RFC 1950; RFC 1951, 3.2.4). */
#define BLOCK_HEAD 5

/* The block at P, before END: its length, or -1 if it is none. */
static long stored_len(const uint8_t *p, const uint8_t *end, bool *ret_last)
{
	unsigned len, inverse;

	if (end - p < BLOCK_HEAD || p[0] > 1)
		return -1;
	len = p[1] | (unsigned)p[2] << 8;
	inverse = p[3] | (unsigned)p[4] << 8;
	if ((len ^ inverse) != 0xffff || (size_t)(end - p) < BLOCK_HEAD + (size_t)len)
		return -1;
	*ret_last = p[0];
	return len;
}

/* Is ENTRY whole, and not compressed? */
static bool is_stored(const struct ch_entry *entry)
{
	const uint8_t *p = entry->data + 2, *end = entry->data + entry->len;
	uint64_t sum = 0;
	bool is_last = false;

	if (entry->len < 2 || entry->data[0] != 0x78 || entry->data[1] != 0x01)
		return false;
	while (!is_last) {
		long len = stored_len(p, end, &is_last);

		if (len < 0)
			return false;
		sum += (uint64_t)len;
		p += BLOCK_HEAD + len;
	}
	return sum == entry->size && end - p >= 4;
}

/* From the mapped file to SINK, without zlib's copies. */
static int copy_stored(const struct ch_entry *entry, ch_pack_sink *sink, void *to,
		       struct ch_err *err)
{
	const uint8_t *p = entry->data + 2, *end = entry->data + entry->len;
	uint32_t sum = 1;
	bool is_last = false;

	while (!is_last) {
		long len = stored_len(p, end, &is_last);
		int rc = len > 0 ? sink(p + BLOCK_HEAD, (size_t)len, to, err) : 0;

		if (rc < 0)
			return rc;
		sum = libdeflate_adler32(sum, p + BLOCK_HEAD, (size_t)len);
		p += BLOCK_HEAD + len;
	}
	return ch_be32(p) == sum ? 0 : damaged(err);
}

static int unpack_once(const struct ch_entry *entry, ch_pack_sink *sink, void *to,
		       struct ch_err *err)
{
	struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
	ch_auto(mem) uint8_t *room = malloc(entry->size + 1);
	enum libdeflate_result rc;

	if (!inflater || !room) {
		libdeflate_free_decompressor(inflater);
		return ch_err_nomem(err);
	}
	/* What is behind its end is another object's. */
	rc = libdeflate_zlib_decompress(inflater, entry->data, entry->len, room, entry->size, NULL);
	libdeflate_free_decompressor(inflater);
	if (rc != LIBDEFLATE_SUCCESS)
		return damaged(err);
	return entry->size > 0 ? sink(room, entry->size, to, err) : 0;
}

static int unpack_in_chunks(const struct ch_entry *entry, ch_pack_sink *sink, void *to,
			    struct ch_err *err)
{
	ch_auto(mem) uint8_t *room = malloc(CHUNK);
	z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)entry->data };

	if (!room || inflateInit(&z) != Z_OK)
		return ch_err_nomem(err);

	int rc = inflate_all(&z, entry, room, sink, to, err);

	inflateEnd(&z);
	return rc;
}

int ch_pack_unpack(const struct ch_entry *entry, ch_pack_sink *sink, void *to, struct ch_err *err)
{
	if (is_stored(entry))
		return copy_stored(entry, sink, to, err);
	return entry->size <= ONCE_MAX ? unpack_once(entry, sink, to, err)
				       : unpack_in_chunks(entry, sink, to, err);
}
