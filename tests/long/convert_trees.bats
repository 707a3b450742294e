#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-convert and what nobody has thought of: random trees, damaged images
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	via=(env "CH_IMAGE_STORAGE=$tmp/store")
	cd "$tmp" || fail "cd"
}
teardown() { ch_teardown; }

# convert ARGS...: ch-convert, as CH_TEST_AS says, by bats' run
convert() {
	run --separate-stderr as_test timeout -k 5 60 "${via[@]}" ch-convert "$@"
}

# listing DIR FORMAT: as text; archives have no holes, some formats whole seconds only
listing() {
	local lost='^ '

	[[ $2 == *.sqfs || $2 == name ]] || lost=' sparse'
	as_test "$top/tests/lib/listing" --seconds "$1" | sed "s/$lost//" | grep -v "^'./ch['/]"
}

@test "convert: random trees, to each format and back" {
	local seed out

	for seed in {1..4}; do
		as_test python3 "$top/tests/lib/randomtree.py" "$seed" a
		# As it is without formats between: ours to read and write, with mount points.
		convert ./a plain.tar
		[[ $status == 0 ]] || fail "seed $seed" "$stderr"
		convert plain.tar ./want
		[[ $status == 0 ]] || fail "seed $seed" "$stderr"
		for out in x.sqfs x.tar.zst name x.oci x.oci-archive x.docker; do
			case $out in
			x.oci) convert -o oci ./a ./x.oci ;;
			x.oci-archive) convert -o oci-archive ./a x.oci-archive ;;
			x.docker) convert -o docker-archive ./a x.docker ;;
			*) convert ./a "$out" ;;
			esac
			[[ $status == 0 ]] || fail "seed $seed: to $out" "$stderr"
			[[ $out != x.* || $out == *.sqfs || $out == *.zst ]] || out=./$out
			convert "$out" ./got
			[[ $status == 0 ]] || fail "seed $seed: from $out" "$stderr"
			diff <(listing want x.tar) <(listing got x.tar) || fail "seed $seed: $out"
		done
		as_test bash -c 'chmod -R u+rwX a; rm -rf a want got name x.oci'
	done
}

@test "convert: a damaged SquashFS or SIF file is refused, or gives something" {
	local seed kind

	for kind in sqfs sif; do
		for seed in {1..40}; do
			cp "$(image tiny "$kind")" "flipped.$kind"
			chmod 644 "flipped.$kind"
			flip "flipped.$kind" "$seed"
			convert --max-size 100M "flipped.$kind" ./d
			[[ $status == [01] && $stderr != *$'\n'*$'\n'*$'\n'*$'\n'* ]] || fail "$kind $seed" "$status" "$stderr"
			[[ $status == 0 || ! -e d ]] || fail "$kind $seed: something was made"
			as_test bash -c 'chmod -R u+rwX d; rm -rf d' 2>/dev/null
		done
	done
}
