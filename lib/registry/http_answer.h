/* SPDX-License-Identifier: Apache-2.0 */
/* http_answer.h - what libcurl says at the end of an exchange, in our words */
#ifndef CH_REGISTRY_HTTP_ANSWER_H
#define CH_REGISTRY_HTTP_ANSWER_H

#include <stdbool.h>

struct ch_http_answer;

/* Fill RET, which has its text already, by what EASY (libcurl's handle) knows. */
void ch_http_answer_read(void *easy, struct ch_http_answer *ret);

/* The negative errno (http.h) for CODE of libcurl. *ret_may_pass: it is one of the connection. */
int ch_http_code(int code, bool *ret_may_pass);

#endif
