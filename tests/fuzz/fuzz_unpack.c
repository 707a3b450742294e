/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_unpack - a compressed block, of data or of metadata, by the real reader
 *
 * Input: number of the compressor, logarithm of the block size, kind of block (a byte each);
 * the block. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fs/unpack.h"
#include "image.h"

enum { LOG_MIN = 12, LOGS = 9, COMPRESSORS = 6, SIZE_MAX_META = 0x7fff };

enum { BLOCK_MAX = 1 << 20, GUARD = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The end of a buffer behind which nothing is mapped. */
static uint8_t *guarded(void)
{
	uint8_t *p = mmap(NULL, BLOCK_MAX + GUARD, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + BLOCK_MAX, GUARD, PROT_NONE) < 0)
		abort();
	return p + BLOCK_MAX;
}

/* The sanitizer does not see what the decompressors' libraries do: to buffers that end
 * where they must not go on. */
static void unpack(struct ch_unpacker *unpacker, const uint8_t *data, size_t size, size_t max)
{
	static uint8_t *in_end, *out_end;

	if (!in_end) {
		in_end = guarded();
		out_end = guarded();
	}
	if (size == 0 || size > max)
		return;
	memcpy(in_end - size, data, size);
	if (ch_unpack_block(unpacker, in_end - size, size, out_end - max, max) > (long)max)
		abort();
}

/* A file of one block. */
static void read_data(struct fuzz_image *f, const uint8_t *data, size_t size)
{
	struct ch_inode inode = { .mode = S_IFREG,
				  .size = f->squash.block_size,
				  .fragment = CH_SQUASH_NONE,
				  .xattr = CH_SQUASH_NONE };
	const uint8_t list[] = { (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), 0 };

	inode.start = fuzz_image_append(f, data, size);
	inode.next = fuzz_image_append_meta(f, list, sizeof(list));
	fuzz_image_visit(f, &inode);
}

/* Inodes. */
static void read_metadata(struct fuzz_image *f, const uint8_t *data, size_t size)
{
	const uint8_t head[] = { (uint8_t)size, (uint8_t)(size >> 8) };

	if (size > SIZE_MAX_META)
		return;
	f->squash.inode_table = fuzz_image_append(f, head, sizeof(head));
	fuzz_image_append(f, data, size);
	fuzz_image_visit_ref(f, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_image f;
	uint8_t how[3];

	fuzz_take(&data, &size, how, sizeof(how));
	if (fuzz_image_empty(&f, how[0] % COMPRESSORS + 1, how[1] % LOGS + LOG_MIN) < 0)
		return 0;
	unpack(f.squash.unpacker, data, size, f.squash.block_size);
	if (how[2] % 2)
		read_metadata(&f, data, size);
	else
		read_data(&f, data, size);
	fuzz_image_done(&f);
	return 0;
}
