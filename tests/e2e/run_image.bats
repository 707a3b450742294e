#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what IMAGE may be: SIF files, names in storage
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	under=()
}
teardown() {
	[[ ! ${default-} ]] || rm -rf "$default"
	ch_teardown
}

# sif FILE [KEY=NUMBER]...: make one of the SquashFS image
sif() {
	python3 "$top/tests/lib/sif.py" "$1" "$sqfs" "${@:2}"
	chmod 644 "$1"
}

# mounted COMMANDS CMD...: after COMMANDS, in a mount namespace of its own, run CMD as
# CH_TEST_AS says; under: words in front of that
mounted() {
	local who=("${under[@]}")

	[[ $CH_TEST_AS == root ]] || who+=(runuser -u "$test_user" --)
	((EUID == 0)) || fail "only root can mount" || return
	run --separate-stderr "$top/tests/lib/open-fuse" unshare --mount --propagation private \
		bash -ec "$1"$'\nexec "$@"' x "${who[@]}" timeout -k 5 60 "${@:2}"
}

# ---- SIF files --------------------------------------------------------------------------

@test "SIF: runs like a SquashFS file, without a copy" {
	local sif sum

	sif=$(image tiny sif)
	sum=$(sha256sum <"$dir/bin/busybox")
	inside "hello  world" "$sif" -- echo "hello  world"
	inside "$sum" "$sif" -- sh -c 'sha256sum </bin/busybox'
	inside "only-in-image tiny" "$sif" -- /opt/bin/only-in-image
	inside changed -W "$sif" -- sh -c 'echo changed >/etc/new; cat /etc/new'
	inside ok -b /etc:/new/place "$sif" -- sh -c 'test -e /new/place/passwd && echo ok'
	# The name does not matter.
	cp "$sif" "$tmp/image"
	inside ok "$tmp/image" -- echo ok
}

@test "SIF: the partition is found at any place in table and file" {
	local pad

	sif "$tmp/a.sif" slot=47
	inside ok "$tmp/a.sif" -- echo ok
	for pad in 1 4097 1048576; do
		sif "$tmp/a.sif" pad="$pad" slot=5
		inside ok "$tmp/a.sif" -- echo ok
	done
}

@test "SIF: --dry-run tells the partition" {
	sif "$tmp/a.sif"
	run_ch --dry-run "$tmp/a.sif" -- true
	assert_equal "$status$stderr" 0
	assert_match "$output" "^root: SquashFS at byte 32768 of SIF file '$tmp/a.sif' read-only"
}

