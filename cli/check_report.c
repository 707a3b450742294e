/* SPDX-License-Identifier: Apache-2.0 */
#include "check_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/color.h"
#include "json/write.h"
#include "rt/version.h"

/* ---- lines ------------------------------------------------------------------------------- */

static void print_item(const struct ch_report *r, const struct ch_item *item)
{
	static const char *const colors[] = { CH_COLOR_GREEN, CH_COLOR_YELLOW, CH_COLOR_RED };
	const struct ch_finding *f = item->finding;
	bool is_ok = f->verdict == CH_VERDICT_OK,
	     color = ch_color_is_wanted(r->set->color, STDOUT_FILENO);

	printf("%s%-7s%s  %-13s  %s", color ? colors[f->verdict] : "", ch_verdict_word(f->verdict),
	       color ? CH_COLOR_OFF : "", item->probe->name, item->probe->means);
	if (f->found[0] && (!is_ok || r->set->verbose))
		printf(": %s", f->found);
	if (f->remedy[0])
		printf("; remedy: %s", f->remedy);
	printf("\n");
}

static void print_head(const struct ch_report *r)
{
	struct utsname u;

	if (uname(&u) < 0)
		memset(&u, 0, sizeof(u));
	printf("ch-check %s: host %s, %s %s %s, user %u%s\n", ch_version, u.nodename, u.sysname,
	       u.release, u.machine, geteuid(), r->is_inside ? ", in a container" : "");
}

static void print_ranks(const struct ch_buf *ranks)
{
	if (ranks->data)
		fputs(ranks->data, stdout);
}

/* The line that a user looks at first comes last. */
static void print_end(const struct ch_report *r)
{
	const char *gap = ": ";

	printf("%s", r->can_run ? "Containers can run here" : "Containers cannot run here");
	for (size_t i = 0; i < r->n; i++) {
		if (!r->items[i].is_fatal)
			continue;
		printf("%s%s%s", r->can_run && gap[0] == ':' ? ", but something is missing" : "",
		       gap, r->items[i].probe->name);
		gap = ", ";
	}
	printf("\n");
}

int ch_report_lines(const struct ch_report *r)
{
	if (!r->set->quiet)
		print_head(r);
	for (size_t i = 0; i < r->n; i++)
		if (!r->set->quiet || r->items[i].is_fatal)
			print_item(r, &r->items[i]);
	if (r->set->verbose)
		print_ranks(&r->job->ranks);
	if (!r->set->quiet)
		print_end(r);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void put_item(struct ch_json_out *out, const struct ch_item *item)
{
	const struct ch_finding *f = item->finding;

	ch_buf_adds(&out->buf, "\n");
	ch_json_open(out, NULL, '{');
	ch_json_put_text(out, "name", item->probe->name);
	ch_json_put_text(out, "verdict", ch_verdict_word(f->verdict));
	ch_json_put_text(out, "means", item->probe->means);
	ch_json_put_text(out, "found", f->found[0] ? f->found : NULL);
	ch_json_put_text(out, "remedy", f->remedy[0] ? f->remedy : NULL);
	ch_json_put_bool(out, "decides", item->probe->decides);
	ch_json_close(out, '}');
}

static void put_job(struct ch_json_out *out, const struct ch_job *job)
{
	ch_json_open(out, "job", '{');
	ch_json_put_text(out, "namespace", job->nspace);
	ch_json_put_number(out, "rank", job->rank);
	ch_json_put_number(out, "size", job->size);
	ch_json_put_number(out, "nodes", job->nodes);
	ch_json_put_number(out, "local_size", job->local_size);
	ch_json_put_text(out, "library", job->library);
	ch_json_put_text(out, "server", job->server[0] ? job->server : NULL);
	ch_json_close(out, '}');
}

int ch_report_json(const struct ch_report *r)
{
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(256 * 1024) };
	struct utsname u;

	if (uname(&u) < 0)
		memset(&u, 0, sizeof(u));
	ch_json_open(&out, NULL, '{');
	ch_json_put_text(&out, "version", ch_version);
	ch_json_put_text(&out, "host", u.nodename);
	ch_json_put_text(&out, "kernel", u.release);
	ch_json_put_text(&out, "machine", u.machine);
	ch_json_put_number(&out, "user", geteuid());
	ch_json_put_bool(&out, "in_container", r->is_inside);
	ch_json_put_bool(&out, "can_run", r->can_run);
	ch_json_open(&out, "capabilities", '[');
	for (size_t i = 0; i < r->n; i++)
		put_item(&out, &r->items[i]);
	ch_json_close(&out, ']');
	if (r->job->size > 0)
		put_job(&out, r->job);
	ch_json_close(&out, '}');
	if (ch_buf_bad(&out.buf))
		return -EIO;
	puts(out.buf.data);
	return fflush(stdout) == 0 ? 0 : -EIO;
}
