/* SPDX-License-Identifier: Apache-2.0 */
/* dockerfile.h - Dockerfiles: from text to a tree of instructions
 *
 * Pure: nothing here reads a file, runs a program or knows of images. The tree is what the
 * text says, before any variable is replaced; dockerfile/subst.h does that, word by word, when
 * an instruction is executed. doc/DOCKERFILE.md has the grammar.
 *
 * The tree has one owner, struct ch_dockerfile, and all its texts end in NUL. Arrays have
 * their length beside them. */
#ifndef CH_DOCKERFILE_DOCKERFILE_H
#define CH_DOCKERFILE_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dockerfile/arena.h"

struct ch_buf;
struct ch_df_err;
struct ch_df_line;
struct ch_err;

/* Larger Dockerfiles are refused. */
#define CH_DF_MAX ((size_t)4 << 20)

/* A place in the text, both from 1; columns count characters. */
struct ch_df_pos {
	unsigned line, column;
};

enum ch_df_kind {
	CH_DF_ADD,
	CH_DF_ARG,
	CH_DF_CMD,
	CH_DF_COPY,
	CH_DF_ENTRYPOINT,
	CH_DF_ENV,
	CH_DF_EXPOSE,
	CH_DF_FROM,
	CH_DF_HEALTHCHECK,
	CH_DF_LABEL,
	CH_DF_MAINTAINER,
	CH_DF_ONBUILD,
	CH_DF_RSYNC,
	CH_DF_RUN,
	CH_DF_SHELL,
	CH_DF_STOPSIGNAL,
	CH_DF_USER,
	CH_DF_VOLUME,
	CH_DF_WORKDIR,
};

/* A part of an instruction as it was written: quotes, escapes and "$" are still in it. */
struct ch_df_word {
	const char *text;
	const struct ch_df_line *line; /* where it is, for ch_df_where() */
	size_t at;
	bool is_raw;   /* quotes are ordinary characters: of JSON, or of a here-document */
	bool is_moved; /* TEXT is not, character by character, what the line has */
};

/* "--NAME" or "--NAME=VALUE" */
struct ch_df_flag {
	const char *name;
	struct ch_df_word value;
	bool has_value;
};

/* NAME=VALUE of ARG, ENV and LABEL */
struct ch_df_pair {
	struct ch_df_word name, value;
	bool has_value; /* false: ARG NAME */
};

/* A here-document */
struct ch_df_heredoc {
	const char *name;	/* its delimiter, without quotes */
	struct ch_df_word body; /* all lines, with their ends; of "<<-", without leading tabs */
	const char *written;	/* the same, with leading tabs */
	bool is_literal;	/* the delimiter was quoted: no variables in the body */
	bool is_chomped;	/* "<<-" */
	size_t at, end;		/* of "<<NAME" in the line */
};

enum ch_df_mount_type {
	CH_DF_MOUNT_BIND,
	CH_DF_MOUNT_CACHE,
	CH_DF_MOUNT_SECRET,
	CH_DF_MOUNT_SSH,
	CH_DF_MOUNT_TMPFS,
};

enum ch_df_sharing { CH_DF_SHARED, CH_DF_PRIVATE, CH_DF_LOCKED };

/* RUN --mount=... What was not given: text NULL, number -1, bool false (is_ro: as is usual
 * for the type). */
struct ch_df_mount {
	enum ch_df_mount_type type;
	struct ch_df_word from, source, target, id, env;
	enum ch_df_sharing sharing;
	bool is_ro;	  /* by default bind mounts are, caches are not */
	bool is_required; /* secret, ssh */
	int64_t size;	  /* bytes; tmpfs */
	int mode;	  /* permissions; cache, secret, ssh */
	int64_t uid, gid;
	struct ch_df_word flag; /* all of it, for messages */
};

