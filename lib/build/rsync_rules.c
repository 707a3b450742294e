/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rsync_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "dockerfile/glob.h"

struct ch_rsync_rule {
	struct ch_glob glob; /* owned */
	bool is_include;
	bool only_dirs;
	bool and_below; /* what it matches, and all that is in it */
};

/* Cut END off TEXT, of *LEN bytes. */
static bool cut(char *text, size_t *len, const char *end)
{
	size_t n = strlen(end);

	if (*len <= n || memcmp(text + *len - n, end, n) != 0)
		return false;
	*len -= n;
	text[*len] = '\0';
	return true;
}

int ch_rsync_rules_add(struct ch_rsync_rules *rules, const char *pattern, bool is_include,
		       struct ch_err *err)
{
	struct ch_rsync_rule rule = { .is_include = is_include };
	void *list = reallocarray(rules->list, rules->n + 1, sizeof(*rules->list));
	ch_auto(str) char *text = NULL;
	bool is_anchored = *pattern == '/';
	int len;

	if (!list)
		return ch_err_nomem(err);
	rules->list = list;
	/* A pattern that is not anchored may begin in any directory. */
	len = asprintf(&text, "%s%s", is_anchored ? "" : "**/", pattern + is_anchored);
	if (len < 0) {
		text = NULL;
		return ch_err_nomem(err);
	}

	size_t n = (size_t)len;

	rule.and_below = cut(text, &n, "/***");
	rule.only_dirs = !rule.and_below && cut(text, &n, "/");
	if (ch_glob_compile(text, CH_GLOB_PATH, &rule.glob, err) < 0) {
		ch_glob_done(&rule.glob);
		return ch_err_in(err, "pattern '%s'", pattern);
	}
	rules->list[rules->n++] = rule;
	return 0;
}

static bool matches(const struct ch_rsync_rule *rule, const char *path, bool is_dir)
{
	if (rule->and_below)
		return ch_glob_matches_or_above(&rule->glob, path);
	return (is_dir || !rule->only_dirs) && ch_glob_matches(&rule->glob, path);
}

bool ch_rsync_rules_exclude(const struct ch_rsync_rules *rules, const char *path, bool is_dir)
{
	for (size_t i = 0; i < rules->n; i++)
		if (matches(&rules->list[i], path, is_dir))
			return !rules->list[i].is_include;
	return false;
}

void ch_rsync_rules_done(struct ch_rsync_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		ch_glob_done(&rules->list[i].glob);
	free(rules->list);
	*rules = (struct ch_rsync_rules){ 0 };
}
