/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/file.h"

enum { CERTS_MAX = 1024 * 1024 };

const char *ch_trust_file(void)
{
	static const char *const names[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE",
					     "REQUESTS_CA_BUNDLE" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *file = getenv(names[i]);

		if (file && file[0])
			return file;
	}
	return NULL;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

/* "PATH/NAME", malloc'ed; NULL: no memory, or too long */
static char *join(const char *path, const char *name, const char *end)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(PATH_MAX);
	char *text;

	ch_buf_addf(&out, "%s/%s%s", path, name, end);
	return ch_buf_take(&out, &text) < 0 ? NULL : text;
}

static int add_authority(struct ch_trust *trust, const char *path, struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	size_t len;

	if (ch_file_read(path, CERTS_MAX, &text, &len, err) < 0)
		return err->code;
	ch_buf_add(&trust->certs, text, len);
	ch_buf_adds(&trust->certs, "\n");
	if (ch_buf_bad(&trust->certs))
		return ch_err_set(err, -EFBIG, "'%s': out of memory, or too many certificates",
				  path);
	return 0;
}

static int set_client(struct ch_trust *trust, const char *dir, const char *name, struct ch_err *err)
{
	ch_auto(str) char *stem = strndup(name, strlen(name) - strlen(".cert"));

	if (trust->client_cert)
		return 0;
	trust->client_cert = join(dir, name, "");
	trust->client_key = stem ? join(dir, stem, ".key") : NULL;
	return trust->client_cert && trust->client_key ? 0 : ch_err_nomem(err);
}

static int add_entry(struct ch_trust *trust, const char *dir, const char *name, struct ch_err *err)
{
	ch_auto(str) char *path = join(dir, name, "");

	if (!path)
		return ch_err_nomem(err);
	if (ends_in(name, ".crt"))
		return add_authority(trust, path, err);
	return ends_in(name, ".cert") ? set_client(trust, dir, name, err) : 0;
}

/* Returns 1 if the directory is there, else 0, or a negative errno. */
static int add_dir(struct ch_trust *trust, const char *path, struct ch_err *err)
{
	ch_auto(dir) DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		if (add_entry(trust, path, entry->d_name, err) < 0)
			return ch_err_in(err, "certificates");
	return 1;
}

/* PARENT/certs.d/REGISTRY, and the same without the port that is the usual one */
static int add_from(struct ch_trust *trust, const char *parent, const char *sub,
		    const char *registry, struct ch_err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((size_t)snprintf(path, sizeof(path), "%s%s/certs.d/%s", parent, sub, registry) >=
	    sizeof(path))
		return 0;
	rc = add_dir(trust, path, err);
	if (rc != 0 || !ends_in(path, ":443"))
		return rc;
	path[strlen(path) - strlen(":443")] = '\0';
	return add_dir(trust, path, err);
}

/* libcurl takes authorities from one place only. */
static int add_usual(struct ch_trust *trust, const char *system, struct ch_err *err)
{
	const char *file = ch_trust_file();

	if (trust->certs.len == 0)
		return 0;
	if (file)
		return add_authority(trust, file, err);
	return system && access(system, R_OK) == 0 ? add_authority(trust, system, err) : 0;
}

int ch_trust_registry(struct ch_trust *trust, const char *registry, const char *system,
		      struct ch_err *err)
{
	static const struct {
		bool is_home;
		const char *sub;
	} places[] = {
		{ true, "/.config/containers" },
		{ true, "/.docker" },
		{ false, "/etc/containers" },
		{ false, "/etc/docker" },
	};
	const char *home = getenv("HOME");
	int rc = 0;

	trust->certs = CH_BUF_INIT(CERTS_MAX);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && rc == 0; i++)
		if (!places[i].is_home || (home && home[0]))
			rc = add_from(trust, places[i].is_home ? home : "", places[i].sub, registry,
				      err);
	if (rc < 0)
		return rc;
	return add_usual(trust, system, err) < 0 ? ch_err_in(err, "certificates") : 0;
}

void ch_trust_done(struct ch_trust *trust)
{
	ch_buf_done(&trust->certs);
	free(trust->client_cert);
	free(trust->client_key);
	*trust = (struct ch_trust){ 0 };
}
