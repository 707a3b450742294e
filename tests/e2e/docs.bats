#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The examples in README.md and doc/ that need no cluster: they work as printed
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/docs
load ../lib/registry

setup()
{
	ch_setup
	cd "$tmp" || return
}
teardown() {
	stop_servers
	ch_teardown
}

# assert_shown TEXT: it is in $output, from the beginning of a line on
assert_shown()
{
	[[ $'\n'$output == *$'\n'"$1"* ]] || fail "got: $output" "wanted: $1"
}

@test "docs: every example that needs no cluster is tested here" {
	assert_equal "$(tested "$BATS_TEST_FILENAME")" "$(examples run)"
}

@test "docs: ch-run" {
	ln -s "$(image mpi)" mpi.sqfs
	type_in "$(example run-simple)"
	((status == 0))
	assert_match "$output" 'PRETTY_NAME="Debian GNU/Linux 12'
	assert_match "$output" $'\ndoc\n'
	assert_equal "${lines[-1]}" 8
}

@test "docs: ch-check" {
	type_in "$(example run-check)"
	((status == 0))
	assert_equal "${lines[-1]}" "Containers can run here"
}

@test "docs: an image made by ch-convert" {
	cp -a "$(image tiny dir)" rootfs
	chown "$(as_test id -u)" .
	type_in "$(example run-convert)"
	((status == 0))
	assert_match "$output" $'\nbin\n'
}

@test "docs: an image built by ch-image" {
	cp -a "$(image tiny dir)" rootfs
	chown "$(as_test id -u)" .
	export CH_IMAGE_STORAGE=$tmp/storage
	type_in "$(example run-build)"
	((status == 0))
	assert_equal "${lines[-1]}" hello
}

@test "docs: the tutorial" {
	cp -a "$(image tiny dir)" rootfs
	chown "$(as_test id -u)" .
	export CH_IMAGE_STORAGE=$tmp/storage
	type_in "$(example run-tutorial-base)"
	assert_equal "$status ${lines[-1]}" '0 base (amd64)'
	type_in "$(example run-tutorial-hello)"
	assert_equal "$status ${lines[-1]}" '0 hello from the image'
	type_in "$(example run-tutorial-cache)"
	((status == 0))
	assert_shown "$(example run-tutorial-cache-output)"
	assert_shown "$(example run-tutorial-cache-tree | head -n 3)"
	type_in "$(example run-tutorial-modify)"
	assert_equal "$status ${lines[-1]}" '0 hello from the other image'
	start_registry
	export REGISTRY=$registry/me
	type_in "$(example run-tutorial-registry)"
	assert_equal "$status ${lines[-1]}" '0 hello from the image'
	type_in "$(example run-tutorial-convert)"
	assert_equal "$status ${lines[-1]}" '0 hello from the image'
	type_in "$(example run-tutorial-room)"
	((status == 0))
	assert_match "$output" '[0-9]+ states removed'
}

@test "docs: an error in a Dockerfile" {
	local text

	text=$(example run-dockerfile-error)
	printf 'FROM tiny\n%s\n' "$(sed -n '2s/^  //p' <<<"$text")" >Dockerfile
	run -1 as_test ch-image build --parse-only -s "$tmp/storage" .
	assert_match "$output" 'Dockerfile:2:6'
	assert_shown "ch-image: error: $text"
}
