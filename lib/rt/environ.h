/* SPDX-License-Identifier: Apache-2.0 */
/* environ.h - the environment of this process, for env.h */
#ifndef CH_RT_ENVIRON_H
#define CH_RT_ENVIRON_H

#include "rt/env.h"

extern const struct ch_env ch_environ;

#endif
