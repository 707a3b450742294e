/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/machine.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/auto.h"

void ch_machine_boot(char ret[CH_MACHINE_BOOT_MAX])
{
	ch_auto(fd) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, CH_MACHINE_BOOT_MAX - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strspn(ret, "0123456789abcdef-")] = '\0';
}

bool ch_machine_owns(int fd)
{
	static const unsigned long kinds[] = { EXT4_SUPER_MAGIC,      XFS_SUPER_MAGIC,
					       BTRFS_SUPER_MAGIC,     F2FS_SUPER_MAGIC,
					       OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((unsigned long)fs.f_type == kinds[i])
			return true;
	return false;
}