@test "SIF: other partitions are refused by their names" {
	local row fs what rows=("2:an ext3 file system; build it again" "3:an archive; build"
		"4:raw data; build" "5:encrypted; build" "9:a file system of unknown type")

	for row in "${rows[@]}"; do
		fs=${row%%:*} what=${row#*:}
		sif "$tmp/a.sif" fs="$fs"
		refused 31 "image '$tmp/a.sif': a SIF image whose system partition is $what" \
			"$tmp/a.sif" -- true
		refused 31 "partition is $what" --dry-run "$tmp/a.sif" -- true
	done
	sif "$tmp/a.sif" part=3
	refused 31 "image '$tmp/a.sif': a SIF file without a primary system partition" \
		"$tmp/a.sif" -- true
	sif "$tmp/a.sif" type=0x400a
	refused 31 "a SIF image that holds OCI layers" "$tmp/a.sif" -- true
}

@test "SIF: truncated and damaged files are refused" {
	local size=$((32768 + $(stat -c %s "$sqfs")))

	sif "$tmp/a.sif"
	for size in 100 4096 5000 32768 40000 $((size - 1)); do
		head -c "$size" "$tmp/a.sif" >"$tmp/cut.sif"
		refused 31 "image '$tmp/cut.sif': .*truncated" "$tmp/cut.sif" -- true
	done
	sif "$tmp/a.sif" size=-1
	refused 31 "damaged SIF image: impossible position" "$tmp/a.sif" -- true
	# The file system has to fit into its partition.
	sif "$tmp/a.sif" size=40000
	refused 31 "image '$tmp/a.sif': truncated: its partition has 40000 bytes, superblock says" \
		"$tmp/a.sif" -- true
	sif "$tmp/a.sif" offset=4096
	refused 31 "image '$tmp/a.sif': not a SquashFS file system" "$tmp/a.sif" -- true
}

@test "SIF: cannot be written to" {
	refused 31 "is a SIF file and cannot be written to.*--write-fake" -w "$(image tiny sif)" -- true
}

# ---- names in storage -------------------------------------------------------------------

# Storage of whom as_test means in $tmp/s, with the images foo/bar:tag (which says so) and
# plain, and a directory of the same names to run in
storage() {
	mkdir -p "$tmp/s/img" "$tmp/cwd/foo"
	cp -a "$dir" "$tmp/s/img/foo%bar+tag"
	cp "$sqfs" "$tmp/s/img/plain"
	cp -a "$dir" "$tmp/cwd/plain"
	echo storage >"$tmp/s/img/foo%bar+tag/where"
	echo path >"$tmp/cwd/plain/where"
	chmod -R go-w "$tmp/s"
	own "$tmp/s" "$tmp/cwd"
	cd "$tmp/cwd" || return
}

# The default storage of whom as_test means; removed by teardown
default_storage() {
	default=/var/tmp/$(as_test id -un).ch
	[[ ! -e $default && ! -L $default ]] || fail "$default: in the way"
}

@test "storage: images are found by name, with -s and by the variable" {
	storage
	inside storage -s "$tmp/s" foo/bar:tag -- cat /where
	inside storage --storage="$tmp/s/" foo/bar:tag -- cat /where
	inside storage --storage=../s foo/bar:tag -- cat /where
	inside storage -s "$tmp/s" foo%bar+tag -- cat /where
	inside storage -s "$tmp/s" foo/bar+tag -- cat /where
	CH_IMAGE_STORAGE=$tmp/s inside storage foo/bar:tag -- cat /where
	CH_IMAGE_STORAGE=/nonexistent inside storage -s "$tmp/s" foo/bar:tag -- cat /where
	# No registry's defaults.
	refused 31 "image '$tmp/cwd/foo/bar': No such file or directory, nor an image of that name in storage '$tmp/s'" \
		-s "$tmp/s" foo/bar -- true
	refused 31 "nor an image of that name" -s "$tmp/s" foo/bar:latest -- true
	refused 31 "File name too long" -s "$tmp/s" "$(printf 'x%.0s' {1..300})" -- true
}

@test "storage: names beat paths, paths are no names" {
	storage
	inside path plain -- cat /where
	run_ch -s "$tmp/s" plain -- cat /where
	assert_equal "$status" 1	# a SquashFS file without it
	inside path -s "$tmp/s" ./plain -- cat /where
	inside path -s "$tmp/s" "$tmp/cwd/plain" -- cat /where
	refused 31 "image '/foo/bar:tag': No such file" -s "$tmp/s" /foo/bar:tag -- true
	refused 31 "image '.*/./foo/bar:tag': No such file" -s "$tmp/s" ./foo/bar:tag -- true
}

@test "storage: the default one is of the user that we are" {
	storage
	default_storage
	mv "$tmp/s" "$default"
	inside storage foo/bar:tag -- cat /where
	USER=nobody HOME=/nonexistent inside storage foo/bar:tag -- cat /where
	run_ch --dry-run foo/bar:tag -- true
	assert_match "$output" "^root: directory '$default/img/foo%bar\+tag' read-only"
}

@test "storage: what is missing is warned about when it was named, and no error" {
	storage
	run_ch -s "$tmp/none" plain -- cat /where
	assert_equal "$status $output" "0 path"
	assert_match "$stderr" "^ch-run\[[0-9]+\]: warning: storage '$tmp/none': No such file or directory$"
	CH_IMAGE_STORAGE=$tmp/none run_ch plain -- cat /where
	assert_equal "$status $output ${#stderr_lines[@]}" "0 path 1"
	CH_IMAGE_STORAGE='' inside path plain -- cat /where
	inside path plain -- cat /where
	refused 31 "image '$tmp/cwd/no/such:image': No such file or directory \(" no/such:image -- true
	refused 64 "option --storage: the directory is empty" -s '' plain -- true
	mkdir "$tmp/empty"
	own "$tmp/empty"
	inside path -s "$tmp/empty" plain -- cat /where
}

@test "storage: what others may write to, or have made, is refused" {
	storage
	chmod g+w "$tmp/s"
	refused 31 "storage '$tmp/s' cannot be used: others may write to it \(mode 0775\)" \
		-s "$tmp/s" foo/bar:tag -- true
	# Named, it is an error even for an image that is a path.
	refused 31 "storage '$tmp/s' cannot be used: others may write" -s "$tmp/s" ./plain -- true
	CH_IMAGE_STORAGE=$tmp/s refused 31 "others may write to it" "$sqfs" -- true
	chmod 757 "$tmp/s"
	refused 31 "others may write to it \(mode 0757\)" -s "$tmp/s" foo/bar:tag -- true
	chmod 755 "$tmp/s"
	chmod g+w "$tmp/s/img"
	refused 31 "'$tmp/s' cannot be used: its directory img: others may write" \
		-s "$tmp/s" foo/bar:tag -- true
	chmod 755 "$tmp/s/img"
	ln -s s "$tmp/link"
	refused 31 "storage '$tmp/link' cannot be used: it is a symbolic link" \
		-s "$tmp/link" foo/bar:tag -- true
	refused 31 "storage '$tmp/link' cannot be used: it is a symbolic link" \
		-s "$tmp/link//" foo/bar:tag -- true
	refused 31 "storage '$sqfs' cannot be used: it is not a directory" -s "$sqfs" ./plain -- true
	((EUID)) || chown "$test_user2:" "$tmp/s"
	((EUID)) || refused 31 "storage '$tmp/s' cannot be used: it belongs to user $(id -u "$test_user2"), not to you" \
		-s "$tmp/s" foo/bar:tag -- true
}

@test "storage: an unsafe default one is left alone, and paths work" {
	local what

	storage
	default_storage
	for what in "others may write to it" "it is a symbolic link" "it is not a directory" \
		"it belongs to user"; do
		rm -rf "$default"
		case $what in
		others*) cp -a "$tmp/s" "$default" && chmod g+w "$default" ;;
		*link) ln -s "$tmp/s" "$default" ;;
		*directory) : >"$default" ;;
		*user) ((EUID == 0)) && cp -a "$tmp/s" "$default" && chown "$test_user2:" "$default" ;;
		esac
		inside path plain -- cat /where
		inside path -w plain -- cat /where
		refused 31 "image '$tmp/cwd/foo/bar:tag': No such file or directory; storage '$default' was not used: $what" \
			foo/bar:tag -- true
	done
}

