/* SPDX-License-Identifier: Apache-2.0 */
/* large_hash.c - what identifies a large file, holes included */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/large.h"
#include "hash/hash.h"

#define BLOCK	   (64 << 10)
#define SPARSE_MIN (64 << 20) /* smaller ones are as quickly written as zeros */
#define HEADLINE   "charlie holes\n"

struct hashing {
	int fd;
	uint64_t size;
	struct ch_hash bytes;  /* of blocks that are not zero */
	struct ch_hash places; /* their numbers */
	bool has_zeros;
	uint8_t room[BLOCK];
};

static void ch_auto_hashing(struct hashing **h)
{
	if (*h) {
		ch_hash_done(&(*h)->bytes);
		ch_hash_done(&(*h)->places);
	}
	free(*h);
}

bool ch_large_is_sparse(const struct stat *st)
{
	return st->st_size >= SPARSE_MIN && st->st_blocks < st->st_size / 512 / 2;
}

off_t ch_large_data(int fd, off_t at, off_t end)
{
	off_t data = lseek(fd, at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? end : at;
	return data < end ? data : end;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int read_block(struct hashing *h, uint64_t at, size_t len, struct ch_err *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(h->fd, h->room + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(err, "read");
		if (n == 0)
			return ch_err_set(err, -EAGAIN, "it changes while it is read");
		done += (size_t)n;
	}
	return 0;
}

/* The block at AT, a multiple of its size */
static int add_block(struct hashing *h, uint64_t at, struct ch_err *err)
{
	size_t len = h->size - at < BLOCK ? (size_t)(h->size - at) : BLOCK;
	uint64_t place = htole64(at / BLOCK);

	if (read_block(h, at, len, err) < 0)
		return err->code;
	if (len == BLOCK && is_zero(h->room, len)) {
		h->has_zeros = true;
		return 0;
	}
	ch_hash_more(&h->places, &place, sizeof(place));
	ch_hash_more(&h->bytes, h->room, len);
	return 0;
}

static int add_all(struct hashing *h, struct ch_err *err)
{
	for (uint64_t at = 0; at < h->size;) {
		uint64_t data = (uint64_t)ch_large_data(h->fd, (off_t)at, (off_t)h->size);
		uint64_t next = data / BLOCK * BLOCK;

		h->has_zeros |= next > at;
		if (next < h->size && add_block(h, next, err) < 0)
			return err->code;
		at = next + BLOCK;
	}
	return 0;
}

/* Of both hashes, and the size, one */
static int combine(struct hashing *h, uint8_t ret[CH_LARGE_BYTES], struct ch_err *err)
{
	ch_auto(hash) struct ch_hash all = { 0 };
	uint64_t size = htole64(h->size);
	uint8_t part[CH_SHA256_BYTES];

	if (ch_hash_start(&all, CH_SHA256, err) < 0)
		return err->code;
	ch_hash_more(&all, HEADLINE, strlen(HEADLINE));
	ch_hash_more(&all, &size, sizeof(size));
	ch_hash_end(&h->bytes, part);
	ch_hash_more(&all, part, sizeof(part));
	ch_hash_end(&h->places, part);
	ch_hash_more(&all, part, sizeof(part));
	ch_hash_end(&all, ret);
	return 0;
}

int ch_large_hash(int fd, uint64_t size, uint8_t ret[CH_LARGE_BYTES], struct ch_err *err)
{
	ch_auto(hashing) struct hashing *h = calloc(1, sizeof(*h));

	if (!h)
		return ch_err_nomem(err);
	h->fd = fd;
	h->size = size;
	if (ch_hash_start(&h->bytes, CH_SHA256, err) < 0 ||
	    ch_hash_start(&h->places, CH_SHA256, err) < 0 || add_all(h, err) < 0)
		return err->code;
	if (h->has_zeros)
		return combine(h, ret, err);
	ch_hash_end(&h->bytes, ret);
	return 0;
}

static int hash_plainly(int fd, uint64_t size, uint8_t ret[CH_LARGE_BYTES], struct ch_err *err)
{
	ch_auto(hashing) struct hashing *h = calloc(1, sizeof(*h));

	if (!h)
		return ch_err_nomem(err);
	h->fd = fd;
	if (ch_hash_start(&h->bytes, CH_SHA256, err) < 0)
		return err->code;
	for (uint64_t at = 0; at < size; at += BLOCK) {
		size_t len = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

		if (read_block(h, at, len, err) < 0)
			return err->code;
		ch_hash_more(&h->bytes, h->room, len);
	}
	ch_hash_end(&h->bytes, ret);
	return 0;
}

int ch_large_is(int fd, uint64_t size, const uint8_t hash[CH_LARGE_BYTES], struct ch_err *err)
{
	uint8_t is[CH_LARGE_BYTES];
	int rc = ch_large_hash(fd, size, is, err);

	if (rc == 0 && memcmp(is, hash, sizeof(is)) != 0)
		rc = hash_plainly(fd, size, is, err);
	return rc < 0 ? rc : memcmp(is, hash, sizeof(is)) == 0;
}
