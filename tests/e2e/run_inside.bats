#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what a container is: ids, rights, writing, /tmp, working directory
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	uid=$(as_test id -u)
	gid=$(as_test id -g)
}
teardown() { ch_teardown; }

# field NAME FILE: from /proc/PID/status
field() {
	awk -v name="$1:" '$1 == name { print $2 }' "$2"
}

# ---- namespaces and rights -------------------------------------------------------------

@test "user and mount namespace are new, all others are the host's" {
	local image ns

	for image in "${both[@]}"; do
		for ns in user mnt; do
			# Both at once: the number of a namespace that is gone is given to the next one.
			script 'readlink "/proc/self/ns/$2" && ch-run "$1" -- readlink "/proc/self/ns/$2"; exit' "$image" "$ns"
			assert_match "$status $output" "^0 $ns:.*"$'\n'"$ns:"
			[[ ${lines[0]} != "${lines[1]}" ]] || fail "$ns is the host's"
		done
		for ns in pid net ipc uts cgroup time; do
			inside "$(as_test readlink "/proc/self/ns/$ns")" "$image" -- readlink "/proc/self/ns/$ns"
		done
	done
}

@test "the command runs in the process of ch-run" {
	local image

	for image in "${both[@]}"; do
		run as_test bash -c 'echo $$; exec ch-run "$1" -- sh -c "echo \$\$"' sh "$image"
		assert_equal "$status" 0
		assert_equal "${lines[0]}" "${lines[1]}"
		# No child that the command does not know of.
		inside "" "$image" -- sh -c 'read -r c </proc/$$/task/$$/children; echo $c'
	done
}

@test "ids are mapped one to one, and setgroups is denied" {
	inside "$uid $uid 1 $gid $gid 1 deny" "$sqfs" -- \
		sh -c 'echo $(cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups)'
	inside "7 $uid 1 8 $gid 1 deny" -u 7 -g 8 "$dir" -- \
		sh -c 'echo $(cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups)'
}

@test "without -u 0 there are no capabilities, and no_new_privs is set" {
	local image set

	for image in "${both[@]}"; do
		run_ch -u 1234 "$image" -- cat /proc/self/status
		assert_equal "$status" 0
		for set in CapInh CapPrm CapEff CapBnd CapAmb; do
			assert_equal "$(field "$set" - <<<"$output")" 0000000000000000
		done
		assert_equal "$(field NoNewPrivs - <<<"$output")" 1
	done
	if [[ $CH_TEST_AS == user ]]; then
		inside 0000000000000000 "$sqfs" -- awk '$1 == "CapEff:" { print $2 }' /proc/self/status
	fi
}

@test "with -u 0 there are capabilities in the container only" {
	run_ch -u 0 "$sqfs" -- cat /proc/self/status
	assert_equal "$(field NoNewPrivs - <<<"$output")" 1
	assert_match "$(field CapEff - <<<"$output")" "^0*[1-9a-f][0-9a-f]*$"
	run_ch -u 0 "$sqfs" -- sh -c 'mount -t tmpfs x /opt && echo mounted; hostname charlie-test 2>&1'
	assert_match "$output" "^mounted"$'\n'".*[Oo]peration not permitted"
}

@test "nothing can be mounted or unmounted inside" {
	local image

	for image in "${both[@]}"; do
		inside "" -u 1234 "$image" -- sh -c '
			mount -t tmpfs x /opt 2>/dev/null && echo mounted
			umount /proc 2>/dev/null && echo unmounted
			mount -o remount,rw / 2>/dev/null && echo remounted
			chroot / true 2>/dev/null && echo chrooted
			true'
	done
}

@test "the command has the caller's descriptors, and no others" {
	local image script='for f in {3..255}; do eval "exec $f>&-"; done; exec 7<<<seven
		exec ch-run "$1" -- sh -c "ls /proc/self/fd; cat <&7"'

	for image in "${both[@]}"; do
		# 3 is what ls reads.
		run --separate-stderr as_test bash -c "$script" sh "$image"
		assert_equal "$status$stderr $(xargs <<<"$output")" "0 0 1 2 3 7 seven"
	done
}

# ---- ids ----------------------------------------------------------------------------------

@test "uid and gid: the caller's by default, else as asked for" {
	local image ids

	for image in "${both[@]}"; do
		inside "$uid $gid" "$image" -- sh -c 'echo $(id -u) $(id -g)'
		for ids in "0 0" "0 5" "5 0" "65534 65534" "4294967294 4294967294" "123456 654321"; do
			inside "$ids" -u "${ids% *}" -g "${ids#* }" "$image" -- sh -c 'echo $(id -u) $(id -g)'
		done
	done
}

