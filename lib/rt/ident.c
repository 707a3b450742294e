/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/ident.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

enum { NOBODY = 65534 };

static int finish(struct ch_buf *buf, char **ret_text, struct ch_err *err)
{
	if (ch_buf_take(buf, ret_text) < 0)
		return ch_err_nomem(err);
	return 0;
}

int ch_ident_passwd(uid_t uid, gid_t gid, char **ret_text, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(16384);
	const struct passwd *pw = getpwuid(uid);

	if (uid != 0)
		ch_buf_adds(&buf, "root:x:0:0:root:/root:/bin/sh\n");
	if (uid != NOBODY)
		ch_buf_addf(&buf, "nobody:x:%d:%d:nobody:/:/bin/false\n", NOBODY, NOBODY);
	ch_buf_addf(&buf, "%s:x:%u:%u:%s:/:/bin/sh\n", pw ? pw->pw_name : "charlie", uid, gid,
		    pw ? pw->pw_gecos : "Charlie");
	return finish(&buf, ret_text, err);
}

int ch_ident_group(gid_t gid, char **ret_text, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(16384);
	const struct group *gr = getgrgid(gid);

	if (gid != 0)
		ch_buf_adds(&buf, "root:x:0:\n");
	if (gid != NOBODY)
		ch_buf_addf(&buf, "nogroup:x:%d:\n", NOBODY);
	ch_buf_addf(&buf, "%s:x:%u:\n", gr ? gr->gr_name : "charliegroup", gid);
	return finish(&buf, ret_text, err);
}
