/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/repack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "cache/repo.h"
#include "cache/write.h"

static bool is_live(const struct ch_oidmap *live, const struct ch_oid *oid)
{
	return !live || ch_oidmap_find(live, oid);
}

static int by_offset(const void *a, const void *b)
{
	const struct ch_pack_item *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Are all objects of PACK whole ones? */
static bool is_simple(const struct ch_pack *pack)
{
	struct ch_pack_item item;
	struct ch_entry entry;
	struct ch_err unused;

	for (uint32_t i = 0; i < pack->n; i++) {
		ch_pack_item(pack, i, &item);
		if (ch_pack_entry(pack, item.offset, &entry, &unused) < 0 ||
		    entry.kind > CH_KIND_TAG)
			return false;
	}
	return true;
}

/* Is there something to gain, alone, by writing PACK anew? */
static bool is_all_live(const struct ch_pack *pack, const struct ch_oidmap *live)
{
	struct ch_pack_item item;

	for (uint32_t i = 0; i < pack->n; i++) {
		ch_pack_item(pack, i, &item);
		if (!is_live(live, &item.oid))
			return false;
	}
	return true;
}

static uint64_t count_bytes(struct ch_pack *pack, const struct ch_oidmap *live)
{
	struct ch_pack_item item;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < pack->n; i++) {
		ch_pack_item(pack, i, &item);
		bytes += is_live(live, &item.oid) ? ch_pack_room(pack, item.offset) : 0;
	}
	return bytes;
}

static int copy_pack(struct ch_writer *writer, struct ch_pack *pack, const struct ch_oidmap *live,
		     struct ch_progress *progress, struct ch_err *err)
{
	ch_auto(mem) struct ch_pack_item *items = calloc(pack->n + 1UL, sizeof(*items));
	uint32_t n = 0;
	int rc = 0;

	if (!items)
		return ch_err_nomem(err);
	for (uint32_t i = 0; i < pack->n; i++) {
		ch_pack_item(pack, i, &items[n]);
		n += is_live(live, &items[n].oid);
	}
	qsort(items, n, sizeof(*items), by_offset);
	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		uint64_t room = ch_pack_room(pack, items[i].offset);

		if (room == 0)
			return ch_err_set(err, -EBADMSG, "'%s' is damaged", pack->name);
		/* The same may be in several packs. */
		rc = ch_oidmap_add(&writer->claimed, &items[i].oid, 0);
		if (rc < 0)
			return ch_err_nomem(err);
		if (rc == 1)
			rc = ch_writer_copy(writer, &items[i].oid, pack->data + items[i].offset,
					    room, items[i].crc, err);
		ch_progress_add(progress, room);
	}
	return rc;
}

/* The index first: a pack without one is nothing. */
static int remove_pack(struct ch_odb *odb, const struct ch_pack *pack, struct ch_err *err)
{
	size_t len = strlen(pack->name) - strlen(".idx");
	char name[sizeof(pack->name) + 1];

	snprintf(name, sizeof(name), "%.*s.pack", (int)len, pack->name);
	if (unlinkat(odb->dir, pack->name, 0) < 0 || unlinkat(odb->dir, name, 0) < 0)
		return ch_err_sys(err, "remove '%s'", name);
	return 0;
}

/* Unless the new one is the same. */
static int remove_packs(struct ch_odb *odb, struct ch_pack *const *packs, size_t n,
			const char *new_name, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (strcmp(packs[i]->name, new_name) != 0)
			rc = remove_pack(odb, packs[i], err);
	return rc;
}

static int replace(struct ch_cache *cache, struct ch_pack **packs, size_t n,
		   const struct ch_oidmap *live, struct ch_err *err)
{
	ch_auto(writer) struct ch_writer writer = { .fd = -1 };
	ch_auto(progress) struct ch_progress *progress = ch_progress_new("collecting",
									 CH_PROGRESS_BYTES, 0);
	int rc = ch_writer_begin(&cache->odb, &writer, err);

	for (size_t i = 0; progress && i < n; i++)
		ch_progress_expect(progress, count_bytes(packs[i], live));
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = copy_pack(&writer, packs[i], live, progress, err);
	if (rc == 0)
		rc = ch_writer_finish(&writer, err);
	/* Whoever relies on a stat file must not find that something is missing. */
	if (rc == 0 && live)
		rc = ch_repo_renew(cache, err);
	return rc == 0 ? remove_packs(&cache->odb, packs, n, writer.name, err) : rc;
}

int ch_repack(struct ch_cache *cache, const struct ch_oidmap *live, uint64_t max,
	      struct ch_err *err)
{
	struct ch_odb *odb = &cache->odb;
	ch_auto(mem) struct ch_pack **packs = calloc(odb->n + 1, sizeof(*packs));
	size_t n = 0;
	int rc = 0;

	if (!packs)
		return ch_err_nomem(err);
	for (size_t i = 0; i < odb->n; i++)
		if (odb->packs[i]->len < max && is_simple(odb->packs[i]))
			packs[n++] = odb->packs[i];
	if (n > 1 || (n == 1 && !is_all_live(packs[0], live)))
		rc = replace(cache, packs, n, live, err);

	struct ch_err other;
	int again = ch_odb_refresh(odb, rc < 0 ? &other : err);

	return rc < 0 ? rc : again;
}
