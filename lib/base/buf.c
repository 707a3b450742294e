/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Room for MORE bytes and the NUL? */
static bool reserve(struct ch_buf *buf, size_t more)
{
	if (buf->bad || more > buf->max || buf->len > buf->max - more)
		return false;

	size_t need = buf->len + more + 1;

	if (need <= buf->cap)
		return true;

	size_t cap = buf->cap ? buf->cap : 64;

	while (cap < need)
		cap *= 2;

	char *data = realloc(buf->data, cap);

	if (!data)
		return false;
	buf->data = data;
	buf->cap = cap;
	return true;
}

void ch_buf_add(struct ch_buf *buf, const void *data, size_t len)
{
	if (!reserve(buf, len)) {
		buf->bad = true;
		return;
	}
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void ch_buf_adds(struct ch_buf *buf, const char *text)
{
	ch_buf_add(buf, text, strlen(text));
}

void ch_buf_addf(struct ch_buf *buf, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);

	int n = vsnprintf(NULL, 0, fmt, ap);

	if (n < 0 || !reserve(buf, (size_t)n)) {
		buf->bad = true;
	} else {
		vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
		buf->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

int ch_buf_read(struct ch_buf *buf, int fd)
{
	char part[16384];

	while (!buf->bad) {
		ssize_t n = read(fd, part, sizeof(part));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			ch_buf_add(buf, part, (size_t)n);
	}
	return 0;
}

int ch_buf_take(struct ch_buf *buf, char **ret_text)
{
	ch_buf_adds(buf, "");
	if (buf->bad)
		return -ENOMEM;
	*ret_text = buf->data;
	*buf = (struct ch_buf){ .max = buf->max };
	return 0;
}

void ch_buf_done(struct ch_buf *buf)
{
	free(buf->data);
	*buf = (struct ch_buf){ .max = buf->max };
}
