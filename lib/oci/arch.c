/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "oci/manifest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

const char *ch_oci_arch_host(void)
{
	static const struct {
		const char *machine, *arch;
	} names[] = {
		{ "x86_64", "amd64" },
		{ "aarch64", "arm64/v8" },
		{ "armv5l", "arm/v5" },
		{ "armv6l", "arm/v6" },
		{ "armv7l", "arm/v7" },
		{ "aarch32", "arm/v7" },
		{ "armv8l", "arm/v7" },
		{ "i386", "386" },
		{ "i486", "386" },
		{ "i586", "386" },
		{ "i686", "386" },

		{ "loongarch64", "loong64" },
	};
	static struct utsname host;

	if (uname(&host) < 0)
		return "unknown";
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i].machine, host.machine) == 0)
			return names[i].arch;
	return host.machine;
}

int ch_oci_arch_parse(const char *wanted, const char **ret_arch, struct ch_err *err)
{
	const char *arch = wanted && strcmp(wanted, "host") != 0 ? wanted : ch_oci_arch_host();
	size_t n = strspn(arch, letters);

	if (n > 0 && arch[n] == '/') {
		size_t more = strspn(arch + n + 1, letters);

		n = more > 0 ? n + 1 + more : n;
	}
	if (n == 0 || arch[n] || n >= CH_OCI_ARCH_MAX)
		return ch_err_set(err, -EINVAL,
				  "'%.100s' is no architecture: like 'amd64' or 'arm/v7', or "
				  "'host' or '" CH_OCI_ARCH_YOLO "'",
				  arch);
	*ret_arch = arch;
	return 0;
}

/* As one text; the usual variants may be left out, so they are always left out here. */
static void normal(const char *arch, const char *variant, char out[CH_OCI_ARCH_MAX])
{
	static const char *const usual[] = { "amd64/v1", "arm/v7", "arm64/v8" };

	snprintf(out, CH_OCI_ARCH_MAX, "%s%s%s", arch, variant ? "/" : "", variant ? variant : "");
	for (size_t i = 0; i < COUNT(usual); i++)
		if (strcmp(out, usual[i]) == 0)
			out[strcspn(out, "/")] = '\0';
}

void ch_oci_arch_text(const struct ch_oci_desc *desc, char out[CH_OCI_ARCH_MAX])
{
	bool is_full = desc->arch && desc->variant;

	snprintf(out, CH_OCI_ARCH_MAX, "%s%s%s", desc->arch ? desc->arch : "", is_full ? "/" : "",
		 is_full ? desc->variant : "");
}

bool ch_oci_arch_matches(const char *wanted, const char *arch, const char *variant)
{
	char a[CH_OCI_ARCH_MAX], b[CH_OCI_ARCH_MAX];

	if (strcmp(wanted, CH_OCI_ARCH_YOLO) == 0)
		return true;
	normal(wanted, NULL, a);
	normal(arch ? arch : "", arch ? variant : NULL, b);
	return strcmp(a, b) == 0;
}

bool ch_oci_desc_is_image(const struct ch_oci_desc *desc)
{
	return (!desc->os || strcmp(desc->os, "linux") == 0) &&
	       (!desc->arch || strcmp(desc->arch, "unknown") != 0);
}

static const struct ch_oci_desc *find(const struct ch_oci_manifest *index, const char *arch)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct ch_oci_desc *item = &index->items[i];

		if (ch_oci_desc_is_image(item) &&
		    ch_oci_arch_matches(arch, item->arch, item->variant))
			return item;
	}
	return NULL;
}

/* "amd64, arm/v7", as far as it fits into a line */
static void list(const struct ch_oci_manifest *index, struct ch_buf *out)
{
	for (size_t i = 0; i < index->n && !ch_buf_bad(out); i++) {
		char text[CH_OCI_ARCH_MAX];

		if (!ch_oci_desc_is_image(&index->items[i]))
			continue;
		ch_oci_arch_text(&index->items[i], text);
		ch_buf_addf(out, "%s%s", out->len ? ", " : "", text[0] ? text : "(not given)");
	}
}

int ch_oci_choose(const struct ch_oci_manifest *index, const char *arch,
		  const struct ch_oci_desc **ret_desc, struct ch_err *err)
{
	bool is_any = strcmp(arch, CH_OCI_ARCH_YOLO) == 0;
	const struct ch_oci_desc *found = find(index, is_any ? "amd64" : arch);
	ch_auto(buf) struct ch_buf there = CH_BUF_INIT(300);

	if (!found && is_any)
		found = find(index, arch);
	if (found) {
		*ret_desc = found;
		return 0;
	}
	list(index, &there);
	return ch_err_set(err, -ENOENT,
			  "there is no image for architecture '%s'; available: %s%s; see --arch",
			  arch, there.len ? there.data : "none", ch_buf_bad(&there) ? ", ..." : "");
}
