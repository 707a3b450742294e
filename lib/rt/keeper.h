/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.h - the keeper: makes one container, and lets in who asks
 *
 * Protocol: proto.h. It stays outside the container's mount namespace, never touches the
 * container's file system, and does not wait for any: the image is opened by a thread
 * (opening.h), and builder and image server are processes of their own. With
 * CH_LIFE_SOCKET it ends when the other end of its socket is closed or whoever made the
 * socket has died, and takes the image server with it. */
#ifndef CH_RT_KEEPER_H
#define CH_RT_KEEPER_H

#include <stdbool.h>

#include "rt/build.h"

/* Do all that. SERVER: path of the image server's program. IS_PLACED: we are on the CPUs
 * of the tasks already. Returns the exit status. */
int ch_keeper_main(const char *server, ch_meta_reader *read_meta, bool is_placed);

#endif
