/* SPDX-License-Identifier: Apache-2.0 */
#include "build/vars.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
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

/* The usual variants are left out. */
static bool is_usual(const struct ch_vars_platform *p)
{
	return (strcmp(p->arch, "arm64") == 0 && strcmp(p->variant, "v8") == 0) ||
	       (strcmp(p->arch, "amd64") == 0 && strcmp(p->variant, "v1") == 0);
}

int ch_vars_platform(const char *arch, struct ch_vars_platform *ret_platform, struct ch_err *err)
{
	struct ch_vars_platform p = { 0 };
	bool is_any = arch && strcmp(arch, CH_OCI_ARCH_YOLO) == 0;
	size_t len;

	if (ch_oci_arch_parse(is_any ? NULL : arch, &arch, err) < 0)
		return err->code;
	len = strcspn(arch, "/");
	snprintf(p.arch, sizeof(p.arch), "%.*s", (int)len, arch);
	snprintf(p.variant, sizeof(p.variant), "%s", arch[len] ? arch + len + 1 : "");
	if (is_usual(&p))
		p.variant[0] = '\0';
	snprintf(p.text, sizeof(p.text), "linux/%s%s%s", p.arch, p.variant[0] ? "/" : "",
		 p.variant);
	*ret_platform = p;
	return 0;
}

const char *ch_vars_of_platform(const struct ch_step *step, const char *name)
{
	const struct {
		const char *prefix;
		const struct ch_vars_platform *platform;
	} kinds[] = {
		{ "TARGET", &step->job->target },
		{ "BUILD", &step->job->host },
	};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(name, kinds[i].prefix, len) != 0)
			continue;
		if (strcmp(name + len, "OS") == 0)
			return "linux";
		if (strcmp(name + len, "VARIANT") == 0)
			return kinds[i].platform->variant;
		if (strcmp(name + len, "ARCH") == 0)
			return kinds[i].platform->arch;
		if (strcmp(name + len, "PLATFORM") == 0)
			return kinds[i].platform->text;
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
	return value ? value : ch_vars_of_platform(step, name);
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
