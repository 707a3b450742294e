/* SPDX-License-Identifier: Apache-2.0 */
/* check_report.h - what ch-check prints: lines, or one JSON document */
#ifndef CH_CLI_CHECK_REPORT_H
#define CH_CLI_CHECK_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "check_job.h"
#include "check_options.h"
#include "probe/probe.h"

struct ch_item {
	const struct ch_probe *probe;
	const struct ch_finding *finding;
	bool is_fatal; /* because of this, the exit status is 1 */
};

struct ch_report {
	const struct ch_check_settings *set;
	const struct ch_job *job;
	const struct ch_item *items;
	size_t n;
	bool can_run; /* no deciding probe says no */
	bool is_inside;
};

/* Print on standard output. Returns 0, or -EIO. */
int ch_report_lines(const struct ch_report *report);
int ch_report_json(const struct ch_report *report);

#endif
