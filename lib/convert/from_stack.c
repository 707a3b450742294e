/* SPDX-License-Identifier: Apache-2.0 */
/* from_stack.c - OCI layouts, and archives of images, as sources */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "convert/bundle.h"
#include "convert/engine.h"
#include "convert/flatten.h"
#include "convert/source.h"
#include "convert/stack.h"
#include "convert/temp.h"

struct from_stack {
	struct ch_source source;
	const struct ch_source_how *how; /* borrowed */
	int fd;				 /* owned */
	struct ch_bundle *bundle;	 /* owned */
	struct ch_stack stack;
	struct ch_flatten *flat; /* owned; what it has learned, it keeps */
};

static int send(struct ch_source *source, struct ch_sink *sink, struct ch_err *err)
{
	struct from_stack *f = (struct from_stack *)source;

	return ch_stack_send(&f->stack, f->flat, f->how, sink, &source->devices, err);
}

static void free_stack(struct ch_source *source)
{
	struct from_stack *f = (struct from_stack *)source;

	ch_flatten_free(f->flat);
	ch_stack_done(&f->stack);
	ch_bundle_free(f->bundle);
	ch_close(&f->fd);
	free(f);
}

typedef int find_stack(const struct ch_bundle *bundle, const struct ch_source_how *how,
		       struct ch_stack *ret_stack, struct ch_err *err);

/* What is compressed, or comes through a pipe, cannot be read in place. */
static int open_bundle(struct from_stack *f, struct ch_err *err)
{
	int rc = ch_bundle_open(f->fd, &f->bundle, err), temp;

	if (rc != -EINVAL)
		return rc;
	temp = ch_convert_unpack(f->fd, f->how, err);
	if (temp < 0)
		return temp;
	ch_close(&f->fd);
	f->fd = temp;
	return ch_bundle_open(f->fd, &f->bundle, err);
}

static int read_stack(struct from_stack *f, find_stack *find, struct ch_err *err)
{
	if (open_bundle(f, err) < 0 || find(f->bundle, f->how, &f->stack, err) < 0)
		return err->code;
	f->source.config = f->stack.config;
	f->source.config_len = f->stack.config_len;
	for (size_t i = 0; i < f->stack.n; i++)
		f->source.size += f->stack.layers[i].piece.size;
	return ch_flatten_new(false, &f->flat, err);
}

/* FD is taken. */
static int make(const struct ch_source_how *how, int fd, find_stack *find,
		struct ch_source **ret_source, struct ch_err *err)
{
	struct from_stack *f = calloc(1, sizeof(*f));
	ch_auto(source) struct ch_source *source = f ? &f->source : NULL;

	if (!f) {
		close(fd);
		return ch_err_nomem(err);
	}
	*f = (struct from_stack){
		.source = { .send = send, .free = free_stack },
		.how = how,
		.fd = fd,
	};
	if (read_stack(f, find, err) < 0)
		return ch_err_in(err, "'%s'", how->path);
	*ret_source = ch_take(source);
	return 0;
}

static int open_it(const struct ch_source_how *how, int flags, find_stack *find,
		   struct ch_source **ret_source, struct ch_err *err)
{
	int fd = open(how->path, O_RDONLY | O_NOCTTY | O_CLOEXEC | flags);

	if (fd < 0)
		return ch_err_sys(err, "open '%s'", how->path);
	return make(how, fd, find, ret_source, err);
}

int ch_source_oci(const struct ch_source_how *how, struct ch_source **ret_source,
		  struct ch_err *err)
{
	return open_it(how, O_DIRECTORY, ch_stack_of_oci, ret_source, err);
}

int ch_source_oci_archive(const struct ch_source_how *how, struct ch_source **ret_source,
			  struct ch_err *err)
{
	return open_it(how, 0, ch_stack_of_oci, ret_source, err);
}

int ch_source_docker_archive(const struct ch_source_how *how, struct ch_source **ret_source,
			     struct ch_err *err)
{
	return open_it(how, 0, ch_stack_of_docker, ret_source, err);
}

/* The program writes an archive for us. */
static int of_engine(const char *program, const struct ch_source_how *how,
		     struct ch_source **ret_source, struct ch_err *err)
{
	int fd = ch_convert_temp(how->temp, err);

	if (fd < 0)
		return fd;
	if (ch_engine_save(program, how->path, fd, how->cancel, err) < 0) {
		close(fd);
		return err->code;
	}
	return make(how, fd, ch_stack_of_docker, ret_source, err);
}

int ch_source_docker(const struct ch_source_how *how, struct ch_source **ret_source,
		     struct ch_err *err)
{
	return of_engine("docker", how, ret_source, err);
}

int ch_source_podman(const struct ch_source_how *how, struct ch_source **ret_source,
		     struct ch_err *err)
{
	return of_engine("podman", how, ret_source, err);
}
