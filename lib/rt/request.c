/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "sys/write.h"

#define FORMAT CH_REQUEST_FORMAT

enum kind { PATH, TEXT, NUMBER, BOOL };

/* One row a field; binds are apart. */
static const struct field {
	const char *key;
	enum kind kind;
	size_t offset;
	uint32_t max;
} fields[] = {
#define FIELD(key, kind, member, max)                                                              \
	{                                                                                          \
		key, kind, offsetof(struct ch_request, member), max                                \
	}
	FIELD("image", PATH, image, 0),
	FIELD("name", TEXT, name, 0),
	FIELD("storage", PATH, storage, 0),
	FIELD("unsafe", BOOL, unsafe, 1),
	FIELD("uid", NUMBER, uid, UINT32_MAX - 1),
	FIELD("gid", NUMBER, gid, UINT32_MAX - 1),
	FIELD("write", NUMBER, write, CH_WRITE_FAKE),
	FIELD("write_size", TEXT, write_size, 0),
	FIELD("tmp", PATH, tmp, 0),
	FIELD("no_passwd", BOOL, no_passwd, 1),
	FIELD("each", BOOL, each, 1),
	FIELD("want_meta", BOOL, want_meta, 1),
	FIELD("life", NUMBER, life, CH_LIFE_JOIN),
	FIELD("peers", NUMBER, peers, INT32_MAX),
	FIELD("wait_cpus", BOOL, wait_cpus, 1),
	FIELD("threads", NUMBER, threads, 1024),
	FIELD("allowed", TEXT, allowed, 0),
#undef FIELD
};

_Static_assert(sizeof(enum ch_write) == sizeof(uint32_t), "enums travel as 32-bit numbers");

static const void *member(const struct ch_request *req, const struct field *f)
{
	return (const char *)req + f->offset;
}

static void put(struct ch_buf *buf, const char *key, const char *value)
{
	ch_buf_addf(buf, "%s=%s", key, value);
	ch_buf_add(buf, "", 1);
}

static void put_field(struct ch_buf *buf, const struct ch_request *req, const struct field *f)
{
	char number[16];

	if (f->kind == PATH || f->kind == TEXT) {
		const char *text = *(const char *const *)member(req, f);

		if (text)
			put(buf, f->key, text);
		return;
	}
	snprintf(number, sizeof(number), "%u",
		 f->kind == BOOL ? *(const bool *)member(req, f)
				 : *(const uint32_t *)member(req, f));
	put(buf, f->key, number);
}

int ch_request_encode(const struct ch_request *req, char **ret_text, size_t *ret_len,
		      struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(CH_REQUEST_MAX);

	put(&buf, "format", FORMAT);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		put_field(&buf, req, &fields[i]);
	for (size_t i = 0; i < req->binds.n; i++) {
		char flags[16];

		snprintf(flags, sizeof(flags), "%u", req->binds.list[i].flags);
		put(&buf, "bind", req->binds.list[i].src);
		put(&buf, "on", req->binds.list[i].dst);
		put(&buf, "flags", flags);
	}

	size_t len = buf.len;

	if (ch_buf_take(&buf, ret_text) < 0)
		return ch_err_set(err, -ENOMEM, "the request is too long");
	*ret_len = len;
	return 0;
}

uint64_t ch_request_shape(const struct ch_request *req)
{
	struct ch_request same = *req; /* borrows all */
	ch_auto(str) char *text = NULL;
	struct ch_err err;
	size_t len;

	same.life = CH_LIFE_INSIDE;
	same.peers = same.threads = 0;
	same.want_meta = same.wait_cpus = false;
	if (ch_request_encode(&same, &text, &len, &err) < 0)
		return 0;
	return ch_text_hash(text, len);
}

/* Is TEXT "KEY=VALUE"? Returns VALUE or NULL. */
static const char *value_of(const char *text, const char *key)
{
	size_t n = strlen(key);

	return strncmp(text, key, n) == 0 && text[n] == '=' ? text + n + 1 : NULL;
}

static int get_text(const struct field *f, const char *value, char **place, struct ch_err *err)
{
	if (f->kind == PATH && value[0] != '/')
		return ch_err_set(err, -EINVAL, "request: %s '%s' is not absolute", f->key, value);
	return ch_text_copy(value, place, err);
}

