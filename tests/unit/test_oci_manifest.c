/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/manifest.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/image.h"
#include "torture.h"
#include "unit.h"

#define DIGEST	"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DESC(t) "{\"mediaType\": \"" t "\", \"digest\": \"" DIGEST "\", \"size\": 7}"
#define IMAGE(type, config, layers)                                                                \
	"{\"schemaVersion\": 2, \"mediaType\": \"" type "\", \"config\": " config                  \
	", \"layers\": [" layers "]}"
#define PLATFORM(os, arch, more)                                                                   \
	"{\"mediaType\": \"" CH_OCI_TYPE_MANIFEST "\", \"digest\": \"" DIGEST                      \
	"\", \"size\": 7, \"platform\": {\"architecture\": \"" arch "\", \"os\": \"" os "\"" more  \
	"}}"
#define VARIANT(v)   ", \"variant\": \"" v "\""
#define INDEX(items) "{\"schemaVersion\": 2, \"manifests\": [" items "]}"

static int parse(const char *type, const char *text, struct ch_oci_manifest *ret,
		 struct ch_err *err)
{
	return ch_oci_manifest_parse(type, text, strlen(text), ret, err);
}

/* ---- documents -------------------------------------------------------------------------------
 */

static void kinds_are_told_by_type_and_by_shape(void **state)
{
	(void)state;
	static const struct {
		const char *type, *text;
		enum ch_oci_kind kind;
		bool is_docker;
		size_t n;
	} cases[] = {
		{ CH_OCI_TYPE_MANIFEST,
		  IMAGE(CH_OCI_TYPE_MANIFEST, DESC(CH_OCI_TYPE_CONFIG), DESC("a/b") "," DESC("c")),
		  CH_OCI_IMAGE, false, 2 },
		{ NULL, IMAGE(CH_DOCKER_TYPE_MANIFEST, DESC(CH_DOCKER_TYPE_CONFIG), ""),
		  CH_OCI_IMAGE, true, 0 },
		{ "application/json", IMAGE(CH_OCI_TYPE_MANIFEST, DESC(CH_OCI_TYPE_CONFIG), ""),
		  CH_OCI_IMAGE, false, 0 },
		{ CH_DOCKER_TYPE_INDEX, INDEX(DESC("a/b")), CH_OCI_INDEX, true, 1 },
		{ NULL, INDEX(""), CH_OCI_INDEX, false, 0 },
		{ "text/plain",
		  "{\"schemaVersion\": 2, \"layers\": [], \"config\": " DESC(
			  "application/octet-stream") "}",
		  CH_OCI_IMAGE, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(oci_manifest) struct ch_oci_manifest m = { 0 };
		struct ch_err err;

		if (parse(cases[i].type, cases[i].text, &m, &err) < 0)
			fail_msg("%zu: %s", i, err.msg);
		assert_int_equal(m.kind, cases[i].kind);
		assert_int_equal(m.is_docker, cases[i].is_docker);
		assert_int_equal(m.n, cases[i].n);
	}
}

static void bad_ones_are_refused_with_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *type, *text;
		int code;
		const char *msg;
	} cases[] = {
		{ NULL, "", -EINVAL, "manifest: JSON" },
		{ NULL, "[]", -EINVAL, "'schemaVersion' is missing" },
		{ NULL, "{\"schemaVersion\": 2}", -EINVAL, "neither an image manifest nor" },
		{ NULL, "{\"schemaVersion\": 1, \"fsLayers\": []}", -ENOTSUP, "schema 1" },
		{ CH_DOCKER_TYPE_SIGNED, INDEX(""), -ENOTSUP, "schema 1" },
		{ NULL, "{\"schemaVersion\": 3, \"layers\": []}", -EINVAL, "'schemaVersion'" },
		{ NULL, IMAGE("a/b", DESC(CH_OCI_TYPE_CONFIG), ""), -ENOTSUP,
		  "it is of type 'a/b', which is no image" },
		{ CH_OCI_TYPE_INDEX, IMAGE(CH_OCI_TYPE_MANIFEST, DESC(CH_OCI_TYPE_CONFIG), ""),
		  -EINVAL, "but the registry, of" },
		{ NULL, IMAGE(CH_OCI_TYPE_MANIFEST, DESC("application/x-chart"), ""), -ENOTSUP,
		  "configuration of type 'application/x-chart'" },
		{ NULL, IMAGE(CH_OCI_TYPE_MANIFEST, "7", ""), -EINVAL, "'config': 'mediaType'" },
		{ NULL, IMAGE(CH_OCI_TYPE_MANIFEST, DESC("a b"), ""), -EINVAL, "no media type" },
		{ CH_OCI_TYPE_MANIFEST, INDEX(DESC("a/b")), -EINVAL, "'config'" },
		{ CH_OCI_TYPE_INDEX, "{\"schemaVersion\": 2, \"manifests\": {}}", -EINVAL,
		  "'manifests' is missing, or no list" },
		{ NULL, INDEX("{\"mediaType\": \"a\"}"), -EINVAL, "item 1: 'digest' is missing" },
		{ NULL, INDEX(DESC("a") ", {\"mediaType\": \"a\", \"digest\": \"sha512:00\"}"),
		  -ENOTSUP, "item 2: digest 'sha512:00' is not of SHA-256" },
		{ NULL, INDEX("{\"mediaType\": \"a\", \"digest\": \"sha256:00\"}"), -EINVAL,
		  "has not 64 digits" },
		{ NULL, INDEX("{\"mediaType\": \"a\", \"digest\": \"" DIGEST "0\"}"), -EINVAL,
		  "has not 64 digits" },
		{ NULL, INDEX("{\"mediaType\": \"a\", \"digest\": \"" DIGEST "\", \"size\": -1}"),
		  -EINVAL, "'size'" },
		{ NULL,
		  INDEX("{\"mediaType\": \"a\", \"digest\": \"" DIGEST "\", \"size\": \"1\"}"),
		  -EINVAL, "'size'" },
		{ NULL,
		  INDEX("{\"mediaType\": \"a\", \"digest\": \"" DIGEST
			"\", \"size\": 1000000000000000}"),
		  -EINVAL, "'size'" },
		{ NULL, INDEX(PLATFORM("linux", "a/b", "")), -EINVAL, "platform: 'architecture'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(oci_manifest) struct ch_oci_manifest m = { 0 };
		struct ch_err err;

		assert_int_equal(parse(cases[i].type, cases[i].text, &m, &err), cases[i].code);
		if (!strstr(err.msg, cases[i].msg))
			fail_msg("%zu: %s", i, err.msg);
		assert_null(m.items);
	}
}

