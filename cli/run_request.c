/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "rt/storage.h"
#include "run.h"

static int add_home(struct run *run, struct ch_err *err)
{
	if (run->set.home != CH_HOME_YES)
		return 0;
	if (ch_binds_add_home(&run->req.binds, getenv("HOME"), run->user, err) < 0)
		return ch_err_in(err, "--home");
	return 0;
}

static int add_tmp(struct run *run, struct ch_err *err)
{
	const char *tmp = getenv("TMPDIR");

	if (run->set.private_tmp)
		return 0;
	return ch_text_copy(tmp && tmp[0] == '/' ? tmp : "/tmp", &run->req.tmp, err);
}

/* Names are looked for in storage, paths are not. */
static int add_image(struct run *run, const char *image, struct ch_err *err)
{
	struct ch_request *r = &run->req;
	const char *storage = run->set.storage ? run->set.storage : getenv("CH_IMAGE_STORAGE");
	struct stat st;
	int rc = ch_path_absolute(image, run->set.cwd, &r->image, err);

	r->unsafe = run->set.unsafe;
	if (rc == 0 && ch_storage_may_name(image))
		rc = ch_text_copy(image, &r->name, err);
	if (rc < 0 || !storage || !storage[0])
		return rc;
	if (ch_path_absolute(storage, run->set.cwd, &r->storage, err) < 0)
		return err->code;
	if (lstat(r->storage, &st) < 0 && errno == ENOENT)
		ch_log(CH_WARN, "storage '%s': %s", r->storage, strerrordesc_np(ENOENT));
	return 0;
}

int ch_run_request(struct run *run, const char *image, struct ch_err *err)
{
	struct ch_settings *s = &run->set;
	struct ch_request *r = &run->req;
	const struct passwd *pw = getpwuid(geteuid());

	run->user = pw ? pw->pw_name : "charlie";
	r->uid = s->has_uid ? s->uid : geteuid();
	r->gid = s->has_gid ? s->gid : getegid();
	r->write = s->write;
	r->write_size = ch_take(s->write_size);
	r->no_passwd = s->no_passwd;
	r->threads = s->threads;
	r->life = s->join ? CH_LIFE_JOIN : CH_LIFE_INSIDE;
	r->want_meta = s->join; /* for others who may want it */
	r->wait_cpus = s->join;
	for (size_t i = 0; i < s->env.n; i++)
		if (s->env.list[i].kind == CH_ENV_IMAGE || s->env.list[i].kind == CH_ENV_IMAGE0)
			r->want_meta = true;
	if (run->by_image)
		r->want_meta = true;

	int rc = add_image(run, image, err);

	if (rc == 0)
		rc = add_tmp(run, err);
	/* Where MPI programs meet their launcher. */
	if (rc == 0)
		rc = ch_binds_add_named(&r->binds, getenv("PMIX_SERVER_TMPDIR"), err);
	if (rc == 0)
		rc = add_home(run, err);
	return rc == 0 ? ch_binds_copy(&r->binds, &s->binds, err) : rc;
}
