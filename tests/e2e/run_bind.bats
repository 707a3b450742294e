#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run --bind: sources, destinations, and mount points that the image lacks
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	mkdir "$tmp/a" "$tmp/b" "$tmp/c"
	echo a >"$tmp/a/name"
	echo b >"$tmp/b/name"
	echo c >"$tmp/c/name"
	own "$tmp"
}
teardown() { ch_teardown; }

@test "a directory over one that the image has, in both kinds of images" {
	local image

	for image in "${both[@]}"; do
		inside a -b "$tmp/a:/opt" "$image" -- cat /opt/name
	done
}

@test "without a destination, the same path, which no image has" {
	local image

	for image in "${both[@]}"; do
		inside a -b "$tmp/a" "$image" -- cat "$tmp/a/name"
	done
}

@test "a relative source is taken against the working directory" {
	cd "$tmp"
	inside a -b a:/opt "$sqfs" -- cat /opt/name
	cd a
	inside b -b ../b:/opt "$sqfs" -- cat /opt/name
}

@test "what is bound can be written to, unless it says ro" {
	local image options

	for image in "${both[@]}"; do
		for options in '' :rw; do
			inside new -b "$tmp/a:/mnt/x$options" "$image" -- \
				sh -c 'echo new >/mnt/x/file; cat /mnt/x/file'
			assert_equal "$(<"$tmp/a/file")" new
			rm "$tmp/a/file"
		done
		run_ch -b "$tmp/a:/mnt/x:ro" "$image" -- touch /mnt/x/file
		assert_equal "$status" 1
		assert_match "$stderr" "Read-only file system"
		[[ ! -e $tmp/a/file ]]
	done
}

@test "ro holds for mounts below the source, and cannot be undone inside" {
	run_ch -u 1234 -b /dev:/mnt/dev:ro -b "$tmp/a:/mnt/x:ro" "$sqfs" -- sh -c '
		touch /mnt/dev/shm/charlie-test-x && echo "shm written"
		mount -o remount,bind,rw /mnt/x && touch /mnt/x/y && echo "remounted"
		umount /mnt/x && touch /mnt/x/y && echo "unmounted"
		true'
	assert_equal "$status $output" "0 "
	assert_match "$stderr" "shm/charlie-test-x: Read-only file system"
	[[ ! -e /dev/shm/charlie-test-x && ! -e $tmp/a/y ]]
	# Root has capabilities there, which reach its own mounts only.
	run_ch -u 0 -g 0 -b "$tmp/a:/mnt/x:ro" -b "$tmp/b:/mnt/y" "$sqfs" -- sh -c '
		mount -o remount,bind,rw /mnt/x && touch /mnt/x/y && echo "remounted"
		umount /mnt/x && touch /mnt/x/y && echo "unmounted"
		mount -t tmpfs x /mnt/y && touch /mnt/y/own && echo "mounted"'
	assert_equal "$status $output" "0 mounted"
	[[ ! -e $tmp/a/y && ! -e $tmp/b/own ]]
}

@test "a file over a file, and over one that the image lacks" {
	local image

	for image in "${both[@]}"; do
		inside b -b "$tmp/b/name:/etc/hosts" "$image" -- cat /etc/hosts
		inside a -b "$tmp/a/name:/etc/new" "$image" -- cat /etc/new
		inside a -b "$tmp/a/name:/new/file" "$image" -- cat /new/file
		inside "a b" -b "$tmp/a/name:/new1" -b "$tmp/b/name:/x/y/new2" "$image" -- \
			sh -c 'echo $(cat /new1 /x/y/new2)'
	done
}

