/* SPDX-License-Identifier: Apache-2.0 */
/* reason.h - what an answer says that is no success */
#ifndef CH_REGISTRY_REASON_H
#define CH_REGISTRY_REASON_H

struct ch_err;
struct ch_http_answer;

#define CH_REASON_MAX 200

/* "404, manifest unknown": the status, and what the server says about it, on one line. */
void ch_reason(const struct ch_http_answer *answer, char out[CH_REASON_MAX]);

/* The same as an error, of the code that the status means (registry.h). */
int ch_reason_err(const struct ch_http_answer *answer, struct ch_err *err);

#endif
