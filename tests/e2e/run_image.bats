#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what IMAGE may be: SIF files, names in storage
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
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
