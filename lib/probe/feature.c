/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/feature.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/auto.h"
#include "base/err.h"
#include "look.h"
#include "probe/probe.h"

static void look_cdi(const struct ch_site *site, struct ch_finding *f)
{
	(void)site;
	ch_found_no(f, "", "ch-run does not know CDI devices");
}

static void look_extglob(const struct ch_site *site, struct ch_finding *f)
{
	(void)site;
	if (fnmatch("!(a|b)", "b", FNM_EXTMATCH) == 0 || fnmatch("@(a|b)", "b", FNM_EXTMATCH) != 0)
		ch_found_no(f, "", "the C library has no extended patterns");
}

static void look_json(const struct ch_site *site, struct ch_finding *f)
{
	if (!site->has_json)
		ch_found_no(f, "", "built without jansson");
}

/* The filter for root emulation, not that of the image server. */
static void look_seccomp(const struct ch_site *site, struct ch_finding *f)
{
	struct ch_err err;

	if (!site->fakeroot)
		ch_found_no(f, "", "this program has no root emulation");
	else if (site->fakeroot(&err) < 0)
		ch_found_no(f, "", "%s", err.msg);
}

/* Also for SIF, which has SquashFS inside. */
static void look_squash(const struct ch_site *site, struct ch_finding *f)
{
	const char *slash = strrchr(site->keeper, '/');
	char server[PATH_MAX];

	snprintf(server, sizeof(server), "%.*s/ch-server", slash ? (int)(slash - site->keeper) : 0,
		 site->keeper);
	if (!site->has_server)
		ch_found_no(f, "", "built without libfuse3 or a compression library");
	else if (access(server, X_OK) < 0)
		ch_found_no(f, "", "'%s': %s", server, strerror(errno));
	else
		ch_look_fuse(site, f);
}

static const struct ch_probe features[] = {
	{ "cdi", "", false, look_cdi },
	{ "extglob", "", false, look_extglob },
	{ "fuse", "", false, ch_look_fuse },
	{ "json", "", false, look_json },
	{ "overlayfs", "", false, ch_look_overlay_write },
	{ "seccomp", "", false, look_seccomp },
	{ "sif", "", false, look_squash },
	{ "squash", "", false, look_squash },
	{ "tmpfs-xattrs", "", false, ch_look_tmpfs_xattr },
	{ "userns", "", false, ch_look_mountns },
};

enum { FEATURES = sizeof(features) / sizeof(features[0]) };

int ch_feature_try(const char *name, const struct ch_site *site, struct ch_finding *ret_finding,
		   struct ch_err *err)
{
	ch_auto(buf) struct ch_buf names = CH_BUF_INIT(300);

	for (size_t i = 0; i < FEATURES; i++) {
		if (strcmp(features[i].name, name) == 0) {
			ch_probe_run(&features[i], site, ret_finding);
			return 0;
		}
		ch_buf_addf(&names, "%s%s", i ? ", " : "", features[i].name);
	}
	return ch_err_set(err, -EINVAL, "feature '%s' is none of %s", name,
			  names.data ? names.data : "those known");
}
