/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - what an image wants to be run in it: ENTRYPOINT and CMD, by Docker's rules
 *
 * The command is ENTRYPOINT, then the user's arguments or, without any, CMD. A shell form
 * "TEXT" is the words of SHELL (/bin/sh -c) and TEXT. Pure functions of what meta.h
 * describes. */
#ifndef CH_RT_COMMAND_H
#define CH_RT_COMMAND_H

#include <stddef.h>
#include <stdlib.h>

struct ch_buf;
struct ch_err;

struct ch_command {
	char **argv; /* NULL-terminated, at least one word; the words are in TEXT */
	char *text;
};

/* Append the words of ENTRYPOINT to OUT, a NUL behind each; none if there is no ENTRYPOINT.
 * Errors: -EINVAL the image's metadata cannot be read or understood. */
int ch_command_entry(const char *meta, size_t len, struct ch_buf *out, struct ch_err *err);

/* The whole command. ARGS: the user's arguments, NULL-terminated; none (NULL, or empty):
 * those of the image.
 * ret_command: release it with ch_command_done
 * Errors: -EINVAL as above; -ENOENT there is neither ENTRYPOINT, nor CMD, nor an argument;
 * -E2BIG; -ENOMEM. */
int ch_command_make(const char *meta, size_t len, char **args, struct ch_command *ret_command,
		    struct ch_err *err);

static inline void ch_command_done(struct ch_command *command)
{
	free(command->argv);
	free(command->text);
	*command = (struct ch_command){ 0 };
}

static inline void ch_auto_command(struct ch_command *command)
{
	ch_command_done(command);
}

#endif
