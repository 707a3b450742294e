/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - what a container shall be like: plain data from a front end to the keeper
 *
 * It travels as text, "KEY=VALUE" and a NUL for each field, in an anonymous file that the
 * keeper inherits (CH_KEEPER_REQUEST): arguments would show in ps(1). */
#ifndef CH_RT_REQUEST_H
#define CH_RT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rt/bind.h"

struct ch_err;

/* Changes with every field that is added or means something else. */
#define CH_REQUEST_FORMAT "3"

enum ch_write {
	CH_WRITE_NO,	/* the image is read-only */
	CH_WRITE_IMAGE, /* changes go to the image directory */
	CH_WRITE_FAKE,	/* changes go to memory and are lost in the end */
};

enum ch_life {
	CH_LIFE_INSIDE, /* answer once; the container lasts as long as a process in it */
	CH_LIFE_SOCKET, /* answer everybody until the other end of the socket is closed */
	CH_LIFE_JOIN,	/* answer who connects, as long as a process that was let in lives */
};

struct ch_request {
	char *image;	       /* absolute path, unless it is a name */
	char *name;	       /* of an image in storage, perhaps (storage.h); NULL: it is a path */
	char *storage;	       /* absolute path; NULL: the user's default */
	bool unsafe;	       /* images in storage may be written to */
	struct ch_binds binds; /* of the user and the front end, in order */
	uint32_t uid, gid;     /* inside */
	enum ch_write write;
	char *write_size; /* for CH_WRITE_FAKE: size= of tmpfs(5); NULL: the default */
	char *tmp;	  /* host directory to be /tmp; NULL: a fresh tmpfs */
	bool no_passwd;	  /* keep the image's /etc/passwd and /etc/group */
	bool each;	  /* a pair of namespaces for each process that enters */
	bool want_meta;	  /* answer with the image's environment and entry point, too */
	enum ch_life life;
	uint32_t peers;	  /* CH_LIFE_JOIN: how many will come; only a hint; 0: unknown */
	bool wait_cpus;	  /* the image server starts when a CH_GO_CPUS has come (proto.h) */
	uint32_t threads; /* of the image server; 0: as many as make sense */
	char *allowed;	  /* directories that may hold images, separated by ':'; NULL: all */
};

#define CH_REQUEST_MAX (1024 * 1024) /* bytes; encoded */

/* Encode REQ. ret_text: malloc'ed, ret_len bytes. */
int ch_request_encode(const struct ch_request *req, char **ret_text, size_t *ret_len,
		      struct ch_err *err);

/* Decode LEN bytes. Checks all that the keeper relies on: absolute paths, sane numbers. */
int ch_request_decode(const char *text, size_t len, struct ch_request *ret_req, struct ch_err *err);

/* A number that is the same for requests whose containers are the same: images, binds, ids
 * and so on count, but not who is answered, or how many threads serve the image. 0 stands
 * for what is too long to tell. */
uint64_t ch_request_shape(const struct ch_request *req);

/* Put REQ into an anonymous file. Returns the descriptor (the caller's, at offset 0). */
int ch_request_file(const struct ch_request *req, struct ch_err *err);

/* Read it back. */
int ch_request_read(int fd, struct ch_request *ret_req, struct ch_err *err);

void ch_request_done(struct ch_request *req);

static inline void ch_auto_request(struct ch_request *req)
{
	ch_request_done(req);
}

#endif
