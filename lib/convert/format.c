/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/format.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/read.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/bundle.h"
#include "oci/ref.h"
#include "rt/sif.h"
#include "rt/storage.h"

static const char *const names[] = {
	[CH_FORMAT_CH_IMAGE] = "ch-image", [CH_FORMAT_DIR] = "dir",
	[CH_FORMAT_DOCKER] = "docker",	   [CH_FORMAT_DOCKER_ARCHIVE] = "docker-archive",
	[CH_FORMAT_OCI] = "oci",	   [CH_FORMAT_OCI_ARCHIVE] = "oci-archive",
	[CH_FORMAT_PODMAN] = "podman",	   [CH_FORMAT_SIF] = "sif",
	[CH_FORMAT_SQUASH] = "squash",	   [CH_FORMAT_TAR] = "tar",
};

enum { FORMATS = sizeof(names) / sizeof(names[0]) };

const char *ch_format_name(enum ch_format format)
{
	return names[format];
}

int ch_format_parse(const char *name, enum ch_format *ret_format, struct ch_err *err)
{
	for (int i = CH_FORMAT_NONE + 1; i < FORMATS; i++)
		if (strcmp(name, names[i]) == 0) {
			*ret_format = i;
			return 0;
		}
	return ch_err_set(err, -EINVAL, "'%s' is none of %s", name, CH_FORMAT_NAMES);
}

/* ---- by name ------------------------------------------------------------------------------ */

enum ch_format ch_format_of_name(const char *operand)
{
	static const struct {
		const char *pattern;
		enum ch_format format;
	} rules[] = {
		{ "*.sqfs", CH_FORMAT_SQUASH },
		{ "*.squash", CH_FORMAT_SQUASH },
		{ "*.squashfs", CH_FORMAT_SQUASH },
		{ "*.squishy", CH_FORMAT_SQUASH },
		{ "*.sif", CH_FORMAT_SIF },
		{ "*.tar", CH_FORMAT_TAR },
		{ "*.t?z", CH_FORMAT_TAR },
		{ "*.tar.?", CH_FORMAT_TAR },
		{ "*.tar.??", CH_FORMAT_TAR },
		{ "*.tar.???", CH_FORMAT_TAR },
		{ "*.tzst", CH_FORMAT_TAR },
		{ "/*", CH_FORMAT_DIR },
		{ ".*", CH_FORMAT_DIR },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (fnmatch(rules[i].pattern, operand, 0) == 0)
			return rules[i].format;
	return CH_FORMAT_CH_IMAGE;
}

/* ---- by content --------------------------------------------------------------------------- */

static bool is_stored(const char *operand, const char *storage)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	ch_auto(str) char *path = NULL;
	struct ch_err ignored;
	struct stat st;

	if (!ch_storage_may_name(operand) || ch_ref_parse(operand, &ref, &ignored) < 0)
		return false;
	if (asprintf(&path, "%s/img/%s", storage, ref.file) < 0) {
		path = NULL;
		return false;
	}
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* An image's archive, or any archive? One that is compressed is what its name says: to know, all
 * of it would have to be unpacked. */
static int of_tar(int fd, enum ch_format *ret_format, struct ch_err *err)
{
	ch_auto(bundle) struct ch_bundle *bundle = NULL;
	int rc = ch_bundle_open(fd, &bundle, err);

	*ret_format = CH_FORMAT_TAR;
	if (rc < 0)
		return rc == -EINVAL ? 0 : rc;
	if (ch_bundle_has(bundle, "oci-layout") && ch_bundle_has(bundle, "index.json"))
		*ret_format = CH_FORMAT_OCI_ARCHIVE;
	else if (ch_bundle_has(bundle, "manifest.json"))
		*ret_format = CH_FORMAT_DOCKER_ARCHIVE;
	return 0;
}

/* NONE: of none that is known by its content */
static int of_file(int fd, enum ch_format *ret_format, struct ch_err *err)
{
	char head[CH_SIF_HEAD] = "";
	ssize_t n = pread(fd, head, sizeof(head), 0);

	*ret_format = CH_FORMAT_NONE;
	if (n < 0)
		return ch_err_sys(err, "read it");
	if (ch_sif_is(head, (size_t)n))
		*ret_format = CH_FORMAT_SIF;
	else if (n >= 4 && memcmp(head, "hsqs", 4) == 0)
		*ret_format = CH_FORMAT_SQUASH;
	else if (ch_archive_is_tar(fd))
		return of_tar(fd, ret_format, err);
	return 0;
}

static int of_content(const char *path, enum ch_format *ret_format, struct ch_err *err)
{
	ch_auto(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	*ret_format = CH_FORMAT_NONE;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at '%s'", path);
	if (S_ISDIR(st.st_mode))
		*ret_format = faccessat(fd, "oci-layout", F_OK, 0) == 0 ? CH_FORMAT_OCI
									: CH_FORMAT_DIR;
	else if (S_ISREG(st.st_mode) && of_file(fd, ret_format, err) < 0)
		return ch_err_in(err, "look at '%s'", path);
	return 0;
}

int ch_format_of_source(const char *operand, const char *storage, enum ch_format *ret_format,
			struct ch_err *err)
{
	enum ch_format by_name = ch_format_of_name(operand), by_content;
	ch_auto(str) char *path = NULL;
	const char *tag;

	/* Names beat paths, as for ch-run. */
	if (by_name == CH_FORMAT_CH_IMAGE && is_stored(operand, storage)) {
		*ret_format = by_name;
		return 0;
	}
	if (ch_format_split(operand, &path, &tag, err) < 0 ||
	    of_content(path, &by_content, err) < 0)
		return err->code;
	*ret_format = by_content != CH_FORMAT_NONE ? by_content : by_name;
	return 0;
}

/* ---- tags --------------------------------------------------------------------------------- */

int ch_format_split(const char *operand, char **ret_path, const char **ret_tag, struct ch_err *err)
{
	ch_auto(str) char *path = strdup(operand);

	if (!path)
		return ch_err_nomem(err);
	*ret_tag = NULL;
	for (char *colon = strchr(path, ':'); access(path, F_OK) < 0 && colon;
	     colon = strchr(colon + 1, ':')) {
		*colon = '\0';
		if (access(path, F_OK) == 0) {
			*ret_tag = operand + (colon - path) + 1;
			break;
		}
		*colon = ':';
	}
	*ret_path = ch_take(path);
	return 0;
}

int ch_format_split_new(const char *operand, char **ret_path, const char **ret_tag,
			struct ch_err *err)
{
	size_t n = access(operand, F_OK) == 0 ? strlen(operand) : strcspn(operand, ":");

	*ret_path = strndup(operand, n);
	if (!*ret_path)
		return ch_err_nomem(err);
	*ret_tag = operand[n] && operand[n + 1] ? operand + n + 1 : NULL;
	return 0;
}
