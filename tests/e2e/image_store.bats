#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image: storage, import, list, delete
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/store

setup() {
	ch_setup
	setup_images
	use_store "$tmp/store"
}
teardown() { ch_teardown; }

# from_pipe COMMANDS NAME: import what they print
from_pipe() {
	run --separate-stderr as_test timeout -k 5 60 "${via[@]}" dir="$dir" \
		bash -c "ch-image import <($1) $2"
}

# usable: storage still does what it is for, and nothing is left in it
usable() {
	works import "$dir" usable
	inside ok usable -- echo ok
	works delete usable
	works list
	assert_equal "$(as_test ls "$store/tmp" "$store/locks" | grep -v :)" ""
}

# mktar MEMBER...: see tests/lib/tar.py
mktar() {
	as_test python3 "$top/tests/lib/tar.py" "$tmp/x.tar" "$@"
}

# in_image NAME COMMANDS: run them in its directory
in_image() {
	as_test bash -euc "cd '$store/img/$1' && $2"
}

# ---- import --------------------------------------------------------------------------------

@test "import: a directory, and archives of each kind, run by name" {
	local form

	works import "$dir" from/dir:1
	inside "only-in-image tiny" from/dir:1 -- /opt/bin/only-in-image
	as_test bash -euc '
		cd "$1"
		tar -cf bomb.tar -C "$2" .
		tar -cf plain.tar -C "$2" $(ls "$2")
		tar -cf top.tar -C "$(dirname "$2")" "$(basename "$2")"
		for form in bomb plain top; do
			gzip -k $form.tar
			zstd -q $form.tar
		done
		xz -k0 top.tar
		bzip2 -k top.tar
		split -n 2 top.tar part
		cat <(gzip <partaa) <(gzip <partab) >two.tar.gz
		cat <(zstd <partaa) <(zstd <partab) >two.tar.zst' x "$tmp" "$dir"
	for form in bomb.tar{,.gz,.zst} plain.tar{,.gz} top.tar{,.gz,.zst,.xz,.bz2} two.tar.{gz,zst}; do
		works import "$tmp/$form" "a:$form"
		as_test diff -r --no-dereference -x mnt "$store/img/from%dir+1" "$store/img/a+$form" ||
			fail "$form differs"
	done
	inside "only-in-image tiny" a:two.tar.gz -- /opt/bin/only-in-image
	usable
}

@test "import: through a pipe; instead of an image that runs" {
	from_pipe 'tar -cC "$dir" . | gzip' piped
	inside ok piped -- echo ok
	mktar d:etc f:etc/one
	works import "$tmp/x.tar" piped
	in_image piped 'test -e etc/one -a ! -e opt'
	usable
}

@test "import: what is no image is refused, and nothing is left" {
	echo text >"$tmp/text"
	: >"$tmp/empty"
	fails 1 "open '$tmp/nothing': No such file" import "$tmp/nothing" a
	fails 1 "archive '$tmp/text': not a tar archive, or damaged" import "$tmp/text" a
	fails 1 "archive '$tmp/empty': not a tar archive, or damaged: it is empty" import "$tmp/empty" a
	fails 1 "archive '$sqfs': not a tar archive" import "$sqfs" a
	from_pipe "head -c 10240 /dev/zero" a
	assert_match "$status $stderr" "1 .*error: import: archive .* is empty"
	from_pipe 'tar -cC "$dir" . | gzip | head -c 50000' a
	assert_match "$status $stderr" "1 .*error: import: archive .*[Tt]runcated"
	from_pipe 'tar -cC "$dir" . | head -c 50000' a
	assert_match "$status $stderr" "1 .*error: import: archive .*[Tt]runcated"
	fails 1 "character 1, 'A': a name" import "$dir" A
	fails 1 "character 1, '\.'" import "$dir" ..
	fails 64 "too few arguments" import "$dir"
	works list
	assert_equal "$output" ""
	usable
}

@test "import: the one top directory" {
	# It stands for the root, links in it are seen from there ...
	mktar d:top:: f:top/usr/a:1 l:top/lib:/usr f:top/lib/b:2 h:top/c:top/usr/a
	works import "$tmp/x.tar" a
	in_image a 'grep -q 1 usr/a; grep -q 2 usr/b; grep -q 1 c; test -L lib -a ! -e top'
	# ... but not if there is something beside it, however late, or it has a root's name.
	mktar f:top/a:1 l:top/lib:/top/usr d:top/usr f:top/lib/b:2 f:other/c:3
	works import "$tmp/x.tar" a
	in_image a 'grep -q 1 top/a; grep -q 2 top/usr/b; grep -q 3 other/c'
	mktar f:usr/bin/a:1
	works import "$tmp/x.tar" a
	in_image a 'grep -q 1 usr/bin/a'
	mktar f:top:1
	works import "$tmp/x.tar" a
	in_image a 'grep -q 1 top'
}