@test "kinds that do not fit are refused" {
	local image

	for image in "${both[@]}"; do
		refused 31 "bind '$tmp/a' on '/etc/hosts': one is a directory, the other is not" \
			-b "$tmp/a:/etc/hosts" "$image" -- echo no
		refused 31 "bind '$tmp/a/name' on '/opt': one is a directory, the other is not" \
			-b "$tmp/a/name:/opt" "$image" -- echo no
		refused 31 "mount point '/etc/hosts/x' in the (image|container): Not a directory" \
			-b "$tmp/a:/etc/hosts/x" "$image" -- echo no
	done
}

@test "binds are made in order: the later one covers" {
	local image

	for image in "${both[@]}"; do
		inside b -b "$tmp/a:/opt" -b "$tmp/b:/opt" "$image" -- cat /opt/name
		inside a -b "$tmp/b:/opt" -b "$tmp/a:/opt" "$image" -- cat /opt/name
		inside b -b "$tmp/a:/x" -b "$tmp/b:/x" "$image" -- cat /x/name
	done
}

@test "a destination below an earlier one is looked for there" {
	local image

	mkdir "$tmp/a/sub"
	for image in "${both[@]}"; do
		inside "a b" -b "$tmp/a:/x" -b "$tmp/b:/x/sub" "$image" -- \
			sh -c 'echo $(cat /x/name /x/sub/name)'
		refused 31 "mount point '/x/missing' in the container: No such file" \
			-b "$tmp/a:/x" -b "$tmp/b:/x/missing" "$image" -- echo no
		inside a -b "$tmp/b:/x/sub" -b "$tmp/a:/x" "$image" -- cat /x/name
	done
	[[ ! -e $tmp/a/missing ]]
}

@test "many missing destinations: nested, side by side, below existing directories" {
	local image

	for image in "${both[@]}"; do
		inside "a b c a b" \
			-b "$tmp/a:/new/deeply/nested/one" -b "$tmp/b:/new/deeply/two" \
			-b "$tmp/c:/usr/share/new" -b "$tmp/a/name:/opt/bin/file" \
			-b "$tmp/b:/usr/bin/dir" "$image" -- sh -c 'cd /new/deeply
			echo $(cat nested/one/name two/name /usr/share/new/name /opt/bin/file /usr/bin/dir/name)'
	done
}

@test "a made mount point hides nothing of the image" {
	local image before after script='for d in / /usr /usr/bin /opt/bin /etc; do
		ls -1A $d | grep -vxE "new|share" | xargs; done; sha256sum </opt/bin/only-in-image
		stat -c "%a %n" /usr /opt /opt/bin /opt/bin/only-in-image'

	for image in "${both[@]}"; do
		before=$(ch "$image" -- sh -c "$script")
		after=$(ch -b "$tmp/a:/new" -b "$tmp/a:/usr/share/x" -b "$tmp/a:/opt/bin/new" \
			"$image" -- sh -c "$script")
		assert_equal "$after" "$before"
	done
}

@test "around made mount points the image stays read-only" {
	local image

	for image in "${both[@]}"; do
		run_ch -b "$tmp/a:/new/x" -b "$tmp/a:/usr/share/x" "$image" -- \
			sh -c 'touch /y; touch /new/y; touch /usr/y; touch /usr/share/y; touch /etc/y'
		assert_equal "$(grep -c "Read-only file system" <<<"$stderr")" 5
	done
	run ls "$dir"
	assert_equal "$(grep -xE 'new|y' <<<"$output")" ""
}

@test "made mount points have modes that let one in" {
	umask 077
	mkdir -m 755 "$tmp/open"
	own "$tmp"
	inside $'755\n755' -b "$tmp/open:/new/deep/er" "$sqfs" -- stat -c %a /new /new/deep
}

@test "with -w the mount point is made in the image" {
	copy_image "$tmp/image"
	inside a -w -b "$tmp/a:/made/here" -b "$tmp/a/name:/made/file" "$tmp/image" -- \
		sh -c 'cat /made/here/name; test -f /made/file'
	[[ -d $tmp/image/made/here && -f $tmp/image/made/file ]]
	assert_equal "$(ls -A "$tmp/image/made/here")$(<"$tmp/image/made/file")" ""
}