static void what_is_written_is_what_was_read(void **state)
{
	(void)state;
	static const char *const texts[] = {
		IMAGE(CH_DOCKER_TYPE_MANIFEST, DESC(CH_DOCKER_TYPE_CONFIG), DESC("a/b")),
		"{\"schemaVersion\": 2, \"mediaType\": \"" CH_OCI_TYPE_INDEX
		"\", \"manifests\": [" PLATFORM("linux", "arm", VARIANT("v5")) "]}",
		"{\"schemaVersion\": 2, \"mediaType\": \"" CH_OCI_TYPE_INDEX
		"\", \"manifests\": [{\"mediaType\": \"a\", \"digest\": \"" DIGEST
		"\", \"size\": 0, \"annotations\": {\"org.opencontainers.image.ref.name\": "
		"\"1.0\"}}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		ch_auto(oci_manifest) struct ch_oci_manifest m = { 0 };
		ch_auto(str) char *out = NULL;
		struct ch_err err;

		assert_int_equal(parse(NULL, texts[i], &m, &err), 0);
		assert_int_equal(ch_oci_manifest_print(&m, &out, &err), 0);
		assert_string_equal(out, texts[i]);
	}
}

static int parse_and_print(void *data)
{
	ch_auto(oci_manifest) struct ch_oci_manifest m = { 0 };
	ch_auto(oci_desc) struct ch_oci_desc desc = { 0 };
	ch_auto(str) char *out = NULL;
	struct ch_err err;

	if (parse(NULL, data, &m, &err) < 0 || ch_oci_manifest_print(&m, &out, &err) < 0)
		return err.code;
	return ch_oci_desc_set(&desc, "a", DIGEST, 1, &err);
}

static void survives_each_failing_allocation(void **state)
{
	(void)state;
	char text[] = INDEX(PLATFORM("linux", "arm", VARIANT("v5")));

	assert_true(torture(parse_and_print, text) > 5);
}

/* ---- architectures --------------------------------------------------------------------------- */

