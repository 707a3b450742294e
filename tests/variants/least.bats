#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# An installation without all that can be left out: what it can do, and what it says of the rest
# (contrib/check, stage "variants", makes it: configure --disable-plugin --disable-server ...)
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup()
{
	ch_setup
	setup_images
	[[ -x $prefix/libexec/ch-keeper && ! -e $prefix/libexec/ch-server && ! -e $plugin ]] ||
		fail "'$prefix' is not such an installation"
}

teardown() { ch_teardown; }

@test "least: images that are directories" {
	mkdir "$tmp/a"
	echo bound >"$tmp/a/file"
	inside bound -b "$tmp/a:/new/place" "$dir" -- cat /new/place/file
	copy_image "$tmp/image"
	inside changed --write-fake "$tmp/image" -- sh -c 'echo changed >/etc/file; cat /etc/file'
	# An image's environment is text, its configuration JSON.
	inside tiny --set-env "$dir" -- sh -c 'echo $CH_IMAGE_NAME'
	run ldd "$prefix/bin/ch-run" "$prefix/libexec/ch-keeper"
	[[ ! $output =~ fuse|deflate|jansson|seccomp|pmix ]]
}

@test "least: what is asked for in vain" {
	for image in "$sqfs" "$(image tiny sif)"; do
		refused 31 "start the image server '$prefix/libexec/ch-server': No such file or directory" \
			"$image" -- true
	done
	refused 31 'built without JSON, so images cannot say what to run: name a command' "$dir"
	refused 31 'built without JSON' "$dir" -- -
	refused 31 'root emulation: built without libseccomp' --seccomp "$dir" -- true
}

@test "least: features" {
	local name why

	for name in overlayfs userns extglob; do
		run_ch --feature="$name"
		((status == 0))
	done
	while read -r name why; do
		run_ch -v --feature="$name"
		((status == 87))
		assert_match "$stderr" "feature '$name': $why\$"
	done <<-'END'
		json built without jansson
		seccomp root emulation: built without libseccomp
		sif built without libfuse3 or a compression library
		squash built without libfuse3 or a compression library
	END
}

@test "least: ch-check" {
	run --separate-stderr as_test env PMIX_NAMESPACE=1.0 PMIX_RANK=0 ch-check
	((status == 0))
	assert_equal "${lines[-1]}$stderr" 'Containers can run here'
	assert_match "$output" $'\nlimited +helpers .*no ch-server: images have to be directories; remedy: build with libfuse3 and the compression libraries\n'
	assert_match "$output" $'\nlimited +pmix .*not tried: built without libpmix; remedy: build with libpmix-dev\n'
	run --separate-stderr as_test env PMIX_NAMESPACE=1.0 PMIX_RANK=0 ch-check --json --need=helpers
	((status == 1))
	# Nothing is known of the job.
	python3 -c 'import json, sys
doc = json.load(sys.stdin)
assert "job" not in doc and doc["can_run"], doc
assert [c["verdict"] for c in doc["capabilities"] if c["name"].startswith("pmix")] == ["limited"] * 3, doc' <<<"$output"
}

@test "least: ch-run writes nothing to the system log" {
	run as_test strace -f -e trace=connect,sendto,sendmsg -o "$tmp/trace" ch-run "$dir" -- true
	((status == 0))
	grep -q 'exited with 0' "$tmp/trace"
	run ! grep /dev/log "$tmp/trace"
}