@test "storage: images in it are not written to, unless that is meant" {
	local image

	storage
	inside "" -s "$tmp/s" foo/bar:tag -- sh -c '! touch /new 2>/dev/null'
	inside fake -W -s "$tmp/s" foo/bar:tag -- sh -c 'echo fake >/new; cat /new'
	ln -s ../s/img/foo%bar+tag "$tmp/cwd/link"
	for image in foo/bar:tag "$tmp/s/img/foo%bar+tag" ./link; do
		refused 31 "is in the storage of ch-image, and not to be changed; .* --write-fake" \
			-s "$tmp/s" -w "$image" -- true
		refused 31 "is in the storage of ch-image" -s "$tmp/s" -w --dry-run "$image" -- true
		inside storage -s "$tmp/s" "$image" -- cat /where
	done
	inside path -w -s "$tmp/s" ./plain -- cat /where
	inside "" -w --unsafe -s "$tmp/s" foo/bar:tag -- touch /new
	[[ -e $tmp/s/img/foo%bar+tag/new ]]
	default_storage
	mv "$tmp/s" "$default"
	refused 31 "is in the storage of ch-image" -w "$default/img/foo%bar+tag" -- true
	inside "" -w --unsafe "$default/img/foo%bar+tag" -- rm /new
}

# ---- / ---------------------------------------------------------------------------------

