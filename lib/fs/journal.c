/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/journal.h"

#include <linux/fuse.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE	 4096UL
#define RESIDENT (4 * PAGE) /* requests but FORGETs are smaller */

/* How many deaths a request may cost: by faults, and at all. */
#define FAULTS_MAX 2
#define DEATHS_MAX 10

struct slot_state {
	_Atomic uint64_t served; /* one thread's count, to share no cache line */
	uint32_t deaths;
	uint32_t faults;
	uint64_t seen; /* request at the last look; 0: none */
	uint32_t looks;
	uint32_t pad[9];
};

struct ch_journal {
	unsigned n;
	size_t size;   /* of a slot's buffer */
	size_t states; /* bytes before the first buffer */
	struct slot_state slots[];
};

struct ch_journal *ch_journal_new(unsigned n, size_t size)
{
	size_t states = sizeof(struct ch_journal) + n * sizeof(struct slot_state);
	struct ch_journal *j;

	states = (states + PAGE - 1) / PAGE * PAGE;
	size = (size + PAGE - 1) / PAGE * PAGE;
	j = mmap(NULL, states + n * size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (j == MAP_FAILED)
		return NULL;
	j->n = n;
	j->size = size;
	j->states = states;
	return j;
}

unsigned ch_journal_slots(const struct ch_journal *j)
{
	return j->n;
}

static uint8_t *buffer(struct ch_journal *j, unsigned i)
{
	return (uint8_t *)j + j->states + i * j->size;
}

static struct fuse_in_header *header(struct ch_journal *j, unsigned i)
{
	return (struct fuse_in_header *)(void *)buffer(j, i);
}

void *ch_journal_buffer(struct ch_journal *j, unsigned i, size_t *ret_size)
{
	volatile uint8_t *p = buffer(j, i);

	for (size_t off = 0; off < RESIDENT && off < j->size; off += PAGE) {
		uint8_t same = p[off];

		p[off] = same;
	}
	*ret_size = j->size;
	return buffer(j, i);
}

void ch_journal_clear(struct ch_journal *j, unsigned i)
{
	if (header(j, i)->unique)
		atomic_fetch_add_explicit(&j->slots[i].served, 1, memory_order_relaxed);
	header(j, i)->unique = 0;
	j->slots[i].deaths = 0;
	j->slots[i].faults = 0;
	atomic_signal_fence(memory_order_seq_cst);
}

size_t ch_journal_left(struct ch_journal *j, unsigned i)
{
	const struct fuse_in_header *h = header(j, i);

	if (h->unique == 0 || h->len < sizeof(*h) || h->len > j->size)
		return 0;
	return h->len;
}

bool ch_journal_attempt(struct ch_journal *j, unsigned i, bool fault)
{
	struct slot_state *s = &j->slots[i];

	s->deaths++;
	if (fault)
		s->faults++;
	return s->deaths < DEATHS_MAX && s->faults < FAULTS_MAX;
}

uint64_t ch_journal_served(const struct ch_journal *j)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < j->n; i++)
		sum += atomic_load_explicit(&j->slots[i].served, memory_order_relaxed);
	return sum;
}

bool ch_journal_is_stuck(struct ch_journal *j)
{
	bool is_stuck = false;

	for (unsigned i = 0; i < j->n; i++) {
		struct slot_state *s = &j->slots[i];
		uint64_t now = ch_journal_left(j, i) ? header(j, i)->unique : 0;

		s->looks = now && now == s->seen ? s->looks + 1 : 0;
		s->seen = now;
		is_stuck |= s->looks == 1;
	}
	return is_stuck;
}