@test "with -W the mount point is made in memory" {
	local image

	copy_image "$tmp/image"
	for image in "$tmp/image" "$sqfs"; do
		inside a -W -b "$tmp/a:/made/here" "$image" -- \
			sh -c 'touch /made/x /new && cat /made/here/name'
	done
	[[ ! -e $tmp/image/made && ! -e $tmp/image/new ]]
}

@test "links in the image never lead a destination out of the image" {
	local image before

	copy_image "$tmp/image"
	ln -s /etc "$tmp/image/absolute"
	ln -s ../../../../../../../../../../../etc "$tmp/image/relative"
	ln -s /relative/../absolute "$tmp/image/round"
	own "$tmp"
	squash "$tmp/image" "$tmp/image.sqfs"
	before=$(ls -lA /etc; sha256sum /etc/hosts)
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		inside a -b "$tmp/a/name:/absolute/hosts" "$image" -- cat /etc/hosts
		inside a -b "$tmp/a/name:/relative/hosts" "$image" -- cat /etc/hosts
		inside a -b "$tmp/a:/absolute/charlie-test" "$image" -- cat /etc/charlie-test/name
		inside a -b "$tmp/a:/relative/charlie-test/x" "$image" -- cat /etc/charlie-test/x/name
		inside a -W -b "$tmp/a:/round/charlie-test" "$image" -- cat /etc/charlie-test/name
	done
	inside a -w -b "$tmp/a:/round/charlie-test" "$tmp/image" -- cat /etc/charlie-test/name
	[[ -d $tmp/image/etc/charlie-test ]]
	inside a -w -b "$tmp/a:/absolute" "$tmp/image" -- cat /etc/name
	assert_equal "$(ls -lA /etc; sha256sum /etc/hosts)" "$before"
}

@test "dangling links in the image lead nowhere" {
	local image

	copy_image "$tmp/image"
	ln -s /var/lib/charlie-test "$tmp/image/link"
	ln -s loop "$tmp/image/loop"
	own "$tmp"
	squash "$tmp/image" "$tmp/image.sqfs"
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		inside a -b "$tmp/a:/link/sub" "$image" -- cat /link/sub/name
		refused 31 "mount point '/loop/x' in the image: Too many levels of symbolic links" \
			-b "$tmp/a:/loop/x" "$image" -- echo no
	done
	refused 31 "image directory '/': make mount point 'link/sub': Not a directory" \
		-w -b "$tmp/a:/link/sub" "$tmp/image" -- echo no
	[[ ! -e /var/lib/charlie-test && -L $tmp/image/link ]]
}

@test "a destination with .. stays inside" {
	local image

	for image in "${both[@]}"; do
		refused 31 "mount point '/../../new' contains '..'" -b "$tmp/a:/../../new" "$image" -- echo no
		refused 31 "contains '..'" -b "$tmp/a:/opt/.." "$image" -- echo no
		# /tmp is the host's, but mounts of a container never are.
		inside a -b "$tmp/a:/tmp/../../../../../tmp" "$image" -- cat /tmp/name
	done
	assert_equal "$(<"$tmp/b/name")" b
	inside a -b "$tmp/b/../a:/opt" "$sqfs" -- cat /opt/name
}

@test "superfluous slashes in destinations do no harm" {
	local image

	for image in "${both[@]}"; do
		inside "a b c" -b "$tmp/a:/opt/" -b "$tmp/b://new//x/" -b "$tmp/c:/other//y" "$image" -- \
			sh -c 'echo $(cat /opt/name /new/x/name /other/y/name)'
	done
}