@test "whatever the ids, files belong to the caller on the host" {
	mkdir "$tmp/out"
	own "$tmp/out"
	inside "33 44" -u 33 -g 44 -b "$tmp/out:/opt" "$sqfs" -- sh -c 'touch /opt/f; stat -c "%u %g" /opt/f'
	assert_equal "$(stat -c '%u %g' "$tmp/out/f")" "$uid $gid"
}

@test "every inode of a SquashFS image belongs to the container's user" {
	local user group script='root=$(stat -c %d /)
		find / -xdev -exec stat -c "%d %u %g" {} + | grep "^$root "'

	copy_image "$tmp/image"
	chown -R 0:0 "$tmp/image" 2>/dev/null || true
	chown 12345:54321 "$tmp/image/opt" 2>/dev/null || true
	squash "$tmp/image" "$tmp/image.sqfs"
	for user in 0 1234 65534 "$uid"; do
		group=$((user + 1))
		((user != uid)) || group=$gid
		run_ch -u "$user" -g "$group" "$tmp/image.sqfs" -- sh -c "$script"
		assert_equal "$status" 0
		assert_equal "$(cut -d" " -f2- <<<"$output" | sort -u)" "$user $group"
		((${#lines[@]} > 100)) || fail "${#lines[@]} files only"
	done
}

@test "files of a SquashFS image that only their owner may read can be read" {
	copy_image "$tmp/image"
	echo secret >"$tmp/image/etc/secret"
	chmod 600 "$tmp/image/etc/secret"
	mkdir -m 700 "$tmp/image/etc/deep"
	echo deeper >"$tmp/image/etc/deep/secret"
	squash "$tmp/image" "$tmp/image.sqfs"
	inside $'secret\ndeeper' "$tmp/image.sqfs" -- cat /etc/secret /etc/deep/secret
	chmod 000 "$tmp/image/etc/secret"
	squash "$tmp/image" "$tmp/none.sqfs"
	run_ch -u 1234 "$tmp/none.sqfs" -- cat /etc/secret
	assert_match "$status $stderr" "^1 .*Permission denied"
}

@test "passwd and group are made: root, nobody, and the user" {
	local image name

	name=$(as_test id -un)
	for image in "${both[@]}"; do
		run_ch -u 1234 -g 5678 "$image" -- cat /etc/passwd /etc/group
		assert_equal "$status" 0
		assert_equal "$output" "root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
charlie:x:1234:5678:Charlie:/:/bin/sh
root:x:0:
nogroup:x:65534:
charliegroup:x:5678:"
		inside "$name $(as_test id -gn)" "$image" -- sh -c 'echo $(id -un) $(id -gn)'
		# The host's name and remarks; group, home and shell are the container's.
		inside "$name:x:$uid:$gid:$(getent passwd "$name" | cut -d: -f5):/:/bin/sh" "$image" -- \
			grep "^$name:" /etc/passwd
		run_ch -u 0 -g 0 "$image" -- cat /etc/passwd /etc/group
		assert_equal "$(grep -c ^root: <<<"$output")" 2
		run_ch -u 65534 -g 65534 "$image" -- cat /etc/passwd /etc/group
		assert_equal "$(grep -c 65534: <<<"$output")" 2
	done
}

@test "no-passwd: the image's are kept" {
	local image

	for image in "${both[@]}"; do
		inside "$(cat "$dir/etc/passwd" "$dir/etc/group")" --no-passwd "$image" -- \
			cat /etc/passwd /etc/group
	done
}

@test "an image without /etc/passwd gets one, unless --no-passwd" {
	copy_image "$tmp/image"
	rm -r "$tmp/image/etc"
	squash "$tmp/image" "$tmp/image.sqfs"
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		run_ch "$image" -- sh -c 'id -un; grep -c : /etc/passwd'
		assert_equal "$status $output" "0 $(as_test id -un)"$'\n'"$([[ $uid == 0 ]] && echo 2 || echo 3)"
		inside missing --no-passwd "$image" -- sh -c 'test -e /etc/passwd || echo missing'
	done
}

# ---- writing --------------------------------------------------------------------------------

@test "images are read-only" {
	local image

	copy_image "$tmp/image"
	for image in "$tmp/image" "$sqfs"; do
		inside "" -u 0 "$image" -- sh -c 'for f in /new /bin/busybox /etc/hosts.new /usr/new; do
			(echo x >>$f) 2>/dev/null && echo "written: $f"; done
			mkdir /d 2>/dev/null && echo made; rm -f /bin/busybox 2>/dev/null && echo removed
			chmod 700 /bin 2>/dev/null && echo changed; mv /opt /opt2 2>/dev/null && echo moved; true'
	done
}

@test "write: changes stay in the image directory" {
	copy_image "$tmp/image"
	inside "" -w "$tmp/image" -- sh -c 'echo new >/new; mkdir /d; rm /ch/environment; chmod 700 /usr'
	assert_equal "$(<"$tmp/image/new")" new
	[[ -d $tmp/image/d && ! -e $tmp/image/ch/environment ]]
	assert_equal "$(stat -c '%a %u' "$tmp/image/usr" "$tmp/image/new" | xargs)" "700 $uid 644 $uid"
}

@test "write: refused for SquashFS, with the remedy" {
	refused 31 "image '$sqfs' is a SquashFS file and cannot be written to; .*--write-fake" \
		-w "$sqfs" -- echo no
}

@test "write: an image of somebody else is protected by the host's permissions" {
	if [[ $CH_TEST_AS == root ]]; then
		copy_image "$tmp/image"
		inside ok -w "$tmp/image" -- sh -c 'touch /new && echo ok'
	else
		run_ch -w "$dir" -- touch /new
		assert_match "$status $stderr" "^1 .*Permission denied"
		refused 31 "make mount point 'new/x': Permission denied" -w -b "$tmp:/new/x" "$dir" -- echo no
	fi
}

@test "write-fake: everything can be changed, and nothing of it stays" {
	local image before

	copy_image "$tmp/image"
	before=$(cd "$tmp/image" && find . -printf '%p %m %u %T@ %s\n' | sort)
	for image in "$tmp/image" "$sqfs"; do
		inside "new x 700 gone" -W "$image" -- sh -c '
			echo new >/new && mkdir /opt/d && echo x >>/etc/hosts.x && chmod 700 /usr &&
			rm /bin/vi && mv /ch/environment /ch/e2 && rm -r /opt/bin &&
			echo $(cat /new /etc/hosts.x) $(stat -c %a /usr) $(test -e /bin/vi || echo gone)'
		inside missing "$image" -- sh -c 'test -e /new || echo missing'
	done
	assert_equal "$(cd "$tmp/image" && find . -printf '%p %m %u %T@ %s\n' | sort)" "$before"
}

@test "write-fake: the size is a limit" {
	local image option

	for image in "${both[@]}"; do
		for option in -W3m --write-fake=3072k; do
			run_ch "$option" "$image" -- sh -c 'dd if=/dev/zero of=/big bs=64k count=160 2>/dev/null
				echo $?; s=$(stat -c %s /big); [ $s -gt 2000000 ] && [ $s -le 3145728 ] && echo limited'
			assert_equal "$status $output" $'0 1\nlimited'
		done
		for option in -W20m -W -W0 -W0%; do
			run_ch "$option" "$image" -- dd if=/dev/zero of=/big bs=64k count=160
			assert_equal "$status" 0
		done
	done
	# Without a limit, its size is none.
	inside 0 -W0 "$dir" -- stat -f -c %b /
}

@test "write-fake: no permission is needed in the image" {
	copy_image "$tmp/image"
	[[ $CH_TEST_AS == root ]] || chown -R root: "$tmp/image"
	squash "$tmp/image" "$tmp/image.sqfs"
	inside ok -W "$tmp/image.sqfs" -- sh -c 'touch /etc/new /opt/bin/new && echo ok'
}

# ---- /tmp and working directory -------------------------------------------------------------

@test "/tmp is the host's" {
	local image

	for image in "${both[@]}"; do
		inside "$(stat -c %d:%i /tmp)" "$image" -- stat -c %d:%i /tmp
	done
}

@test "private-tmp: fresh, writable, gone in the end" {
	local image

	for image in "${both[@]}"; do
		run_ch -t "$image" -- sh -c 'ls -A /tmp; touch /tmp/charlie-test-file; stat -c %a /tmp; grep -c " /tmp .* tmpfs " /proc/self/mountinfo'
		assert_equal "$status $output" $'0 1777\n1'
		[[ ! -e /tmp/charlie-test-file ]]
	done
}

@test "private-tmp: binds below it" {
	mkdir "$tmp/a"
	echo a >"$tmp/a/name"
	own "$tmp"
	inside $'a\na' -t -b "$tmp/a:/tmp/x/y" -b "$tmp/a/name:/tmp/f" "$sqfs" -- cat /tmp/x/y/name /tmp/f
}

@test "cd: / by default, else as asked for" {
	local image

	for image in "${both[@]}"; do
		inside / "$image" -- pwd
		inside /opt/bin -c /opt/bin "$image" -- pwd
		inside /usr --cd=/opt/../usr/ "$image" -- sh -c 'cd . && pwd -P'
		inside /opt/bin -c opt/bin "$image" -- pwd
		inside / --cd=. "$image" -- sh -c 'cd . && pwd -P'
		refused 31 "working directory '/missing' in the container: No such file or directory" \
			-c /missing "$image" -- echo no
		refused 31 "working directory '/missing' in the container: No such file or directory" \
			-c missing "$image" -- echo no
		refused 31 "working directory '/bin/busybox' in the container: Not a directory" \
			-c /bin/busybox "$image" -- echo no
	done
	mkdir "$tmp/a"
	own "$tmp"
	inside /new/x -b "$tmp/a:/new/x" -c /new/x "$sqfs" -- pwd
}

# ---- images that lack things ------------------------------------------------------------------

@test "an image with nothing but a program runs" {
	local image

	mkdir -p "$tmp/image/bin"
	cp "$dir/bin/busybox" "$tmp/image/bin/sh"
	own "$tmp"
	squash "$tmp/image" "$tmp/image.sqfs"
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		inside "ok /" "$image" -- sh -c 'test -c /dev/null && test -d /proc/self && test -d /sys/kernel &&
			test -w /tmp && read x </etc/passwd && echo ok $HOME'
		inside ok -W "$image" -- sh -c 'echo ok >/new && read x </new && echo $x'
		inside ok -t "$image" -- sh -c 'echo ok >/tmp/new && read x </tmp/new && echo $x'
	done
	assert_equal "$(ls -A "$tmp/image")" bin
	inside ok -w "$tmp/image" -- sh -c 'test -c /dev/null && echo ok'
}

@test "optional files of the host are bound where the image has them" {
	local image

	for image in "${both[@]}"; do
		inside "$(sha256sum </etc/hosts)" "$image" -- sh -c 'sha256sum </etc/hosts'
		[[ ! -e /etc/machine-id ]] || inside none "$image" -- sh -c 'test -e /etc/machine-id || echo none'
	done
	copy_image "$tmp/image"
	rm "$tmp/image/etc/hosts"
	mkdir "$tmp/image/etc/hosts"
	inside ok "$tmp/image" -- sh -c 'test -d /etc/hosts && echo ok'
}

# host_places PLACE...: ch runs where the host has these directories, and files in them
host_places() {
	printf '%s\n' 'for dir in /etc/opt /opt /var/lib /var/opt /var/spool; do' \
		'	mount -n -t tmpfs -o mode=755 places "$dir"' 'done' \
		"for place in $*; do" '	mkdir -p "$place"; echo host >"$place/where"' 'done' 'exec "$@"' >"$tmp/host"
	# shellcheck disable=SC2034 # of common.bash
	root_via=(unshare --mount --propagation private bash -eu "$tmp/host")
}

@test "optional directories of the host are bound where the image has them: Slurm's, Cray's, hugetlbfs" {
	local places place image

	# All that there are but files, whose directory is not covered for a test
	mapfile -t places < <(ch --dry-run "$dir" -- true |
		sed -n "s/^bind '\(.*\)' on '\1', if it exists, if the image has it$/\1/p" | grep -v '^/etc/[^/]*$')
	((${#places[@]} == 9))
	copy_image "$tmp/image"
	for place in "${places[@]}"; do
		mkdir -p "$tmp/image$place"
		echo image >"$tmp/image$place/where"
	done
	own "$tmp/image"
	squash "$tmp/image" "$tmp/image.sqfs"
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		# shellcheck disable=SC2034 # of common.bash
		root_via=()
		inside image "$image" -- sh -c 'for p; do cat $p/where; done | sort -u' sh "${places[@]}"
		host_places "${places[@]}"
		inside host "$image" -- sh -c 'for p; do cat $p/where; done | sort -u' sh "${places[@]}"
	done
	# Nothing is made for them in an image without.
	for image in "${both[@]}"; do
		inside bin "$image" -- sh -c 'ls /opt; for p; do test ! -e $p || echo $p; done' sh "${places[@]}"
	done
}
