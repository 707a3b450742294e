/* SPDX-License-Identifier: Apache-2.0 */
#include "build/key.h"

#include <string.h>
#include <sys/random.h>

void ch_key_add(struct ch_key *key, const void *data, size_t len)
{
	ch_buf_addf(&key->buf, "%zu:", len);
	ch_buf_add(&key->buf, data, len);
}

void ch_key_text(struct ch_key *key, const char *text)
{
	if (text)
		ch_key_add(key, text, strlen(text));
	else
		ch_buf_adds(&key->buf, "-");
}

void ch_key_unique(struct ch_key *key)
{
	unsigned char salt[16];

	key->buf.bad |= getrandom(salt, sizeof(salt), 0) != sizeof(salt);
	ch_key_add(key, salt, sizeof(salt));
}