@test "host as image: its files, its mounts, its environment" {
	inside "$(cat /etc/os-release)" / -- cat /etc/os-release
	inside "$(command -v bats)" / -- sh -c 'command -v bats'
	# Everything that is mounted on the host is there, and nothing else.
	inside "$(as_test awk '{ print $5 }' /proc/self/mountinfo | sort)" // -- \
		sh -c "awk '{ print \$5 }' /proc/self/mountinfo | sort"
	run as_test env HOME=/no/home TMPDIR=/no/tmp PATH="$prefix/bin:/usr/bin" ch-run / -- \
		/bin/sh -c 'echo "$HOME $TMPDIR $PATH ${CH_RUNNING:+yes}"'
	assert_equal "$output" "/no/home /no/tmp $prefix/bin:/usr/bin yes"
	inside "$(sha256sum </etc/passwd)" / -- sh -c 'sha256sum </etc/passwd'
	run_ch --dry-run -b "$tmp:/new" / -- true
	assert_match "$output" "^root: the host, its root file system read-only"$'\n'"bind '$tmp' on '/new'"$'\n'"environment: set CH_RUNNING"$'\n'ids
}

@test "host as image: its root file system is read-only, what is mounted is not" {
	inside ro / -- sh -c 'awk "\$5 == \"/\" { print substr(\$6, 1, 2) }" /proc/self/mountinfo'
	as_test touch "$tmp/host"
	inside "" -b "$tmp" / -- touch "$tmp/made"
	[[ -e $tmp/made ]]
	inside rw -w / -- sh -c 'awk "\$5 == \"/\" { print substr(\$6, 1, 2) }" /proc/self/mountinfo'
	inside ok / -- sh -c 'echo ok | tee /dev/null'
}

@test "host as image: binds, also where there is nothing" {
	mkdir "$tmp/src"
	echo text >"$tmp/src/file"
	own "$tmp/src"
	inside "text text text text" -b "$tmp/src:/new/place" -b "$tmp/src:/etc/new.d" \
		-b "$tmp/src/file:/usr/share/new-file" -b "$tmp/src/file:/etc/hostname.new" / -- \
		sh -c 'echo $(cat /new/place/file /etc/new.d/file /usr/share/new-file /etc/hostname.new)'
	# All the rest is still there, and nothing came to be on the host.
	inside "$( (ls -A / && echo new) | LC_ALL=C sort)" -b "$tmp/src:/new/place" / -- \
		sh -c 'ls -A / | LC_ALL=C sort'
	inside "$(readlink /bin) $(cat /proc/sys/kernel/ostype)" -b "$tmp/src:/new" / -- \
		sh -c 'echo $(readlink /bin) $(cat /proc/sys/kernel/ostype)'
	run_ch -b "$tmp/src:/new/place" / -- touch /x
	assert_match "$status $stderr" "^1 .*Read-only file system"
	[[ ! -e /new && ! -e /etc/new.d && ! -e /usr/share/new-file ]]
}

@test "host as image: only directories with mounts below are rebuilt from their entries" {
	local mounts='{ print $5 }' below=/usr/share/doc

	mkdir -p "$tmp/src"
	# The root directory has mounts below, which need one; the others get an overlay each.
	inside "$(printf '%s\n' /usr/share /usr/share/new "$below/new" | LC_ALL=C sort)" \
		-b "$tmp/src:$below/new" -b "$tmp/src:/new" -b "$tmp/src:/usr/share/new" / -- \
		sh -c "awk '$mounts' /proc/self/mountinfo | grep '^/usr/share' | LC_ALL=C sort"
	# In what one may pass, but not read, nothing could be rebuilt.
	mounted "mount -t tmpfs -o mode=711 t /srv; mkdir -m 711 /srv/d" \
		ch-run -b "$tmp/src:/srv/d/new" -b "$tmp/src:/new" / -- test -d /srv/d/new -a -d /new
	assert_equal "$status $stderr" "0 "
}

