/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/git.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "cache/cache.h"
#include "sys/mnt.h"

struct ch_git {
	git_repository *repo;
	git_odb *odb;
};

/* ERR from libgit2's RC. */
static int failed(int rc, const char *what, struct ch_err *err)
{
	const git_error *last = git_error_last();
	int code = rc == GIT_ENOTFOUND ? -ENOENT : -EIO;

	if (last && last->klass == GIT_ERROR_NOMEMORY)
		return ch_err_nomem(err);
	ch_err_set(err, code, "%s: %s", what, last ? last->message : "unknown error");
	ch_text_one_line(err->msg);
	return code;
}

static int start(struct ch_err *err)
{
	int rc = git_libgit2_init();

	if (rc < 0)
		return failed(rc, "start libgit2", err);
	/* zlib's check sum is looked at in any case, and verification is a command of its own:
	 * this hashes everything in software. */
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	/* The user's own settings are not ours. */
	for (int level = GIT_CONFIG_LEVEL_SYSTEM; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	return 0;
}

int ch_git_init(int dir, const char *branch, struct ch_err *err)
{
	git_repository_init_options options = { .version = GIT_REPOSITORY_INIT_OPTIONS_VERSION };
	git_repository *repo = NULL;
	char path[CH_FD_PATH_MAX];
	int rc = start(err);

	if (rc < 0)
		return rc;
	options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT;
	options.initial_head = branch;
	rc = git_repository_init_ext(&repo, ch_fd_path(dir, path), &options);
	if (rc < 0)
		rc = failed(rc, "make a repository", err);
	git_repository_free(repo);
	git_libgit2_shutdown();
	return rc;
}

int ch_git_open(int dir, struct ch_git **ret_git, struct ch_err *err)
{
	struct ch_git *git = calloc(1, sizeof(*git));
	char path[CH_FD_PATH_MAX];

	if (!git)
		return ch_err_nomem(err);

	int rc = start(err);

	if (rc < 0) {
		free(git);
		return rc;
	}
	rc = git_repository_open_bare(&git->repo, ch_fd_path(dir, path));
	if (rc == 0)
		rc = git_repository_odb(&git->odb, git->repo);
	if (rc < 0) {
		rc = failed(rc, "open the repository", err);
		ch_git_close(git);
		return rc;
	}
	*ret_git = git;
	return 0;
}

void ch_git_close(struct ch_git *git)
{
	if (!git)
		return;
	git_odb_free(git->odb);
	git_repository_free(git->repo);
	git_libgit2_shutdown();
	free(git);
}

int ch_git_read(struct ch_git *git, const struct ch_oid *oid, uint64_t max, enum ch_kind *ret_kind,
		uint8_t **ret_data, size_t *ret_len, struct ch_err *err)
{
	git_odb_object *object = NULL;
	git_object_t kind;
	size_t len;
	git_oid id;

	memcpy(id.id, oid->bytes, CH_OID_BYTES);

	int rc = git_odb_read_header(&len, &kind, git->odb, &id);

	if (rc == 0 && len > max)
		return ch_err_set(err, -EBADMSG, "an object is too big");
	if (rc == 0)
		rc = git_odb_read(&object, git->odb, &id);
	if (rc < 0)
		return failed(rc, "read an object", err);
	len = git_odb_object_size(object);
	*ret_data = malloc(len + 1);
	if (*ret_data) {
		memcpy(*ret_data, git_odb_object_data(object), len);
		*ret_len = len;
		*ret_kind = (enum ch_kind)git_odb_object_type(object);
	} else {
		rc = ch_err_nomem(err);
	}
	git_odb_object_free(object);
	return rc;
}

void ch_cache_engine(char ret_text[CH_CACHE_ENGINE_MAX])
{
	int major, minor, revision;

	git_libgit2_version(&major, &minor, &revision);
	snprintf(ret_text, CH_CACHE_ENGINE_MAX, "libgit2 %d.%d.%d", major, minor, revision);
}
