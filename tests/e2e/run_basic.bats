#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: kinds of images, the command line, what it says
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
}
teardown() { ch_teardown; }

@test "image: a directory runs a command" {
	inside "hello  world" "$dir" -- echo "hello  world"
}

@test "image: a SquashFS file runs a command" {
	inside "hello  world" "$sqfs" -- echo "hello  world"
}

@test "image: SquashFS files of all compressors are read without a mistake" {
	local comp sum

	sum=$(sha256sum <"$dir/bin/busybox")
	for comp in gzip zstd lz4 xz; do
		"$top/contrib/images" --quiet --comp "$comp" tiny "$tmp/$comp.sqfs"
		chmod 644 "$tmp/$comp.sqfs"
		run unsquashfs -s "$tmp/$comp.sqfs"
		assert_match "$output" "Compression $comp"
		run_ch "$tmp/$comp.sqfs" -- sh -c 'sha256sum </bin/busybox'
		assert_equal "$status $output" "0 $sum"
	done
}

@test "image: contents decide, not the name" {
	ln "$sqfs" "$tmp/image.txt" 2>/dev/null || cp "$sqfs" "$tmp/image.txt"
	inside ok "$tmp/image.txt" -- echo ok
}

@test "image: links and relative paths lead to it" {
	ln -s "$dir" "$tmp/d"
	ln -s "$sqfs" "$tmp/s"
	own "$tmp"
	cd "$tmp"
	inside ok d -- echo ok
	inside ok ./s -- echo ok
	mkdir sub
	cd sub
	inside ok ../d/ -- echo ok
}

@test "image: odd characters in its path do no harm" {
	local odd="$tmp/a b;c,d\\040'\"é=%s"

	mkdir "$odd"
	cp "$sqfs" "$odd/x y.sqfs"
	copy_image "$odd/dir,upperdir=x"
	inside ok "$odd/x y.sqfs" -- echo ok
	inside ok "$odd/dir,upperdir=x" -- echo ok
	inside ok -W "$odd/dir,upperdir=x" -- echo ok
	inside host -b "$odd/dir,upperdir=x/etc:/new" "$odd/dir,upperdir=x" -- \
		sh -c 'test -e /new/passwd && echo host'
}

@test "command line: arguments arrive as they are" {
	local words=('' ' ' 'a b' '*' "'" '"' '$HOME' '\n' '--help' '-v' $'new\nline' 'é')

	inside "$(printf '<%s>\n' "${words[@]}")" "$sqfs" -- printf '<%s>\n' "${words[@]}"
}

@test "command line: -- is not needed when no argument looks like an option" {
	inside "a b" "$dir" echo a b
}

@test "command line: options behind the image count, up to --" {
	inside "7 -u 8" "$dir" -u 7 -- sh -c 'echo $(id -u) -u 8'
}

@test "help and version are on stdout and complete" {
	local name

	run --separate-stderr as_test ch-run --help
	assert_equal "$status$stderr" 0
	assert_match "$output" "^Usage: ch-run "
	for name in bind cd color dry-run env-no-expand fuse-single fuse-threads gid help home mount no-passwd \
		private-tmp quiet seccomp set-env set-env0 storage uid unsafe unset-env verbose version write write-fake; do
		assert_match "$output" "--${name}[=[ ]"
	done
	run --separate-stderr as_test ch-run '-?'
	assert_match "$status $output" "^0 Usage: "
	run --separate-stderr as_test ch-run --version
	assert_match "$status $output$stderr" '^0 ch-run \([^)]+\) [0-9]+\.[0-9]+[^ ]*, protocols [0-9 ]+$'
	run --separate-stderr as_test ch-run -V
	assert_match "$status $output$stderr" '^0 ch-run '
}

@test "help wins over a missing image" {
	run --separate-stderr as_test ch-run --help --uid 5
	assert_match "$status $output" "^0 Usage: "
}

@test "without anything: usage on stderr, status 64" {
	run --separate-stderr as_test ch-run
	assert_equal "$status $output" "64 "
	assert_match "$stderr" "^Usage: ch-run "
}

