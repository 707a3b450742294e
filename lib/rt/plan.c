/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* What every container has from the host. The first three are needed by everybody; the
 * others are bound where both host and image have them. */
static const struct {
	const char *path;
	unsigned flags;
} host_binds[] = {
	{ "/dev", 0 },
	{ "/proc", 0 },
	{ "/sys", 0 },
	{ "/etc/hosts", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/etc/machine-id", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/etc/resolv.conf", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/var/lib/hugetlbfs", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/var/spool/slurmd", CH_BIND_MAYBE | CH_BIND_AS_IS },
	/* Cray systems */
	{ "/etc/opt/cray/wlm_detect", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/opt/cray/wlm_detect", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/opt/cray/alps", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/opt/cray/udreg", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/opt/cray/ugni", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/opt/cray/xpmem", CH_BIND_MAYBE | CH_BIND_AS_IS },
	{ "/var/opt/cray/alps", CH_BIND_MAYBE | CH_BIND_AS_IS },
};

enum { N_HOST_BINDS = sizeof(host_binds) / sizeof(host_binds[0]) };

static void add(struct ch_plan *plan, struct ch_op op)
{
	plan->ops[plan->n++] = op;
}

static void add_root(struct ch_plan *plan, const struct ch_request *req,
		     const struct ch_image *image)
{
	if (image->kind == CH_IMAGE_SQUASH)
		add(plan, (struct ch_op){ CH_OP_IMAGE_SQUASH, req->image, "/", NULL, CH_BIND_RO,
					  image->offset });
	else if (ch_image_is_host(req->image))
		add(plan, (struct ch_op){ CH_OP_IMAGE_HOST, req->image, "/", NULL,
					  req->write == CH_WRITE_NO ? CH_BIND_RO : 0, 0 });
	else
		add(plan, (struct ch_op){ CH_OP_IMAGE_DIR, req->image, "/", NULL,
					  req->write == CH_WRITE_IMAGE ? 0 : CH_BIND_RO, 0 });
	if (req->write == CH_WRITE_FAKE)
		add(plan, (struct ch_op){ CH_OP_FAKE, NULL, "/",
					  req->write_size ? req->write_size : "12%", 0, 0 });
}

static void add_tmp(struct ch_plan *plan, const struct ch_request *req)
{
	if (req->tmp)
		add(plan, (struct ch_op){ CH_OP_BIND, req->tmp, "/tmp", NULL, 0, 0 });
	else
		add(plan, (struct ch_op){ CH_OP_TMPFS, NULL, "/tmp", "mode=1777", 0, 0 });
}

/* What there is without asking. The host has all of that already. */
static void add_defaults(struct ch_plan *plan, const struct ch_request *req)
{
	if (ch_image_is_host(req->image)) {
		if (!req->tmp)
			add_tmp(plan, req);
		return;
	}
	for (size_t i = 0; i < N_HOST_BINDS; i++)
		add(plan, (struct ch_op){ CH_OP_BIND, host_binds[i].path, host_binds[i].path, NULL,
					  host_binds[i].flags, 0 });
	if (!req->no_passwd) {
		add(plan, (struct ch_op){ CH_OP_PASSWD, NULL, "/etc/passwd", NULL, CH_BIND_RO, 0 });
		add(plan, (struct ch_op){ CH_OP_GROUP, NULL, "/etc/group", NULL, CH_BIND_RO, 0 });
	}
	add_tmp(plan, req);
}

int ch_plan_make(const struct ch_request *req, const struct ch_image *image,
		 struct ch_plan *ret_plan, struct ch_err *err)
{
	if (req->write == CH_WRITE_IMAGE && image->kind != CH_IMAGE_DIR)
		return ch_err_set(err, -EROFS,
				  "image '%s' is a %s file and cannot be written to; "
				  "changes that are lost in the end: --write-fake",
				  req->image, image->is_sif ? "SIF" : "SquashFS");

	struct ch_plan plan = { .ops = calloc(N_HOST_BINDS + req->binds.n + 8, sizeof(*plan.ops)) };

	if (!plan.ops)
		return ch_err_nomem(err);
	add_root(&plan, req, image);
	add_defaults(&plan, req);
	for (size_t i = 0; i < req->binds.n; i++) {
		const struct ch_bind *b = &req->binds.list[i];

		add(&plan, (struct ch_op){ CH_OP_BIND, b->src, b->dst, NULL, b->flags, 0 });
	}
	*ret_plan = plan;
	return 0;
}

static void print_bind(const struct ch_op *op, FILE *out)
{
	fprintf(out, "bind '%s' on '%s'%s%s%s\n", op->src, op->dst,
		op->flags & CH_BIND_RO ? " read-only" : "",
		op->flags & CH_BIND_MAYBE ? ", if it exists" : "",
		op->flags & CH_BIND_AS_IS ? ", if the image has it" : "");
}

static void print_op(const struct ch_op *op, FILE *out)
{
	switch (op->kind) {
	case CH_OP_IMAGE_DIR:
		fprintf(out, "root: directory '%s'%s\n", op->src,
			op->flags & CH_BIND_RO ? " read-only" : "");
		return;
	case CH_OP_IMAGE_HOST:
		fprintf(out, "root: the host%s\n",
			op->flags & CH_BIND_RO ? ", its root file system read-only" : "");
		return;
	case CH_OP_IMAGE_SQUASH:
		if (op->offset)
			fprintf(out, "root: SquashFS at byte %llu of SIF file '%s' read-only\n",
				(unsigned long long)op->offset, op->src);
		else
			fprintf(out, "root: SquashFS '%s' read-only\n", op->src);
		return;
	case CH_OP_FAKE:
		fprintf(out, "writable layer in memory, size %s\n", op->text);
		return;
	case CH_OP_BIND:
		print_bind(op, out);
		return;
	case CH_OP_TMPFS:
		fprintf(out, "fresh tmpfs on '%s'\n", op->dst);
		return;
	case CH_OP_PASSWD:
	case CH_OP_GROUP:
		fprintf(out, "generated file on '%s'\n", op->dst);
		return;
	}
}

void ch_plan_print(const struct ch_plan *plan, FILE *out)
{
	for (size_t i = 0; i < plan->n; i++)
		print_op(&plan->ops[i], out);
}

void ch_plan_done(struct ch_plan *plan)
{
	free(plan->ops);
	*plan = (struct ch_plan){ 0 };
}
