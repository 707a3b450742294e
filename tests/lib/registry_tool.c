/* SPDX-License-Identifier: Apache-2.0 */
/* registry_tool - talk to a registry by hand
 *
 *	registry_tool [-a] [-k] [-p] IMAGE manifest
 *	registry_tool [...] IMAGE get DIGEST SIZE FILE	    what FILE has is kept
 *	registry_tool [...] IMAGE cat DIGEST SIZE
 *	registry_tool [...] IMAGE has DIGEST
 *	registry_tool [...] IMAGE put FILE DIGEST SIZE
 *	registry_tool [...] IMAGE pipe			    a small blob from standard input
 *	registry_tool [...] IMAGE mount DIGEST REPOSITORY
 *	registry_tool [...] IMAGE tag TYPE FILE
 *	registry_tool [...] IMAGE check
 *	registry_tool URL fetch FILE [DIGEST]
 *
 * -a: with authorization; -k: do not verify certificates; -p: to push */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "oci/ref.h"
#include "registry/fetch.h"
#include "registry/registry.h"

static int to_stdout(void *context, const void *bytes, size_t len, struct ch_err *err)
{
	(void)context;
	return fwrite(bytes, 1, len, stdout) == len ? 0 : ch_err_sys(err, "standard output");
}

static int get(struct ch_registry *r, char **argv, bool to_file, struct ch_err *err)
{
	ch_auto(fd) int fd = to_file ? open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	ch_auto(oci_desc) struct ch_oci_desc blob = { 0 };
	struct ch_registry_download d = {
		.blob = &blob,
		.fd = fd,
		.data = to_file ? NULL : to_stdout,
	};

	if (ch_oci_desc_set(&blob, "", argv[0], strtoull(argv[1], NULL, 10), err) < 0)
		return err->code;
	return ch_registry_download(r, &d, err);
}

static int put(struct ch_registry *r, char **argv, struct ch_err *err)
{
	ch_auto(fd) int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	ch_auto(oci_desc) struct ch_oci_desc blob = { 0 };
	struct ch_registry_upload u = { .fd = fd, .blob = &blob };

	if (ch_oci_desc_set(&blob, "", argv[1], strtoull(argv[2], NULL, 10), err) < 0)
		return err->code;
	return ch_registry_upload(r, &u, err);
}

static int put_small(struct ch_registry *r, struct ch_err *err)
{
	ch_auto(oci_desc) struct ch_oci_desc blob = { 0 };
	char text[65536];
	size_t n = fread(text, 1, sizeof(text), stdin);

	if (ch_registry_put_blob(r, "a/b", text, n, &blob, err) < 0)
		return err->code;
	printf("%s %" PRIu64 "\n", blob.digest, blob.size);
	return 0;
}

static int manifest(struct ch_registry *r, struct ch_err *err)
{
	ch_auto(registry_manifest) struct ch_registry_manifest m = { 0 };

	if (ch_registry_get_manifest(r, NULL, false, &m, err) < 0)
		return err->code;
	printf("%s %s\n%s", m.type, m.digest, m.text);
	return 0;
}

static int tag(struct ch_registry *r, char **argv, struct ch_err *err)
{
	ch_auto(file) FILE *f = fopen(argv[1], "re");
	char text[65536];
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

	return ch_registry_put_manifest(r, NULL, argv[0], text, n, err);
}

static int answer(int rc, bool yes)
{
	if (rc == 0)
		puts(yes ? "yes" : "no");
	return rc;
}

static int run(struct ch_registry *r, char **argv, struct ch_err *err)
{
	const char *verb = argv[0];
	bool yes = false;
	int rc;

	if (strcmp(verb, "get") == 0 || strcmp(verb, "cat") == 0)
		return get(r, argv + 1, verb[0] == 'g', err);
	if (strcmp(verb, "put") == 0)
		return put(r, argv + 1, err);
	if (strcmp(verb, "pipe") == 0)
		return put_small(r, err);
	if (strcmp(verb, "manifest") == 0)
		return manifest(r, err);
	if (strcmp(verb, "tag") == 0)
		return tag(r, argv + 1, err);
	if (strcmp(verb, "check") == 0)
		return ch_registry_check(r, err);
	rc = strcmp(verb, "has") == 0 ? ch_registry_has_blob(r, argv[1], &yes, err)
				      : ch_registry_mount_blob(r, argv[1], argv[2], &yes, err);
	return answer(rc, yes);
}

static int fetch(char **argv, struct ch_err *err)
{
	ch_auto(fd) int fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	struct ch_fetch f = { .url = argv[0], .fd = fd, .digest = argv[3] };
	struct ch_fetched got;

	if (ch_fetch(&f, &got, err) < 0)
		return err->code;
	printf("%s %" PRIu64 " %lld\n", got.digest, got.size, (long long)got.modified);
	return 0;
}

static void log_line(enum ch_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	fprintf(stderr, "%s\n", line);
}

static int talk(int flags, char **argv, struct ch_err *err)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	ch_auto(registry) struct ch_registry *r = NULL;
	struct ch_registry_options options = { .flags = (unsigned)flags };

	if (ch_fetch_is_url(argv[0]))
		return fetch(argv, err);
	if (ch_ref_parse(argv[0], &ref, err) < 0 || ch_registry_open(&ref, &options, &r, err) < 0)
		return err->code;
	if ((flags & CH_REGISTRY_AUTH) && ch_registry_check(r, err) < 0)
		return err->code;
	return run(r, argv + 1, err);
}

int main(int argc, char **argv)
{
	struct ch_err err;
	int flags = 0, c;

	while ((c = getopt(argc, argv, "akpv")) != -1)
		if (c == 'v')
			ch_log_to(log_line, NULL, CH_DEBUG);
		else
			flags |= c == 'a'   ? CH_REGISTRY_AUTH
				 : c == 'k' ? CH_REGISTRY_NO_VERIFY
				 : c == 'p' ? CH_REGISTRY_PUSH
					    : 0;
	if (argc - optind < 2 || talk(flags, argv + optind, &err) == 0)
		return argc - optind < 2 ? 2 : 0;
	fprintf(stderr, "registry_tool: error: %s (%d)\n", err.msg, -err.code);
	return 1;
}
