/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/oid.h"

#include <errno.h>
#include <stdlib.h>

#include "hash/hash.h"

struct ch_oidmap_slot {
	struct ch_oid oid;
	bool used;
	uint64_t number;
};

const char *ch_oid_hex(const struct ch_oid *oid, char hex[CH_OID_HEX])
{
	ch_hash_hex(oid->bytes, CH_OID_BYTES, hex);
	return hex;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ch_oid_unhex(const char *hex, uint8_t *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = digit(hex[2 * i]);
		int low = high < 0 ? -1 : digit(hex[2 * i + 1]);

		if (low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Its bytes are a hash already. */
static struct ch_oidmap_slot *slot_of(const struct ch_oidmap *map, const struct ch_oid *oid)
{
	uint64_t h;

	memcpy(&h, oid->bytes, sizeof(h));
	for (size_t i = h & (map->cap - 1);; i = (i + 1) & (map->cap - 1))
		if (!map->slots[i].used || ch_oid_is_equal(&map->slots[i].oid, oid))
			return &map->slots[i];
}

uint64_t *ch_oidmap_find(const struct ch_oidmap *map, const struct ch_oid *oid)
{
	struct ch_oidmap_slot *slot = map->cap ? slot_of(map, oid) : NULL;

	return slot && slot->used ? &slot->number : NULL;
}

static int grow(struct ch_oidmap *map)
{
	struct ch_oidmap bigger = { .cap = map->cap ? 2 * map->cap : 1024, .n = map->n };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->cap; i++)
		if (map->slots[i].used)
			*slot_of(&bigger, &map->slots[i].oid) = map->slots[i];
	free(map->slots);
	*map = bigger;
	return 0;
}

int ch_oidmap_add(struct ch_oidmap *map, const struct ch_oid *oid, uint64_t number)
{
	if (2 * (map->n + 1) > map->cap && grow(map) < 0)
		return -ENOMEM;

	struct ch_oidmap_slot *slot = slot_of(map, oid);

	if (slot->used)
		return 0;
	*slot = (struct ch_oidmap_slot){ .oid = *oid, .used = true, .number = number };
	map->n++;
	return 1;
}

bool ch_oidmap_next(const struct ch_oidmap *map, size_t *at, struct ch_oid *ret_oid,
		    uint64_t *ret_number)
{
	while (*at < map->cap && !map->slots[*at].used)
		++*at;
	if (*at >= map->cap)
		return false;
	*ret_oid = map->slots[*at].oid;
	*ret_number = map->slots[*at].number;
	++*at;
	return true;
}

void ch_oidmap_done(struct ch_oidmap *map)
{
	free(map->slots);
	*map = (struct ch_oidmap){ 0 };
}
