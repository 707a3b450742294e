#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image build: rebuilds that begin with the files of what they replace, and images that the
# machine's end may have damaged
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image

# inode NAME: of a directory of storage
inode() { as_test stat -c %i "$store/$1"; }

# ends STATUS ARGS...
ends() {
	local want=$1

	shift
	img build "$@"
	[[ $status == "$want" ]] || fail "status: $status" "stderr: $stderr"
}

@test "spare: a rebuild changes what differs, and nothing else" {
	local spare

	printf 'FROM tiny\nARG n\nRUN mkdir /d && echo same >/d/same\nRUN echo $n >/d/n; touch /d/$n; ln /d/same /d/link$n; chmod 7$n /d\n' |
		df Dockerfile
	ends 0 --build-arg n=11 -t x .
	ends 0 --build-arg n=22 -t x .
	spare=$(inode spare)
	ends 0 --build-arg n=33 -t x .
	assert_equal "$(inode img/x)" "$spare"
	assert_equal "$(as_test ls "$store/tmp")" ''
	assert_equal "$(in_image x 'ls /d; cat /d/n /d/same; stat -c "%a %h" /d /d/same')" \
		$'33\nlink33\nn\nsame\n33\nsame\n733 2\n644 2'
	# It is for images of any name.
	printf 'FROM tiny\nCOPY file /\n' | df Dockerfile.other
	put file text
	spare=$(inode spare)
	ends 0 -t other -f Dockerfile.other .
	assert_equal "$(inode img/other)" "$spare"
	assert_equal "$(in_image other 'cat /file; ls -d /d 2>&1')" $'text\nls: /d: No such file or directory'
}

@test "spare: a build that fails leaves its files to the next" {
	local begun

	printf 'FROM tiny\nRUN echo kept >/kept\n' | df Dockerfile
	ends 0 -t x .
	printf 'FROM tiny\nRUN echo kept >/kept\nRUN rm -r /bin/[a-r]* && echo lost >/kept && false\n' | df Dockerfile
	ends 1 -t x .
	assert_equal "$(in_image x 'cat /kept')" kept
	begun=$(inode spare)
	printf 'FROM tiny\nRUN echo kept >/kept\nRUN echo done >/done\n' | df Dockerfile
	ends 0 -t x .
	assert_equal "$(inode img/x)" "$begun"
	assert_equal "$(in_image x 'cat /kept /done; ls /bin | wc -l')" "$(printf 'kept\ndone\n'; in_image tiny 'ls /bin | wc -l')"
}

@test "spare: whoever is in a container keeps its files" {
	printf 'FROM tiny\nARG n\nRUN echo $n >/n\n' | df Dockerfile
	ends 0 --build-arg n=1 -t x .
	mkfifo "$tmp/go"
	own "$tmp/go"
	ch -b "$tmp:/mnt/0" x -- sh -c 'echo up >/mnt/0/ctx/up; read go </mnt/0/go; cat /n' >"$tmp/said" 3>&- &
	await 10 test -s "$ctx/up"
	for n in 2 3 4; do ends 0 --build-arg n=$n -t x .; done
	echo go >"$tmp/go"
	wait $!
	assert_equal "$(cat "$tmp/said")" 1
	assert_equal "$(in_image x 'cat /n')" 4
}

@test "spare: one that no check-out can begin with is given up" {
	printf 'FROM tiny\nARG n\nRUN echo $n >/n\n' | df Dockerfile
	printf 'FROM tiny\nRUN mkdir /deep && cd /deep && for i in $(seq 600); do mkdir d && cd d; done\n' | df Dockerfile.deep
	ends 0 --build-arg n=1 -t x .
	ends 1 -t deep -f Dockerfile.deep .
	assert_match "$stderr" "build cache: '/deep/d/d"
	for n in 2 3; do ends 0 --build-arg n=$n -t x .; done
	assert_equal "$(in_image x 'cat /n')" 3
	assert_equal "$(as_test ls "$store/tmp")" ''
}

@test "spare: it goes with what is deleted, and with garbage" {
	local what

	printf 'FROM tiny\nARG n\nRUN echo $n >/n\n' | df Dockerfile
	for what in 'build-cache --gc' 'delete x'; do
		for n in 1 2; do ends 0 --build-arg n=$n -t x .; done
		assert_equal "$(as_test ls -d "$store/spare")" "$store/spare"
		# shellcheck disable=SC2086 # words
		img $what
		assert_equal "$status" 0
		[[ ! -e $store/spare && ! -e $store/stat/=spare ]]
	done
}

# stopped NAME: as if the machine had been started anew since the image was made, and one of its
# files had not come to the disk
stopped() {
	as_test bash -c 'ln -sfn "$(readlink "$1/at/$2" | sed "s/[^ ]*$/another-boot/")" "$1/at/$2"
		truncate -s 0 "$1/img/$2/file"' stopped "$store" "$1"
}

@test "the machine stops: an image that may be damaged is made again from the cache" {
	printf 'FROM tiny\nRUN echo whole >/file\n' | df Dockerfile
	printf 'FROM x\nRUN cat /file >/copy\n' | df Dockerfile.from
	printf 'FROM tiny\nCOPY --from=x /file /copy\n' | df Dockerfile.copy
	ends 0 -t x .
	stopped x
	ends 0 -t from -f Dockerfile.from .
	assert_equal "$(in_image from 'cat /file /copy')" $'whole\nwhole'
	ends 0 -t copy -f Dockerfile.copy .
	assert_match "$stderr" 'made just before the machine stopped: making it again'
	assert_equal "$(in_image copy 'cat /copy'; in_image x 'cat /file')" $'whole\nwhole'
	stopped x
	ends 0 -t x .
	assert_match "$stderr" 'made just before the machine stopped: making it again'
	assert_equal "$(in_image x 'cat /file')" whole
	# Once is enough.
	ends 0 -t x .
	assert_equal "$stderr" $'1* FROM tiny\n  2* RUN.S echo whole >/file\ngrown in 2 instructions: x'
	# Also before it goes elsewhere. (Nobody answers there.)
	stopped x
	run --separate-stderr as_test ch-convert -s "$store" x "$tmp/x.tar"
	assert_match "$stderr" 'making it again'
	assert_equal "$(tar -xOf "$tmp/x.tar" ./file)" whole
	stopped x
	img push x 127.0.0.1:1/x
	assert_match "$stderr" 'making it again'
	assert_equal "$status $(in_image x 'cat /file')" '1 whole'
}

@test "the machine stops: without a cache, an image that may be damaged is refused" {
	printf 'FROM tiny\nRUN echo whole >/file\n' | df Dockerfile
	printf 'FROM x\nRUN cat /file >/copy\n' | df Dockerfile.from
	ends 0 -t x .
	stopped x
	ends 1 --no-cache -t from -f Dockerfile.from .
	assert_match "$stderr" "image 'x' was made just before the machine stopped, and may be damaged: make it again"
	img build-cache --reset
	as_test ch-convert -s "$store" x "$tmp/x.tar" && fail 'converted'
	img list x
	assert_equal "$status" 0
	ends 0 --no-cache -t x .
	ends 0 --no-cache -t from -f Dockerfile.from .
	assert_equal "$(in_image from 'cat /copy')" whole
}
