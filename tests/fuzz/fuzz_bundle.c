/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_bundle - an archive of an image: what is found must lie within it; and its layers */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive/entry.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/bundle.h"
#include "convert/flatten.h"
#include "convert/source.h"
#include "convert/stack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	(void)sink;
	(void)err;
	if (entry->path[0] == '/')
		abort();
	return 0;
}

static int contents(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		    struct ch_err *err)
{
	(void)sink;
	(void)off;
	(void)data;
	(void)len;
	(void)err;
	return 0;
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	(void)sink;
	(void)err;
	return 0;
}

static void use(const struct ch_stack *stack, const struct ch_source_how *how, size_t size)
{
	ch_auto(flatten) struct ch_flatten *flat = NULL;
	struct ch_sink sink = { add, contents, end };
	uint64_t devices;
	struct ch_err err;

	for (size_t i = 0; i < stack->n; i++)
		if (stack->layers[i].piece.off > size ||
		    stack->layers[i].piece.size > size - stack->layers[i].piece.off)
			abort();
	if (ch_flatten_new(false, &flat, &err) == 0)
		for (int i = 0;
		     i < 3 && ch_stack_send(stack, flat, how, &sink, &devices, &err) == 1;)
			i++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(fd) int fd = memfd_create("archive", MFD_CLOEXEC);
	const struct ch_source_how how = { .arch = "amd64", .max = 1024 * 1024 };
	ch_auto(bundle) struct ch_bundle *bundle = NULL;
	ch_auto(stack) struct ch_stack oci = { 0 };
	ch_auto(stack) struct ch_stack docker = { 0 };
	struct ch_err err;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    ch_bundle_open(fd, &bundle, &err) < 0)
		return 0;
	if (ch_stack_of_oci(bundle, &how, &oci, &err) == 0)
		use(&oci, &how, size);
	if (ch_stack_of_docker(bundle, &how, &docker, &err) == 0)
		use(&docker, &how, size);
	return 0;
}
