/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "convert/squash_tree.h"

enum { ROOM_MIN = 256 };

static int by_name(const void *a, const void *b)
{
	const struct ch_squash_name *const *one = a, *const *two = b;

	return strcmp((*one)->name, (*two)->name);
}

static int push(struct ch_squash_order *order, struct ch_squash_inode *dir)
{
	if (order->n == order->room) {
		size_t room = order->room ? 2 * order->room : ROOM_MIN;
		struct ch_squash_listing *more = realloc(order->listings,
							 room * sizeof(*order->listings));

		if (!more)
			return -ENOMEM;
		order->listings = more;
		order->room = room;
	}
	order->listings[order->n++] = (struct ch_squash_listing){ .dir = dir };
	return 0;
}

static void list(struct ch_squash_listing *l, struct ch_squash_name **names)
{
	l->names = names;
	for (struct ch_squash_name *name = l->dir->dir->first; name; name = name->next)
		l->names[l->n++] = name;
	if (l->n > 1)
		qsort(l->names, l->n, sizeof(struct ch_squash_name *), by_name);
}

/* All directories, each before those in it, and of these the last one first: turned round, that
 * is the order. WAITING is a stack of those that are not yet listed. */
static int walk(struct ch_squash_order *order, struct ch_squash_order *waiting)
{
	size_t used = 0;

	while (waiting->n > 0) {
		struct ch_squash_listing l = waiting->listings[--waiting->n];

		list(&l, order->names + used);
		used += l.n;
		if (push(order, l.dir) < 0)
			return -ENOMEM;
		order->listings[order->n - 1] = l;
		for (size_t i = 0; i < l.n; i++)
			if (S_ISDIR(l.names[i]->inode->mode) &&
			    push(waiting, l.names[i]->inode) < 0)
				return -ENOMEM;
	}
	return 0;
}

static void turn(struct ch_squash_order *order)
{
	for (size_t i = 0, j = order->n; i + 1 < j; i++) {
		struct ch_squash_listing other = order->listings[--j];

		order->listings[j] = order->listings[i];
		order->listings[i] = other;
	}
}

static void count(struct ch_squash_order *order)
{
	for (size_t i = 0; i < order->n; i++) {
		const struct ch_squash_listing *l = &order->listings[i];

		l->dir->nlink += 2;
		for (size_t k = 0; k < l->n; k++) {
			struct ch_squash_inode *inode = l->names[k]->inode;

			if (inode->number == 0)
				inode->number = ++order->inodes;
			if (S_ISDIR(inode->mode))
				l->dir->nlink++;
			else
				inode->nlink++;
		}
	}
	order->listings[order->n - 1].dir->number = ++order->inodes;
}

int ch_squash_order_make(struct ch_squash_tree *tree, struct ch_squash_order *ret_order)
{
	struct ch_squash_order waiting = { 0 };
	int rc = -ENOMEM;

	*ret_order = (struct ch_squash_order){ 0 };
	if (tree->n >= UINT32_MAX)
		return -EFBIG;
	ret_order->names = calloc(tree->n + 1, sizeof(struct ch_squash_name *));
	if (ret_order->names && push(&waiting, tree->root) == 0)
		rc = walk(ret_order, &waiting);
	ch_squash_order_done(&waiting);
	if (rc < 0) {
		ch_squash_order_done(ret_order);
		return rc;
	}
	turn(ret_order);
	count(ret_order);
	return 0;
}

void ch_squash_order_done(struct ch_squash_order *order)
{
	free(order->listings);
	free(order->names);
	*order = (struct ch_squash_order){ 0 };
}
