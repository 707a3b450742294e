/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/paths.h"

#include <stdlib.h>
#include <string.h>

#include "convert/namehash.h"

enum { HEADS_MIN = 1024, DEPTH_MAX = 4096 };

/* ---- names -------------------------------------------------------------------------------- */

static int keep_name(struct ch_paths *p, const char *name, size_t len, size_t *ret)
{
	if (p->names_cap - p->names_len < len) {
		size_t cap = 2 * (p->names_cap + len) + 4096;
		char *names = realloc(p->names, cap);

		if (!names)
			return -1;
		p->names = names;
		p->names_cap = cap;
	}
	if (len > 0)
		memcpy(p->names + p->names_len, name, len);
	*ret = p->names_len;
	p->names_len += len;
	return 0;
}

/* ---- nodes -------------------------------------------------------------------------------- */

static uint32_t *head_of(const struct ch_paths *p, uint32_t parent, const char *name, size_t len)
{
	/* Numbers of directories are small: spread them. */
	uint64_t dir = parent * 0x9e3779b97f4a7c15U;

	return &p->heads[ch_namehash(p->seed, dir, name, len) & (p->n_heads - 1)];
}

static int grow_heads(struct ch_paths *p)
{
	size_t n = p->n_heads ? 2 * p->n_heads : HEADS_MIN;
	uint64_t seed = p->n_heads ? p->seed : ch_namehash_seed(p);
	uint32_t *heads = malloc(n * sizeof(*heads));

	if (!heads)
		return -1;
	memset(heads, 0xff, n * sizeof(*heads));
	free(p->heads);
	p->heads = heads;
	p->n_heads = n;
	p->seed = seed;
	for (uint32_t i = 0; i < p->n; i++) {
		struct ch_paths_node *node = &p->nodes[i];
		uint32_t *head = head_of(p, node->parent, p->names + node->name, node->len);

		node->next = *head;
		*head = i;
	}
	return 0;
}

static int grow(struct ch_paths *p)
{
	size_t cap = p->cap ? 2 * p->cap : 256;
	struct ch_paths_node *nodes = NULL;

	if (cap < CH_PATHS_NONE)
		nodes = reallocarray(p->nodes, cap, sizeof(*nodes));
	if (!nodes)
		return -1;
	p->nodes = nodes;
	p->cap = cap;
	return 0;
}

static uint32_t append(struct ch_paths *p, uint32_t parent, const char *name, size_t len)
{
	size_t at;
	uint32_t *head, node = (uint32_t)p->n;

	if ((p->n == p->cap && grow(p) < 0) || (p->n >= p->n_heads && grow_heads(p) < 0) ||
	    keep_name(p, name, len, &at) < 0)
		return CH_PATHS_NONE;
	head = head_of(p, parent, name, len);
	p->nodes[node] = (struct ch_paths_node){ parent, *head, at, len };
	*head = node;
	p->n++;
	return node;
}

static uint32_t find_child(const struct ch_paths *p, uint32_t parent, const char *name, size_t len)
{
	uint32_t i = p->n_heads ? *head_of(p, parent, name, len) : CH_PATHS_NONE;

	while (i != CH_PATHS_NONE && (p->nodes[i].parent != parent || p->nodes[i].len != len ||
				      memcmp(p->names + p->nodes[i].name, name, len) != 0))
		i = p->nodes[i].next;
	return i;
}

static uint32_t root_of(struct ch_paths *p)
{
	return p->n > 0 ? CH_PATHS_ROOT : append(p, CH_PATHS_NONE, "", 0);
}

uint32_t ch_paths_child(struct ch_paths *p, uint32_t parent, const char *name, size_t len)
{
	uint32_t node = find_child(p, parent, name, len);

	return node != CH_PATHS_NONE ? node : append(p, parent, name, len);
}

/* ---- paths -------------------------------------------------------------------------------- */

uint32_t ch_paths_add(struct ch_paths *p, const char *path, size_t len)
{
	uint32_t node = root_of(p);
	const char *end = path + len;

	while (path < end && node != CH_PATHS_NONE) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		const char *stop = slash ? slash : end;

		node = ch_paths_child(p, node, path, (size_t)(stop - path));
		path = slash ? slash + 1 : end;
	}
	return node;
}

void ch_paths_text(const struct ch_paths *p, uint32_t node, struct ch_buf *out)
{
	uint32_t chain[DEPTH_MAX];
	size_t n = 0;

	for (; node != CH_PATHS_ROOT && n < DEPTH_MAX; node = p->nodes[node].parent)
		chain[n++] = node;
	for (const char *slash = ""; n > 0; slash = "/") {
		const struct ch_paths_node *part = &p->nodes[chain[--n]];

		ch_buf_adds(out, slash);
		ch_buf_add(out, p->names + part->name, part->len);
	}
}

void ch_paths_done(struct ch_paths *p)
{
	free(p->nodes);
	free(p->heads);
	free(p->names);
	*p = (struct ch_paths){ 0 };
}
