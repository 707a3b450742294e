/* SPDX-License-Identifier: Apache-2.0 */
/* image_list.c - ch-image list: which images there are, and more about one */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/err.h"
#include "image.h"
#include "image_remote.h"
#include "json/write.h"
#include "oci/manifest.h"
#include "oci/ref.h"
#include "store/about.h"
#include "store/noted.h"
#include "store/store.h"

enum { JSON_MAX = 16 * 1024 * 1024, DIGITS = 12 /* of a digest, for people */ };

/* An image to be printed */
struct shown {
	const struct ch_ref *ref;
	struct ch_about about; /* owned */
	bool has_digests;
	struct ch_oci_digests digests;
};

static void ch_auto_shown(struct shown *shown)
{
	ch_about_done(&shown->about);
}

struct list {
	struct ch_store *store;	 /* owned */
	struct ch_json_out json; /* the document, if it is to be one */
	void (*print)(struct list *list, const struct shown *image);
	bool needs_size;
};

static void ch_auto_list(struct list *list)
{
	ch_store_close(list->store);
	ch_buf_done(&list->json.buf);
}

/* "12.3 MiB", in a buffer of the caller's */
static const char *size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double n = (double)bytes;
	size_t u = 0;

	for (; n >= 1000 && u + 1 < sizeof(units) / sizeof(units[0]); u++)
		n /= 1024;
	snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", n, units[u]);
	return out;
}

static const char *time_text(time_t when, char out[32])
{
	struct tm tm;

	if (!localtime_r(&when, &tm) || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "-");
	return out;
}

static void print_short(struct list *list, const struct shown *image)
{
	(void)list;
	if (image->about.arch)
		printf("%s (%s)\n", image->ref->text, image->about.arch);
	else
		printf("%s\n", image->ref->text);
}

static void print_long(struct list *list, const struct shown *image)
{
	const struct ch_about *about = &image->about;
	char size[32], changed[32];

	(void)list;
	printf("%-31s %-9s %11s  %s  %.*s\n", image->ref->text, about->arch ? about->arch : "-",
	       size_text(about->size, size), time_text(about->changed, changed), DIGITS,
	       image->has_digests ? CH_OCI_HEX(image->digests.manifest) : "-");
}

static void print_json(struct list *list, const struct shown *image)
{
	const struct ch_oci_digests *digests = &image->digests;
	struct ch_json_out *out = &list->json;

	ch_json_open(out, NULL, '{');
	ch_json_put_text(out, "name", image->ref->text);
	ch_json_put_text(out, "architecture", image->about.arch);
	ch_json_put_number(out, "changed", image->about.changed);
	ch_json_put_text(out, "digest", image->has_digests ? digests->manifest : NULL);
	ch_json_put_text(out, "config_digest", image->has_digests ? digests->config : NULL);
	if (list->needs_size)
		ch_json_put_number(out, "size", (long long)image->about.size);
	ch_json_close(out, '}');
}

static void print_details(struct list *list, const struct shown *image)
{
	const struct ch_about *about = &image->about;
	char size[32], changed[32];

	printf("details of image:    %s\n"
	       "in local storage:    yes\n"
	       "architecture:        %s\n"
	       "size:                %s\n"
	       "last change:         %s\n"
	       "directory:           %s/img/%s\n",
	       image->ref->text, about->arch ? about->arch : "not known",
	       size_text(about->size, size), time_text(about->changed, changed),
	       ch_store_where(list->store), image->ref->file);
	if (image->has_digests)
		printf("digest:              %s\n"
		       "config digest:       %s\n",
		       image->digests.manifest, image->digests.config);
}

/* Print the image NAME. Errors: -ENOENT there is none. */
static int show(struct list *list, const char *name, struct ch_err *err)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	ch_auto(shown) struct shown image = { .ref = &ref };

	if (ch_ref_parse(name, &ref, err) < 0)
		return err->code;

	ch_auto(fd) int root = ch_store_look(list->store, &ref, err);

	if (root < 0)
		return root;
	if (ch_about_read(root, &image.about, err) < 0 ||
	    (list->needs_size && ch_about_size(root, &image.about, err) < 0))
		return ch_err_in(err, "image '%s'", name);
	image.has_digests = ch_noted_digests(list->store, &ref, root, &image.digests);
	list->print(list, &image);
	return 0;
}

/* One that somebody has just deleted is left out. */
static int show_all(struct list *list, struct ch_err *err)
{
	ch_auto(store_names) struct ch_store_names names = { 0 };

	if (ch_store_list(list->store, &names, err) < 0)
		return err->code;
	for (size_t i = 0; i < names.n; i++)
		if (show(list, names.list[i], err) < 0 && err->code != -ENOENT)
			return err->code;
	return 0;
}

/* That an image is not there is an answer, too. */
static int show_one(struct list *list, const char *name, const struct ch_image_common *common,
		    struct ch_err *err)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	bool is_wanted = list->print == print_details;
	int rc = show(list, name, err);

	if (rc == -ENOENT && is_wanted)
		printf("details of image:    %s\nin local storage:    no\n", name);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (!is_wanted)
		return 0;
	return ch_ref_parse(name, &ref, err) < 0 ? err->code : ch_image_remote(common, &ref, err);
}

static int print_document(struct list *list, struct ch_err *err)
{
	ch_auto(str) char *text = NULL;

	if (ch_buf_take(&list->json.buf, &text) < 0)
		return ch_err_nomem(err);
	puts(text);
	return 0;
}

int ch_image_list(void *settings, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_list *set = settings;
	ch_auto(list) struct list list = {
		.json = { .buf = CH_BUF_INIT(JSON_MAX) },
		.print = set->json	? print_json
			 : argc > 0	? print_details
			 : set->is_long ? print_long
					: print_short,
		.needs_size = set->is_long || (argc > 0 && !set->json),
	};
	int rc;

	if (set->undeletable)
		return argc > 0 ? ch_err_set(err, CH_IMAGE_USAGE,
					     "list: an image, or --undeletable, but not both")
				: ch_image_list_undeletable(set, err);
	if (ch_image_storage(&set->common, &list.store, err) < 0)
		return err->code;
	if (set->json)
		ch_json_open(&list.json, NULL, '[');
	rc = argc > 0 ? show_one(&list, argv[0], &set->common, err) : show_all(&list, err);
	if (rc < 0 || !set->json)
		return rc;
	ch_json_close(&list.json, ']');
	return print_document(&list, err);
}
