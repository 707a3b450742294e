/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_request - what a keeper is asked for; what it accepts must survive a round trip */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/plan.h"
#include "rt/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
	if (path && path[0] != '/')
		abort();
}

static void check(const struct ch_request *req)
{
	if (!req->image || req->write > CH_WRITE_FAKE || req->life > CH_LIFE_JOIN ||
	    req->uid == UINT32_MAX || req->gid == UINT32_MAX || req->threads > 1024)
		abort();
	check_path(req->image);
	check_path(req->storage);
	check_path(req->tmp);
	for (size_t i = 0; i < req->binds.n; i++) {
		check_path(req->binds.list[i].src);
		check_path(req->binds.list[i].dst);
	}
}

static void round_trip(const struct ch_request *req)
{
	ch_auto(request) struct ch_request again = { 0 };
	ch_auto(str) char *one = NULL;
	ch_auto(str) char *two = NULL;
	size_t n, m;
	struct ch_err err;

	if (ch_request_encode(req, &one, &n, &err) < 0)
		return;
	if (ch_request_decode(one, n, &again, &err) < 0 ||
	    ch_request_encode(&again, &two, &m, &err) < 0 || n != m || memcmp(one, two, n) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(request) struct ch_request req = { 0 };
	ch_auto(plan) struct ch_plan plan = { 0 };
	const struct ch_image image = { .kind = size % 2 ? CH_IMAGE_DIR : CH_IMAGE_SQUASH };
	struct ch_err err;

	if (ch_request_decode((const char *)data, size, &req, &err) < 0)
		return 0;
	check(&req);
	round_trip(&req);
	(void)ch_plan_make(&req, &image, &plan, &err);
	return 0;
}
