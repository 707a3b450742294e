/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/boot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"

void ch_boot_name(char ret[CH_BOOT_MAX])
{
	ch_auto(fd) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, CH_BOOT_MAX - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strspn(ret, "0123456789abcdef-")] = '\0';
}
