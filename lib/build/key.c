/* SPDX-License-Identifier: Apache-2.0 */
#include "build/key.h"

#include <string.h>

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
