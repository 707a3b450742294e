/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_authfile - stored credentials */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/authfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = { "registry-1.docker.io:443", "example.com:443",
					     "a:5000" };
	struct ch_err err;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		ch_auto(authfile_answer) struct ch_authfile_answer answer = { 0 };

		if (ch_authfile_find((const char *)data, size, hosts[i], "a/b", &answer, &err) < 0)
			continue;
		/* It is a part of a program's name. */
		if ((answer.helper && strchr(answer.helper, '/')) ||
		    (answer.credentials.user && !answer.credentials.secret))
			abort();
	}
	return 0;
}
