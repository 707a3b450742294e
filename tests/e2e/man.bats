#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The examples in the installed man pages work as printed, with images called as there (ch-image(1):
# man_image.bats)
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/docs
load ../lib/run

setup()
{
	ch_setup
	cd "$tmp" || return
	ln -s "$(image mpi)" debian.sqfs
}
teardown() { ch_teardown; }

debian='PRETTY_NAME="Debian GNU/Linux 12'

@test "man: every example that needs no cluster is tested here, or in man_image" {
	assert_equal "$(tested "${BATS_TEST_FILENAME%.bats}"*.bats)" "$(examples man)"
}

@test "man: ch-run, an image and the host" {
	follow man-run-os
	assert_match "$output" "$debian"
	as_test mkdir run42
	as_test tee run42/values <<<$'10\n9\n100' >/dev/null
	follow man-run-bind
	assert_equal "$output" 100
	export USER
	USER=$(as_test id -un)
	follow man-run-home
	assert_equal "$output" "/home/$USER"
	follow man-run-try
	assert_equal "$output" 8
	as_test tee my.conf <<<mine >/dev/null
	follow man-run-host
	assert_equal "$output" mine
	follow man-run-plan
	assert_match "$output" "/home/$USER"
	follow man-run-feature
	assert_match "$output" "$debian"
}

@test "man: ch-run, variables and what images are made for" {
	export SLURM_JOB_ID=1
	follow man-run-env
	assert_match "$output" $'\nOMP_NUM_THREADS=4'
	assert_match "$output" $'\nDATA=/in'
	assert_match "$output" $'\nPATH=/opt/bin:/'
	[[ $output != *SLURM_* ]]
	cp -a "$(image tiny dir)" tool
	own tool
	as_test tee tool/ch/metadata.json >/dev/null <<<'{"entrypoint": ["sh", "-c", "echo $A $(wc -c $0)"], "env": {"A": "b"}}'
	squash tool tool.sqfs
	as_test tee input.dat <<<12345 >/dev/null
	follow man-run-entry
	assert_equal "$output" "b 6 input.dat"
}

@test "man: ch-run, containers that are shared" {
	follow man-run-join
	assert_equal "$output" hello
	follow man-run-look
	assert_equal "$output" "step 1 of 9"
}

@test "man: ch-convert, each format" {
	no_fuse=yes
	export CH_IMAGE_STORAGE=$tmp/storage
	cp "$(image tiny sif)" app.sif
	as_test ch-image -q import "$(image tiny dir)" app:1.2
	as_test ch-convert -q -o docker-archive app:1.2 app.tar:app:1.2
	follow man-convert-squash
	follow man-convert-sif
	follow man-convert-docker
	assert_match "$(tar -xOf for-docker.tar manifest.json)" '"RepoTags": ?\["app:1.2"\]'
	follow man-convert-dir
	assert_equal "$(unsquashfs -cat app.sqfs etc/answer)" 8
	follow man-convert-tar
	assert_equal "$(unsquashfs -cat app2.sqfs etc/answer)" 8
	as_test rm -r ./app
	follow man-convert-oci
	assert_match "$output" '"Layers"'
	assert_match "$(as_test ch-image list)" '^app:1.2 '
	follow man-convert-archive
	assert_equal "$(<app/etc/answer)" 8
	follow man-convert-plan
	[[ -e app/etc/answer ]]
}

@test "man: ch-check" {
	follow man-check-report
	assert_match "$(<report.txt)" 'Containers can run here'
	follow man-check-need
	follow man-check-json
}
