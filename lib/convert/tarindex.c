/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/tarindex.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"

enum { BLOCK = 512, EXTRA_MAX = 1024 * 1024 /* of what pax and GNU headers say */ };

/* Offsets in a header (pax(1), "ustar Interchange Format") */
enum {
	NAME = 0,
	NAME_LEN = 100,
	SIZE = 124,
	SIZE_LEN = 12,
	SUM = 148,
	SUM_LEN = 8,
	TYPE = 156,
	LINK = 157,
	LINK_LEN = 100,
	MAGIC = 257,
	PREFIX = 345,
	PREFIX_LEN = 155,
};

struct scan {
	int fd;
	uint64_t at, end;
	struct ch_tarindex *index;
	/* What the headers in front of a member say of it */
	char *name, *target; /* owned, or NULL */
	uint64_t size;
	bool has_size;
	struct ch_err *err;
};

static void ch_auto_scan(struct scan *s)
{
	free(s->name);
	free(s->target);
}

static int damaged(struct scan *s, const char *why)
{
	return ch_err_set(s->err, -EINVAL, "not a tar archive, or damaged: %s at byte %llu", why,
			  (unsigned long long)s->at);
}

static int read_at(struct scan *s, uint64_t at, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(s->fd, (char *)buf + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(s->err, "read the archive");
		if (n == 0)
			return damaged(s, "it ends too early");
		done += (size_t)n;
	}
	return 0;
}

/* ---- fields of a header ------------------------------------------------------------------- */

/* Octal, or, if the first bit is set, binary (of GNU), as far as 63 bits go. */
static bool number(const unsigned char *field, size_t len, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	if (field[0] & 0x80) {
		value = field[0] & 0x7f;
		for (i = 1; i < len; i++) {
			if (value >> 55)
				return false;
			value = value << 8 | field[i];
		}
		*ret = value;
		return true;
	}
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	*ret = value;
	return i == len || field[i] == ' ' || field[i] == '\0';
}

static bool sum_is_right(const unsigned char *head)
{
	uint64_t want;
	unsigned sum = 0;

	if (!number(head + SUM, SUM_LEN, &want))
		return false;
	for (unsigned i = 0; i < BLOCK; i++)
		sum += i >= SUM && i < SUM + SUM_LEN ? ' ' : head[i];
	return sum == want;
}

static bool is_blank(const unsigned char *head)
{
	return head[0] == 0 && memcmp(head, head + 1, BLOCK - 1) == 0;
}

static char *header_name(const unsigned char *head)
{
	char name[PREFIX_LEN + 1 + NAME_LEN + 1] = "";
	size_t len = 0;

	/* GNU's old format has other things there. */
	if (memcmp(head + MAGIC, "ustar\0", 6) == 0 && head[PREFIX]) {
		len = strnlen((const char *)head + PREFIX, PREFIX_LEN);
		memcpy(name, head + PREFIX, len);
		name[len++] = '/';
	}
	memcpy(name + len, head + NAME, strnlen((const char *)head + NAME, NAME_LEN));
	return strdup(name);
}

/* ---- headers in front of members ---------------------------------------------------------- */

static int set(struct scan *s, char **place, const char *text, size_t len)
{
	free(*place);
	*place = strndup(text, len);
	return *place ? 0 : ch_err_nomem(s->err);
}

static int take_record(struct scan *s, const char *key, const char *value, size_t len)
{
	char *end;

	if (strncmp(key, "path=", 5) == 0)
		return set(s, &s->name, value, len);
	if (strncmp(key, "linkpath=", 9) == 0)
		return set(s, &s->target, value, len);
	if (strncmp(key, "size=", 5) != 0)
		return 0;
	errno = 0;
	s->size = strtoull(value, &end, 10);
	s->has_size = true;
	if (errno || end != value + len || *value == '-' || s->size > INT64_MAX)
		return damaged(s, "a bad size");
	return 0;
}

/* Records "LENGTH KEY=VALUE\n"; TEXT ends in NUL. */
static int take_pax(struct scan *s, const char *text, size_t len)
{
	while (len > 0) {
		char *key;
		unsigned long n = strtoul(text, &key, 10);
		const char *value;

		if (n > len || (size_t)(key - text) + 3 > n || *key != ' ' || text[n - 1] != '\n')
			return damaged(s, "a bad pax header");
		key++;
		value = memchr(key, '=', (size_t)(text + n - key));
		if (!value)
			return damaged(s, "a bad pax header");
		value++;
		if (take_record(s, key, value, (size_t)(text + n - 1 - value)) < 0)
			return s->err->code;
		text += n;
		len -= n;
	}
	return 0;
}

static int take_extra(struct scan *s, char type, uint64_t size)
{
	ch_auto(str) char *text = size > EXTRA_MAX ? NULL : calloc(1, size + 1);

	if (size > EXTRA_MAX)
		return damaged(s, "a header is too long");
	if (!text)
		return ch_err_nomem(s->err);
	if (read_at(s, s->at + BLOCK, text, size) < 0)
		return s->err->code;
	if (type == 'x')
		return take_pax(s, text, size);
	return set(s, type == 'L' ? &s->name : &s->target, text, strlen(text));
}

