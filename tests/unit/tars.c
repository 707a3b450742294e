/* SPDX-License-Identifier: Apache-2.0 */
#include "tars.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "unit.h"

enum { BLOCK = 512, MAX = 1 << 26 };

struct member {
	const char *name, *link, *text;
	char type;
	unsigned mode;
};

static void add(struct ch_buf *tar, const struct member *m)
{
	char head[BLOCK] = "", pad[BLOCK] = "";
	size_t len = strlen(m->text);
	unsigned sum = 8 * ' ';

	assert_true(strlen(m->name) < 100 && strlen(m->link) < 100);
	memcpy(head, m->name, strlen(m->name));
	snprintf(head + 100, 8, "%07o", m->mode);
	snprintf(head + 108, 8, "%07o", 0);
	snprintf(head + 116, 8, "%07o", 0);
	snprintf(head + 124, 12, "%011o", (unsigned)len);
	snprintf(head + 136, 12, "%011o", 1000000000);
	head[156] = m->type;
	memcpy(head + 157, m->link, strlen(m->link));
	memcpy(head + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)head[i];
	snprintf(head + 148, 8, "%06o", sum);
	ch_buf_add(tar, head, BLOCK);
	ch_buf_add(tar, m->text, len);
	ch_buf_add(tar, pad, (BLOCK - len % BLOCK) % BLOCK);
}

/* Cut TEXT at SEP; what is behind it, or NULL. */
static char *cut(char *text, const char *sep)
{
	char *at = strstr(text, sep);

	if (!at)
		return NULL;
	*at = '\0';
	return at + strlen(sep);
}

static void add_text(struct ch_buf *tar, char *entry)
{
	struct member m = { .name = entry, .link = "", .text = "", .type = '5' };
	const char *mode = strstr(entry, "->") ? NULL : cut(entry, ":"), *rest;
	size_t len = strlen(entry);

	if ((rest = cut(entry, "->"))) {
		m.type = '2';
		m.link = rest;
	} else if ((rest = cut(entry, "=="))) {
		m.type = '1';
		m.link = rest;
	} else if ((rest = cut(entry, "="))) {
		m.type = '0';
		m.text = rest;
	} else if (entry[len - 1] == '|') {
		m.type = '6';
		entry[len - 1] = '\0';
	} else if (entry[len - 1] == '%') {
		m.type = '3';
		entry[len - 1] = '\0';
	}
	m.mode = mode ? (unsigned)strtoul(mode, NULL, 8) : m.type == '5' ? 0755 : 0644;
	add(tar, &m);
}

char *tars_make(const char *text, size_t *ret_len)
{
	ch_auto(str) char *copy = strdup(text);
	ch_auto(buf) struct ch_buf tar = CH_BUF_INIT(MAX);
	char *save, *all = NULL;

	for (char *p = strtok_r(NOT_NULL(copy), " ", &save); p; p = strtok_r(NULL, " ", &save))
		add_text(&tar, p);
	ch_buf_add(&tar, (const char[2 * BLOCK]){ 0 }, (size_t)2 * BLOCK);
	*ret_len = tar.len;
	assert_int_equal(ch_buf_take(&tar, &all), 0);
	return all;
}

int tars_open(const char *text)
{
	size_t len;
	ch_auto(str) char *tar = tars_make(text, &len);
	int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, tar, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}
