/* SPDX-License-Identifier: Apache-2.0 */
#include "image_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "opt/setters.h"

/* ---- common ---------------------------------------------------------------------------------- */

CH_OPT_FLAG_SETTER(ch_image_common, always_download)
CH_OPT_FLAG_SETTER(ch_image_common, auth)
CH_OPT_FLAG_SETTER(ch_image_common, debug)
CH_OPT_FLAG_SETTER(ch_image_common, dependencies)
CH_OPT_FLAG_SETTER(ch_image_common, help)
CH_OPT_FLAG_SETTER(ch_image_common, no_lock)
CH_OPT_FLAG_SETTER(ch_image_common, password_many)
CH_OPT_FLAG_SETTER(ch_image_common, tls_no_verify)
CH_OPT_FLAG_SETTER(ch_image_common, version)
CH_OPT_TEXT_SETTER(ch_image_common, arch, "ARCH")
CH_OPT_TEXT_SETTER(ch_image_common, storage, "DIR")

CH_OPT_SETTER(cache, ch_image_common, cache, CH_IMAGE_CACHE_ON)
CH_OPT_SETTER(no_cache, ch_image_common, cache, CH_IMAGE_CACHE_OFF)
CH_OPT_SETTER(rebuild, ch_image_common, cache, CH_IMAGE_CACHE_REBUILD)

static int set_cache_large(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_common *s = target;

	return ch_text_u32(value, "SIZE", 0, UINT32_MAX, &s->cache_large, err);
}

static int set_cache_max(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_common *s = target;

	return ch_text_u32(value, "SIZE", 0, UINT32_MAX, &s->cache_max, err);
}

static int set_color(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_common *s = target;

	return ch_color_parse(value, &s->color, err);
}

static int check_xattrs(const struct ch_image_common *s, struct ch_err *err)
{
	if (s->xattrs && s->no_xattrs)
		return ch_err_set(err, -EINVAL, "--xattrs and --no-xattrs exclude each other");
	return 0;
}

static int set_no_xattrs(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_common *s = target;

	(void)value;
	s->no_xattrs = true;
	return check_xattrs(s, err);
}

static int set_xattrs(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_common *s = target;

	(void)value;
	s->xattrs = true;
	return check_xattrs(s, err);
}

/* The first one behind the sub-command forgets those in front of it. */
static void count_anew(struct ch_image_common *s)
{
	if (!s->is_later)
		return;
	s->is_later = false;
	s->verbose = s->quiet = 0;
}

static int set_quiet(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_common *s = target;

	(void)value;
	(void)err;
	count_anew(s);
	s->quiet++;
	return 0;
}

static int set_verbose(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_common *s = target;

	(void)value;
	(void)err;
	count_anew(s);
	s->verbose++;
	return 0;
}