@test "import: modes, times, and what is left out" {
	mktar d:./::555 f:closed/file:x:0 d:closed::0 d:closed::100 f:set:x:6755 p:fifo Z:odd:odd \
		c:null b:disk c:dev/tty f:dev/file h:null2:null l:link:/nowhere f:a/b/c
	works import "$tmp/x.tar" a
	assert_match "$stderr" "warning: 3 device files or sockets left out"
	in_image a '
		stat -c "%a %n" closed closed/file set fifo odd
		stat -c %Y closed set fifo link
		readlink link
		test ! -e null -a ! -e dev/file -a -d dev -a -d mnt/9 -a -f etc/hosts' >"$tmp/out"
	assert_equal "$(tr '\n' ' ' <"$tmp/out")" \
		"700 closed 600 closed/file 6755 set 644 fifo 644 odd $(printf '1000000000 %.0s' 1 2 3 4)/nowhere "
	inside ok a -- echo ok || assert_match "$stderr" "echo"
}

# ---- list, delete, reset, gestalt -------------------------------------------------------------

@test "list and delete" {
	works list
	assert_equal "$output" ""
	mktar f:a
	as_test bash -c 'mkdir -p "$1/ch" && echo "{\"arch\": \"arm64\"}" >"$1/ch/metadata.json"' x "$tmp/made"
	works import "$tmp/made" b:1
	works import "$tmp/x.tar" a/b
	works import "$tmp/x.tar" ab
	works import "$tmp/x.tar" ab_stage0
	works import "$tmp/x.tar" ab_stage1x
	works list
	assert_equal "$output" $'a/b\nab\nab_stage0\nab_stage1x\nb:1 (arm64)'
	works list -l
	assert_match "${lines[4]}" "^b:1 +arm64 +[0-9.]+ KiB  20[0-9-]+ [0-9:]+  -$"
	works list --json --long
	assert_equal "$(jq -r '.[] | select(.size > 0 and .changed > 0) | .name + " " + (.architecture // "-")' <<<"$output" | tail -n 1)" \
		"b:1 arm64"
	works list b:1
	assert_match "$output" $'details of image:    b:1\nin local storage:    yes\narchitecture:        arm64'
	works list b%2
	assert_match "$output" $'in local storage:    no'
	# The image with its stages; patterns; the form of file names
	works delete ab
	works list
	assert_equal "$output" $'a/b\nab_stage1x\nb:1 (arm64)'
	fails 1 "1 of 3 not found" delete 'ab*' never a%b
	assert_match "$stderr" "warning: no image 'never' in storage"
	works list
	assert_equal "$output" "b:1 (arm64)"
	works reset
	works list
	assert_equal "$output" ""
	usable
}

@test "options in front and behind; help; wrong usage" {
	works gestalt storage-path
	assert_equal "$output" "$store"
	works -s "$tmp/a//" gestalt -s "$tmp/b/" storage-path
	assert_equal "$output" "$tmp/b"
	via=(env -u CH_IMAGE_STORAGE)
	works gestalt storage-path
	assert_equal "$output" "/var/tmp/$(as_test id -un).ch"
	via=(env "CH_IMAGE_STORAGE=$store")
	works gestalt bucache
	assert_equal "$output" ""
	works gestalt bucache-dot
	assert_equal "$output" ""
	works gestalt -v bucache
	assert_match "$output" '^libgit2 1\.[0-9.]+$'
	fails 64 "gestalt: python-path: ch-image is no Python program" gestalt python-path
	fails 64 "gestalt: 'x' is none of bucache, .*storage-path" gestalt x
	works gestalt
	assert_equal "$output" $'bucache\nbucache-dot\ndependencies\nlogging\nstorage-path'
	works gestalt dependencies
	assert_equal "$output$stderr" ''
	works gestalt -vv logging
	assert_equal "$output$stderr" 'a message with -vv or --debug
a message
ch-image: warning: a warning
reprinting 1 warning
ch-image: warning: a warning'
	fails 1 "an error, as --fail wants it" gestalt -qq logging --fail
	assert_equal "${#stderr_lines[@]}" 1
	fails 64 "unknown or ambiguous option '--profile'" --profile list
	fails 64 "'lits' is no command; 'list', perhaps" lits
	fails 64 "no command given" -v
	works --dependencies
	assert_equal "$output" ""
	works --help
	assert_match "$output" "import +PATH IMAGE"
	works list --help
	assert_match "$output" "-l, --long"
	img
	[[ $status == 1 && $stderr == Usage:* ]] || fail "$status: $stderr"
	via+=(CH_IMAGE_CACHE=x)
	fails 64 "CH_IMAGE_CACHE: 'x' is none of enabled" list
	via=(env CH_IMAGE_STORAGE=relative)
	fails 1 "CH_IMAGE_STORAGE: 'relative' is not absolute" list
}

# ---- storage ------------------------------------------------------------------------------------

