/* SPDX-License-Identifier: Apache-2.0 */
/* read.h - read tar archives, of whatever compression, as entries for a sink
 *
 * The one door to libarchive. A thread of its own undoes the compression. Archives are foreign
 * data: names are made plain ("./" and "/" in front, "//" and "." are taken out), those with ".."
 * are refused. Contents go by as they come: memory does not grow with them.
 *
 * Compression is told by content: gzip, zstd, xz, bzip2, lz4, lzma, compress; also several
 * streams one after the other. Unknown types of members are regular files. Devices and sockets
 * are counted and left out, and so are hard links to what is left out. Of extended attributes there
 * are user.* and security.capability. */
#ifndef CH_ARCHIVE_READ_H
#define CH_ARCHIVE_READ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ch_err;
struct ch_progress;
struct ch_sink;

/* Where an archive is, and what is wanted of it. Everything is borrowed. */
struct ch_archive {
	const char *name; /* for messages */

	int fd; /* open; read from its position to the end; only if MORE is NULL */
	/* Up to SIZE bytes to BUF; waits until there is one at least. Returns their number, 0 at
	 * the end, or a negative errno, which becomes the result of all. It is called by another
	 * thread than the one that reads, ahead of what the sink gets; no more once it has
	 * returned 0 or an error, or ch_archive_read has returned. UNWANTED becomes true when the
	 * reader has failed: then do not wait any longer, but return any error soon. */
	ssize_t (*more)(void *data, void *buf, size_t size, const atomic_bool *unwanted,
			struct ch_err *err);
	void *data;

	/* If all members are in one directory, which is not one that root file systems have
	 * ("bin", "usr"), that stands for the root. */
	bool strip_top;
	bool skip_dev; /* leave out what is below "dev": containers have the host's */
	bool no_setid; /* no file makes who executes it somebody else, or privileged:
			  set-user-ID, set-group-ID and capabilities are taken away */
	uint64_t max;  /* neither the archive, uncompressed, nor all contents may have more bytes;
			  holes count; 0: no limit */
	struct ch_progress *progress; /* told of bytes as they come, still compressed; or NULL */
	uint8_t *diff_id; /* not NULL: CH_SHA256_BYTES, the hash of the archive, uncompressed */
};

struct ch_archive_got {
	uint64_t members;
	uint64_t devices; /* left out; links to them included */
	uint64_t bytes;	  /* of the archive, uncompressed */
};

/* Read an archive to its end, and give its entries to SINK, whose end is called, too.
 *
 * Returns 1 if, with strip_top, one of the later members is not in the one directory: what the
 * sink has got till then is of no use, begin again without. Then and after an error, end is not
 * called.
 * Errors: -EINVAL no tar archive, or damaged, or not to be trusted; -EFBIG larger than max, or with
 * more than 64 MiB behind its end, or 4 MiB of headers for a member; -E2BIG with more than 65536
 * devices; those of MORE and of the sink. Any thread may call it. */
int ch_archive_read(const struct ch_archive *archive, struct ch_sink *sink,
		    struct ch_archive_got *ret_got, struct ch_err *err);

/* Is what is open as FD, a seekable file, a tar archive? Its position stays. Files that are
 * empty are none. */
bool ch_archive_is_tar(int fd);

#endif
