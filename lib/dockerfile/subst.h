/* SPDX-License-Identifier: Apache-2.0 */
/* subst.h - replace variables in the words of a Dockerfile, and take quotes away
 *
 * Forms: $NAME ${NAME}; with a colon, empty counts as unset: ${NAME-WORD} ${NAME:-WORD}
 * ${NAME+WORD} ${NAME:+WORD} ${NAME?MESSAGE} ${NAME:?MESSAGE}; ${NAME#PATTERN} ${NAME##PATTERN}
 * ${NAME%PATTERN} ${NAME%%PATTERN} ${NAME/PATTERN/WORD} ${NAME//PATTERN/WORD}. WORD and PATTERN
 * may have variables themselves. */
#ifndef CH_DOCKERFILE_SUBST_H
#define CH_DOCKERFILE_SUBST_H

#include "dockerfile/dockerfile.h"

/* Longer results are an error. */
#define CH_DF_EXPANDED_MAX ((size_t)1 << 20)

struct ch_df_vars {
	/* The value of NAME, borrowed until the next call; NULL: it is unset. */
	const char *(*get)(const char *name, void *data);
	/* NAME, at POS, is unset and has become the empty string. May be NULL. */
	void (*unset)(const char *name, struct ch_df_pos pos, void *data);
	void *data;
};

/* WORD with all variables replaced. Of raw words (JSON, here-documents), quotes stay, and the
 * escape character is one in front of "$" and itself only. Literal here-documents are not to be
 * given here.
 *
 * ret_text: malloc'ed
 * Errors: -EINVAL wrong syntax, or ${NAME?}; -E2BIG the result is too long, or takes too long;
 * -ENOMEM */
int ch_df_expand(const struct ch_dockerfile *df, const struct ch_df_word *word,
		 const struct ch_df_vars *vars, char **ret_text, struct ch_df_err *err);

#endif
