/* SPDX-License-Identifier: Apache-2.0 */
/* format.h - formats of images, and which one is meant by a name
 *
 * What is to be read is told by its name, and, if it is there, by its content; what is to be
 * written, by its name alone:
 *
 *	*.sqfs *.squash *.squashfs *.squishy    squash
 *	*.sif                                   sif
 *	*.tar *.tgz *.tar.gz ...                tar; if it is there, and is an image's archive:
 *	                                        oci-archive, docker-archive
 *	/... ./... ../...                       dir; if it is there, what it is
 *	anything else                           ch-image */
#ifndef CH_CONVERT_FORMAT_H
#define CH_CONVERT_FORMAT_H

#include <stdbool.h>

struct ch_err;

enum ch_format {
	CH_FORMAT_NONE, /* not given */
	CH_FORMAT_CH_IMAGE,
	CH_FORMAT_DIR,
	CH_FORMAT_DOCKER,
	CH_FORMAT_DOCKER_ARCHIVE,
	CH_FORMAT_OCI,
	CH_FORMAT_OCI_ARCHIVE,
	CH_FORMAT_PODMAN,
	CH_FORMAT_SIF,
	CH_FORMAT_SQUASH,
	CH_FORMAT_TAR,
};

/* What --help says of them: all, separated by "|". */
#define CH_FORMAT_NAMES "ch-image|dir|docker|docker-archive|oci|oci-archive|podman|sif|squash|tar"

/* Static; NONE has none. */
const char *ch_format_name(enum ch_format format);

/* Errors: -EINVAL, and which ones there are. */
int ch_format_parse(const char *name, enum ch_format *ret_format, struct ch_err *err);

/* The format of OPERAND, by its name. Never NONE. */
enum ch_format ch_format_of_name(const char *operand);

/* The format of OPERAND, which is to be read. STORAGE: where images with a name are.
 * Errors: of looking at it. What is not there, has the format of its name. */
int ch_format_of_source(const char *operand, const char *storage, enum ch_format *ret_format,
			struct ch_err *err);

/* Split what names an image in a directory or archive, PATH[:TAG]: PATH is OPERAND up to the
 * first colon behind which something is missing, so that colons may be in paths.
 * ret_path: malloc'ed; ret_tag: in OPERAND, or NULL */
int ch_format_split(const char *operand, char **ret_path, const char **ret_tag, struct ch_err *err);

/* The same for what is to be written: if OPERAND is not there, PATH is OPERAND up to the first
 * colon. */
int ch_format_split_new(const char *operand, char **ret_path, const char **ret_tag,
			struct ch_err *err);

#endif
