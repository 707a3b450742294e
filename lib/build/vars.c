/* SPDX-License-Identifier: Apache-2.0 */
#include "build/vars.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "build/step.h"

/* Taken from the host as they are, if they are set there. */
static const char *const passed[] = {
	"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",	   "ftp_proxy",
	"NO_PROXY",   "no_proxy",   "ALL_PROXY",   "all_proxy",	  "SSH_AUTH_SOCK", "USER",
};

/* There from the beginning. Files are whoever unpacks them. */
static const struct {
	const char *name, *value;
} defaults[] = {
	{ "PATH", "/ch/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
	{ "TAR_OPTIONS", "--no-same-owner" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

bool ch_vars_is_passed(const char *name)
{
	for (size_t i = 0; i < COUNT(passed); i++)
		if (strcmp(passed[i], name) == 0)
			return true;
	return false;
}

const char *ch_vars_arch(void)
{
	static const struct {
		const char *machine, *arch;
	} names[] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },	 { "armv7l", "arm/v7" },
		{ "i686", "386" },     { "ppc64le", "ppc64le" }, { "riscv64", "riscv64" },
		{ "s390x", "s390x" },
	};
	struct utsname host;

	if (uname(&host) < 0)
		return "unknown";
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i].machine, host.machine) == 0)
			return names[i].arch;
	return "unknown";
}

static const char *host_platform(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "linux/%s", ch_vars_arch());
	return text;
}

/* BuildKit's variables of the platform; we build for this machine only. */
static const char *platform(const char *name)
{
	static const char *const prefixes[] = { "TARGET", "BUILD" };

	for (size_t i = 0; i < COUNT(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], len) != 0)
			continue;
		if (strcmp(name + len, "OS") == 0)
			return "linux";
		if (strcmp(name + len, "VARIANT") == 0)
			return "";
		if (strcmp(name + len, "ARCH") == 0)
			return ch_vars_arch();
		if (strcmp(name + len, "PLATFORM") == 0)
			return host_platform();
	}
	return NULL;
}

/* What the host says of NAME, which is its business, unless the command line does. */
static const char *passed_value(const struct ch_step *step, const char *name)
{
	const char *value = ch_words_get(&step->job->build->args, name);

	return value ? value : getenv(name);
}

const char *ch_vars_get(const struct ch_step *step, const char *name)
{
	const char *value = ch_words_get(&step->stage->meta.env, name);

	if (!value)
		value = ch_words_get(&step->job->args, name);
	if (!value && ch_vars_is_passed(name))
		value = passed_value(step, name);
	for (size_t i = 0; !value && i < COUNT(defaults); i++)
		if (strcmp(defaults[i].name, name) == 0)
			value = defaults[i].value;
	return value ? value : platform(name);
}

void ch_vars_environment(const struct ch_step *step, struct ch_words *ret)
{
	const struct ch_words *lists[] = { &step->job->args, &step->stage->meta.env };

	for (size_t i = 0; i < COUNT(defaults); i++)
		ch_words_set(ret, defaults[i].name, defaults[i].value);
	for (size_t i = 0; i < COUNT(passed); i++) {
		const char *value = passed_value(step, passed[i]);

		if (value)
			ch_words_set(ret, passed[i], value);
	}
	for (size_t i = 0; i < COUNT(lists); i++)
		ch_words_put(ret, lists[i]);
}
