/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/hear.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

int ch_hear_go(const struct ch_cpus *m, long n)
{
	if (n < (long)sizeof(m->go) || m->go.version != CH_PROTO_VERSION)
		return CH_HEAR_FOREIGN;
	if (m->go.kind == CH_GO_CPUS && n == (long)sizeof(*m))
		return CH_GO_CPUS;
	return m->go.kind == CH_GO_ENTER ? CH_GO_ENTER : CH_HEAR_FOREIGN;
}

int ch_hear_answer(struct ch_answer *a, long n, bool has_both, struct ch_err *err)
{
	if (n == 0 || n == -ECONNRESET)
		return ch_err_set(err, -ECHILD, "the keeper of the container ended unexpectedly");
	if (n == -ETIMEDOUT)
		return ch_err_set(err, -ETIMEDOUT,
				  "the keeper of the container gave no answer in time");
	if (n < 0)
		return ch_err_rc(err, (int)n, "wait for the keeper of the container");
	if (n < (long)sizeof(*a) || a->version != CH_PROTO_VERSION)
		return ch_err_set(err, -EPROTO, "the keeper is not of our version");
	a->msg[sizeof(a->msg) - 1] = '\0';
	if (a->code != 0)
		return ch_err_set(err, a->code < 0 ? a->code : -EPROTO, "%s", a->msg);
	if (!has_both || a->meta_len > (size_t)n - sizeof(*a))
		return ch_err_set(err, -EPROTO, "the keeper's answer is incomplete");
	return 0;
}

int ch_hear_builder(const char *packet, long n, const int fds[2], struct ch_build_msg *ret_m)
{
	struct ch_build_msg *m = ret_m;

	*m = (struct ch_build_msg){ .kind = CH_BUILD_FAILED };
	if (n < (long)sizeof(*m))
		return CH_HEAR_END;
	memcpy(m, packet, sizeof(*m));
	m->msg[sizeof(m->msg) - 1] = '\0';
	ch_text_one_line(m->msg);
	/* A container without what its image says of itself is none. */
	if (m->meta_len > (size_t)n - sizeof(*m))
		m->kind = CH_BUILD_FAILED;
	if (m->kind == CH_BUILD_FUSE && fds[0] >= 0)
		return CH_BUILD_FUSE;
	if (m->kind == CH_BUILD_DONE && fds[0] >= 0 && fds[1] >= 0)
		return CH_BUILD_DONE;
	/* Code 0 would be told as success. */
	if (m->code >= 0)
		m->code = -EPROTO;
	/* The kernel drops descriptors for which there is no room. */
	if (!m->msg[0])
		snprintf(m->msg, sizeof(m->msg),
			 "the builder's message came without its descriptors; is the limit on open "
			 "files (ulimit -n) too small?");
	return CH_BUILD_FAILED;
}

int ch_hear_report(struct ch_server_report *r, long n, struct ch_err *err)
{
	if (n != (long)sizeof(*r))
		return ch_err_set(err, -EOWNERDEAD, "the image server ended unexpectedly");
	if (r->version != CH_SERVER_VERSION)
		return ch_err_set(err, -EPROTO, "the image server is not of our version");
	if (r->code == 0)
		return 0;
	r->msg[sizeof(r->msg) - 1] = '\0';
	return ch_err_set(err, r->code < 0 ? r->code : -EPROTO, "%s", r->msg);
}

int ch_hear_start(const struct ch_server_start *s, long n, bool has_fuse, struct ch_err *err)
{
	if (n == 0 || n == -ECONNRESET)
		return 0;
	if (n < 0)
		return ch_err_rc(err, (int)n, "receive start message");
	if (n != (long)sizeof(*s) || s->version != CH_SERVER_VERSION || !has_fuse)
		return ch_err_set(err, -EPROTO, "start message not understood (other version?)");
	return 1;
}
