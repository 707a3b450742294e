/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/write.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <libdeflate.h>

#include "base/auto.h"
#include "base/be.h"
#include "base/err.h"
#include "cache/object.h"
#include "cache/odb.h"
#include "cache/press.h"
#include "cache/temp.h"
#include "hash/hash.h"
#include "sys/write.h"

#define BUFFER	  (1 << 20)
#define PACK_HEAD 12

/* ---- the pack's file; with the lock held ---- */

static int flush(struct ch_writer *w, struct ch_err *err)
{
	int rc = ch_write_all(w->fd, w->buffer, w->buffered);

	w->buffered = 0;
	return rc < 0 ? ch_err_rc(err, rc, "write") : 0;
}

int ch_writer_append(struct ch_writer *w, const void *data, size_t len, struct ch_err *err)
{
	int rc = 0;

	if (w->buffered + len > BUFFER)
		rc = flush(w, err);
	if (rc == 0 && len > BUFFER) {
		rc = ch_write_all(w->fd, data, len);
		if (rc < 0)
			ch_err_rc(err, rc, "write");
	} else if (rc == 0) {
		memcpy(w->buffer + w->buffered, data, len);
		w->buffered += len;
	}
	w->len += len;
	return rc;
}

int ch_writer_note(struct ch_writer *w, const struct ch_oid *oid, uint32_t crc, uint64_t offset,
		   struct ch_err *err)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 256;
		struct ch_written *more = reallocarray(w->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		w->list = more;
		w->cap = cap;
	}
	w->list[w->n++] = (struct ch_written){ *oid, crc, offset };
	return 0;
}

/* ---- begin, add ---- */

int ch_writer_begin(struct ch_odb *odb, struct ch_writer *ret_writer, struct ch_err *err)
{
	static const uint8_t head[PACK_HEAD] = { 'P', 'A', 'C', 'K', 0, 0, 0, 2 };
	struct ch_writer w = { .odb = odb, .fd = -1, .buffer = malloc(BUFFER) };

	if (!w.buffer)
		return ch_err_nomem(err);
	w.fd = ch_temp_open(odb->dir, CH_WRITER_TEMP, 0444, w.temp, err);
	if (w.fd < 0) {
		free(w.buffer);
		return w.fd;
	}
	pthread_mutex_init(&w.lock, NULL);
	memcpy(w.buffer, head, sizeof(head));
	w.buffered = w.len = sizeof(head);
	*ret_writer = w;
	return 0;
}

int ch_writer_claim(struct ch_writer *w, const struct ch_oid *oid, struct ch_err *err)
{
	if (ch_odb_has(w->odb, oid))
		return 0;
	pthread_mutex_lock(&w->lock);

	int rc = ch_oidmap_add(&w->claimed, oid, 0);

	pthread_mutex_unlock(&w->lock);
	return rc < 0 ? ch_err_nomem(err) : rc;
}

int ch_writer_copy(struct ch_writer *w, const struct ch_oid *oid, const uint8_t *data, size_t len,
		   uint32_t crc, struct ch_err *err)
{
	pthread_mutex_lock(&w->lock);

	int rc = ch_writer_note(w, oid, crc, w->len, err);

	if (rc == 0)
		rc = ch_writer_append(w, data, len, err);
	pthread_mutex_unlock(&w->lock);
	return rc;
}

int ch_writer_add(struct ch_writer *w, struct ch_press *press, const struct ch_oid *oid,
		  enum ch_kind kind, const void *data, size_t len, struct ch_err *err)
{
	size_t packed = 0;
	int rc = ch_press_object(press, kind, data, len, &packed, err);

	if (rc < 0)
		return rc;

	uint32_t crc = libdeflate_crc32(0, press->room, packed);

	return ch_writer_copy(w, oid, press->room, packed, crc, err);
}

int ch_writer_put(struct ch_writer *w, struct ch_press *press, enum ch_kind kind, const void *data,
		  size_t len, struct ch_oid *ret_oid, struct ch_err *err)
{
	int rc = ch_object_name(kind, data, len, ret_oid, err);

	if (rc == 0)
		rc = ch_writer_claim(w, ret_oid, err);
	return rc == 1 ? ch_writer_add(w, press, ret_oid, kind, data, len, err) : rc;
}

/* ---- finish ---- */

/* Write the number of objects and the check sum, which goes to SUM. */
static int seal(struct ch_writer *w, struct ch_oid *sum, struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t count[4];
	int rc = flush(w, err);

	ch_put_be32(count, (uint32_t)w->n);
	if (rc == 0 && pwrite(w->fd, count, sizeof(count), 8) != sizeof(count))
		return ch_err_sys(err, "write");
	if (rc == 0)
		rc = ch_hash_start(&hash, CH_SHA1, err);
	if (rc < 0)
		return rc;

	void *p = mmap(NULL, w->len, PROT_READ, MAP_SHARED, w->fd, 0);

	if (p == MAP_FAILED)
		return ch_err_sys(err, "map");
	ch_hash_more(&hash, p, w->len);
	munmap(p, w->len);
	ch_hash_end(&hash, sum->bytes);
	rc = ch_writer_append(w, sum->bytes, CH_OID_BYTES, err);
	return rc == 0 ? flush(w, err) : rc;
}

int ch_writer_finish(struct ch_writer *w, struct ch_err *err)
{
	struct ch_oid sum;

	if (w->n == 0)
		return 0;
	if (w->n > UINT32_MAX)
		return ch_err_set(err, -EFBIG, "too many files at once");

	int rc = seal(w, &sum, err);

	return rc < 0 ? rc : ch_writer_install(w, &sum, err);
}

void ch_writer_abort(struct ch_writer *w)
{
	if (!w->odb)
		return;
	if (w->temp[0])
		unlinkat(w->odb->dir, w->temp, 0);
	ch_close(&w->fd);
	free(w->buffer);
	free(w->list);
	ch_oidmap_done(&w->claimed);
	pthread_mutex_destroy(&w->lock);
	*w = (struct ch_writer){ .fd = -1 };
}