/* ---- members ------------------------------------------------------------------------------ */

static const char *without_dots(const char *name)
{
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	return name;
}

CH_MOVES_BEGIN
static int append(struct scan *s, struct ch_tarindex_member *m)
{
	struct ch_tarindex *index = s->index;

	if (index->n == index->cap) {
		size_t cap = index->cap ? 2 * index->cap : 64;
		void *list = reallocarray(index->list, cap, sizeof(*index->list));

		if (!list)
			return ch_err_nomem(s->err);
		index->list = list;
		index->cap = cap;
	}
	index->list[index->n++] = ch_take(*m);
	return 0;
}
CH_MOVES_END

static void member_done(struct ch_tarindex_member *m)
{
	free(m->name);
	free(m->target);
}

static void ch_auto_member(struct ch_tarindex_member *m)
{
	member_done(m);
}

static int add_member(struct scan *s, const unsigned char *head, uint64_t size)
{
	ch_auto(str) char *name = s->name ? ch_take(s->name) : header_name(head);
	char type = (char)head[TYPE];
	ch_auto(member) struct ch_tarindex_member m = {
		.name = name ? strdup(without_dots(name)) : NULL,
		.type = type,
		.off = s->at + BLOCK,
		.size = size,
	};

	if (type == '1' || type == '2') {
		m.target = s->target ? ch_take(s->target)
				     : strndup((const char *)head + LINK, LINK_LEN);
		if (!m.target)
			return ch_err_nomem(s->err);
	}
	free(ch_take(s->target));
	return m.name ? append(s, &m) : ch_err_nomem(s->err);
}

/* Returns 1 at the end. */
static int next(struct scan *s, size_t max)
{
	unsigned char head[BLOCK];
	uint64_t size;
	char type;
	int rc;

	/* Some writers leave out the two blank blocks at the end. */
	if (s->at == s->end && s->index->n > 0)
		return 1;
	if (read_at(s, s->at, head, BLOCK) < 0)
		return s->err->code;
	if (is_blank(head))
		return 1;
	if (!sum_is_right(head) || !number(head + SIZE, SIZE_LEN, &size))
		return damaged(s, "no header");
	type = (char)head[TYPE];
	if (s->has_size && type != 'x' && type != 'g' && type != 'L' && type != 'K') {
		size = s->size;
		s->has_size = false;
	}
	if (size > s->end - s->at - BLOCK)
		return damaged(s, "a member is longer than the archive");
	if (s->index->n >= max)
		return ch_err_set(s->err, -EINVAL, "more than %zu members", max);
	if (type == 'x' || type == 'L' || type == 'K')
		rc = take_extra(s, type, size);
	else
		rc = type == 'g' ? 0 : add_member(s, head, size);
	s->at += BLOCK + ((size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1));
	return rc;
}

/* ---- the index ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct ch_tarindex_member *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->off > y->off) - (x->off < y->off);
}

/* Of those with the same name, the last one counts. */
static void sort(struct ch_tarindex *index)
{
	size_t n = 0;

	if (index->n > 0)
		qsort(index->list, index->n, sizeof(*index->list), compare);
	for (size_t i = 0; i < index->n; i++)
		if (i + 1 < index->n && strcmp(index->list[i].name, index->list[i + 1].name) == 0)
			member_done(&index->list[i]);
		else
			index->list[n++] = index->list[i];
	index->n = n;
}

int ch_tarindex_read(int fd, size_t max, struct ch_tarindex *ret_index, struct ch_err *err)
{
	ch_auto(tarindex) struct ch_tarindex index = { 0 };
	ch_auto(scan) struct scan s = { .fd = fd, .index = &index, .err = err };
	struct stat st;
	int rc = 0;

	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at the archive");
	if (!S_ISREG(st.st_mode))
		return ch_err_set(err, -EINVAL, "not a file");
	s.end = (uint64_t)st.st_size;
	while (rc == 0)
		rc = next(&s, max);
	if (rc < 0)
		return rc;
	sort(&index);
	*ret_index = ch_take(index);
	return 0;
}

const struct ch_tarindex_member *ch_tarindex_find(const struct ch_tarindex *index, const char *name)
{
	size_t from = 0, to = index->n;

	while (from < to) {
		size_t at = from + (to - from) / 2;
		int order = strcmp(name, index->list[at].name);

		if (order == 0)
			return &index->list[at];
		if (order < 0)
			to = at;
		else
			from = at + 1;
	}
	return NULL;
}

void ch_tarindex_done(struct ch_tarindex *index)
{
	for (size_t i = 0; i < index->n; i++)
		member_done(&index->list[i]);
	free(index->list);
	*index = (struct ch_tarindex){ 0 };
}
