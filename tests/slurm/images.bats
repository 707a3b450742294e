#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Kinds of images: what --ch-image may name
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm

setup_file() {
	slurm_up
	DIR=$(image tiny dir)
	SIF=$(image tiny sif)
	export DIR SIF
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# Storage with one image, in $share/s
storage() {
	mkdir -p "$share/s/img"
	cp -a "$DIR" "$share/s/img/foo%bar+tag"
	echo storage >"$share/s/img/foo%bar+tag/where"
	chown -R "$test_user:" "$share/s"
	chmod -R go-w "$share/s"
}

@test "images: a SIF file, on two nodes" {
	run -0 user srun -N2 -n4 --ch-image="$SIF" /opt/bin/only-in-image
	assert_equal "$(sort -u <<<"$output")" "only-in-image tiny"
	((${#lines[@]} == 4))
	python3 "$top/tests/lib/sif.py" "$share/a.sif" "$(image tiny)" fs=2
	chmod 644 "$share/a.sif"
	must_fail 2 --ch-image="$share/a.sif"
	assert_match "$output" "charlie: n1: image '$share/a.sif': a SIF image whose system partition is an ext3 file system"
}

@test "images: a name, in the storage that the job's variable says" {
	storage
	CH_IMAGE_STORAGE=$share/s run -0 user srun -N2 -n2 --ch-image=foo/bar:tag cat /where
	assert_equal "$output" $'storage\nstorage'
	CH_IMAGE_STORAGE=$share/s run -0 user srun -n1 --ch-image=foo%bar+tag cat /where
	assert_equal "$output" storage
	# Through a batch job, whose steps inherit both
	CH_IMAGE_STORAGE=$share/s batch -D "$share" -o "$share/out" --ch-image=foo/bar:tag \
		--wrap 'srun cat /where'
	grep -qx storage "$share/out"
	CH_IMAGE_STORAGE=$share/s must_fail 1 --ch-image=foo/none
	assert_match "$output" "nor an image of that name in storage '$share/s'"
	CH_IMAGE_STORAGE=$share/s must_fail 1 --ch-image=foo/bar:tag --ch-write=image
	assert_match "$output" "is in the storage of ch-image, and not to be changed"
	run -0 user srun -n1 --ch-write=image --ch-image="$share/s/img/foo%bar+tag" touch /new
}

@test "images: a name in the default storage of the node" {
	local default=/var/tmp/$test_user.ch first

	[[ ! -e $default ]]
	storage
	mv "$share/s" "$default"
	run user srun -N2 -n2 --ch-image=foo/bar:tag cat /where
	first="$status $output"
	chmod g+w "$default"
	run user srun -n1 --ch-image=foo/bar:tag touch "$marker"
	rm -rf "$default"
	assert_equal "$first" $'0 storage\nstorage'
	assert_match "$output" "charlie: n1: image '.*/foo/bar:tag': No such file or directory; storage '$default' was not used: others may write to it"
	[[ ! -e $marker ]]
}

@test "images: / is the host, read-only" {
	echo text >"$share/file"
	PATH=/usr/bin:/sbin run -0 user srun -N2 -n2 --ch-image=/ --ch-bind="$share:/new/place" \
		sh -c 'echo "$PATH $HOME $(cat /new/place/file) ${CH_RUNNING:+inside}"; ! touch /x 2>/dev/null'
	assert_equal "$(sort -u <<<"$output")" "/usr/bin:/sbin $(getent passwd "$test_user" | cut -d: -f6) text inside"
	run -0 user srun -n1 --ch-image=/ --ch-write=fake sh -c 'echo 8 >/usr/answer; cat /usr/answer'
	assert_equal "$output" 8
	[[ ! -e /new && ! -e /usr/answer ]]
}

@test "images: storage that others may write to is refused, or left alone" {
	storage
	chmod g+w "$share/s"
	CH_IMAGE_STORAGE=$share/s must_fail 1 --ch-image=foo/bar:tag
	assert_match "$output" "charlie: n1: storage '$share/s' cannot be used: others may write to it"
}

@test "images: built by ch-image, run by its name, and as a SquashFS file" {
	export CH_IMAGE_STORAGE=$share/b
	printf 'FROM tiny\nENV greeting=hello\nRUN echo "$greeting from a build" >/built\n' >"$share/Dockerfile"
	run -0 user ch-image -q import "$DIR" tiny
	run -0 user ch-image -q build -t built "$share"
	run -0 user srun -N2 -n2 --ch-image=built cat /built
	assert_equal "$output" $'hello from a build\nhello from a build'
	run -0 user mksquashfs "$CH_IMAGE_STORAGE/img/built" "$share/built.sqfs" -quiet -no-progress
	run -0 user srun -N2 -n2 --ch-env=image --ch-image="$share/built.sqfs" \
		sh -c 'echo "$greeting: $(cat /built)"'
	assert_equal "$output" $'hello: hello from a build\nhello: hello from a build'
}
