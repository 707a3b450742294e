#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: the environment
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
}
teardown() { ch_teardown; }

# value WANTED NAME OPTION...: of a variable inside; "unset" is told
value() {
	local wanted=$1 name=$2

	shift 2
	run --separate-stderr as_test env -u TMPDIR SET=set COLON=a:b EMPTY= PATH="$PATH" ch-run "$@" "$dir" -- \
		sh -c 'eval "echo \"\${'"$name"'-unset}\""'
	[[ $status == 0 && ! $stderr && $output == "$wanted" ]] ||
		fail "ch-run $*" "status: $status" "stdout: $output" "stderr: $stderr" "wanted: $wanted"
}

@test "the host's variables are passed on" {
	value set SET
	value "" EMPTY
	value unset charlie_none
}

@test "HOME is /root where the image has that, else /" {
	value /root HOME
	copy_image "$tmp/image"
	rmdir "$tmp/image/root"
	run_ch "$tmp/image" -- sh -c 'echo $HOME'
	assert_equal "$status $output" "0 /"
	touch "$tmp/image/root"
	run_ch "$tmp/image" -- sh -c 'echo $HOME'
	assert_equal "$status $output" "0 /"
}

@test "home: bound at /home/USER, and HOME says so, in both kinds of images" {
	local image user home

	user=$(as_test id -un)
	home=$tmp/home
	mkdir "$home"
	own "$home"
	for image in "${both[@]}"; do
		run --separate-stderr as_test env HOME="$home" USER=liar ch-run --home "$image" -- \
			sh -c 'echo "$HOME"; echo in >"$HOME/file"; cat "/home/$1/file"; rm "$HOME/file"' sh "$user"
		assert_equal "$status$stderr" 0
		assert_equal "$output" "/home/$user"$'\n'in
	done
}

@test "home: without a usable HOME it is refused" {
	local home

	for home in '' relative; do
		run --separate-stderr as_test env HOME="$home" ch-run --home "$dir" -- echo no
		assert_equal "$status $output" "31 "
		assert_match "$stderr" "^ch-run\[[0-9]+\]: error: --home: HOME is not set to an absolute path \(bind\.c:[0-9]+ 22\)$"
	done
	run --separate-stderr as_test env -u HOME ch-run --home "$dir" -- echo no
	assert_equal "$status $output" "31 "
	run --separate-stderr as_test env HOME=/nonexistent ch-run --home "$dir" -- echo no
	assert_equal "$status $output" "31 "
	assert_match "$stderr" "bind source '/nonexistent': No such file"
}

@test "PATH gets /bin unless it has it" {
	local old new

	while read -r old new; do
		run --separate-stderr as_test bash -c 'PATH=$2 exec "$1/bin/ch-run" "$3" -- /bin/sh -c "echo \"\$PATH\""' \
			sh "$prefix" "$old" "$dir"
		assert_equal "$status $output" "0 $new"
	done <<-'END'
		/usr/bin /usr/bin:/bin
		/usr/bin:/bin /usr/bin:/bin
		/bin:/usr/bin /bin:/usr/bin
		/usr/bin:/bin:/x /usr/bin:/bin:/x
		/opt/bin /opt/bin:/bin
		/sbin:/usr/sbin /sbin:/usr/sbin:/bin
	END
}

@test "an unset PATH stays unset, with a warning" {
	run --separate-stderr as_test bash -c 'unset PATH; exec "$1/bin/ch-run" "$2" -- /bin/env' \
		sh "$prefix" "$dir"
	assert_equal "$status" 0
	assert_match "$stderr" '^ch-run\[[0-9]+\]: warning: PATH is not set$'
	[[ ! $output =~ (^|$'\n')PATH= ]] || fail "$output"
}

@test "the command is searched for in the container's PATH" {
	inside "only-in-image tiny" --set-env=PATH=/opt/bin:/bin "$sqfs" -- only-in-image
	inside "only-in-image tiny" --set-env "$sqfs" -- only-in-image
	refused 49 "execute 'only-in-image' in the container: No such file" \
		--set-env=PATH=/bin "$sqfs" -- only-in-image
}

@test "TMPDIR is unset, and its directory is /tmp" {
	local image

	echo x >"$tmp/file"
	own "$tmp"
	for image in "${both[@]}"; do
		run --separate-stderr as_test env TMPDIR="$tmp" ch-run "$image" -- \
			sh -c 'echo ${TMPDIR-unset}; cat /tmp/file; echo y >/tmp/new'
		assert_equal "$status $output$stderr" $'0 unset\nx'
		assert_equal "$(<"$tmp/new")" y
	done
	run --separate-stderr as_test env TMPDIR=/nonexistent ch-run "$dir" -- true
	assert_equal "$status $output" "31 "
	assert_match "$stderr" "bind source '/nonexistent': No such file"
	run --separate-stderr as_test env TMPDIR=relative ch-run "$dir" -- sh -c 'echo ${TMPDIR-unset}'
	assert_equal "$status $output$stderr" "0 unset"
}

