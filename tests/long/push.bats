#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image push: the programs of others, with storage of their own, take what we push
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/registry

setup() {
	ch_setup
	setup_images
	store=$tmp/store
	start_registry
	as_test env "CH_IMAGE_STORAGE=$store" ch-image -q import "$dir" foo
	as_test bash -c 'cd "$1" && mkdir new && echo text >new/file && ln new/file new/other &&
		ln -s ../../../nonexistent new/link && chmod 1777 new && mkfifo new/fifo &&
		echo x >"new/$(printf "n%.0s" {1..150})" && touch -d 2001-01-01 new' \
		make "$store/img/foo"
}
teardown() {
	stop_servers
	ch_teardown
}

push() {
	as_test env "CH_IMAGE_STORAGE=$store" ch-image -q push "$@" foo "$registry/foo:1"
}

# describe DIR: what is in it, but for what the others make or mount themselves
describe() {
	(cd "$1" && find . -mindepth 1 ! -path './dev*' ! -path './etc*' ! -path './run*' \
		! -path './proc*' ! -path './sys*' -printf '%P %y %m %Ts %l %n\n' | sort &&
		sha256sum new/file bin/busybox)
}

# same DIR: it has the same files as the image
same() {
	diff <(describe "$store/img/foo") <(describe "$1") || fail "they differ"
}

# others PROGRAM ARGS...: with storage of its own
others() {
	local program=$1

	shift
	# podman's locks, which would outlive it in /dev/shm, and its runtime directory
	printf '[engine]\nlock_type = "file"\ntmp_dir = "%s"\n' "$tmp/libpod" >"$tmp/containers.conf"
	env HOME="$tmp" CONTAINERS_CONF="$tmp/containers.conf" "$program" --root "$tmp/$program" --runroot "$tmp/$program.run" \
		--storage-driver vfs "$@"
}

with_buildah() {
	local container

	container=$(others buildah from --tls-verify=false --pull-always "docker://$registry/foo:1")
	same "$(others buildah mount "$container")"
	others buildah umount "$container" >/dev/null
}

with_podman() {
	others podman pull -q --tls-verify=false "docker://$registry/foo:1"
	same "$(others podman image mount "$registry/foo:1")"
	others podman image umount "$registry/foo:1" >/dev/null
}

@test "push: buildah takes layers of gzip" {
	push
	with_buildah
}

@test "push: buildah takes layers of zstd" {
	push --compress zstd
	with_buildah
}

@test "push: podman takes layers of gzip" {
	push
	with_podman
}

@test "push: podman takes layers of zstd" {
	push --compress zstd
	with_podman
}
