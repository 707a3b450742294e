/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE UINT64_MAX

enum { ROOM_MIN = 1024 };

void ch_squash_seen_done(struct ch_squash_seen *seen)
{
	free(seen->table);
	*seen = (struct ch_squash_seen){ 0 };
}

/* Where KEY is, or would be. Keys are hashes: any of their bits will do. */
static struct ch_squash_sight *place(const struct ch_squash_seen *seen, const uint64_t *key)
{
	size_t i = key[0] & (seen->room - 1);

	while (seen->table[i].where != NOWHERE &&
	       memcmp(seen->table[i].key, key, sizeof(seen->table[i].key)) != 0)
		i = (i + 1) & (seen->room - 1);
	return &seen->table[i];
}

static int grow(struct ch_squash_seen *seen)
{
	struct ch_squash_seen more = { .n = seen->n,
				       .room = seen->room ? 2 * seen->room : ROOM_MIN };

	more.table = malloc(more.room * sizeof(*more.table));
	if (!more.table)
		return -ENOMEM;
	memset(more.table, 0xff, more.room * sizeof(*more.table));
	for (size_t i = 0; i < seen->room; i++)
		if (seen->table[i].where != NOWHERE)
			*place(&more, seen->table[i].key) = seen->table[i];
	free(seen->table);
	*seen = more;
	return 0;
}

int ch_squash_seen_at(struct ch_squash_seen *seen, const uint64_t key[CH_SQUASH_KEY],
		      uint64_t where, uint64_t *ret_where)
{
	/* Half of it stays empty: looking is short. */
	if (2 * seen->n >= seen->room && grow(seen) < 0)
		return -ENOMEM;

	struct ch_squash_sight *at = place(seen, key);

	if (at->where != NOWHERE) {
		*ret_where = at->where;
		return 1;
	}
	memcpy(at->key, key, sizeof(at->key));
	at->where = where;
	seen->n++;
	return 0;
}
