/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/twins.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/analyser.h"
#include "base/err.h"

struct ch_twin {
	uint64_t dev, ino;
	char *first; /* owned; NULL: free */
};

static struct ch_twin *slot(const struct ch_twins *t, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino * 0x9e3779b97f4a7c15) ^ dev;

	for (size_t i = h >> 20 & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
		struct ch_twin *twin = &t->slots[i];

		if (!twin->first || (twin->dev == dev && twin->ino == ino))
			return twin;
	}
}

static int grow(struct ch_twins *t, struct ch_err *err)
{
	struct ch_twins bigger = { .n = t->n, .cap = t->cap ? 2 * t->cap : 256 };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return ch_err_nomem(err);
	for (size_t i = 0; i < t->cap; i++)
		if (t->slots[i].first)
			*slot(&bigger, t->slots[i].dev, t->slots[i].ino) = t->slots[i];
	free(t->slots);
	*t = bigger;
	return 0;
}

CH_MOVES_BEGIN
int ch_twins_find(struct ch_twins *twins, const struct stat *st, const char *path,
		  const char **ret_first, struct ch_err *err)
{
	if (2 * (twins->n + 1) > twins->cap && grow(twins, err) < 0)
		return err->code;

	struct ch_twin *twin = slot(twins, st->st_dev, st->st_ino);

	*ret_first = twin->first;
	if (twin->first)
		return 0;
	*twin = (struct ch_twin){ st->st_dev, st->st_ino, strdup(path) };
	if (!twin->first)
		return ch_err_nomem(err);
	twins->n++;
	return 0;
}
CH_MOVES_END

void ch_twins_done(struct ch_twins *twins)
{
	for (size_t i = 0; i < twins->cap; i++)
		free(twins->slots[i].first);
	free(twins->slots);
	*twins = (struct ch_twins){ 0 };
}
