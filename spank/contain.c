/* SPDX-License-Identifier: Apache-2.0 */
#include "contain.h"

#include <errno.h>

#include "base/err.h"

int ch_contain_check(pid_t stepd, pid_t here, struct ch_err *err)
{
	if (stepd == here)
		return 0;
	return ch_err_set(err, -ENOTSUP, "SlurmdParameters=contain_spank is not supported");
}
