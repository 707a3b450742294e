/* SPDX-License-Identifier: Apache-2.0 */
/* image_log.h - messages of ch-image, on standard error or in a file ($CH_LOG_FILE)
 *
 * Warnings are remembered: at the end of a build they are said again, since by then they are
 * far above. */
#ifndef CH_CLI_IMAGE_LOG_H
#define CH_CLI_IMAGE_LOG_H

#include "image_options.h"

/* Print what COMMON, which is borrowed until ch_image_log_end, wants to be printed. */
void ch_image_log_begin(const struct ch_image_common *common);

/* Print no more. */
void ch_image_log_end(void);

/* Say again, counted, which warnings there were. */
void ch_image_log_again(void);

#endif