static void architectures_are_chosen(void **state)
{
	(void)state;
	static const char text[] = INDEX(
		PLATFORM("windows", "amd64", "") "," PLATFORM("unknown", "unknown", "") "," PLATFORM(
			"linux", "arm64",
			VARIANT("v8")) "," PLATFORM("linux", "arm",
						    VARIANT("v5")) "," PLATFORM("linux", "arm",
										VARIANT("v7")) "," PLATFORM("linux",
													    "amd64",
													    ""));
	static const struct {
		const char *arch;
		int item; /* -1: none */
	} cases[] = {
		{ "amd64", 5 },	   { "amd64/v1", 5 }, { "amd64/v3", -1 }, { "arm64", 2 },
		{ "arm64/v8", 2 }, { "arm", 4 },      { "arm/v7", 4 },	  { "arm/v5", 3 },
		{ "arm/v6", -1 },  { "yolo", 5 },     { "unknown", -1 },  { "AMD64", -1 },
	};
	ch_auto(oci_manifest) struct ch_oci_manifest m = { 0 };
	struct ch_err err;

	assert_int_equal(parse(NULL, text, &m, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ch_oci_desc *desc = NULL;
		int rc = ch_oci_choose(&m, cases[i].arch, &desc, &err);

		if (cases[i].item < 0) {
			assert_int_equal(rc, -ENOENT);
			assert_non_null(strstr(err.msg, "available: arm64/v8, arm/v5, arm/v7, "
							"amd64; see --arch"));
		} else {
			assert_int_equal(rc, 0);
			assert_ptr_equal(desc, &m.items[cases[i].item]);
		}
	}
}

static void of_strange_ones_any_takes_the_first(void **state)
{
	(void)state;
	static const char one[] = INDEX(PLATFORM("linux", "s390x", "")), none[] = INDEX("");
	ch_auto(oci_manifest) struct ch_oci_manifest m = { 0 };
	ch_auto(oci_manifest) struct ch_oci_manifest empty = { 0 };
	const struct ch_oci_desc *desc = NULL;
	struct ch_err err;

	assert_int_equal(parse(NULL, one, &m, &err), 0);
	assert_int_equal(parse(NULL, none, &empty, &err), 0);
	assert_int_equal(ch_oci_choose(&m, CH_OCI_ARCH_YOLO, &desc, &err), 0);
	assert_ptr_equal(desc, &m.items[0]);
	assert_int_equal(ch_oci_choose(&empty, CH_OCI_ARCH_YOLO, &desc, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "available: none"));
}

static void names_of_architectures_are_checked(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "/", "a/", "a/b/c", "a b", "a\n", "/v7" };
	const char *arch;
	struct ch_err err;

	assert_int_equal(ch_oci_arch_parse(NULL, &arch, &err), 0);
	assert_string_equal(arch, ch_oci_arch_host());
	assert_int_equal(ch_oci_arch_parse("host", &arch, &err), 0);
	assert_string_equal(arch, ch_oci_arch_host());
	assert_int_equal(ch_oci_arch_parse("arm/v5", &arch, &err), 0);
	assert_string_equal(arch, "arm/v5");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ch_oci_arch_parse(bad[i], &arch, &err), -EINVAL);
}

/* ---- configurations -------------------------------------------------------------------------- */

static void configurations_name_their_layers(void **state)
{
	(void)state;
	static const char good[] = "{\"architecture\": \"arm\", \"variant\": \"v7\", \"rootfs\": "
				   "{\"diff_ids\": [\"" DIGEST "\"]}}",
			  bad[] = "{\"rootfs\": {\"diff_ids\": [\"" DIGEST "\", 3]}}",
			  none[] = "{}";
	ch_auto(oci_image) struct ch_oci_image image = { 0 };
	ch_auto(oci_image) struct ch_oci_image other = { 0 };
	struct ch_err err;

	assert_int_equal(ch_oci_image_parse(good, strlen(good), &image, &err), 0);
	assert_string_equal(image.arch, "arm");
	assert_string_equal(image.variant, "v7");
	assert_null(image.os);
	assert_int_equal(image.n, 1);
	assert_string_equal(image.diff_ids[0], DIGEST);
	assert_int_equal(ch_oci_image_parse(bad, strlen(bad), &other, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "item 2"));
	assert_int_equal(ch_oci_image_parse(none, strlen(none), &other, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "no list of layers"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_told_by_type_and_by_shape),
		cmocka_unit_test(bad_ones_are_refused_with_a_reason),
		cmocka_unit_test(what_is_written_is_what_was_read),
		cmocka_unit_test(survives_each_failing_allocation),
		cmocka_unit_test(architectures_are_chosen),
		cmocka_unit_test(of_strange_ones_any_takes_the_first),
		cmocka_unit_test(names_of_architectures_are_checked),
		cmocka_unit_test(configurations_name_their_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
