/* SPDX-License-Identifier: Apache-2.0 */
/* analyser.h - where gcc's analyser is wrong
 *
 * gcc 12 loses sight of what is moved into a list that realloc(3) made, or behind a pointer to a
 * pointer, and takes it for a leak. Such functions stand between these two. */
#ifndef CH_BASE_ANALYSER_H
#define CH_BASE_ANALYSER_H

#if defined(__GNUC__) && !defined(__clang__)
#define CH_PRAGMA(text) _Pragma(#text)
#define CH_MOVES_BEGIN                                                                             \
	CH_PRAGMA(GCC diagnostic push)                                                             \
	CH_PRAGMA(GCC diagnostic ignored "-Wanalyzer-malloc-leak")
#define CH_MOVES_END CH_PRAGMA(GCC diagnostic pop)
#else
#define CH_MOVES_BEGIN
#define CH_MOVES_END
#endif

#endif