static int get_field(const struct field *f, const char *value, struct ch_request *req,
		     struct ch_err *err)
{
	void *place = (char *)req + f->offset;
	uint32_t number;

	if (f->kind == PATH || f->kind == TEXT)
		return get_text(f, value, place, err);

	int rc = ch_text_u32(value, f->key, 0, f->max, &number, err);

	if (rc < 0)
		return ch_err_in(err, "request");
	if (f->kind == BOOL)
		*(bool *)place = number != 0;
	else
		*(uint32_t *)place = number;
	return 0;
}

/* The next text of the list, NULL at its end. */
static const char *next(const char **text, size_t *left)
{
	const char *t = *text;
	size_t n = strnlen(t, *left);

	if (n == *left)
		return NULL;
	*text += n + 1;
	*left -= n + 1;
	return t;
}

/* "bind" has been read; "on" and "flags" follow. */
static int get_bind(const char *src, const char **text, size_t *left, struct ch_request *req,
		    struct ch_err *err)
{
	const char *on = next(text, left);
	const char *fl = on ? next(text, left) : NULL;
	const char *dst = on ? value_of(on, "on") : NULL;
	const char *flags = fl ? value_of(fl, "flags") : NULL;
	uint32_t number;

	if (!dst || !flags || src[0] != '/' || dst[0] != '/')
		return ch_err_set(err, -EINVAL, "request: bad bind '%s'", src);
	if (ch_text_u32(flags, "flags", 0, 7, &number, err) < 0)
		return ch_err_in(err, "request");
	return ch_binds_add(&req->binds, src, dst, number, err);
}

static int get_one(const char *t, const char **text, size_t *left, struct ch_request *req,
		   struct ch_err *err)
{
	const char *value = value_of(t, "bind");

	if (value)
		return get_bind(value, text, left, req, err);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		value = value_of(t, fields[i].key);
		if (value)
			return get_field(&fields[i], value, req, err);
	}
	return ch_err_set(err, -EINVAL, "request: unknown field '%.40s'", t);
}

int ch_request_decode(const char *text, size_t len, struct ch_request *ret_req, struct ch_err *err)
{
	ch_auto(request) struct ch_request req = { 0 };
	const char *format = next(&text, &len);
	const char *t;

	format = format ? value_of(format, "format") : NULL;
	if (!format || strcmp(format, FORMAT) != 0)
		return ch_err_set(err, -EPROTO,
				  "request has format '%.20s', this keeper speaks '%s': "
				  "are plugin, ch-run and ch-keeper of one version?",
				  format ? format : "?", FORMAT);
	while ((t = next(&text, &len)))
		if (get_one(t, &text, &len, &req, err) < 0)
			return err->code;
	if (len)
		return ch_err_set(err, -EINVAL, "request: the end is missing");
	if (!req.image)
		return ch_err_set(err, -EINVAL, "request: no image");
	*ret_req = ch_take(req);
	return 0;
}

int ch_request_file(const struct ch_request *req, struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	size_t len;

	if (ch_request_encode(req, &text, &len, err) < 0)
		return err->code;

	ch_auto(fd) int fd = memfd_create("ch-request", MFD_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "make an anonymous file");

	int rc = ch_pwrite_all(fd, text, len, 0);

	return rc < 0 ? ch_err_rc(err, rc, "write the request") : ch_take_fd(&fd);
}

int ch_request_read(int fd, struct ch_request *ret_req, struct ch_err *err)
{
	ch_auto(str) char *text = malloc(CH_REQUEST_MAX);
	size_t len = 0;
	ssize_t n;

	if (!text)
		return ch_err_nomem(err);
	do {
		n = pread(fd, text + len, CH_REQUEST_MAX - len, (off_t)len);
		if (n < 0)
			return ch_err_sys(err, "read the request");
		len += (size_t)n;
	} while (n > 0 && len < CH_REQUEST_MAX);
	return ch_request_decode(text, len, ret_req, err);
}

void ch_request_done(struct ch_request *req)
{
	ch_binds_done(&req->binds);
	free(req->image);
	free(req->name);
	free(req->storage);
	free(req->write_size);
	free(req->tmp);
	free(req->allowed);
	*req = (struct ch_request){ 0 };
}
