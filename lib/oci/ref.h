/* SPDX-License-Identifier: Apache-2.0 */
/* ref.h - image references: [HOST[:PORT]/][PATH/]NAME[:TAG][@sha256:HEX]
 *
 * Nothing is filled in: "alpine" and "alpine:latest" are two names of images in storage. What
 * is in front of the first "/" is a host if it has a dot or a port, or is "localhost", else a
 * part of the path. "%" may be written for "/", and "+" for ":", as in names of files. */
#ifndef CH_OCI_REF_H
#define CH_OCI_REF_H

#include <stdint.h>

struct ch_err;

/* Longer ones are refused: storage makes names of files of them, with something added. */
#define CH_REF_MAX 240

/* All owned; what is not there is NULL. */
struct ch_ref {
	char *text; /* the reference, with "/" and ":" */
	char *file; /* how it is called in storage (rt/storage.h): never "", never begins with "."
		     */
	char *host;
	uint16_t port; /* 0: none */
	char *path;    /* "a/b" */
	char *name;
	char *tag;
	char *digest; /* "sha256:HEX" */
};

/* Errors: -EINVAL what is wrong, and at which character; -ENAMETOOLONG. */
int ch_ref_parse(const char *text, struct ch_ref *ret_ref, struct ch_err *err);

void ch_ref_done(struct ch_ref *ref);

static inline void ch_auto_ref(struct ch_ref *ref)
{
	ch_ref_done(ref);
}

/* TEXT, in place, with "/" for "%" and ":" for "+"; and the other way round. */
void ch_ref_unescape(char *text);
void ch_ref_escape(char *text);

#endif