struct ch_df_instr {
	enum ch_df_kind kind;
	struct ch_df_pos pos;	       /* of the keyword */
	const struct ch_df_line *line; /* where it is, and its byte AT */
	size_t at;
	/* The instruction on one line, as for display: keyword in capitals, continued lines
	 * joined, here-documents not included. Not made fit for a terminal. */
	const char *text;
	/* Behind keyword and flags. RUN, CMD, ENTRYPOINT: the command in shell form, also that
	 * of HEALTHCHECK; MAINTAINER, STOPSIGNAL, USER, WORKDIR: their argument. */
	struct ch_df_word rest;
	/* JSON: its items. ADD, COPY, RSYNC: sources, then the destination, where here-documents
	 * are as written ("<<EOF"). EXPOSE, VOLUME: items. FROM: the image. */
	struct ch_df_word *words;
	size_t nwords;
	bool is_json;	/* exec form */
	bool is_none;	/* HEALTHCHECK NONE */
	const char *as; /* FROM ... AS: the stage's name in lower case, or NULL */
	unsigned stage; /* from 0; of ARG in front of the first FROM: 0, too */
	bool is_global; /* ARG in front of the first FROM */
	struct ch_df_flag *flags;
	size_t nflags;
	struct ch_df_pair *pairs; /* ARG, ENV, LABEL */
	size_t npairs;
	struct ch_df_heredoc *heredocs; /* ADD, COPY, RUN */
	size_t nheredocs;
	struct ch_df_mount *mounts; /* RUN */
	size_t nmounts;
	/* RSYNC: options in order, "+", "-" or "--" included. */
	struct ch_df_word *options;
	size_t noptions;
	struct ch_df_instr *trigger; /* ONBUILD: the instruction behind it */
};

struct ch_dockerfile {
	char escape;	    /* '\\', or '`' */
	const char *syntax; /* directives that are read and not followed, or NULL */
	const char *check;
	struct ch_df_instr *instrs;
	size_t n;
	unsigned nstages; /* at least 1 */

	struct ch_df_arena arena;
	const char *source; /* LEN bytes */
	size_t len;
	const size_t *lines; /* where lines begin */
	size_t nlines;
};

/* Parse LEN bytes of TEXT.
 *
 * ret_df: filled in only on success; for ch_dockerfile_done()
 * Errors: -EINVAL what is wrong with the text; -EFBIG; -ENOMEM */
int ch_dockerfile_parse(const char *text, size_t len, struct ch_dockerfile *ret_df,
			struct ch_df_err *err);

void ch_dockerfile_done(struct ch_dockerfile *df);

static inline void ch_auto_dockerfile(struct ch_dockerfile *df)
{
	ch_dockerfile_done(df);
}

/* Where the character at OFFSET of WORD's text is. */
struct ch_df_pos ch_df_where(const struct ch_dockerfile *df, const struct ch_df_word *word,
			     size_t offset);

/* Set ERR to a message about WORD, from OFFSET of its text on: for whoever executes
 * instructions. CODE: negative errno. Returns CODE. */
int ch_df_fail(const struct ch_dockerfile *df, const struct ch_df_word *word, size_t offset,
	       struct ch_df_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* The same about an instruction as a whole. */
int ch_df_fail_instr(const struct ch_dockerfile *df, const struct ch_df_instr *instr,
		     struct ch_df_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* In capitals. */
const char *ch_df_keyword(enum ch_df_kind kind);

/* The last "--NAME" of INSTR, or NULL. */
const struct ch_df_flag *ch_df_flag(const struct ch_df_instr *instr, const char *name);

/* Is "--NAME" (or "--NAME=true") given? The last one counts. */
bool ch_df_flag_is_on(const struct ch_df_instr *instr, const char *name);

/* The here-document that source WORD of INSTR (ADD, COPY) stands for, or NULL: a file. */
const struct ch_df_heredoc *ch_df_heredoc_of(const struct ch_df_instr *instr,
					     const struct ch_df_word *word);

/* What the shell gets of RUN in shell form. RUN with nothing but a here-document: its body
 * ("#!" at its beginning asks for that interpreter instead of the shell); else the command,
 * with the here-documents behind it.
 *
 * ret_script: malloc'ed
 * Errors: -ENOMEM */
int ch_df_run_script(const struct ch_df_instr *run, char **ret_script, struct ch_err *err);

/* "cache" for CH_DF_MOUNT_CACHE */
const char *ch_df_mount_type_name(enum ch_df_mount_type type);

/* Is RUN nothing but a here-document? */
bool ch_df_is_script(const struct ch_df_instr *run);

/* TEXT as HEALTHCHECK has it: "90s", "1m30s", "1.5h"; also "0".
 *
 * ret_ns: nanoseconds
 * Returns 0 or -EINVAL. */
int ch_df_duration(const char *text, int64_t *ret_ns);

/* The stage named NAME (in any case), or with that number, among the first BEFORE ones; the
 * last of that name. Returns its number, or -1. */
int ch_df_stage(const struct ch_dockerfile *df, const char *name, unsigned before);

/* Everything that decides what INSTR does, for keys of a cache: its text and here-documents.
 *
 * Added to OUT, which becomes bad if it does not fit. */
void ch_df_key(const struct ch_df_instr *instr, struct ch_buf *out);

/* The tree in lines, as "ch-image build --parse-only" shows it. It becomes bad, as above. */
void ch_dockerfile_print(const struct ch_dockerfile *df, struct ch_buf *out);

#endif
