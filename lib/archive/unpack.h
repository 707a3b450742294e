/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - unpack tar archives, of whatever compression, into a directory
 *
 * The one door to libarchive. Archives are foreign data. Nothing outside the directory is
 * touched: members are looked for below it as if it were "/" (openat2(2), RESOLVE_IN_ROOT), so
 * that links lead nowhere else; what is there by a member's name is removed first, never
 * written through; ".." in names is refused; the target of a hard link is looked for in the
 * same way. What is unpacked is limited by the disk only.
 *
 * Compression is told by content: gzip, zstd, xz, bzip2, lz4, lzma, compress; also several
 * streams one after the other. Unknown types of members are regular files; devices and sockets
 * are left out. Owners are the user; directories get at least rwx, files rw for the user; other
 * bits of the mode, set-user-ID included, are kept, and so are times, holes, and of extended
 * attributes user.* and security.capability, as far as the file system can. */
#ifndef CH_ARCHIVE_UNPACK_H
#define CH_ARCHIVE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_err;

struct ch_unpack {
	int root;	   /* borrowed; open directory */
	const char *below; /* unpack to this directory in it, which need not be there; NULL: root */
	/* If all members are in one directory, which is not one that root file systems have
	 * ("bin", "usr"), that stands for the root. Then the archive must be seekable, and ROOT
	 * empty; BELOW must be NULL. */
	bool strip_top;
	bool skip_dev; /* leave out what is below "dev": containers have the host's */
};

struct ch_unpacked {
	uint64_t members;
	uint64_t devices; /* left out */
};

/* Unpack the archive that is open as FD. NAME is for messages.
 * Errors: -EINVAL no tar archive, or damaged, or not to be trusted; those of the file system.
 * What was unpacked till then, stays. */
int ch_unpack(int fd, const char *name, const struct ch_unpack *how, struct ch_unpacked *ret,
	      struct ch_err *err);

/* Is what is open as FD, a seekable file, a tar archive? Its position stays. Files that are
 * empty are none. */
bool ch_unpack_is_archive(int fd);

#endif
