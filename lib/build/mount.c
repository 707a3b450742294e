/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount.h"

#include <stdlib.h>

void ch_run_mount_done(struct ch_run_mount *mount)
{
	free(mount->target);
	free(mount->id);
	free(mount->from);
	free(mount->source);
	free(mount->env);
	*mount = (struct ch_run_mount){ 0 };
}
