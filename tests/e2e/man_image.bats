#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The examples in the installed man page ch-image(1) work as printed. Images have the names used
# there, but are our own; registry.example.com is a registry on this machine, behind a proxy.
# shellcheck disable=SC2034,SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/docs
load ../lib/run
load ../lib/registry

setup()
{
	ch_setup
	no_fuse=yes
	cd "$tmp" || return
	cp -a "$(image tiny dir)" rootfs
	echo 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"' >rootfs/etc/os-release
	own rootfs
	export CH_IMAGE_STORAGE=$tmp/storage
	as_test ch-image -q import rootfs debian:12
}

teardown()
{
	stop_servers
	ch_teardown
}

# put PATH TEXT: a file
put()
{
	as_test tee "$1" >/dev/null <<<"$2"
}

# A registry for names without one, with an image for two architectures
docker_hub()
{
	start_registry
	tar -C rootfs -cf rootfs.tar .
	"$top/tests/lib/put_image.py" "$registry" debian:one --docker gzip:rootfs.tar
	"$top/tests/lib/put_image.py" "$registry" debian:two --docker --set '{"architecture": "arm64"}' \
		gzip:rootfs.tar
	"$top/tests/lib/put_image.py" "$registry" debian:bookworm --docker --index amd64=one arm64=two
	export CH_REGY_DEFAULT_HOST=${registry%:*} CH_REGY_DEFAULT_PORT=${registry#*:}
}

@test "man: ch-image, images from elsewhere" {
	docker_hub
	follow_session man-image-pull-session 's/(amd|arm)64/ARCH/; s/[0-9a-f]{7}:/DIGEST:/'
	follow man-image-pull
	assert_match "$output" 'PRETTY_NAME="Debian GNU/Linux 12'
	follow man-image-arch
	assert_match "$output" 'debian:arm64 \(arm64\)'
	gzip rootfs.tar
	follow man-image-import
}

@test "man: ch-image, builds" {
	as_test ch-image -q import rootfs tiny
	type_in "printf 'FROM tiny\nRUN echo foo\n' | ch-image build -t first -"
	follow_session man-image-session
	follow man-image-build
	assert_equal "${lines[-1]}" 'level 2, arguments: a b'
	follow man-image-stages
	assert_equal "${lines[-1]}" answer
	as_test ch-run answer -- test -e /opt/answers/answer
	follow man-image-mounts
	as_test ch-run tool -- grep -q '^tool download' /opt/data
	run -1 grep -rq s3cret storage
	as_test mkdir vendor
	put vendor/setup $'#!/bin/sh\necho made'
	as_test chmod +x vendor/setup
	follow man-image-stdin
	assert_equal "$(as_test ch-run small -- cat /etc/vendor.conf)" made
	put setup.sh 'echo set-up >/etc/answer'
	follow man-image-modify
	assert_equal "$(as_test ch-run debian:answer -- cat /etc/answer)" 8
	assert_equal "$(as_test ch-run debian:set-up -- cat /etc/answer)" set-up
}

@test "man: ch-image, storage and the build cache" {
	local name

	for name in test1 test2 old:1; do
		as_test ch-image -q modify -c ": $name" debian:12 $name
	done
	follow man-image-delete
	assert_equal "$(as_test ch-image list | cut -d' ' -f1)" $'debian:12\nold:1'
	follow man-image-json
	assert_match "$output" '^debian:12 [1-9][0-9]+
old:1 [1-9][0-9]+$'
	put Dockerfile $'FROM debian:12\nRUN date'
	follow man-image-cache
	assert_match "$output" '\(old\+1\) RUN'
	follow man-image-storage
	assert_match "$output" $'\ntiny '
	[[ ! -e mine ]]
}

@test "man: ch-image, registries" {
	start_registry tls-basic
	start_forward "$registry"
	as_test mkdir home
	export HOME=$tmp/home https_proxy=http://$forward SSL_CERT_FILE=$registry_ca
	homes+=(["$test_user"]=$HOME)
	put app.sh '#!/bin/sh
		echo application'
	type_in "printf 'FROM debian:12\nCOPY --chmod=755 app.sh /opt/app\n' >Dockerfile; ch-image build -t app:1 ."
	((status == 0)) || fail "$output"
	follow man-image-push <<<secret1
	assert_equal "${lines[-1]}" application
	export CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	follow man-image-zstd
	follow man-image-list
	assert_match "$output" sha256:
	unset SSL_CERT_FILE
	run -1 as_test ch-image pull --auth registry.example.com/alice/app:1
	assert_match "$output" certificate
	cp "$registry_ca" ca.crt
	follow man-image-ca
	follow man-image-mirror
}
