/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - can this machine do what containers need?
 *
 * A probe tries one thing for real, in a child process: so it may change that process as
 * it likes, what it has made goes away with it, and it is killed if it takes too long.
 * ch-check runs them all; ch-run --feature the few that a feature depends on. */
#ifndef CH_PROBE_PROBE_H
#define CH_PROBE_PROBE_H

#include <stdbool.h>

struct ch_err;

enum ch_verdict {
	CH_VERDICT_OK,
	CH_VERDICT_LIMITED, /* containers run, but something is slower or missing */
	CH_VERDICT_NO,
};

/* "ok", "limited", "no" */
const char *ch_verdict_word(enum ch_verdict verdict);

struct ch_finding {
	enum ch_verdict verdict;
	char found[600];  /* what was seen; one line, may be empty when all is well */
	char remedy[300]; /* what to do about it; one line, empty when all is well */
};

/* What belongs to this installation. All texts are borrowed. */
struct ch_site {
	const char *keeper; /* ch-keeper; the other helpers are beside it */
	const char *ch_run;
	const char *plugin;		     /* spank_charlie.so, as installed; for remedies */
	int (*fakeroot)(struct ch_err *err); /* install the filter of root emulation; or NULL */
	bool has_server;		     /* built with it? */
	bool has_json;
	bool is_inside; /* we are in a container already: there may be no installation */
};

struct ch_probe {
	const char *name;
	const char *means; /* what it is, in a few words */
	bool decides;	   /* without it, no container can be made */

	/* Runs in the child. FINDING: "ok", without texts, so far. */
	void (*look)(const struct ch_site *site, struct ch_finding *finding);
};

/* All of them; the last one has no name. */
extern const struct ch_probe ch_probes[];

/* Run PROBE. Never fails: what goes wrong is a finding. Takes CH_PROBE_SECONDS at most. */
#define CH_PROBE_SECONDS 10
void ch_probe_run(const struct ch_probe *probe, const struct ch_site *site,
		  struct ch_finding *ret_finding);

#endif