@test "host as image: automounters mount what somebody wants, and nothing else" {
	local log=$tmp/log options

	grep -qw autofs /proc/filesystems || modprobe -q autofs4 ||
		skip "does not apply to a kernel without autofs"
	under=("$top/tests/lib/automount" /srv "$log" --)
	mkdir "$tmp/src"
	for options in "" -W; do
		: >"$log"
		mounted "mount --make-rshared /" ch-run $options -b "$tmp/src:/new" / -- true
		assert_equal "$status $output $stderr $(cat "$log")" "0   "
		# Within the container, it works as outside.
		mounted "mount --make-rshared /" ch-run $options -b "$tmp/src:/new" / -- cat /srv/who
		assert_equal "$status $output $stderr $(cat "$log")" "0 automounter  mounted"
	done
	: >"$log"
	mounted "mount --make-rshared /" ch-run -b /srv:/mnt "$dir" -- cat /mnt/who
	assert_equal "$status $output $stderr $(cat "$log")" "0 automounter  mounted"
}

@test "host as image: with -W, changes are lost in the end" {
	local tmp2=/tmp/ch-test-host.$$

	inside "8" -W / -- sh -c 'echo 8 >/usr/answer; cat /usr/answer'
	inside "8" -W / -- sh -c 'echo 8 >/answer; cat /answer'
	inside "8" -W / -- sh -c 'echo 8 >/etc/answer; cat /etc/answer'
	inside "8" -W50m / -- sh -c 'echo 8 >/var/answer; cat /var/answer'
	inside "$(ls -A /)" -W / -- ls -A /
	inside "$(sha256sum </etc/services)" -W / -- sh -c 'sha256sum </etc/services'
	inside text -W -b "$tmp:/new/place" / -- sh -c 'echo text >/new/place/f; cat /new/place/f'
	[[ $(cat "$tmp/f") == text ]]
	# /tmp is the host's.
	inside "" -W / -- sh -c "echo 8 >$tmp2"
	[[ $(cat "$tmp2") == 8 ]]
	rm -f "$tmp2"
	[[ ! -e /answer && ! -e /usr/answer && ! -e /etc/answer && ! -e /var/answer && ! -e /new ]]
	inside 8 -W -t / -- sh -c 'echo 8 >/tmp/new; cat /tmp/new'
	[[ ! -e /tmp/new ]]
}

@test "host as image: with -W, also where files are mounted upon" {
	echo mounted >"$tmp/file"
	chmod 644 "$tmp/file"
	mounted "mount --bind '$tmp/file' /etc/services; mount -t tmpfs t /srv; mkdir -m 1777 /srv/d" \
		ch-run -W / -- sh -c 'cat /etc/services; cat /etc/group | tail -n 1; cat /etc/default/useradd | wc -c
			echo 8 >/etc/answer; echo 9 >/etc/default/answer; cat /etc/answer /etc/default/answer
			echo 10 >/srv/answer; cat /srv/answer; rm /etc/answer; ls /srv'
	assert_equal "$status $stderr" "0 "
	assert_equal "$output" "$(echo mounted; tail -n 1 /etc/group; wc -c </etc/default/useradd; printf '%s\n' 8 9 10 answer d)"
	[[ ! -e /etc/answer && ! -e /etc/default/answer ]]
}

@test "host as image: is no way around storage, and to be joined" {
	inside "1 0" -u 1 -g 0 / -- sh -c 'echo $(id -u) $(id -g)'
	inside ok --join --join-ct=1 / -- echo ok
}

# ---- what is no image ---------------------------------------------------------------------

@test "no image: files are named for what they look like" {
	cd "$tmp" || return
	tar -C "$dir" -cf tar bin/busybox
	gzip -k tar
	zstd -q tar -o tar.zst
	mkdir -p layout/blobs/sha256
	echo '{}' | tee layout/oci-layout >layout/index.json
	tar -C layout -cf oci.tar blobs oci-layout index.json
	truncate -s 1M ext
	mke2fs -q -F ext
	chmod -R a+rX .
	refused 31 "image '$tmp/tar': not a directory, SquashFS or SIF file, but a tar archive; convert" tar -- true
	refused 31 "but a gzip file, perhaps a tar archive; convert it" tar.gz -- true
	refused 31 "but a zstd file, perhaps a tar archive; convert it" tar.zst -- true
	refused 31 "but an archive of container layers \(Docker or OCI\); convert it" oci.tar -- true
	refused 31 "image '$tmp/layout': an OCI layout, whose layers are not unpacked; convert it" layout -- true
	refused 31 "but an ext file system \(2, 3 or 4\); make a SquashFS file" ext -- true
	refused 31 "but a text file" layout/index.json -- true
	refused 31 "neither a directory nor a regular file" /dev/null -- true
}

