/* SPDX-License-Identifier: Apache-2.0 */
/* fakeroot.h - root emulation: a filter under which what only root may do seems to work
 *
 * Package managers and installation scripts change owners, make devices, and become other
 * users, none of which is possible with one user id. Most of them do not look what came of
 * it. Under this filter such calls return 0 without doing anything:
 *
 *	capset; chown fchown fchownat lchown; kexec_load; setfsgid setfsuid setgid
 *	setgroups setregid setresgid setresuid setreuid setuid; their 32-bit variants
 *	(chown32 ...); mknod and mknodat of character and block devices only
 *
 * They are lies, and no more: getuid(2), stat(2) and all others tell the truth. The filter
 * is for all ABIs of the machine that the kernel may offer (x86-64: also i386 and x32);
 * others pass. It is inherited by all children, kept over exec, and cannot be taken off.
 *
 * For ch-run --seccomp, and for builds. This is the one door to libseccomp. */
#ifndef CH_FAKEROOT_FAKEROOT_H
#define CH_FAKEROOT_FAKEROOT_H

struct ch_err;

/* Install the filter for the calling process, which is single-threaded, and see that it
 * works. It sets no_new_privs. Allocates: not for use between the fork of a threaded
 * process and exec.
 * Errors: -ENOSYS built without; -EINVAL the kernel has no filters; -EPERM it does not lie. */
int ch_fakeroot_install(struct ch_err *err);

#endif
