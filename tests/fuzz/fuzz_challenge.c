/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_challenge - WWW-Authenticate */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *text = strndup((const char *)data, size);
	ch_auto(challenge) struct ch_challenge challenge = { 0 };
	struct ch_err err;

	if (!text || ch_challenge_parse(text, &challenge, &err) < 0)
		return 0;
	/* What authentication relies on */
	if (challenge.kind == CH_CHALLENGE_BEARER && !challenge.realm)
		abort();
	return 0;
}
