#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image push and pull: the programs of others, with storage of their own, take what we push, and we
# take what they push
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

# describe DIR [TEST...]: what is in it, but for what the others make or mount themselves; by find's
# tests
describe() {
	(cd "$1" && find . -mindepth 1 "${@:2}" ! -path './dev*' ! -path './etc*' ! -path './run*' \
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

# ---- pull ------------------------------------------------------------------------------------

# layer: the image's files, as an archive
layer() {
	tar -C "$store/img/foo" --exclude=./ch --numeric-owner -cf "$tmp/layer.tar" .
}

# comes NAME TYPE...: we pull it: the same files; its manifest names these media types, of itself and
# of its layer
comes() {
	local name=$1 raw

	shift
	raw=$(skopeo inspect --raw --tls-verify=false "docker://$registry/$name")
	for type; do
		[[ $raw == *"\"$type\""* ]] || fail "no $type:" "$raw"
	done
	as_test env "CH_IMAGE_STORAGE=$store" ch-image -q pull "$registry/$name" got
	diff <(describe "$store/img/foo" ! -path './ch*') <(describe "$store/img/got" ! -path './ch*') ||
		fail "they differ"
}

oci=application/vnd.oci.image docker=application/vnd.docker

# sk NAME FORMAT [OPTION]...: skopeo sends $tmp/oci; it does not know of what it sent before
sk() {
	as_test env "HOME=$tmp/home.$1" skopeo copy -q --insecure-policy --dest-tls-verify=false -f "$2" "${@:3}" \
		"oci:$tmp/oci:x" "docker://$registry/$1"
}

@test "pull: skopeo sends OCI and Docker manifests, gzip and zstd" {
	layer
	as_test bash -e -c 'mkdir "$1/root"; tar -C "$1/root" -xpf "$1/layer.tar"
		umoci init --layout "$1/oci"; umoci new --image "$1/oci:x"
		umoci insert --rootless --image "$1/oci:x" "$1/root" /' x "$tmp"
	sk oci:1 oci
	comes oci:1 "$oci.layer.v1.tar+gzip"
	sk zstd:1 oci --dest-compress-format zstd
	comes zstd:1 "$oci.layer.v1.tar+zstd"
	sk docker:1 v2s2
	comes docker:1 "$docker.distribution.manifest.v2+json" "$docker.image.rootfs.diff.tar.gzip"
}

@test "pull: podman sends OCI and Docker manifests, gzip and zstd" {
	layer
	others podman import -q "$tmp/layer.tar" localhost/peer:1
	others podman push -q --tls-verify=false -f oci localhost/peer:1 "docker://$registry/po:oci"
	comes po:oci "$oci.layer.v1.tar+gzip"
	others podman push -q --tls-verify=false -f v2s2 localhost/peer:1 "docker://$registry/po:docker"
	comes po:docker "$docker.distribution.manifest.v2+json"
	start_registry # It knows of what it sent there before.
	others podman push -q --tls-verify=false -f oci --compression-format zstd localhost/peer:1 "docker://$registry/po:zstd"
	comes po:zstd "$oci.layer.v1.tar+zstd"
}

@test "pull: buildah sends OCI and Docker manifests" {
	local container

	layer
	container=$(others buildah from scratch)
	others buildah add -q "$container" "$tmp/layer.tar" /
	others buildah config --env A=b --cmd 'cat /new/file' "$container"
	others buildah commit -q -f oci "$container" localhost/peer:1
	others buildah push -q --tls-verify=false -f oci localhost/peer:1 "docker://$registry/bu:oci"
	comes bu:oci "$oci.layer.v1.tar+gzip"
	assert_equal "$(as_test cat "$store/img/got/ch/environment")" A=b
	others buildah push -q --tls-verify=false -f v2s2 localhost/peer:1 "docker://$registry/bu:docker"
	comes bu:docker "$docker.distribution.manifest.v2+json"
}