@test "storage: what is not ours is left alone" {
	as_test mkdir -p "$store/img/alpine"
	fails 1 "exists, and is not storage of ch-image; another place: --storage" list
	as_test bash -c 'echo 7 >"$1/version"' x "$store"
	fails 1 "storage of Charliecloud's ch-image \(version 7\)" import "$dir" a
	fails 1 "storage of Charliecloud's ch-image" reset
	as_test bash -c 'echo "charlie storage 2" >"$1/version"' x "$store"
	fails 1 "of version 2, and this ch-image is for version 1" list
	assert_equal "$(as_test ls "$store" "$store/img" | tr '\n' ' ')" \
		"$store: img version  $store/img: alpine "
	works reset
	usable
	as_test chmod 770 "$store"
	fails 1 "others may write to it" list
	as_test chmod 700 "$store"
	as_test ln -s "$store" "$tmp/link"
	fails 1 "it is a symbolic link" -s "$tmp/link/" list
	((EUID)) || as_user2 mkdir -m 755 /var/tmp/ch-foreign
	if ((EUID == 0)); then
		run as_test ch-image -s /var/tmp/ch-foreign list
		rmdir /var/tmp/ch-foreign
		[[ $status == 1 && $output == *"belongs to user"* ]] || fail "$output"
	fi
}

@test "storage: different images at the same time, the same one in turn" {
	local i pids=()

	for i in {1..8}; do
		as_test timeout 60 "${via[@]}" ch-image -q import "$dir" "i$((i % 4))" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "one failed"
	done
	works list
	assert_equal "$(wc -l <<<"$output")" 4
	# The second one waits until the first one's archive ends.
	as_test mkfifo "$tmp/fifo"
	as_test timeout 60 "${via[@]}" ch-image import "$tmp/fifo" one 3>&- &
	exec 4>"$tmp/fifo"
	as_test timeout 60 "${via[@]}" ch-image import "$dir" one 2>"$tmp/log" 3>&- 4>&- &
	await 10 grep -q "waiting: image 'one' is being made" "$tmp/log"
	# Who waits can be interrupted, although others clean up first.
	for i in 'ch-image build -t one -' "ch-convert -o ch-image $dir one"; do
		# shellcheck disable=SC2086 # words
		run as_test "$top/tests/lib/when" "waiting: image 'one' is being made" TERM "${via[@]}" $i 4>&- <<<'FROM scratch'
		assert_equal "$status" 143
	done
	works import "$dir" other 4>&-
	works list 4>&-
	assert_equal "$(grep -c one <<<"$output")" 0
	tar -cC "$dir" . >&4
	exec 4>&-
	wait
	assert_match "$(cat "$tmp/log")" "done"
	# Others need not.
	inside ok one -- echo ok
	usable
}

@test "storage: what cannot be removed is in nobody's way" {
	works import "$dir" one
	# Another user's
	mkdir -p "$store/tmp/one=0/dir/below"
	works import "$dir" one
	works import "$dir" two
	if [[ -e $store/tmp/one=0 ]]; then
		assert_match "$stderr" "left over, and not removed: storage '$store/tmp': "
		rm -r "$store/tmp/one=0"
	fi
	usable
}

@test "storage: who is killed leaves nothing that matters" {
	local i

	works import "$dir" kept
	for i in {1..12}; do
		# At any time of the few milliseconds that it takes.
		as_test timeout -s KILL "$(printf '0.%03d' $((i * 4)))" "${via[@]}" ch-image -q import "$dir" kept ||
			true
		inside ok kept -- echo ok
	done
	as_test mkfifo "$tmp/fifo"
	as_test "${via[@]}" bash -c 'echo $$ >"$1/pid"; exec ch-image import "$1/fifo" new' x "$tmp" 3>&- 2>&1 &
	exec 4>"$tmp/fifo"
	tar -cC "$dir" . | head -c 100000 >&4
	await 10 as_test bash -c 'ls "$1"/tmp/new* >/dev/null 2>&1' x "$store"
	kill -9 "$(cat "$tmp/pid")"
	exec 4>&-
	wait || true
	works list
	assert_equal "$output" "kept (amd64)"
	assert_match "$stderr" "dropped unfinished image 'new': its maker was killed"
	usable
}

@test "storage: a full disk is an error, and then there is room again" {
	((EUID == 0)) || skip "does not apply without root: mounts"
	mkdir "$tmp/small"
	mount -t tmpfs -o size=3m,mode=1777 small "$tmp/small"
	store=$tmp/small/store via=(env "CH_IMAGE_STORAGE=$tmp/small/store")
	works import "$dir" one
	fails 1 "No space left on device" import "$dir" two
	from_pipe 'tar -cC "$dir" .' two
	assert_match "$status $stderr" "1 .*No space left on device"
	inside ok one -- echo ok
	works delete one
	usable
	umount "$tmp/small"
}
