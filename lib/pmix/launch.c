/* SPDX-License-Identifier: Apache-2.0 */
#include "pmix/launch.h"

#include <errno.h>
#include <pmix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"

static int failed(struct ch_err *err, const char *what, pmix_status_t rc)
{
	return ch_err_set(err, -EIO, "%s: %s", what, PMIx_Error_string(rc));
}

/* A number that the launcher has left for RANK, or FALLBACK. */
static uint32_t number(const struct ch_launch *l, pmix_rank_t rank, const char *key,
		       uint32_t fallback)
{
	pmix_proc_t proc;
	pmix_value_t *v = NULL;

	PMIX_LOAD_PROCID(&proc, l->nspace, rank);
	if (PMIx_Get(&proc, key, NULL, 0, &v) != PMIX_SUCCESS)
		return fallback;
	if (v->type == PMIX_UINT32)
		fallback = v->data.uint32;
	PMIX_VALUE_RELEASE(v);
	return fallback;
}

/* The one after us in "0,1,5", in a ring. */
static uint32_t after(const char *peers, uint32_t rank)
{
	uint32_t first = rank;
	bool is_next = false;

	for (const char *p = peers; *p; p += strcspn(p, ","), p += *p == ',') {
		uint32_t peer = (uint32_t)strtoul(p, NULL, 10);

		if (is_next)
			return peer;
		if (p == peers)
			first = peer;
		is_next = peer == rank;
	}
	return first;
}

static uint32_t next_peer(const struct ch_launch *l)
{
	pmix_proc_t all;
	pmix_value_t *v = NULL;
	uint32_t next = l->rank;

	PMIX_LOAD_PROCID(&all, l->nspace, PMIX_RANK_WILDCARD);
	if (PMIx_Get(&all, PMIX_LOCAL_PEERS, NULL, 0, &v) != PMIX_SUCCESS)
		return next;
	if (v->type == PMIX_STRING && v->data.string)
		next = after(v->data.string, l->rank);
	PMIX_VALUE_RELEASE(v);
	return next;
}

int ch_launch_start(struct ch_launch *ret, struct ch_err *err)
{
	const char *server = getenv("PMIX_VERSION");
	pmix_proc_t me;
	pmix_status_t rc = PMIx_Init(&me, NULL, 0);

	*ret = (struct ch_launch){ 0 };
	snprintf(ret->library, sizeof(ret->library), "%s", PMIx_Get_version());
	snprintf(ret->server, sizeof(ret->server), "%s", server ? server : "");
	ch_text_one_line(ret->library);
	ch_text_one_line(ret->server);
	if (rc != PMIX_SUCCESS)
		return failed(err, "connect to the launcher (PMIx_Init)", rc);
	snprintf(ret->nspace, sizeof(ret->nspace), "%s", me.nspace);
	ch_text_one_line(ret->nspace);
	ret->rank = me.rank;
	ret->size = number(ret, PMIX_RANK_WILDCARD, PMIX_JOB_SIZE, 1);
	ret->nodes = number(ret, PMIX_RANK_WILDCARD, PMIX_NUM_NODES, 0);
	ret->local_size = number(ret, PMIX_RANK_WILDCARD, PMIX_LOCAL_SIZE, 1);
	ret->next = next_peer(ret);
	return 0;
}

int ch_launch_put(const char *key, const char *text, struct ch_err *err)
{
	ch_auto(str) char *copy = strdup(text);
	pmix_value_t v = { .type = PMIX_STRING, .data.string = copy };

	if (!copy)
		return ch_err_nomem(err);

	pmix_status_t rc = PMIx_Put(PMIX_GLOBAL, key, &v);

	if (rc == PMIX_SUCCESS)
		rc = PMIx_Commit();
	return rc == PMIX_SUCCESS ? 0 : failed(err, "tell the others (PMIx_Put)", rc);
}

int ch_launch_fence(const struct ch_launch *l, int seconds, struct ch_err *err)
{
	pmix_proc_t all;
	pmix_info_t info[2];
	bool collect = true;

	PMIX_LOAD_PROCID(&all, l->nspace, PMIX_RANK_WILDCARD);
	PMIX_INFO_LOAD(&info[0], PMIX_COLLECT_DATA, &collect, PMIX_BOOL);
	PMIX_INFO_LOAD(&info[1], PMIX_TIMEOUT, &seconds, PMIX_INT);

	pmix_status_t rc = PMIx_Fence(&all, 1, info, 2);

	return rc == PMIX_SUCCESS ? 0 : failed(err, "wait for all ranks (PMIx_Fence)", rc);
}

int ch_launch_get(const struct ch_launch *l, uint32_t rank, const char *key, char **ret_text,
		  struct ch_err *err)
{
	pmix_proc_t proc;
	pmix_value_t *v = NULL;

	PMIX_LOAD_PROCID(&proc, l->nspace, rank);

	pmix_status_t rc = PMIx_Get(&proc, key, NULL, 0, &v);

	if (rc != PMIX_SUCCESS)
		return failed(err, "hear of another rank (PMIx_Get)", rc);

	char *text = v->type == PMIX_STRING && v->data.string ? strdup(v->data.string) : NULL;

	PMIX_VALUE_RELEASE(v);
	if (!text)
		return ch_err_set(err, -EIO, "another rank has left no text");
	*ret_text = text;
	return 0;
}

void ch_launch_end(void)
{
	PMIx_Finalize(NULL, 0);
}
