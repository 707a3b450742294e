/* SPDX-License-Identifier: Apache-2.0 */
#include "fakeroot/fakeroot.h"

#include <errno.h>

#include "base/err.h"

#ifdef HAVE_SECCOMP

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The 32-bit ABIs that a kernel of this machine may offer. A system call has a number of
 * its own in each, and libseccomp knows them all. */
static const uint32_t other_abis[] = {
#if defined(__x86_64__)
	SCMP_ARCH_X86,
	SCMP_ARCH_X32,
#elif defined(__aarch64__)
	SCMP_ARCH_ARM,
#elif defined(__s390x__)
	SCMP_ARCH_S390,
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	SCMP_ARCH_PPC,
#endif
	0,
};

static const int faked[] = {
	SCMP_SYS(capset),      SCMP_SYS(chown),	    SCMP_SYS(chown32),	   SCMP_SYS(fchown),
	SCMP_SYS(fchown32),    SCMP_SYS(fchownat),  SCMP_SYS(lchown),	   SCMP_SYS(lchown32),
	SCMP_SYS(kexec_load),  SCMP_SYS(setfsgid),  SCMP_SYS(setfsgid32),  SCMP_SYS(setfsuid),
	SCMP_SYS(setfsuid32),  SCMP_SYS(setgid),    SCMP_SYS(setgid32),	   SCMP_SYS(setgroups),
	SCMP_SYS(setgroups32), SCMP_SYS(setregid),  SCMP_SYS(setregid32),  SCMP_SYS(setresgid),
	SCMP_SYS(setresgid32), SCMP_SYS(setresuid), SCMP_SYS(setresuid32), SCMP_SYS(setreuid),
	SCMP_SYS(setreuid32),  SCMP_SYS(setuid),    SCMP_SYS(setuid32),
};

/* Calls that make files, and which argument is the mode. */
static const struct {
	int call;
	unsigned arg;
} makers[] = { { SCMP_SYS(mknod), 1 }, { SCMP_SYS(mknodat), 2 } };

static const scmp_datum_t devices[] = { S_IFCHR, S_IFBLK };

/* An error of 0: the call is not made, and returns 0. */
#define LIE SCMP_ACT_ERRNO(0)

static int add_abis(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && other_abis[i]; i++)
		rc = seccomp_arch_add(filter, other_abis[i]);
	return rc;
}

static int add_rules(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(faked); i++)
		rc = seccomp_rule_add(filter, LIE, faked[i], 0);
	for (size_t i = 0; rc == 0 && i < COUNT(makers) * COUNT(devices); i++) {
		const unsigned arg = makers[i / COUNT(devices)].arg;

		rc = seccomp_rule_add(
			filter, LIE, makers[i / COUNT(devices)].call, 1,
			SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, S_IFMT, devices[i % COUNT(devices)]));
	}
	return rc;
}

/* Make the filter, and put it in force. Returns 0 or a negative errno. */
static int load(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);

	if (rc == 0) /* errors of the kernel as they are */
		rc = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (rc == 0)
		rc = add_abis(filter);
	if (rc == 0)
		rc = add_rules(filter);
	return rc == 0 ? seccomp_load(filter) : rc;
}

int ch_fakeroot_install(struct ch_err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter)
		return ch_err_set(err, -ENOMEM, "make the filter for root emulation");

	int rc = load(filter);

	seccomp_release(filter);
	if (rc < 0)
		return ch_err_rc(err, rc, "install the filter for root emulation");
	/* Without the filter: EPERM for everybody but root, and nothing to unload for root in
	 * a container. */
	if (syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL) != 0)
		return ch_err_set(err, -EPERM, "the filter for root emulation does not work");
	return 0;
}

#else

int ch_fakeroot_install(struct ch_err *err)
{
	return ch_err_set(err, -ENOSYS, "root emulation: built without libseccomp");
}

#endif