@test "CH_RUNNING is last: nothing changes it" {
	local it='Weird Al Yankovic'

	value "$it" CH_RUNNING
	value "$it" CH_RUNNING --unset-env='*'
	value "$it" CH_RUNNING --unset-env=CH_RUNNING
	value "$it" CH_RUNNING --set-env=CH_RUNNING=no
}

@test "set-env: values are split, expanded and unquoted as documented" {
	local assignment wanted

	while IFS='|' read -r assignment wanted; do
		value "$wanted" FOO --set-env="$assignment"
	done <<-'END'
		FOO=bar|bar
		FOO=bar=baz|bar=baz
		FOO=|
		FOO='bar'|bar
		FOO=''''|''
		FOO=''|
		FOO='|'
		FOO='bar|'bar
		FOO=bar'|bar'
		FOO="bar"|"bar"
		FOO=bar # no comment|bar # no comment
		FOO=bar\tbaz|bar\tbaz
		FOO=$SET|set
		FOO='$SET'|set
		FOO=$SET:baz|set:baz
		FOO=bar:$SET|bar:set
		FOO=bar:$SET:baz|bar:set:baz
		FOO=bar$SET|bar$SET
		FOO=bar:baz$SET|bar:baz$SET
		FOO=$SETx|
		FOO=${SET}|
		FOO=$|$
		FOO=$:bar|$:bar
		FOO=$$|
		FOO=$UNSET|
		FOO=$EMPTY|
		FOO=baz:$UNSET:qux|baz:qux
		FOO=baz:$EMPTY:qux|baz:qux
		FOO=$UNSET:bar|bar
		FOO=bar:$UNSET|bar
		FOO=$UNSET:$UNSET|
		FOO=$UNSET:bar:$UNSET|bar
		FOO=:bar:baz::|:bar:baz::
		FOO=:|:
		FOO=bar:|bar:
		FOO=::$SET::|::set::
		FOO=$COLON:c|a:b:c
		FOO=$SET:$SET|set:set
	END
	value ' bar ' FOO --set-env='FOO= bar '
}

@test "set-env: an assignment sees those before it" {
	value "c:b:a" X --set-env=X=a --set-env='X=b:$X' --set-env='X=c:$X'
	value "a:z" FOO --set-env=A=a --set-env='FOO=$A:z' --set-env=A=b
}

@test "set-env: \$ is not expanded twice" {
	value '$SET' FOO --env-no-expand --set-env='FOO=$SET'
	run_ch --set-env='A=x$SET' --set-env='B=$A' "$dir" -- sh -c 'echo "$B"'
	assert_equal "$output" 'x$SET'
}

@test "set-env: odd names are taken as they are" {
	run_ch --set-env=' a b=c' --set-env='1.x=y' "$dir" -- env
	assert_equal "$status" 0
	assert_match "$output" $'(^|\n) a b=c(\n|$)'
	assert_match "$output" $'(^|\n)1\\.x=y(\n|$)'
}

@test "env-no-expand: for all, wherever it stands; quotes still go" {
	value '$SET:x' FOO --env-no-expand --set-env='FOO=$SET:x'
	value '$SET:x' FOO --set-env='FOO=$SET:x' --env-no-expand
	value '$SET' FOO --set-env="FOO='\$SET'" --env-no-expand
	printf 'FOO=$SET\n' >"$tmp/env"
	own "$tmp"
	value '$SET' FOO --set-env="$tmp/env" --env-no-expand
	value '$SET' FOO --set-env0="$tmp/env" --env-no-expand
}

@test "set-env: from a file of the host" {
	printf '%s\n' A=1 '' "B='two words'" 'C=$A:$SET:x' '' 'D=e=f' '#E=x' 'F G=h' >"$tmp/env"
	printf 'Z=last line without end' >>"$tmp/env"
	own "$tmp"
	run --separate-stderr as_test env -u TMPDIR SET=set ch-run --set-env="$tmp/env" "$sqfs" -- \
		env
	assert_equal "$status$stderr" 0
	assert_equal "$(grep -E '^(A|B|C|D|#E|F G|Z)=' <<<"$output" | sort)" \
		"$(printf '%s\n' A=1 'B=two words' C=1:set:x D=e=f '#E=x' 'F G=h' 'Z=last line without end' | sort)"
}

@test "set-env: the file may be a pipe" {
	run --separate-stderr as_test bash -c 'printf "A=a\nB=b\n" | ch-run --set-env=/dev/stdin "$1" -- sh -c "echo \$A\$B"' sh "$dir"
	assert_equal "$status $output$stderr" "0 ab"
}

@test "set-env: the file is the host's, also where the image has one of that name" {
	echo A=host >"$tmp/env"
	copy_image "$tmp/image"
	mkdir -p "$tmp/image$tmp"
	echo A=image >"$tmp/image$tmp/env"
	own "$tmp"
	inside host --set-env="$tmp/env" -t "$tmp/image" -- sh -c 'echo $A'
}

@test "set-env: faults in a file are told with file and line, before anything runs" {
	printf 'A=b\n\nbroken\n' >"$tmp/env"
	printf 'A=b\n=x\n' >"$tmp/env2"
	own "$tmp"
	refused 31 "$tmp/env:3.*'broken'" --set-env="$tmp/env" "$dir" -- echo no
	refused 31 "$tmp/env2:2.*'=x' has no name" --set-env="$tmp/env2" "$dir" -- echo no
	refused 31 "environment file '/nonexistent': No such file" --set-env=/nonexistent "$dir" -- echo no
	refused 31 "environment file '/': Is a directory" --set-env=/ "$dir" -- echo no
}

@test "set-env: faulty assignments are refused" {
	refused 31 "'=bar' has no name" --set-env==bar "$dir" -- echo no
	refused 31 "environment file 'FOO bar': No such file" --set-env='FOO bar' "$dir" -- echo no
}

@test "set-env: without an argument, the image's" {
	local image

	for image in "${both[@]}"; do
		inside "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin tiny" \
			--set-env "$image" -- sh -c 'echo $PATH $CH_IMAGE_NAME'
	done
}

@test "set-env: an image that says nothing is refused" {
	copy_image "$tmp/image"
	rm -r "$tmp/image/ch"
	refused 31 "/ch/environment': No such file" --set-env "$tmp/image" -- echo no
}

@test "set-env: the image's file is read inside, whatever it links to" {
	copy_image "$tmp/image"
	rm "$tmp/image/ch/environment"
	ln -s /etc/environment-test "$tmp/image/ch/environment"
	echo A=inside >"$tmp/image/etc/environment-test"
	inside inside --set-env "$tmp/image" -- sh -c 'echo $A'
}

@test "set-env0: records end in NUL and may hold new lines" {
	printf 'A=one\ntwo\0B=$A\0\0C=x\n\0D=last' >"$tmp/env"
	own "$tmp"
	run_ch --set-env0="$tmp/env" "$sqfs" -- sh -c 'echo "<$A><$B><$C><$D>"'
	assert_equal "$status $output" $'0 <one\ntwo><one\ntwo><x><last>'
	value b FOO --set-env0=FOO=b
	copy_image "$tmp/image"
	printf 'A=in\nside\0' >"$tmp/image/ch/environment"
	run_ch --set-env0 "$tmp/image" -- sh -c 'echo "$A"'
	assert_equal "$status $output" $'0 in\nside'
}

@test "unset-env: globs, plain and extended" {
	run --separate-stderr as_test env -u TMPDIR A_1=x A_2=x B_1=x C_1=x ch-run \
		--unset-env='A_*' "$dir" -- sh -c 'echo ${A_1-u}${A_2-u}${B_1-u}${C_1-u}'
	assert_equal "$status $output$stderr" "0 uuxx"
	run --separate-stderr as_test env -u TMPDIR A_1=x A_2=x B_1=x C_1=x ch-run \
		--unset-env='!(A_*|B_*)' "$dir" -- /bin/env
	assert_equal "$status$stderr" 0
	assert_equal "$(sort <<<"$output")" $'A_1=x\nA_2=x\nB_1=x\nCH_RUNNING=Weird Al Yankovic'
	run --separate-stderr as_test env -u TMPDIR A_1=x A_2=x B_1=x ch-run \
		--unset-env='[AB]_?([2])' --unset-env='?_1' "$dir" -- sh -c 'echo ${A_1-u}${A_2-u}${B_1-u}'
	assert_equal "$status $output$stderr" "0 uuu"
	value set SET --unset-env=SE --unset-env=ET --unset-env='*SETx'
}

@test "unset-env: also what was set for the container" {
	value unset HOME --unset-env=HOME
}

@test "set and unset happen in the order of the command line" {
	value unset FOO --set-env=FOO=a --unset-env='F*'
	value a FOO --unset-env='F*' --set-env=FOO=a
	value b FOO --set-env=FOO=a --unset-env=FOO --set-env='FOO=$FOO:b'
	printf 'FOO=file\n' >"$tmp/env"
	own "$tmp"
	value file FOO --set-env=FOO=a --set-env="$tmp/env"
	value a FOO --set-env="$tmp/env" --set-env=FOO=a
	value x CH_IMAGE_NAME --set-env --set-env=CH_IMAGE_NAME=x
	value tiny CH_IMAGE_NAME --set-env=CH_IMAGE_NAME=x --set-env
}

@test "long values pass, and those too long for the kernel are refused" {
	local long

	long=$(printf '%0100000d' 0)
	run_ch --set-env="FOO=$long" "$dir" -- sh -c 'echo ${#FOO}'
	assert_equal "$status $output" "0 100000"
	run_ch --set-env="A=$long" --set-env='FOO=$A:$A' "$dir" -- echo no
	assert_equal "$status $output" "31 "
	assert_match "$stderr" "environment variable 'FOO' is too long"
}