const struct ch_opt ch_image_options[] = {
	{ "always-download", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "download what is there, too",
	  "When images are pulled, download everything, also what the download cache has; and pull "
	  "base images again that were pulled. (The command pull always asks the registry which "
	  "image is the newest one.)",
	  set_always_download },
	{ "arch", 'a', CH_OPT_RUN, CH_OPT_VALUE, "ARCH", "pull images for ARCH (default host)",
	  "Pull images for the architecture ARCH, as registries call it: amd64, arm/v7. host, the "
	  "default: that of this machine. yolo: what the registry likes best. There is one image "
	  "of "
	  "a name in storage, whatever its architecture.",
	  set_arch },
	{ "auth", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "log in to registries",
	  "Log in to registries, as push always does, with the name and password of "
	  "$CH_IMAGE_USERNAME and $CH_IMAGE_PASSWORD, or of the files that docker login and podman "
	  "login write, or what is typed at the terminal. So does $CH_IMAGE_AUTH, if it is yes. "
	  "Otherwise nothing is said about who asks.",
	  set_auth },
	{ "cache", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "use the build cache (default)",
	  "Use the build cache: what was built before is taken from it, and what is built goes "
	  "into "
	  "it. This is the default, unless $CH_IMAGE_CACHE says otherwise.",
	  set_cache },
	{ "cache-large", 0, CH_OPT_RUN, CH_OPT_VALUE, "SIZE",
	  "keep files of SIZE MiB and more beside the cache",
	  "Keep files of SIZE MiB and more outside the build cache's Git repository, as they are: "
	  "they "
	  "need more space, and less time. 0, the default unless $CH_IMAGE_CACHE_LARGE says "
	  "otherwise: no files.",
	  set_cache_large },
	{ "cache-max", 0, CH_OPT_RUN, CH_OPT_VALUE, "SIZE", "keep the cache below SIZE MiB",
	  "At the end of a build, if the build cache has more than SIZE MiB, remove from it what "
	  "has not been used for the longest time, until it has not. What images need, deleted "
	  "ones that can be brought back too, always stays. 0, the default unless "
	  "$CH_IMAGE_CACHE_MAX says otherwise: no limit.",
	  set_cache_max },
	{ "color", 0, CH_OPT_RUN, CH_OPT_OPTIONAL, CH_COLOR_ARG,
	  "colour errors and warnings (default auto: on a terminal)",
	  "Print errors and warnings in colour: " CH_COLOR_RULES ".", set_color },
	{ "debug", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print everything",
	  "Print all messages there are. So does $CH_IMAGE_DEBUG, if it is set.", set_debug },
	{ "dependencies", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print what is missing, and exit",
	  "Print what ch-image needs and does not find, and exit. It needs no other programs: so "
	  "nothing is printed, and the exit status is 0.",
	  set_dependencies },
	{ "help", 'h', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print this help and exit",
	  "Print help on standard output and exit: behind the sub-command, its own; else "
	  "a summary.",
	  set_help },
	{ "no-cache", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "do not use the build cache",
	  "Do not use the build cache: nothing is taken from it, and nothing goes into it. To "
	  "build "
	  "everything again and have the new results in the cache, use --rebuild.",
	  set_no_cache },
	{ "no-lock", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "do not lock storage",
	  "Lock nothing in storage, and do not wait for others: for file systems without locks. "
	  "Two "
	  "that make the same image at the same time then destroy each other's work, and what "
	  "killed "
	  "ones have left is not removed.",
	  set_no_lock },
	{ "no-xattrs", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "drop extended attributes of files",
	  "Images that are imported, pulled, built or pushed have no extended attributes, ACLs and "
	  "capabilities included; base images of builds stay as they are. In the build cache, what "
	  "is built or pulled so is apart from what is not: neither is taken for the other.",
	  set_no_xattrs },
	{ "password-many", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "ask for passwords each time",
	  "Ask for name and password each time that a registry wants them, which may be several "
	  "times in a command: for passwords that are good for one use. Otherwise, what was typed "
	  "is remembered until ch-image ends.",
	  set_password_many },
	{ "quiet", 'q', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print less; may be repeated",
	  "Print no messages but warnings and errors; given twice, nothing but errors. Behind the "
	  "sub-command, -q and -v are counted anew.",
	  set_quiet },
	{ "rebuild", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "execute all instructions but FROM",
	  "Take base images from the build cache, but execute all other instructions again, and "
	  "have "
	  "the new results in the cache.",
	  set_rebuild },
	{ "storage", 's', CH_OPT_RUN, CH_OPT_VALUE, "DIR", "keep images in DIR",
	  "Use the storage directory DIR. Default: $CH_IMAGE_STORAGE, which must be absolute, else "
	  "/var/tmp/USER.ch. It is made if it is missing. It has to be a directory, not a link, of "
	  "the "
	  "user's, and not writable for others.",
	  set_storage },
	{ "tls-no-verify", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "accept any certificate of registries",
	  "Accept any certificate of registries, and those that speak no TLS at all: whoever is on "
	  "the way can then read passwords, and change images.",
	  set_tls_no_verify },
	{ "verbose", 'v', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print more; may be repeated",
	  "Print more messages; may be repeated.", set_verbose },
	{ "version", 'V', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print the version and exit",
	  "Print the version on standard output and exit.", set_version },
	{ "xattrs", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "keep extended attributes (default)",
	  "Keep the extended attributes user.* and security.capability, and ACLs, as far as the "
	  "file "
	  "system and the user's rights allow. This is the default, unless $CH_XATTRS is no.",
	  set_xattrs },
	{ 0 },
};

/* A number of MiB in the environment. */
static int default_size(const char *name, uint32_t *ret_size, struct ch_err *err)
{
	const char *value = getenv(name);

	return value && value[0] ? ch_text_u32(value, name, 0, UINT32_MAX, ret_size, err) : 0;
}