# ---- where images lie -----------------------------------------------------------------------

@test "noexec: a directory image there is explained, a SquashFS file works" {
	local m="mkdir '$tmp/m'; mount -t tmpfs -o noexec,mode=755 t '$tmp/m';
		cp -a '$dir' '$tmp/m/d'; cp '$sqfs' '$tmp/m/s'"
	local cmd said="it lies on a file system that is mounted noexec on the host; put the image elsewhere"

	for cmd in true /bin/busybox; do
		rmdir "$tmp/m" 2>/dev/null || true
		mounted "$m" ch-run "$tmp/m/d" -- "$cmd"
		assert_equal "$status $output${#stderr_lines[@]}" "49 1"
		assert_match "$stderr" "error: execute '$cmd' in the container: $said"
	done
	rmdir "$tmp/m"
	mounted "$m" ch-run "$tmp/m/s" -- echo ok
	assert_equal "$status $output$stderr" "0 ok"
	# Not executable is something else.
	rmdir "$tmp/m"
	mounted "$m" ch-run "$tmp/m/s" -- /etc/passwd
	assert_equal "$status" 49
	assert_match "$stderr" "execute '/etc/passwd' in the container: Permission denied \("
}

@test "mount flags that users may not change do not matter" {
	local flags m

	for flags in nosuid,nodev nosuid,nodev,noatime ro,nosuid,nodev,nodiratime strictatime relatime,ro; do
		m="mkdir '$tmp/m'; mount -t tmpfs -o mode=755 t '$tmp/m'; cp -a '$dir' '$tmp/m/d'
			cp '$sqfs' '$tmp/m/s'; mount -o 'remount,$flags' '$tmp/m'"
		mounted "$m" ch-run "$tmp/m/d" -- sh -c '! touch /x 2>/dev/null && echo ok'
		assert_equal "$status $output$stderr" "0 ok"
		rmdir "$tmp/m"
		mounted "$m" ch-run -W "$tmp/m/d" -- sh -c 'echo ok >/x && cat /x'
		assert_equal "$status $output$stderr" "0 ok"
		rmdir "$tmp/m"
		mounted "$m" ch-run -b "$tmp/m:/new/place:ro" "$tmp/m/s" -- sh -c 'test -e /new/place/s && echo ok'
		assert_equal "$status $output$stderr" "0 ok"
		rmdir "$tmp/m"
	done
}

@test "a directory image in which something is mounted" {
	local m="mkdir '$tmp/d'; cp -a '$dir/.' '$tmp/d'; mkdir '$tmp/d/data'
		mount -t tmpfs -o mode=755 t '$tmp/d/data'; echo mounted >'$tmp/d/data/file'"

	mounted "$m" ch-run "$tmp/d" -- cat /data/file
	assert_equal "$status $output$stderr" "0 mounted"
	rm -rf "$tmp/d"
	mounted "$m" ch-run -b "$tmp/d/etc:/new/place" "$tmp/d" -- \
		sh -c 'cat /data/file; ls -d /new/place/passwd; touch /x /data/x /new/x 2>&1 | grep -c Read-only'
	assert_equal "$status $output$stderr" $'0 mounted\n/new/place/passwd\n3'
	rm -rf "$tmp/d"
	mounted "$m" ch-run -W "$tmp/d" -- sh -c 'cat /data/file; echo 8 >/answer; cat /answer; echo 9 >/data/x; cat /data/x'
	assert_equal "$status $output$stderr" $'0 mounted\n8\n9'
}