@test "a colon in a path is escaped" {
	mkdir "$tmp/x:y" "$tmp/back\\slash"
	echo colon >"$tmp/x:y/name"
	echo back >"$tmp/back\\slash/name"
	own "$tmp"
	inside colon -b "$tmp/x\\:y:/opt" "$sqfs" -- cat /opt/name
	inside colon -b "$tmp/x\\:y:/p\\:q:ro" "$sqfs" -- cat /p:q/name
	inside colon -b "$tmp/x\\:y" "$sqfs" -- cat "$tmp/x:y/name"
	inside back -b "$tmp/back\\slash:/opt" "$sqfs" -- cat /opt/name
}

@test "odd names: spaces, commas, new lines" {
	local name=$'a b,c=d\ne\t"f'

	mkdir "$tmp/$name"
	echo odd >"$tmp/$name/name"
	own "$tmp"
	inside odd -b "$tmp/$name:/$name/x" "$sqfs" -- cat "/$name/x/name"
	inside odd -b "$tmp/$name:/opt/$name" "$dir" -- cat "/opt/$name/name"
}

@test "a missing source: one line that names it" {
	local image

	for image in "${both[@]}"; do
		refused 31 "bind source '/nonexistent/x': No such file or directory" \
			-b /nonexistent/x:/opt "$image" -- echo no
		refused 31 "bind source '$tmp/missing': No such file or directory" \
			-b "$tmp/a:/opt" -b "$tmp/missing" "$image" -- echo no
	done
	cd "$tmp"
	refused 31 "bind source '$tmp/missing': No such file or directory" -b missing:/opt "$dir" -- echo no
}

@test "a source out of the user's reach: one line that names it" {
	[[ $CH_TEST_AS == root ]] || chown -R root: "$tmp/a"
	chmod 700 "$tmp/a"
	mkdir -p "$tmp/a/sub"
	if [[ $CH_TEST_AS == root ]]; then
		inside ok -b "$tmp/a/sub:/opt" "$sqfs" -- echo ok
	else
		refused 31 "bind source '$tmp/a/sub': Permission denied" -b "$tmp/a/sub:/opt" "$sqfs" -- echo no
	fi
}

@test "faulty binds are usage errors" {
	refused 64 "option --bind: bind source is empty" -b '' "$dir" -- echo no
	refused 64 "option --bind: bind source is empty" -b :/x "$dir" -- echo no
	refused 64 "option --bind: bind destination is empty" -b /x: "$dir" -- echo no
	refused 64 "option --bind: bind destination 'x' is not absolute" -b /x:x "$dir" -- echo no
	refused 64 "option --bind: bind destination '/' would hide the image" -b "$tmp:/" "$dir" -- echo no
	refused 64 "option --bind: bind destination '/' would" -b "$tmp://" "$dir" -- echo no
	refused 64 "option --bind: bind option 'x' is neither ro nor rw" -b /x:/y:x "$dir" -- echo no
	refused 64 "option --bind: bind option '' is neither" -b /x:/y: "$dir" -- echo no
	refused 64 "option --bind: bind has more than three parts" -b /x:/y:ro:z "$dir" -- echo no
}

@test "mounts of the host below a source come along" {
	inside ok -b /dev:/mnt/dev "$sqfs" -- sh -c 'test -c /mnt/dev/null && test -e /mnt/dev/pts/ptmx && echo ok'
}

@test "a path that is too long is refused" {
	local long

	long=$(printf '/%0250d' {1..20})
	refused 31 "mount point .*too long" -b "$tmp/a:$long" "$dir" -- echo no
	refused 31 "mount point .*too long" -b "$tmp/a:/$(printf '%0300d' 1)" "$dir" -- echo no
}

@test "a hundred binds" {
	local i options=()

	for i in {1..50}; do
		options+=(-b "$tmp/a:/new/$i" -b "$tmp/b/name:/opt/f$i")
	done
	inside "50 50" "${options[@]}" "$sqfs" -- \
		sh -c 'echo $(cat /new/*/name | grep -c a) $(cat /opt/f* | grep -c b)'
}
