/* SPDX-License-Identifier: Apache-2.0 */
/* bind.h - what is bound into a container: "SRC[:DST[:ro|rw]]"
 *
 * Parsing only; nothing here touches the file system. ch_plan_make() turns the result
 * into mount operations. */
#ifndef CH_RT_BIND_H
#define CH_RT_BIND_H

#include <limits.h>
#include <stddef.h>

struct ch_err;

enum ch_bind_flags {
	CH_BIND_RO = 1,	   /* read-only, with everything below it */
	CH_BIND_MAYBE = 2, /* skipped when SRC is missing or not accessible */
	CH_BIND_AS_IS = 4, /* skipped when DST is missing: no mount point is made for it */
};

struct ch_bind {
	char *src;	/* absolute, on the host */
	char *dst;	/* absolute, in the container; never NULL */
	unsigned flags; /* CH_BIND_* */
};

/* Parse SPEC. "\:" stands for a colon. A relative SRC is taken
 * against the directory CWD.
 *
 * ret_bind: the caller's, ch_bind_done()
 * Errors: -EINVAL, -ENOMEM. */
int ch_bind_parse(const char *spec, const char *cwd, struct ch_bind *ret_bind, struct ch_err *err);

void ch_bind_done(struct ch_bind *bind);

static inline void ch_auto_bind(struct ch_bind *bind)
{
	ch_bind_done(bind);
}

/* Binds in the order in which they are made. */
struct ch_binds {
	struct ch_bind *list;
	size_t n;
};

/* Append BIND; taken, also on failure. */
int ch_binds_take(struct ch_binds *binds, struct ch_bind *bind, struct ch_err *err);

/* Append a copy of SRC on DST. */
int ch_binds_add(struct ch_binds *binds, const char *src, const char *dst, unsigned flags,
		 struct ch_err *err);

/* Append a bind of PATH, which a variable of the environment names, at its own place: if it
 * exists then, and unless it would hide a part of the image's system. PATH may be NULL. */
int ch_binds_add_named(struct ch_binds *binds, const char *path, struct ch_err *err);

/* Where USER's home directory is in the container, if it is not at its own place. */
const char *ch_bind_home(const char *user, char path[PATH_MAX]);

/* Append a bind of HOME, which a variable names (NULL: none), there. Errors: -EINVAL it is no
 * absolute path. */
int ch_binds_add_home(struct ch_binds *binds, const char *home, const char *user,
		      struct ch_err *err);

/* Append copies of all of MORE. */
int ch_binds_copy(struct ch_binds *binds, const struct ch_binds *more, struct ch_err *err);

void ch_binds_done(struct ch_binds *binds);

#endif
