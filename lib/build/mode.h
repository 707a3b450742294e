/* SPDX-License-Identifier: Apache-2.0 */
/* mode.h - changes of file modes, as chmod(1) takes them: octal or symbolic */
#ifndef CH_BUILD_MODE_H
#define CH_BUILD_MODE_H

#include <stddef.h>
#include <sys/types.h>

struct ch_err;

enum { CH_MODE_CHANGES = 32 };

struct ch_mode_change {
	char op;     /* '+', '-' or '=' */
	char copy;   /* 'u', 'g', 'o': what those have; or 0 */
	char x;	     /* 'X': execution, if the file has it for someone or is a directory; or 0 */
	mode_t who;  /* bits that may change */
	mode_t bits; /* for everybody */
};

struct ch_mode {
	struct ch_mode_change changes[CH_MODE_CHANGES];
	size_t n;
};

/* "755", "u=rwX,go-w" ... The umask has no say: "+x" is "a+x". */
int ch_mode_parse(const char *text, struct ch_mode *ret_mode, struct ch_err *err);

/* OLD, changed. OLD has the file's type, too; so has the result. */
mode_t ch_mode_apply(const struct ch_mode *mode, mode_t old);

#endif
