/* SPDX-License-Identifier: Apache-2.0 */
/* reason.h - what an answer says that is no success */
#ifndef CH_REGISTRY_REASON_H
#define CH_REGISTRY_REASON_H

struct ch_err;
struct ch_http_answer;

/* "the server answers: 404, manifest unknown": the status, and what the server says about it, as an
 * error of the code that the status means (registry.h). */
int ch_reason_err(const struct ch_http_answer *answer, struct ch_err *err);

#endif
