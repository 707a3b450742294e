/* SPDX-License-Identifier: Apache-2.0 */
#include "build/force_distro.h"

#include <fcntl.h>
#include <regex.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "sys/mnt.h"

#define HAS_FAKEROOT "command -v fakeroot >/dev/null"

/* EPEL has fakeroot for them; it stays switched off for all else. */
#define SWITCH_OFF "sed -i 's/^enabled=1/enabled=0/' /etc/yum.repos.d/epel*.repo"
#define HAS_EPEL   "test -e /etc/yum.repos.d/epel.repo"
#define EPEL_URL   "https://dl.fedoraproject.org/pub/epel/epel-release-latest-"

/* The first one that matches counts. */
static const struct ch_force_distro distros[] = {
	{
		.name = "CentOS or RHEL 7",
		.file = "/etc/redhat-release",
		.pattern = "release 7\\.",
		.words = { "yum", "rpm" },
		.steps = { { HAS_EPEL, "yum install -y epel-release && " SWITCH_OFF },
			   { HAS_FAKEROOT, "yum --enablerepo=epel install -y fakeroot" } },
	},
	{
		.name = "RHEL 8 or later, or a relative",
		.file = "/etc/redhat-release",
		.pattern = "^[^F].* release ([89]|[1-9][0-9])",
		.words = { "dnf", "yum", "rpm", "microdnf" },
		.steps = { { HAS_EPEL, "{ dnf install -y epel-release || dnf install -y " EPEL_URL
				       "$(rpm -E %rhel).noarch.rpm; } && " SWITCH_OFF },
			   { HAS_FAKEROOT, "dnf --enablerepo=epel install -y fakeroot" } },
	},
	{
		.name = "Fedora",
		.file = "/etc/fedora-release",
		.pattern = "release",
		.words = { "dnf", "yum", "rpm", "microdnf" },
		.steps = { { HAS_FAKEROOT, "dnf install -y fakeroot" } },
	},
	{
		.name = "Debian, Ubuntu, or a relative",
		.file = "/etc/debian_version",
		.pattern = ".",
		.words = { "apt", "apt-get", "aptitude", "dpkg" },
		.steps = { { HAS_FAKEROOT,
			     "apt-get update && apt-get install -y --no-install-recommends "
			     "fakeroot" } },
	},
	{
		.name = "SUSE",
		.file = "/etc/os-release",
		.pattern = "^ID(_LIKE)?=.*suse",
		.words = { "zypper", "rpm" },
		.steps = { { HAS_FAKEROOT, "zypper --non-interactive install fakeroot" } },
	},
	{
		.name = "Arch Linux, or a relative",
		.file = "/etc/os-release",
		.pattern = "^ID(_LIKE)?=\"?arch",
		.words = { "pacman" },
		.steps = { { HAS_FAKEROOT, "pacman -Sy --noconfirm fakeroot" } },
	},
	{
		.name = "Alpine",
		.file = "/etc/alpine-release",
		.pattern = ".",
		.words = { "apk" },
		.steps = { { HAS_FAKEROOT, "apk add --update-cache fakeroot" } },
	},
};

/* Does a line of PATH in the image ROOT match PATTERN? */
static bool has_line(int root, const char *path, const char *pattern)
{
	/* Nobody's FIFO keeps us waiting. */
	ch_auto(fd) int fd = ch_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	char text[8192];
	struct stat st;
	regex_t regex;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;

	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n < 0 || regcomp(&regex, pattern, REG_EXTENDED | REG_NEWLINE | REG_NOSUB) != 0)
		return false;
	text[n] = '\0';

	bool has = regexec(&regex, text, 0, NULL, 0) == 0;

	regfree(&regex);
	return has;
}

const struct ch_force_distro *ch_force_distro_find(const char *image)
{
	ch_auto(fd) int root = open(image, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; root >= 0 && i < sizeof(distros) / sizeof(distros[0]); i++)
		if (has_line(root, distros[i].file, distros[i].pattern))
			return &distros[i];
	return NULL;
}
