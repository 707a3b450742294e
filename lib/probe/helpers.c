/* SPDX-License-Identifier: Apache-2.0 */
/* helpers.c - the programs of this installation: are they there, of one version, do they work? */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "look.h"
#include "probe/probe.h"
#include "rt/version.h"

static const char together[] = "install all parts together";

static bool is_found(const struct ch_site *site)
{
	return access(site->keeper, F_OK) == 0;
}

/* In a container only what was bound is there. */
static bool is_left_alone(const struct ch_site *site, struct ch_finding *f)
{
	if (!site->is_inside || is_found(site))
		return false;
	ch_found_limited(f, "", "this is inside a container, without '%s'", site->keeper);
	return true;
}

/* Ask PATH for its version. Returns false if it is not ours: F says why. */
static bool is_same(const char *path, struct ch_finding *f)
{
	char out[256], program[PATH_MAX], *argv[] = { program, (char[]){ "--version" }, NULL };

	snprintf(program, sizeof(program), "%s", path);

	int rc = ch_look_run(argv, out, sizeof(out));
	const char *version = strstr(out, ") ");

	out[strcspn(out, "\n")] = '\0';
	if (rc == 127)
		ch_found_no(f,
			    "install it; users must be able to execute it: all directories "
			    "above need o+x",
			    "execute '%s': %s", path, out);
	else if (rc != 0 || !version)
		ch_found_no(f, together, "'%s' says '%s'", path, out);
	else if (strcmp(version + 2, ch_version) != 0)
		ch_found_no(f, together, "'%s' is of version %s, ch-check of %s", path, version + 2,
			    ch_version);
	return f->verdict == CH_VERDICT_OK;
}

void ch_look_helpers(const struct ch_site *site, struct ch_finding *f)
{
	const char *others[] = { "ch-entry", site->has_server ? "ch-server" : NULL };
	const char *slash = strrchr(site->keeper, '/');
	char path[PATH_MAX];

	if (is_left_alone(site, f) || !is_same(site->keeper, f) || !is_same(site->ch_run, f))
		return;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", slash ? (int)(slash - site->keeper) : 0,
			 site->keeper, others[i] ? others[i] : "");
		if (others[i] && !is_same(path, f))
			return;
	}
	if (site->has_server)
		ch_found_ok(f, "version %s", ch_version);
	else
		ch_found_limited(f, "build with libfuse3 and the compression libraries",
				 "no ch-server: images have to be directories");
}

/* The host itself is an image, too. */
void ch_look_container(const struct ch_site *site, struct ch_finding *f)
{
	char out[600], program[PATH_MAX];
	char *argv[] = { program,	   (char[]){ "-q" },   (char[]){ "/" },
			 (char[]){ "--" }, (char[]){ "true" }, NULL };

	if (is_left_alone(site, f))
		return;
	snprintf(program, sizeof(program), "%s", site->ch_run);

	int rc = ch_look_run(argv, out, sizeof(out));

	out[strcspn(out, "\n")] = '\0';
	if (rc != 0)
		ch_found_no(f, "see the lines above", "'%s' ended with status %d: %s", site->ch_run,
			    rc, out);
	else
		ch_found_ok(f, "of a directory");
}