int ch_image_defaults(struct ch_image_common *common, struct ch_err *err)
{
	static const char *const modes[] = {
		[CH_IMAGE_CACHE_ON] = "enabled",
		[CH_IMAGE_CACHE_OFF] = "disabled",
		[CH_IMAGE_CACHE_REBUILD] = "rebuild",
	};
	const char *mode = getenv("CH_IMAGE_CACHE");
	unsigned i = 0;

	const char *auth = getenv("CH_IMAGE_AUTH");

	if (getenv("CH_IMAGE_DEBUG"))
		common->debug = true;
	common->auth = auth && strcmp(auth, "yes") == 0;
	if (default_size("CH_IMAGE_CACHE_LARGE", &common->cache_large, err) < 0 ||
	    default_size("CH_IMAGE_CACHE_MAX", &common->cache_max, err) < 0)
		return err->code;
	if (!mode || !mode[0])
		return 0;
	while (i < sizeof(modes) / sizeof(modes[0]) && strcmp(mode, modes[i]) != 0)
		i++;
	if (i == sizeof(modes) / sizeof(modes[0]))
		return ch_err_set(err, -EINVAL,
				  "CH_IMAGE_CACHE: '%s' is none of enabled, disabled, rebuild",
				  mode);
	common->cache = i;
	return 0;
}

bool ch_image_drops_xattrs(const struct ch_image_common *common)
{
	const char *env = getenv("CH_XATTRS");

	return common->no_xattrs || (!common->xattrs && env && strcmp(env, "no") == 0);
}

/* ---- gestalt ------------------------------------------------------------------------------- */

CH_OPT_FLAG_SETTER(ch_image_gestalt, fail)

const struct ch_opt ch_image_gestalt_options[] = {
	{ "fail", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "of logging: end with an error",
	  "With the selector logging, end with an error, and exit status 1.", set_fail },
	{ 0 },
};

/* ---- list --------------------------------------------------------------------------------------
 */

CH_OPT_FLAG_SETTER(ch_image_list, json)
CH_OPT_FLAG_SETTER(ch_image_list, is_long)
CH_OPT_FLAG_SETTER(ch_image_list, undeletable)

const struct ch_opt ch_image_list_options[] = {
	{ "json", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print one JSON document",
	  "Print a JSON document: an array with an object for each image. Its members: name; "
	  "architecture (null: it does not say); changed, the time of the last change (seconds "
	  "since 1970); digest and config_digest, those of the manifest and the configuration that "
	  "its registry has, where it was pulled from or pushed to last (null: neither, or it was "
	  "brought back by undelete); with --long, also size, in bytes on the disk. With "
	  "--undeletable, name alone.",
	  set_json },
	{ "long", 'l', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print size and age, too",
	  "Print, in columns, name, architecture, size on the disk, time of the last change, and "
	  "of "
	  "images that were pulled or pushed, the first digits of their manifest's digest.",
	  set_is_long },
	{ "undeletable", 'u', CH_OPT_RUN, CH_OPT_FLAG, NULL, "list what undelete can bring back",
	  "Print, instead, the names of images that are not in storage, but in the build cache: "
	  "ch-image undelete brings them back.",
	  set_undeletable },
	{ 0 },
};

/* ---- pull
 * ---------------------------------------------------------------------------------------- */

CH_OPT_FLAG_SETTER(ch_image_pull, parse_only)

static int set_last_layer(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_pull *s = target;

	return ch_text_u32(value, "N", 1, UINT32_MAX, &s->last_layer, err);
}

const struct ch_opt ch_image_pull_table[] = {
	{ "last-layer", 0, CH_OPT_RUN, CH_OPT_VALUE, "N", "unpack the first N layers only",
	  "Unpack the first N layers only: the image is not complete. For those who want to know "
	  "what a layer does.",
	  set_last_layer },
	{ "parse-only", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print what the reference says, and exit",
	  "Print the parts of the image reference and exit. Neither registry nor storage is "
	  "touched.",
	  set_parse_only },
	{ 0 },
};

/* ---- push
 * ---------------------------------------------------------------------------------------- */

CH_OPT_TEXT_SETTER(ch_image_push, compress, "ALG")
CH_OPT_TEXT_SETTER(ch_image_push, image, "DIR")

const struct ch_opt ch_image_push_table[] = {
	{ "compress", 0, CH_OPT_RUN, CH_OPT_VALUE, "ALG[:LEVEL]",
	  "compress by gzip (default) or zstd",
	  "Compress the layer by ALG at LEVEL: gzip (the default), which everybody reads, at 1 to "
	  "12 (5, which is about what gzip -6 gives); or zstd at 1 to 19 (3), which is faster and "
	  "smaller. With zstd, the manifest is one of OCI, else one of Docker.",
	  set_compress },
	{ "image", 0, CH_OPT_RUN, CH_OPT_VALUE, "DIR", "push the image in directory DIR",
	  "Push the image in the directory DIR, not one in storage. IMAGE is only its name then.",
	  set_image },
	{ 0 },
};
