/* SPDX-License-Identifier: Apache-2.0 */
#include "convert_options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "opt/setters.h"

enum { JOBS_MAX = 256 };

CH_OPT_FLAG_SETTER(ch_convert_settings, dry_run)
CH_OPT_FLAG_SETTER(ch_convert_settings, help)
CH_OPT_FLAG_SETTER(ch_convert_settings, no_clobber)
CH_OPT_FLAG_SETTER(ch_convert_settings, no_xattrs)
CH_OPT_FLAG_SETTER(ch_convert_settings, version)
CH_OPT_FLAG_SETTER(ch_convert_settings, xattrs)

CH_OPT_COUNT_SETTER(ch_convert_settings, quiet)
CH_OPT_COUNT_SETTER(ch_convert_settings, verbose)

CH_OPT_TEXT_SETTER(ch_convert_settings, arch, "ARCH")
CH_OPT_TEXT_SETTER(ch_convert_settings, compress, "ALG")
CH_OPT_TEXT_SETTER(ch_convert_settings, in, "FMT")
CH_OPT_TEXT_SETTER(ch_convert_settings, out, "FMT")
CH_OPT_TEXT_SETTER(ch_convert_settings, storage, "DIR")
CH_OPT_TEXT_SETTER(ch_convert_settings, tmp, "DIR")

static int set_jobs(void *target, const char *value, struct ch_err *err)
{
	struct ch_convert_settings *s = target;

	return ch_text_u32(value, "N", 1, JOBS_MAX, &s->jobs, err);
}

/* Bytes, or so many times 2^10 (K), 2^20 (M), 2^30 (G), 2^40 (T) */
static int set_max_size(void *target, const char *value, struct ch_err *err)
{
	static const char units[] = "KMGT";
	struct ch_convert_settings *s = target;
	char *end = NULL;
	const char *unit;
	uint64_t n;
	unsigned shift = 0;

	errno = 0;
	n = strtoull(value, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (!isdigit((unsigned char)value[0]) || *end || errno || n == 0 || n > UINT64_MAX >> shift)
		return ch_err_set(err, -EINVAL,
				  "'%s' is no size: a number, and perhaps K, M, G or T", value);
	s->max_size = n << shift;
	return 0;
}

const struct ch_opt ch_convert_options[] = {
	{ "arch", 'a', CH_OPT_RUN, CH_OPT_VALUE, "ARCH", "take the image for ARCH, of several",
	  "Of an OCI layout or archive that has images for several architectures, take the one for "
	  "ARCH, which is called as registries do, for instance arm64 or arm/v7; yolo: any. "
	  "Default: this machine's.",
	  set_arch },
	{ "compress", 0, CH_OPT_RUN, CH_OPT_VALUE, "ALG[:LEVEL]", "how to compress the output",
	  "Compress the output by ALG, at LEVEL. SquashFS: none, gzip (1 to 12), lz4 (1, 2), xz (1 "
	  "to 9), or zstd (1 to 22); default: zstd:3. Layers of OCI layouts and archives, and of "
	  "Docker archives: none, gzip (1 to 12), zstd (1 to 19). Default for OCI: gzip; for "
	  "Docker: none. Of tar archives, the name says it, and only a LEVEL is left to be chosen. "
	  "Where none is given, it is for gzip 6 in SquashFS and 5 elsewhere, for lz4 1, for xz 6, "
	  "for zstd 3.",
	  set_compress },
	{ "dry-run", 'n', CH_OPT_RUN, CH_OPT_FLAG, NULL, "say what would be done",
	  "Print which formats IN and OUT are taken for, and whether OUT would be replaced. "
	  "Nothing "
	  "is written.",
	  set_dry_run },
	{ "help", 'h', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print this help and exit",
	  "Print a summary of the options on standard output and exit.", set_help },
	{ "in-fmt", 'i', CH_OPT_RUN, CH_OPT_VALUE, "FMT", "IN has this format",
	  "IN has the format FMT. Default: by its name and content, see above.", set_in },
	{ "jobs", 'j', CH_OPT_RUN, CH_OPT_VALUE, "N", "use N threads to compress",
	  "Compress by N threads. Default: as many as there are processors for us. What is written "
	  "does not depend on it.",
	  set_jobs },
	{ "max-size", 0, CH_OPT_RUN, CH_OPT_VALUE, "N", "refuse images larger than N bytes",
	  "Refuse an image whose files have more than N bytes together, counting 512 for each "
	  "file besides its contents; holes count, too. N may end in K, M, G or T, for 2^10, 2^20, "
	  "2^30 or 2^40 bytes. Default: no limit.",
	  set_max_size },
	{ "no-clobber", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "do not replace OUT",
	  "If OUT is there already, it is an error, and OUT stays as it is.", set_no_clobber },
	{ "no-xattrs", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "drop extended attributes",
	  "Drop extended attributes.", set_no_xattrs },
	{ "out-fmt", 'o', CH_OPT_RUN, CH_OPT_VALUE, "FMT", "OUT is to have this format",
	  "OUT is to have the format FMT. Default: by its name, see above.", set_out },
	{ "quiet", 'q', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print less; may be repeated",
	  "Print no messages but warnings and errors; given twice, nothing but errors.",
	  set_quiet },
	{ "storage", 's', CH_OPT_RUN, CH_OPT_VALUE, "DIR", "storage of ch-image is DIR",
	  "Images with names are in the storage directory DIR. Default: $CH_IMAGE_STORAGE, which "
	  "must be absolute, else /var/tmp/USER.ch.",
	  set_storage },
	{ "tmp", 0, CH_OPT_RUN, CH_OPT_VALUE, "DIR", "put temporary files into DIR",
	  "Put temporary files into DIR. There are some only if IN or OUT is docker or podman, or "
	  "IN "
	  "is an image's archive that is compressed. Default: $TMPDIR, else /var/tmp. They have no "
	  "names, so that none of them is left, whatever happens.",
	  set_tmp },
	{ "verbose", 'v', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print more; may be repeated",
	  "Print more messages; may be repeated.", set_verbose },
	{ "version", 'V', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print the version and exit",
	  "Print the version on standard output and exit.", set_version },
	{ "xattrs", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "keep extended attributes (default)",
	  "Keep extended attributes of users (user.*). This is the default. Others are never kept.",
	  set_xattrs },
	{ 0 },
};
