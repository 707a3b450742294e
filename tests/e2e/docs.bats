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
	assert_match "$output" '  1\* FROM base
  2\* RUN.S sleep 2; echo foo
  3\. RUN.S echo qux
copying image from cache ...
qux
grown in 3 instructions: b'
	assert_match "$output" '\*  \(b\) RUN.S echo qux
\| \*  \(a\) RUN.S echo bar
\|/
\*  RUN.S sleep 2; echo foo
\| \*  \(hello\) '
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