@test "usage errors: status 64 and one line" {
	refused 64 "unknown .*'--nonsense'.*see --help" --nonsense "$dir" -- echo no
	refused 64 "unknown option '-Y'; see --help" -Y "$dir" -- echo no
	refused 64 "'--uid' needs an argument" "$dir" --uid
	refused 64 "'-b' needs an argument" "$dir" -b
	refused 64 "'--home=x' takes no argument" --home=x "$dir" -- echo no
	refused 64 "no image given" -v
	refused 64 "no image given" --
	refused 64 "no image given" '' -- echo no
	refused 64 "option --uid: id 'root' is not a number" -u root "$dir" -- echo no
	refused 64 "option --uid: id '-1' is not between 0 and 4294967294" -u -1 "$dir" -- echo no
	refused 64 "option --gid: id '4294967295' is not between" -g 4294967295 "$dir" -- echo no
	refused 64 "option --cd: the directory is empty" -c '' "$dir" -- echo no
	refused 64 "option --fuse-threads: number of threads '0' is not between 1 and 1024" \
		--fuse-threads=0 "$dir" -- echo no
	refused 64 "option --mount: the directory is empty" -m '' "$dir" -- echo no
	refused 64 "option --unset-env: the pattern is empty" --unset-env= "$dir" -- echo no
	refused 64 "option --write-fake: '=4m' is not a size such as" -W=4m "$dir" -- echo no
	refused 64 "option --write-fake: '4m,mode=777' is not a size" -W4m,mode=777 "$dir" -- echo no
	refused 64 "option --write.*exclude each other" -w -W "$dir" -- echo no
	refused 64 "option --write.*exclude each other" -W -w "$dir" -- echo no
}

@test "verbose and quiet exclude each other" {
	refused 64 "--quiet and --verbose exclude each other" -v -q "$dir" -- echo no
	refused 64 "--quiet and --verbose exclude each other" -q -v "$dir" -- echo no
}

@test "verbose tells more the more often it is given" {
	run_ch -v "$sqfs" -- echo out
	assert_equal "$status $output" "0 out"
	assert_match "$stderr" "^ch-run\[[0-9]+\]: info: executing 'echo'$"
	run_ch -vv "$sqfs" -- echo out
	assert_equal "$status $output" "0 out"
	assert_match "$stderr" "info: container ready in [0-9.]+ ms \(image [0-9.]+, namespaces [0-9.]+, server [0-9.]+, mounts [0-9.]+\)"
	assert_equal "$(grep -c 'debug:' <<<"$stderr")" 0
	run_ch -vvv "$sqfs" -- echo out
	assert_equal "$status $output" "0 out"
	assert_match "$stderr" "debug: keeper '$prefix/libexec/ch-keeper' is process [0-9]+"
}

@test "quiet: once, no information; twice, no warnings; errors always" {
	local quiet

	# A warning of ours: no PATH. Information: none is printed without -v, which excludes -q.
	for quiet in '' -q -qq -qqq; do
		run --separate-stderr as_test env -u PATH "$(command -v ch-run)" $quiet "$sqfs" -- /bin/echo out
		assert_equal "$status $output" "0 out"
		assert_equal "$(grep -c 'warning: PATH is not set' <<<"$stderr")" \
			"$([[ $quiet == -qq* ]] && echo 0 || echo 1)"
		refused 31 "image '/nonexistent'" $quiet /nonexistent -- true
	done
}

@test "quiet hides neither the command's output nor errors" {
	local q

	for q in -q -qq -qqq; do
		run_ch "$q" "$sqfs" -- sh -c 'echo out; echo err >&2'
		assert_equal "$status $output $stderr" "0 out err"
		refused 31 "image '/nonexistent': No such file" "$q" /nonexistent -- true
	done
}

@test "mount: accepted, and no directory of the host is needed" {
	inside ok -m /nonexistent "$sqfs" -- echo ok
	inside ok --mount=/nonexistent "$dir" -- echo ok
}

# Threads of the image server of the container with these options
threads() {	# OPTION...
	as_test timeout 60 ch-run "$@" -b "$tmp:/opt" "$sqfs" -- sh -c \
		'sha256sum </bin/busybox; touch /opt/in; until [ -e /opt/go ]; do sleep 0.05; done' >/dev/null &
	await 20 test -e "$tmp/in"
	find "/proc/$(pgrep -n -x ch-server-w)/task" -mindepth 1 -maxdepth 1 | wc -l
	as_test touch "$tmp/go"
	wait
	rm "$tmp/in" "$tmp/go"
}

@test "fuse-threads: so many; by default two for each CPU, from 4 to 16" {
	local base cpus

	# One more does no work of ours, but waits for signals or the like: it is the same.
	base=$(($(threads --fuse-single) - 1))
	((base >= 0))
	assert_equal "$(threads --fuse-threads=1)" $((base + 1))
	assert_equal "$(threads --fuse-threads=5)" $((base + 5))
	cpus=$(nproc)
	((cpus < 8)) || cpus=8
	((cpus > 1)) || cpus=2
	assert_equal "$(threads)" $((base + 2 * cpus))
}

@test "fuse-threads: any number works" {
	local n

	for n in 1 2 8; do
		inside ok --fuse-threads="$n" "$sqfs" -- sh -c 'cat /bin/busybox >/dev/null; echo ok'
	done
	inside ok --fuse-threads=1 "$dir" -- echo ok
	inside ok --fuse-single "$sqfs" -- sh -c 'cat /bin/busybox >/dev/null; echo ok'
	inside ok --fuse-single "$dir" -- echo ok
}

