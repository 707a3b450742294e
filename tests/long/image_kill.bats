#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image build: killed at 200 random moments
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/image_kill

@test "killed at 200 random moments: no finished state is lost" {
	kill_prepare
	for i in {1..200}; do
		kill_build "$i"
		((i % 20)) || kill_verify "$i"
	done
}
