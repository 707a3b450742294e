/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/slurm.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/auto.h"

/* Files that include each other must come to an end. */
enum { DEPTH_MAX = 4 };

static const char blank[] = " \t\r\n";

/* ---- lines --------------------------------------------------------------------------- */

/* Copy the next word of *TEXT, up to a blank, or to what is in quotes. Returns false when
 * there is none, or a comment begins. */
static bool next_word(const char **text, char out[PATH_MAX])
{
	const char *p = *text + strspn(*text, blank);
	bool is_quoted = *p == '"';
	size_t len;

	if (!*p || *p == '#')
		return false;
	p += is_quoted;
	len = strcspn(p, is_quoted ? "\"\n" : " \t\r\n#");
	snprintf(out, PATH_MAX, "%.*s", (int)(len < PATH_MAX ? len : PATH_MAX - 1), p);
	p += len;
	*text = p + (is_quoted && *p == '"');
	return true;
}

bool ch_slurm_value(const char *line, const char *key, char out[PATH_MAX])
{
	size_t len = strlen(key);

	for (const char *p = line + strspn(line, blank); *p && *p != '#'; p += strspn(p, blank)) {
		const char *end = p + len;

		if (strncasecmp(p, key, len) == 0 && *(end += strspn(end, " \t")) == '=') {
			end++;
			return next_word(&end, out);
		}
		p += strcspn(p, blank);
	}
	return false;
}

enum ch_stack_kind ch_slurm_stack_line(const char *line, char ret_path[PATH_MAX])
{
	static const struct {
		const char *word;
		enum ch_stack_kind kind;
	} words[] = { { "required", CH_STACK_REQUIRED },
		      { "optional", CH_STACK_OPTIONAL },
		      { "include", CH_STACK_INCLUDE } };
	char word[PATH_MAX];

	if (!next_word(&line, word))
		return CH_STACK_NOTHING;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return next_word(&line, ret_path) ? words[i].kind : CH_STACK_NOTHING;
	return CH_STACK_NOTHING;
}

bool ch_slurm_version(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	for (const char *p = text; (p = strchr(p, ' ')); p++)
		if (sscanf(p, " %3u.%3u", ret_major, ret_minor) == 2)
			return true;
	return false;
}

/* ---- files ------------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* PATH as seen from the directory of file FROM. Returns false if it does not fit. */
static bool beside(const char *from, const char *path, char out[PATH_MAX])
{
	int dir = path[0] == '/' ? 0 : (int)(base_name(from) - from);
	int n = snprintf(out, PATH_MAX, "%.*s%s", dir, from, path);

	return n >= 0 && n < PATH_MAX;
}

/* Look for PlugStackConfig in FILE and in what it includes. */
static bool find_stack(const char *file, char out[PATH_MAX], int depth)
{
	ch_auto(file) FILE *f = depth > DEPTH_MAX ? NULL : fopen(file, "re");
	ch_auto(str) char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (f && !found && getline(&line, &size, f) > 0) {
		const char *rest = line;
		char word[PATH_MAX], other[PATH_MAX];

		if (ch_slurm_value(line, "PlugStackConfig", word))
			found = beside(file, word, out);
		else if (next_word(&rest, word) && strcasecmp(word, "include") == 0 &&
			 next_word(&rest, word) && beside(file, word, other))
			found = find_stack(other, out, depth + 1);
	}
	return found;
}

static void look_in(const char *stack, const char *name, struct ch_slurm *ret, int depth);

static void look_in_all(const char *pattern, const char *name, struct ch_slurm *ret, int depth)
{
	glob_t g = { 0 };

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			look_in(g.gl_pathv[i], name, ret, depth);
	globfree(&g);
}

static void look_in(const char *stack, const char *name, struct ch_slurm *ret, int depth)
{
	ch_auto(file) FILE *f = depth > DEPTH_MAX ? NULL : fopen(stack, "re");
	ch_auto(str) char *line = NULL;
	size_t size = 0;

	while (f && !ret->plugin[0] && getline(&line, &size, f) > 0) {
		char path[PATH_MAX], all[PATH_MAX];
		enum ch_stack_kind kind = ch_slurm_stack_line(line, path);

		if (kind == CH_STACK_INCLUDE && beside(stack, path, all)) {
			look_in_all(all, name, ret, depth + 1);
		} else if (kind != CH_STACK_NOTHING && strcmp(base_name(path), name) == 0) {
			snprintf(ret->plugin, PATH_MAX, "%s", path);
			ret->is_required = kind == CH_STACK_REQUIRED;
		}
	}
}

void ch_slurm_find(const char *name, struct ch_slurm *ret)
{
	static const char *const places[] = {
		"/etc/slurm/slurm.conf",
		"/run/slurm/conf/slurm.conf", /* "configless" */
		"/etc/slurm-llnl/slurm.conf",
		"/usr/local/etc/slurm.conf",
	};
	const char *env = getenv("SLURM_CONF");

	*ret = (struct ch_slurm){ 0 };
	if (env && env[0])
		snprintf(ret->conf, PATH_MAX, "%s", env);
	for (size_t i = 0; !ret->conf[0] && i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], F_OK) == 0)
			snprintf(ret->conf, PATH_MAX, "%s", places[i]);
	if (!ret->conf[0])
		return;
	if (!find_stack(ret->conf, ret->stack, 0) &&
	    !beside(ret->conf, "plugstack.conf", ret->stack))
		return;
	look_in(ret->stack, name, ret, 0);
}
