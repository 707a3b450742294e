#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-convert, killed at any moment: OUT is one of two images, never half of one
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/convert

setup() { convert_setup; }
teardown() { convert_teardown; }

# digest PATH: of what is there; of a layout, its files have no times of their own
digest() {
	case $1 in
	*.oci) (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum) ;;
	*.dir | store/*) "$top/tests/lib/listing" "$1" ;;
	*) cat "$1" ;;
	esac | sha256sum
}

# make_sources: images one.sqfs and two.sqfs, with some hundred files each
make_sources() {
	as_test bash -euc '
		for name in one two; do
			mkdir -p $name/{bin,dev,etc,mnt/{0..9},proc,sys,tmp,usr}
			touch $name/etc/{hosts,resolv.conf}
			for i in {1..300}; do seq $i $((i * 10)) >$name/usr/$name$i; done
			head -c 3000000 /dev/urandom >$name/usr/noise
			find $name -exec touch -hd "2020-01-01 12:00:00" {} +
			mksquashfs $name $name.sqfs -quiet -no-progress -all-root >/dev/null
		done'
}

# kill_one FORM SOURCE OUT: the conversion is killed at any moment of the $us that it takes
kill_one() {
	local rc=0

	printf -v delay '0.%06d' $(((RANDOM * 32768 + RANDOM) % us))
	as_test env "${via[@]:1}" timeout -s KILL "$delay" ch-convert -q -o "$@" 2>/dev/null || rc=$?
	((rc == 0 || rc == 137)) || fail "$1: status $rc"
	((rc == 0)) || : $((hits++))
}

# killed FORM: OUT is made 40 times, of the one and the other in turn, and as often killed
killed() {
	local source=(one.sqfs two.sqfs) place out known=() us=1000000 hits=0 changes=0 now last i

	[[ $1 != squash ]] || source=(one two)
	read -ra out < <(operand "$1")
	place=${out[1]}
	[[ $1 != ch-image ]] || place=store/img/x
	for i in 0 1; do
		timed works -o "${out[@]:0:1}" "${source[i]}" "${out[1]}"
		((us < took * 10000)) || us=$((took * 10000 + 10000))
		known+=("$(digest "$place")")
	done
	[[ ${known[0]} != "${known[1]}" ]] || fail "$1: both are the same"
	last=${known[1]}
	for i in {0..39}; do
		kill_one "${out[@]:0:1}" "${source[i % 2]}" "${out[1]}"
		now=$(digest "$place")
		[[ -e $place && ($now == "${known[0]}" || $now == "${known[1]}") ]] || fail "$1: neither of both"
		[[ $now == "$last" ]] || : $((changes++))
		last=$now
	done
	echo "# $1: of 40 in $us us, $hits were killed, and $changes times OUT became the other one"
	((hits >= 5 && changes >= 1)) || fail "$1: they were not killed at any moment"
	works -o "${out[@]:0:1}" "${source[0]}" "${out[1]}"
	assert_equal "$(find . -path './.*.ch-*' -o -path './store/tmp/*')" ""
}

@test "convert: killed at any moment, OUT is whole, and nothing is in the way" {
	local form

	make_sources
	for form in dir "${forms[@]}"; do killed "$form"; done
}
