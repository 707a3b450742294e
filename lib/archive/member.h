/* SPDX-License-Identifier: Apache-2.0 */
/* member.h - put the members of an archive in their places; knows nothing of archives */
#ifndef CH_ARCHIVE_MEMBER_H
#define CH_ARCHIVE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

struct ch_err;

/* One member. Paths are plain: no "/" at begin or end, no parts "", "." and "..". */
struct ch_member {
	const char *path; /* "": the root */
	mode_t mode;	  /* permissions, no type */
	struct timespec times[2];
};

/* A directory whose mode and times are set in the end: till then, others are made in it. */
struct ch_member_dir {
	char *path; /* owned */
	mode_t mode;
	struct timespec times[2];
};

struct ch_members {
	int root;		    /* borrowed */
	int parent;		    /* owned, or -1; the directory that was used last */
	char *parent_path;	    /* owned */
	struct ch_member_dir *dirs; /* owned */
	size_t n, cap;
};

#define CH_MEMBERS_INIT(root_) ((struct ch_members){ .root = (root_), .parent = -1 })

/* NAME as a plain path, behind the plain path BELOW (or NULL). ret_path: malloc'ed.
 * Errors: -EINVAL it has a part ".."; -ENAMETOOLONG. */
int ch_member_path(const char *below, const char *name, char **ret_path, struct ch_err *err);

/* Make a directory, unless it is there. ret_fd: open, the caller's; for attributes. */
int ch_member_dir(struct ch_members *all, const struct ch_member *m, int *ret_fd,
		  struct ch_err *err);

/* Begin a regular file. ret_fd: open for writing, the caller's. */
int ch_member_file(struct ch_members *all, const struct ch_member *m, int *ret_fd,
		   struct ch_err *err);

/* End it, once the contents are there. */
int ch_member_file_end(const struct ch_member *m, int fd, struct ch_err *err);

int ch_member_symlink(struct ch_members *all, const struct ch_member *m, const char *target,
		      struct ch_err *err);

int ch_member_fifo(struct ch_members *all, const struct ch_member *m, struct ch_err *err);

/* Another name for the member TARGET, a plain path. Errors: -ENOENT it is not there. */
int ch_member_hardlink(struct ch_members *all, const struct ch_member *m, const char *target,
		       struct ch_err *err);

/* Modes and times of all directories. */
int ch_members_end(struct ch_members *all, struct ch_err *err);

void ch_members_done(struct ch_members *all);

static inline void ch_auto_members(struct ch_members *all)
{
	ch_members_done(all);
}

#endif
