#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Random layers with whiteouts: the tree that ch-image and ch-convert make of them is the one that the
# specification says, and the one that umoci makes
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/registry

setup() {
	ch_setup
	via=(env "CH_IMAGE_STORAGE=$tmp/store")
	cd "$tmp" || fail "cd"
}
teardown() {
	stop_servers
	ch_teardown
}

# files DIR: what is in there; but not what ch-image and ch-convert add
files() {
	as_test "$top/tests/lib/listing" "$1" |
		grep -Ev "^'(\.|\./(bin|dev|etc|mnt|proc|sys|tmp|usr|ch)(/.*)?)' "
}

# without_times: of directories, umoci does not always keep them
without_times() {
	sed -E 's/ 40000 ([0-9]+) [0-9]+ / 40000 \1 /'
}

# is NAME DIR: it has the files that are wanted
is() {
	diff <(files "$2") w/want >differs || fail "seed $seed: $1" "$(cat differs)"
}

# go NAME COMMAND...: it succeeds
go() {
	run as_test timeout -k 5 60 "${via[@]}" "${@:2}"
	((status == 0)) || fail "seed $seed: $1" "$output"
}

@test "layers: random ones, in any order and in the usual one" {
	local seed order

	as_test mkdir layouts
	start_layouts "$tmp/layouts"
	for seed in {1..30}; do
		order=()
		((seed % 3)) || order=(--whiteouts-first)
		as_test bash -euc 'rm -rf w layouts/x; mkdir w; python3 "$1/random_layers.py" "$2" w "${@:3}"
			python3 "$1/layout.py" oci layouts/x tag=x pack=gzip w/?.tar' - "$top/tests/lib" "$seed" "${order[@]}"
		go "ch-image pull" ch-image pull --no-cache "$registry/x" x
		is "ch-image pull" store/img/x
		go ch-convert ch-convert -i oci -o dir layouts/x w/converted
		is ch-convert w/converted
		go umoci umoci unpack --rootless --image layouts/x:x w/umoci
		diff <(files w/umoci/rootfs | without_times) <(without_times <w/want) >differs ||
			fail "seed $seed: umoci" "$(cat differs)"
	done
}
