/* SPDX-License-Identifier: Apache-2.0 */
#include "base/auto.h"
#include "base/progress.h"
#include "sys/rmtree.h"

static void add_one(void *data)
{
	ch_progress_add(data, 1);
}

int ch_rmtree_shown(int dir, const char *name, struct ch_err *err)
{
	ch_auto(progress) struct ch_progress *p = ch_progress_new("removing", CH_PROGRESS_FILES, 0);

	return ch_rmtree_each(dir, name, add_one, p, err);
}
