/* SPDX-License-Identifier: Apache-2.0 */
/* look.h - what the probes share; for the files of this folder only
 *
 * A look is a function that tries one thing and writes what it has seen into a finding. It
 * runs in a child process of its own (probe.h) and may leave that in any state. */
#ifndef CH_PROBE_LOOK_H
#define CH_PROBE_LOOK_H

#include <stddef.h>

struct ch_finding;
struct ch_site;

typedef void ch_look(const struct ch_site *site, struct ch_finding *f);

ch_look ch_look_userns, ch_look_mountns, ch_look_mount_api, ch_look_overlay, ch_look_overlay_write,
	ch_look_tmpfs_xattr;					      /* names.c */
ch_look ch_look_calls, ch_look_openat2, ch_look_seccomp, ch_look_cma; /* calls.c */
ch_look ch_look_dev_fuse, ch_look_fuse, ch_look_resend;		      /* fuse.c */
ch_look ch_look_storage;					      /* storage.c */
ch_look ch_look_plugin;						      /* plugin.c */
ch_look ch_look_helpers, ch_look_container;			      /* helpers.c */

/* Write a verdict. REMEDY may be "". */
void ch_found_ok(struct ch_finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ch_found_limited(struct ch_finding *f, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ch_found_no(struct ch_finding *f, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The number in file PATH, or FALLBACK if there is none. */
long long ch_look_number(const char *path, long long fallback);

/* Move into a user and a mount namespace of our own, with a tmpfs to work in.
 * Returns a descriptor of that directory, or a negative number: then F says why. */
int ch_room_make(struct ch_finding *f);

/* Run ARGV[0], as execvp(3) finds it, without input; what it prints, on both channels, comes
 * into OUT, cut off if it does not fit. Returns its exit status (127: not executed, and errno
 * is in OUT; 128 + a signal), or a negative errno. */
int ch_look_run(char *const argv[], char *out, size_t size);

#endif
