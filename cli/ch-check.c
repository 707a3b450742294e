/* SPDX-License-Identifier: Apache-2.0 */
/* ch-check - can this machine run containers, and if not, why?
 *
 * Under a PMIx launcher also: do the ranks of a job get on with each other? As ch-checkns it
 * prints "ok", or one line about namespaces. */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "check_job.h"
#include "check_options.h"
#include "check_report.h"
#include "opt/optdoc.h"
#include "probe/probe.h"
#include "rt/version.h"
#include "sys/stdio.h"

enum { EXIT_NO = 1, EXIT_USAGE_ = 64, ITEMS_MAX = 32 };

/* The ch-run that was installed with us: beside us, though both may have been moved. */
static const char *find_ch_run(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/ch-run"));
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

	if (!slash)
		return CH_RUN;
	memcpy(slash, "/ch-run", sizeof("/ch-run"));
	return access(path, X_OK) == 0 ? path : CH_RUN;
}

static struct ch_site find_site(void)
{
	const char *keeper = getenv("CH_KEEPER");

	return (struct ch_site){
		.keeper = keeper ? keeper : KEEPER,
		.ch_run = find_ch_run(),
		.plugin = PLUGIN,
#ifdef HAVE_SERVER
		.has_server = true,
#endif
#ifdef HAVE_JSON
		.has_json = true,
#endif
		.is_inside = getenv("CH_RUNNING") != NULL,
	};
}

static void usage(void)
{
	fputs("Usage: ch-check [OPTION...]\n"
	      "Try out what containers need on this machine, and print a line for each:\n"
	      "ok, limited or no.\n\n",
	      stdout);
	ch_opt_help(ch_check_options, CH_OPT_RUN, stdout);
}

static bool is_fatal(const struct ch_check_settings *set, size_t i, enum ch_verdict verdict)
{
	if (set->need >> i & 1)
		return verdict != CH_VERDICT_OK;
	return ch_probes[i].decides && verdict == CH_VERDICT_NO;
}

static int check(const struct ch_check_settings *set, const struct ch_job *job)
{
	static struct ch_finding findings[ITEMS_MAX];
	static struct ch_item items[ITEMS_MAX];
	struct ch_site site = find_site();
	struct ch_report r = {
		.set = set, .job = job, .items = items, .can_run = true, .is_inside = site.is_inside
	};
	bool is_bad = false;

	for (; ch_probes[r.n].name; r.n++) {
		struct ch_finding *f = &findings[r.n];

		ch_probe_run(&ch_probes[r.n], &site, f);
		items[r.n] = (struct ch_item){ &ch_probes[r.n], f, is_fatal(set, r.n, f->verdict) };
		is_bad |= items[r.n].is_fatal;
		r.can_run &= !(ch_probes[r.n].decides && f->verdict == CH_VERDICT_NO);
	}
	for (size_t i = 0; job->is_there && i < CH_JOB_ITEMS; i++)
		items[r.n++] = (struct ch_item){ &ch_job_items[i], &job->finding[i], false };

	int rc = set->json ? ch_report_json(&r) : ch_report_lines(&r);

	return rc < 0 || is_bad ? EXIT_NO : 0;
}

/* ---- ch-checkns --------------------------------------------------------------------------- */

static int check_namespaces(void)
{
	struct ch_site site = find_site();
	struct ch_finding f;

	for (size_t i = 0; ch_probes[i].name && strcmp(ch_probes[i].name, "syscalls") != 0; i++) {
		ch_probe_run(&ch_probes[i], &site, &f);
		if (f.verdict != CH_VERDICT_NO)
			continue;
		fprintf(stderr, "ch-checkns: error: %s: %s%s%s\n", ch_probes[i].means, f.found,
			f.remedy[0] ? "; remedy: " : "", f.remedy);
		return EXIT_NO;
	}
	puts("ok");
	return fflush(stdout) == 0 ? 0 : EXIT_NO;
}

/* ---- main ------------------------------------------------------------------------------------ */

static bool is_called(const char *argv0, const char *name)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

	return argv0 && strcmp(slash ? slash + 1 : argv0, name) == 0;
}

int main(int argc, char **argv)
{
	struct ch_check_settings set = { 0 };
	static struct ch_job job;
	struct ch_err err;
	int first;

	ch_stdio_guard();
	if (is_called(argv[0], "ch-checkns") && argc == 1)
		return check_namespaces();
	if (ch_opt_parse(ch_check_options, argc, argv, &set, &first, &err) < 0 ||
	    (first < argc &&
	     ch_err_set(&err, -1, "argument '%s' is not expected; see --help", argv[first]) < 0)) {
		fprintf(stderr, "ch-check: error: %s\n", err.msg);
		return EXIT_USAGE_;
	}
	if (set.help) {
		usage();
		return 0;
	}
	if (set.version) {
		ch_version_print("ch-check");
		return 0;
	}
	ch_job_try(&job);

	int code = job.is_there && job.rank != 0 ? job.finding[CH_JOB_PMIX].verdict == CH_VERDICT_NO
						 : check(&set, &job);

	ch_buf_done(&job.ranks);
	return code;
}