@test "dry-run prints the plan and runs nothing" {
	touch "$tmp/mark"
	own "$tmp"
	run_ch --dry-run -b "$tmp:/a b:ro" -b /etc -c /bin -u 0 -g 5 -W7m --set-env=A=B \
		--unset-env='X*' --set-env -t "$sqfs" -- rm -f '/a b/mark' x\ y
	assert_equal "$status$stderr" 0
	assert_match "$output" "^root: SquashFS '$sqfs' read-only"
	assert_match "$output" $'\n'"writable layer in memory, size 7m"$'\n'
	assert_match "$output" $'\n'"bind '/dev' on '/dev'"$'\n'
	assert_match "$output" $'\n'"fresh tmpfs on '/tmp'"$'\n'
	assert_match "$output" "bind '$tmp' on '/a b' read-only"$'\n'"bind '/etc' on '/etc'"
	assert_match "$output" $'\n'"environment: set A=B"$'\n'"environment: unset X\*"$'\n'"environment: set from the image"$'\n'
	# What every container gets is told, too.
	assert_match "$output" $'\n'"environment: set HOME=/root if"
	assert_match "$output" $'\n'"environment: unset TMPDIR"$'\n'"environment: append /bin to PATH"
	assert_match "$output" $'\n'"environment: set CH_RUNNING"$'\n'
	assert_match "$output" $'\n'"ids: user 0, group 5"$'\n'
	assert_match "$output" $'\n'"working directory: /bin"$'\n'
	assert_match "$output" $'\n'"command: 'rm' '-f' '/a b/mark' 'x y'$"
	[[ -e $tmp/mark ]]
}

@test "dry-run finds faults that need no container" {
	refused 31 "image '/nonexistent': No such file" --dry-run /nonexistent -- true
	refused 31 "is a SquashFS file and cannot be written to" --dry-run -w "$sqfs" -- true
}

@test "a set-user-ID ch-run refuses" {
	cp "$prefix/bin/ch-run" "$tmp/ch-run"
	chown "$test_user2" "$tmp/ch-run"
	chmod 4755 "$tmp/ch-run"
	run --separate-stderr as_test "$tmp/ch-run" "$dir" -- echo no
	assert_equal "$status $output" "31 "
	assert_match "$stderr" "^ch-run\[[0-9]+\]: error: must not be set-user-ID or set-group-ID"
}

@test "a keeper that is missing is told by name" {
	run --separate-stderr as_test env CH_KEEPER=/nonexistent/keeper ch-run "$dir" -- echo no
	assert_equal "$status $output" "31 "
	assert_match "$stderr" "^ch-run\[[0-9]+\]: error: execute the keeper '/nonexistent/keeper': No such file or directory \(spawn\.c:[0-9]+ 2\)$"
}

@test "a keeper that ends at once is told" {
	run --separate-stderr as_test env CH_KEEPER=/bin/true timeout 20 ch-run "$dir" -- echo no
	assert_equal "$status $output" "31 "
	assert_match "$stderr" "^ch-run\[[0-9]+\]: error: the keeper of the container ended unexpectedly \([a-z]+\.c:[0-9]+ [0-9]+\)$"
}

@test "the keeper inherits neither environment nor descriptors" {
	cat >"$tmp/spy" <<-END
		#!/bin/sh
		env | grep -vE '^(PWD|OLDPWD|SHLVL|_)=' >'$tmp/env'
		ls /proc/\$\$/fd >'$tmp/fds'
		pwd >'$tmp/pwd'
		ps -o sid= -p \$\$ >'$tmp/sid'
		touch '$tmp/done'
	END
	chmod 755 "$tmp/spy"
	own "$tmp"
	run as_test env CH_KEEPER="$tmp/spy" LD_LIBRARY_PATH=/x LD_AUDIT= SECRET=1 \
		bash -c 'cd /usr; exec 7<&0 8>&1 9</; exec timeout 20 ch-run "$1" -- true' sh "$dir"
	await 5 test -e "$tmp/done"
	assert_equal "$status" 31
	assert_equal "$(<"$tmp/env")" PATH=/usr/bin:/bin
	# The shell has its own from 10 on.
	assert_equal "$(grep -x . "$tmp/fds" | xargs)" "0 1 2 3 4"
	assert_equal "$(<"$tmp/pwd")" /
	[[ $(<"$tmp/sid") != "$(ps -o sid= -p $$)" ]]
}

@test "the keeper is not for use by hand" {
	run as_test "$prefix/libexec/ch-keeper" </dev/null
	assert_equal "$status" 64
	assert_equal "$output" "ch-keeper: error: not for use by hand; ch-run and Slurm start it"
}
