/* SPDX-License-Identifier: Apache-2.0 */
/* tar.h - a sink that writes a tar archive (POSIX.1-2001, pax)
 *
 * The same entries give the same bytes. Names begin with "./", and the root is one of the
 * members, so that the archive unpacks where one is. Everything belongs to root, by number, for
 * owners are not kept. Names are bytes, whatever they mean. What ustar headers cannot tell is in
 * pax headers: long names (with hdrcharset=BINARY if they are not UTF-8), sizes from 8 GiB on,
 * times before 1970 or with fractions of seconds, extended attributes (SCHILY.xattr). Holes are
 * written as zeros: not every reader knows sparse files. */
#ifndef CH_ARCHIVE_TAR_H
#define CH_ARCHIVE_TAR_H

struct ch_err;
struct ch_output;
struct ch_sink;

enum {
	CH_TAR_NO_SETID = 1 << 0, /* without set-user-ID and set-group-ID bits */
	CH_TAR_SECONDS = 1 << 1,  /* times in whole seconds */
};

/* OUT: borrowed, till the sink is freed. FLAGS: CH_TAR_*. The sink wants directories before
 * what is in them, each path once; it makes no missing ones. Mode and time of a hard link should
 * be the file's: there are tools that set them once more. ret_sink: ch_tar_free. */
int ch_tar_new(struct ch_output *out, unsigned flags, struct ch_sink **ret_sink,
	       struct ch_err *err);

/* NULL is fine. */
void ch_tar_free(struct ch_sink *sink);

static inline void ch_auto_tar(struct ch_sink **sink)
{
	ch_tar_free(*sink);
}

#endif
