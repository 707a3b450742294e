#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-convert
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables for and of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/convert

setup() { convert_setup; }
teardown() { convert_teardown; }

# formats IN OUT ARGS...: with these, it is about these formats
formats() {
	local in=$1 out=$2

	shift 2
	works_dry "$@"
	[[ ${stderr_lines[0]} =~ ^input:\ *$in\  && ${stderr_lines[1]} =~ ^output:\ *$out\  ]] ||
		fail "ch-convert $*" "stderr: $stderr" "wanted: $in $out"
}

works_dry() {
	convert -n "$@"
	[[ $status == 0 && ! $output ]] || fail "ch-convert -n $*" "status: $status" "stderr: $stderr"
}

# make_tree DIR: a tree with everything that is to be kept
make_tree() {
	as_test bash -euc '
		mkdir "$1"
		cd "$1"
		mkdir -p bin dev etc mnt/{0..9} proc sys tmp usr/lib "deep/$(printf "d%.0s/" {1..60})" empty
		chmod 1777 tmp
		: >etc/hosts
		: >etc/resolv.conf
		echo hello >usr/file
		ln usr/file bin/again
		ln usr/file zz
		ln -s ../usr/file bin/link
		ln -s /nowhere usr/dangling
		ln -s usr/lib lib
		mkfifo pipe
		head -c 300000 /dev/urandom >usr/random
		truncate -s 10M sparse
		echo middle | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
		printf x >"$(printf "n%.0s" {1..255})"
		printf y >"$(printf "bad\xff\nname é")"
		chmod 640 usr/random
		chmod 700 empty
		python3 -c "import os; os.setxattr(\"usr/file\", \"user.note\", b\"a value\"); os.setxattr(\"usr\", \"user.dir\", b\"\")"
		touch -d "2001-02-03 04:05:06" usr/file usr/lib empty
		find . -newer / -print0 | sort -zr | xargs -0 touch -hd "2020-01-01 12:00:00"
	' - "$1"
}

# ---- the command line --------------------------------------------------------------------------

@test "convert: formats are told by name, then by content" {
	as_test mkdir d
	as_test touch a.tar b.sqfs
	as_test bash -c 'tar -cf tarball -C "$1" . && cp "$2" squashed' - "$dir" "$sqfs"
	formats squash dir b.sqfs ./x
	formats tar squash a.tar x.sqfs
	formats ch-image squash foo:1 x.squishy
	formats dir ch-image ./d foo/bar:1
	formats dir ch-image "$tmp/d" foo
	formats dir tar d x.tgz
	formats squash tar squashed x.tar.zst
	formats tar dir ./tarball ../x
	formats tar squash -i tar -o squash foo bar
	assert_equal "${stderr_lines[2]}" "would make 'bar'"
	works_dry "$sqfs" ./d
	assert_equal "${stderr_lines[2]}" "would replace './d'"
}

@test "convert: what cannot be" {
	as_test bash -c 'mkdir full image && touch full/file file && mkdir image/{bin,dev,usr}'
	fails 64 'too few arguments' one
	fails 64 'too many arguments' one two three
	fails 64 'unknown or ambiguous option .--nope.' --nope
	fails 64 "both have the format dir" ./image ./other
	fails 64 "both have the format squash" a.sqfs b.sqfs
	fails 64 "'zip' is none of ch-image.*tar" -i zip a b
	fails 1 "format 'sif' cannot be written" ./image x.sif
	fails 64 "'x.tar.foo': tar archives to be written are called" ./image x.tar.foo
	fails 1 "'./full' is there, and does not look like an image" "$sqfs" ./full
	fails 1 "'./file' is there, and is not a directory" "$sqfs" ./file
	fails 1 "'image' is there, and is not a file" -o squash "$dir" image
	fails 1 "open directory '/nowhere': No such file" /nowhere x.sqfs
	fails 1 "no directory|No such file" "$dir" /nowhere/x.sqfs
	fails 1 "image 'foo' is not in storage" foo x.sqfs
	fails 64 "--compress: compression 'rar' is unknown" --compress rar "$dir" x.sqfs
	fails 64 "not what the name 'x.tar' says" --compress gzip "$dir" x.tar
	fails 64 'exclude each other' --xattrs --no-xattrs "$dir" x.sqfs
	fails 64 'not absolute' --tmp here "$dir" x.sqfs
	fails 1 "not a tar archive" ./file x.sqfs -i tar
	assert_equal "$(as_test ls -A)" $'file\nfull\nimage\nstore'
	run as_test ch-convert
	[[ $status == 1 && $output == Usage:* ]] || fail "$status $output"
}

# ---- round trips -----------------------------------------------------------------------------

@test "convert: random trees, to each format and back" {
	local seed

	for seed in 31 57; do # small ones
		as_test python3 "$top/tests/lib/randomtree.py" "$seed" "a$seed"
		round_trips "a$seed"
	done
	# Other programs see the same.
	as_test unsquashfs -q -n -user-xattrs -d un x.squash
	diff want <(as_test "$top/tests/lib/listing" --kept un)
	((EUID == 0)) || return 0
	mkdir small
	mount -t squashfs -o loop,ro,nodev,nosuid x.squash small
	diff <(sed 's/ sparse//' want) <("$top/tests/lib/listing" --kept small | sed 's/ sparse//')
}

@test "convert: from a directory to each format, and back" {
	local out

	make_tree a
	for out in x.sqfs x.tar.gz x.tar.xz name:1; do
		works ./a "$out"
		works "$out" ./back
		same a back
	done
	# Other tools agree. They write holes as what they are: zeros.
	as_test unsquashfs -q -n -user-xattrs -d un x.sqfs
	same a un
	as_test bash -c 'mkdir untar && tar --xattrs -pxf x.tar.gz -C untar && tar --xattrs -SC a -cf sparse.tar .'
	diff <(as_test "$top/tests/lib/listing" a | sed 's/ sparse//') <(as_test "$top/tests/lib/listing" untar)
	works sparse.tar ./back
	same a back
}

@test "convert: the results run" {
	works "$dir" x.sqfs
	works x.sqfs x.tar.zst
	works x.tar.zst ./x
	works x.tar.zst x
	via=() no_fuse=
	inside "only-in-image tiny" ./x.sqfs -- /opt/bin/only-in-image
	inside "only-in-image tiny" ./x -- /opt/bin/only-in-image
	inside "only-in-image tiny" x -- /opt/bin/only-in-image
}

@test "convert: the same bytes, however many threads, by whatever way" {
	local out

	make_tree a
	works -j 1 ./a x.sqfs
	works -j 3 ./a y.sqfs
	cmp x.sqfs y.sqfs
	works -j 1 ./a x.tar.gz
	works -j 3 ./a y.tar.gz
	cmp x.tar.gz y.tar.gz
	works x.tar.gz z.sqfs
	cmp x.sqfs z.sqfs
	for out in x.tar.zst x.tar.xz x.oci-archive; do
		works -j 1 -o "$([[ $out == *.t* ]] && echo tar || echo oci-archive)" ./a "$out"
		as_test mv "$out" first
		works -j 3 -o "$([[ $out == *.t* ]] && echo tar || echo oci-archive)" ./a "$out"
		cmp first "$out"
	done
}

@test "convert: options say where, and what with" {
	make_tree a
	works ./a x.tar
	works --no-xattrs ./a y.sqfs
	works y.sqfs ./y
	works --no-xattrs x.tar ./z
	works --xattrs x.tar ./x
	assert_equal "$(python3 -c 'import os; print([os.listxattr(d + "/usr/file") for d in "xyz"])')" \
		"[['user.note'], [], []]"
	works -s "$tmp/other" x.tar name
	as_test test -d "$tmp/other/img/name"
	# A directory for temporary files is used only where it has to be.
	as_test bash -c 'bzip2 -k x.tar; lz4 -q x.tar x.tar.lz4'
	works --tmp /nowhere x.tar.bz2 ./b
	works --tmp /nowhere -i tar x.tar.lz4 ./b
	same a b
	works -o docker-archive ./a x.docker
	as_test gzip x.docker
	fails 1 "temporary file in '/nowhere'" --tmp /nowhere -i docker-archive x.docker.gz ./c
	as_test mkdir t
	works --tmp "$tmp/t" -i docker-archive x.docker.gz ./c
	assert_equal "$(as_test ls -A t)" ""
}

# ---- images of layers ------------------------------------------------------------------------

# make_layers: three layers, with what is rare in them
make_layers() {
	mktar 1.tar d:usr f:usr/a:one f:usr/b:two h:usr/hard:usr/a d:opt f:opt/x:1 d:usr/lib \
		l:lib:usr/lib f:gone:zz f:suid:s:4755 c:null
	mktar 2.tar f:usr/a:new f:opt/.wh..wh..opq: f:opt/z:3 f:.wh.gone: f:lib/through:t h:h2:usr/b
	mktar 3.tar f:usr/b:third h:h3:opt/z
}

@test "convert: layers of each kind of layout and archive become one tree" {
	local config='config={"Env":["A=b"],"Cmd":["x"],"Labels":{"l":"v"},"WorkingDir":"/opt"}'

	make_layers
	layout oci x.oci tag=v1 "$config" 1.tar 2.tar 3.tar
	layout oci-archive x.oci-archive pack=gzip index=yes "$config" 1.tar 2.tar 3.tar
	layout docker-archive x.docker-archive "$config" 1.tar 2.tar 3.tar
	layout docker-old x.docker-old "$config" 1.tar 2.tar 3.tar
	convert ./x.oci ./want
	[[ $status == 0 && $stderr == *"warning: 1 device files or sockets left out"* ]] || fail "$status $stderr"
	for form in oci-archive docker-archive docker-old; do
		convert "./x.$form" ./got
		[[ $status == 0 ]] || fail "$stderr"
		same want got
	done
	convert x.oci x.sqfs -i oci
	as_test unsquashfs -q -n -d un x.sqfs
	same want un
	# as umoci unpacks it, but for what is not kept, and what is added
	as_test umoci unpack --rootless --image x.oci:v1 umo
	as_test bash -c 'chmod 755 umo/rootfs/suid && rm -f umo/rootfs/null && cd want &&
		rm -rf bin dev etc mnt proc sys tmp'
	diff <(as_test "$top/tests/lib/listing" umo/rootfs | cut -d' ' -f1-3,5-) \
		<(as_test "$top/tests/lib/listing" want | grep -v "^'./ch" | cut -d' ' -f1-3,5-)
	assert_equal "$(as_test cat want/ch/environment)" A=b
	assert_match "$(as_test cat want/ch/metadata.json)" '"cmd": \["x"\].*"cwd": "/opt".*"labels": \{"l": "v"\}'
}

@test "convert: which image is meant of several" {
	mktar 1.tar f:one:1
	mktar 2.tar f:two:2
	layout oci x.oci tag=v1 1.tar
	layout oci x.oci tag=v2 2.tar
	layout oci y.oci arch=amd64 1.tar
	layout oci y.oci arch=arm64 2.tar
	works ./x.oci:v2 ./d
	as_test test -e d/two
	fails 1 "several images: say which.*tags: v1, v2" ./x.oci ./d
	fails 1 "no image with tag v3; tags: v1, v2" ./x.oci:v3 ./d
	works --arch arm64 ./y.oci ./d
	as_test test -e d/two
	fails 1 "no image for architecture 's390x'; available: amd64, arm64" --arch s390x ./y.oci ./d
}

@test "convert: to layouts and archives, which others read, and back" {
	make_tree a
	as_test bash -euc 'mkdir a/ch && echo "{\"cmd\": [\"x\", \"y\"], \"env\": {\"A\": \"b\"},
		\"labels\": {\"l\": \"v\"}, \"cwd\": \"/usr\"}" >a/ch/metadata.json'
	works -o oci ./a ./x.oci:v1
	works -o oci-archive --compress zstd:1 ./a ./x.oci-archive:v1
	works -o docker-archive ./a ./x.docker-archive:foo/bar:1
	for out in oci oci-archive docker-archive; do
		works "./x.$out" ./back
		diff <(as_test "$top/tests/lib/listing" a | grep -v "^'./ch") \
			<(as_test "$top/tests/lib/listing" back | grep -v "^'./ch")
		assert_match "$(as_test cat back/ch/metadata.json)" '"cmd": \["x", "y"\].*"cwd": "/usr"'
	done
	for ref in oci:x.oci:v1 oci-archive:x.oci-archive:v1 docker-archive:x.docker-archive:foo/bar:1; do
		run as_test skopeo inspect --config "$ref"
		[[ $status == 0 ]] || fail "$output"
		assert_match "$output" '"A=b"'
		assert_match "$output" '"WorkingDir": "/usr"'
	done
	run as_test umoci unpack --rootless --image x.oci:v1 umo
	[[ $status == 0 ]] || fail "$output"
	# (It drops extended attributes without a value.)
	diff <(as_test "$top/tests/lib/listing" a | sed "s/ sparse//; s/ user.dir=b''//" | grep -v "^'./ch") \
		<(as_test "$top/tests/lib/listing" umo/rootfs | grep -v "^'./ch")
	# the same bytes again; a layout replaces a layout
	as_test cp x.docker-archive first
	works -j 1 -o docker-archive ./a ./x.docker-archive:foo/bar:1
	fails 1 "does not look like an OCI layout" -o oci x.docker-archive ./a
	works -o oci x.docker-archive ./x.oci
}

@test "convert: SIF" {
	local sif out

	sif=$(image tiny sif)
	works "$sif" x.sqfs
	cmp x.sqfs "$sqfs"
	works "$sif" --compress gzip x.sqfs
	run cmp -s x.sqfs "$sqfs"
	[[ $status == 1 ]] || fail "not recompressed"
	works "$sif" ./d
	via=() no_fuse=
	for out in ./d ./x.sqfs "$sif"; do
		inside "only-in-image tiny" "$out" -- /opt/bin/only-in-image
	done
}

# make_sif: a tree "s" as Apptainer leaves it, and x.sif, which has it
make_sif() {
	as_test bash -euc '
		cp -a "$1" s
		rm -rf s/ch
		mkdir -p s/.singularity.d/env
		cd s/.singularity.d
		printf "#!/bin/sh\nexport PATH=\"\${PATH:-\"/opt/bin:/bin\"}\"\nexport LANG=\"C\"\n" \
			>env/10-docker2singularity.sh
		printf "#!/bin/sh\n# Custom\n\n    export A=b\n    export PATH=/x:\$PATH\n" >env/90-environment.sh
		printf "{\"l\": \"v\"}" >labels.json
		printf "#!/bin/sh\nexec echo \"run \$A \$@\"\n" >runscript
		chmod 755 runscript
		cd ../..
		mksquashfs s s.sqfs -quiet -no-progress >/dev/null
		python3 "$2/tests/lib/sif.py" x.sif s.sqfs arch=4' - "$dir" "$top"
}

@test "convert: what a SIF file, or a sandbox, says about itself is carried over" {
	local said='"env": \{"PATH": "/x:/opt/bin:/bin", "LANG": "C", "A": "b"\}, "labels": \{"l": "v"\}'

	make_sif
	works x.sif ./d
	assert_match "$(cat d/ch/metadata.json)" \
		"\"arch\": \"arm64\", \"entrypoint\": \\[\"/.singularity.d/runscript\"\\], $said"
	assert_equal "$(cat d/ch/environment)" $'PATH=/x:/opt/bin:/bin\nLANG=C\nA=b'
	works -o oci x.sif ./x.oci
	run skopeo inspect --config oci:x.oci
	assert_match "$output" '"architecture": "arm64"'
	assert_match "$output" '"Entrypoint": \[[[:space:]]*"/.singularity.d/runscript"'
	# From a directory of that kind, and on from there
	works ./s x.tar
	works x.tar ./e
	assert_match "$(cat e/ch/metadata.json)" "$said"
	# As it is, but for who wants it otherwise
	works x.sif x.sqfs
	cmp x.sqfs s.sqfs
	works --compress zstd x.sif x.sqfs
	via=() no_fuse=
	inside "run b x" --set-env ./x.sqfs - x
	inside "run b x" --set-env ./d - x
}

@test "convert: a SIF file that was made of an OCI image has its settings" {
	make_sif
	as_test bash -euc 'printf "#!/bin/sh\nOCI_ENTRYPOINT=\"\"\n" >s/.singularity.d/runscript
		echo "{\"Entrypoint\": [\"/bin/e\"], \"Cmd\": [\"c\"], \"WorkingDir\": \"/w\",
			\"Env\": [\"PATH=/p\", \"B=c\"]}" >settings
		mksquashfs s s2.sqfs -quiet -no-progress >/dev/null
		python3 "$1/tests/lib/sif.py" x.sif s2.sqfs settings=settings
		python3 "$1/tests/lib/sif.py" y.sif s.sqfs settings=settings
		echo "[ -e /x ] || export C=d" >>s/.singularity.d/env/90-environment.sh
		echo nonsense >s/.singularity.d/labels.json' - "$top"
	works x.sif ./d
	assert_match "$(cat d/ch/metadata.json)" \
		'"cmd": \["c"\], "cwd": "/w", "entrypoint": \["/bin/e"\], "env": \{"PATH": "/x:/p", "B": "c", "A": "b"\}'
	# A definition file with a script of its own
	works y.sif ./d
	assert_match "$(cat d/ch/metadata.json)" '"entrypoint": \["/.singularity.d/runscript"\]'
	[[ $(cat d/ch/metadata.json) != *'"cmd"'* ]] || fail "the command is there"
	# Settings that are too long, or not in the file
	as_test bash -euc '
		python3 "$1/tests/lib/sif.py" y.sif s2.sqfs settings=settings settings_offset=0x10000000
		head -c 1M /dev/zero | tr "\0" " " >>settings
		python3 "$1/tests/lib/sif.py" x.sif s2.sqfs settings=settings' - "$top"
	for sif in x.sif y.sif; do
		works "$sif" ./d
		assert_match "$(cat d/ch/metadata.json)" '"env": \{"PATH": "/x:/opt/bin:/bin", "LANG": "C", "A": "b"\}'
	done
	# What cannot be told without a shell
	convert ./s x.sqfs
	[[ $status == 0 && $stderr == *"warning: 1 scripts in /.singularity.d/env do more"* ]] || fail "$stderr"
	# What an image has there itself, stays.
	as_test bash -c 'mkdir s/ch; echo "{\"env\": {\"Z\": \"z\"}}" >s/ch/metadata.json'
	works ./s x.sqfs
	works x.sqfs ./d
	assert_equal "$(cat d/ch/metadata.json)" '{"env": {"Z": "z"}}'
}

@test "convert: docker, recorded" {
	# What is on the command line, and an archive of the kind that it writes; no Docker runs here.
	make_layers
	layout docker-old saved tag=foo:1 1.tar 2.tar 3.tar
	as_test bash -c 'mkdir bin && cat >bin/docker && chmod +x bin/docker' <<-'EOS'
		#!/bin/sh
		echo "$@" >>"$0.log"
		case $1 in
		save) [ "$2" = foo:1 ] && cat "${0%/bin/docker}/saved" ;;
		load) cat >"$0.loaded"; echo "Loaded image" ;;
		image) [ "$3" = there ] ;;
		esac
	EOS
	via+=("PATH=$tmp/bin:$PATH")
	convert -i docker foo:1 ./d
	[[ $status == 0 ]] || fail "$stderr"
	assert_equal "$(as_test cat d/usr/b)" third
	fails 1 "'docker save' has failed, with exit status 1" -i docker bar ./d
	fails 1 "'-x' is no name of an image" -i docker -o squash -- -x ./d2
	fails 1 "docker has image 'there' already" --no-clobber -o docker ./d there
	works -o docker ./d bar:2
	assert_equal "$(as_test tail -n 1 bin/docker.log)" load
	run as_test skopeo inspect docker-archive:bin/docker.loaded:bar:2
	[[ $status == 0 ]] || fail "$output"
	# Neither program loads names without a tag.
	works -o docker ./d localhost:5000/bar
	assert_match "$(tar -xOf bin/docker.loaded manifest.json)" '"localhost:5000/bar:latest"'
	via+=(PATH=/nowhere)
	run --separate-stderr as_test "${via[@]}" "$prefix/bin/ch-convert" -o docker ./d bar:2
	[[ $status == 1 && $stderr == *"no program 'docker'"* ]] || fail "$status $stderr"
}

# ---- what goes wrong -------------------------------------------------------------------------

@test "convert: hostile archives are refused by the name of the member" {
	mktar dots.tar f:ok:1 f:../../evil:x
	mktar link.tar l:out:"$tmp" f:out/evil:x
	mktar bomb.tar f:a:12345 "f:b:$(printf 'x%.0s' {1..12000})"
	layout oci dots.oci dots.tar
	for out in x.sqfs ./d name; do
		fails 1 "'\.\./\.\./evil'.*'\.\.'" dots.tar "$out"
		fails 1 "'\.\./\.\./evil'.*'\.\.'" ./dots.oci "$out"
		fails 1 "'b': with it, the image is larger than 11000 bytes" --max-size 11000 bomb.tar "$out"
		works link.tar "$out"
		[[ ! -e $tmp/evil ]] || fail "written outside"
	done
	works x.sqfs ./e
	as_test test -e "e$tmp/evil"
	as_test bash -c 'head -c 50M /dev/zero | gzip >zeros.tar.gz; cd a 2>/dev/null; true'
	fails 1 "archive 'zeros.tar.gz' is empty" zeros.tar.gz x.sqfs
}

@test "convert: damaged layouts" {
	local case

	mktar 1.tar f:a:1
	for case in "size:should have" "digest:damaged" "diffid:its diff ID is" "layers:1 layers, but the configuration has 2" \
		"type:no image" "sha256\:../../../../etc/passwd:digest" "../../etc/passwd:not of SHA-256"; do
		layout oci "x-${case//[^a-z]/}" break="$(sed 's/\(.*[^\\]\):.*/\1/; s/\\//' <<<"$case")" 1.tar
		fails 1 "${case##*:}" "./x-${case//[^a-z]/}" ./d
	done
	[[ ! -e d ]] || fail "something was made"
	as_test bash -c 'mkdir -p l/blobs && echo "{}" >l/oci-layout && ln -s /etc/passwd l/index.json'
	fails 1 "'index.json': No such file|open 'index.json'" ./l ./d
	as_test bash -c 'printf "[]" >l/manifest.json && tar -C l -cf l.tar manifest.json'
	fails 1 "'manifest.json': there are several images, or none" l.tar ./d
	as_test bash -c 'printf "[{\"Config\": 1, \"Layers\": 2}]" >l/manifest.json && tar -C l -cf l.tar manifest.json'
	fails 1 "'manifest.json': an image has no 'Config'" l.tar ./d
}

@test "convert: failures and signals leave OUT as it was" {
	local out

	make_tree a
	works ./a x.sqfs
	works ./a x.tar.gz
	works x.sqfs ./d
	as_test bash -c 'head -c 60000 x.tar.gz >cut.tar.gz; cp -a d before; cp x.sqfs before.sqfs'
	fails 1 "cut.tar.gz" cut.tar.gz ./d
	fails 1 "cut.tar.gz" cut.tar.gz x.sqfs
	fails 1 "'./d' is there already: not replaced" --no-clobber x.sqfs ./d
	fails 1 "'x.sqfs' is there already: not replaced" --no-clobber ./a x.sqfs
	same before d
	cmp x.sqfs before.sqfs
	# While it waits for the rest of an archive, it is interrupted.
	as_test mkfifo fifo
	for out in ./d x.sqfs ./new name oci; do
		as_test bash -c '
			(head -c 60000 x.tar.gz; sleep 30) >fifo & writer=$!
			"$3/tests/lib/when" "" "$2" env "${@:4}" \
				ch-convert -i tar fifo $([[ $1 != oci ]] || echo -o oci) "$1" 2>err
			status=$?
			kill $writer
			exit $status' - "$out" "$([[ $out == ./d ]] && echo HUP || echo TERM)" "$top" "${via[@]:1}" 3>&- &&
			fail "not interrupted"
		assert_match "$(cat err)" 'error: .*interrupted'
		assert_equal "$(find . -maxdepth 1 -name '.*.ch-*')" ""
	done
	same before d
	cmp x.sqfs before.sqfs
	[[ ! -e new ]] || fail "something was made"
}

@test "convert: an error does not wait for the rest of an archive" {
	# What goes before keeps the reader busy till the rest is waited for.
	mktar evil.tar f:{a..z}:x f:../evil:x
	as_test mkfifo fifo
	# shellcheck disable=SC2016 # the inner shell's
	run as_test env "${via[@]:1}" bash -c '
		(cat evil.tar; exec sleep 30) >fifo & writer=$!
		timeout 10 ch-convert -i tar fifo ./new 2>err
		status=$?
		kill $writer
		exit $status' 3>&-
	assert_equal "$status" 1
	assert_match "$(cat err)" "error: .*'\.\./evil'"
}

@test "convert: what a killed one has left, the next one removes" {
	local form out

	as_test mkfifo fifo
	for form in dir squash ch-image oci docker-archive; do
		read -ra out < <(operand "$form")
		as_test env "${via[@]:1}" bash -c '
			sleep 30 >fifo & writer=$!
			ch-convert -i tar fifo -o "$@" 2>err & pid=$!
			until find . -path "./.*.ch-*" -o -path "./store/tmp/*" | grep -q .; do sleep 0.02; done
			kill -9 $pid
			kill $writer
			wait' - "${out[@]}" 3>&-
		if [[ $form == dir ]]; then works "$sqfs" ./x.dir; else to "$form" "$dir"; fi
		assert_equal "$(find . -path './.*.ch-*' -o -path './store/tmp/*')" ""
	done
}

@test "convert: --no-clobber looks again when it has waited" {
	as_test mkfifo fifo
	as_test env "${via[@]:1}" bash -c '
		(until grep -qs waiting: err; do sleep 0.05; done; exec tar -C "$1" -c .) >fifo &
		ch-convert -q -i tar fifo name & wait' - "$dir" 3>&- &
	await 10 compgen -G 'store/tmp/*'
	as_test env "${via[@]:1}" timeout 60 ch-convert --no-clobber "$sqfs" name 2>err && fail "replaced"
	wait
	assert_match "$(cat err)" "waiting: .*image 'name' is in storage already: not replaced"
}

@test "convert: nothing is unpacked on the way" {
	local in

	((EUID == 0)) || skip "does not apply to an ordinary user"
	# Layers of 3 MB, and, where OUT and temporary files are, room for OUT and less than one of them
	as_test bash -euc 'mkdir small
		for n in 1 2 3; do
			mkdir -p "$n/usr"
			head -c 3M /dev/urandom >"$n/usr/big$n"
			tar -C "$n" -cf "$n.tar" .
		done'
	mount -t tmpfs -o size=10m,mode=1777 ch-test "$tmp/small"
	layout oci-archive oci.tar pack=gzip {1..3}.tar
	layout docker-archive docker.tar pack=gzip {1..3}.tar
	layout docker-old old.tar {1..3}.tar
	for in in oci docker old; do
		works --tmp "$tmp/small" "$in.tar" small/x.sqfs
		as_test rm small/x.sqfs
	done
	umount "$tmp/small"
	# And where there is no room at all
	works --tmp /nowhere oci.tar x.sqfs
	works --tmp /nowhere x.sqfs y.tar.gz
	works --tmp /nowhere -o oci-archive y.tar.gz z.tar
	works --tmp /nowhere z.tar ./d
	cat {1..3}/usr/* | cmp - <(cat d/usr/*)
}

@test "convert: a full disk: OUT stays what it was, of each format" {
	local form in out

	((EUID == 0)) || skip "does not apply to an ordinary user"
	as_test bash -c 'mkdir -p small a/{bin,dev,usr} b/{bin,dev,usr} && head -c 5M /dev/urandom >a/usr/big
		mksquashfs a a.sqfs -quiet -no-progress; mksquashfs b b.sqfs -quiet -no-progress'
	via=(env "CH_IMAGE_STORAGE=$tmp/small/store")
	for form in dir "${forms[@]}"; do
		mount -t tmpfs -o size=2m,mode=1777 ch-test "$tmp/small"
		cd small || fail "cd"
		read -ra out < <(operand "$form")
		in=.sqfs
		[[ $form != squash ]] || in=
		works -o "${out[@]:0:1}" "../b$in" "${out[1]}"
		cp -a . ../before
		fails 1 "No space left" -o "${out[@]:0:1}" "../a$in" "${out[1]}"
		diff -r --no-dereference . ../before
		cd ..
		umount small
		rm -rf before
	done
}

@test "convert: what is left out, with the hard links to it" {
	local out

	as_test bash -euc 'mkdir -p a/dev a/usr && echo text >a/dev/a && ln a/dev/a a/usr/b && ln a/usr/b a/usr/c
		mksquashfs a m.sqfs -quiet -no-progress >/dev/null'
	for out in x.sqfs x.tar name; do
		works ./a "$out"
		works "$out" ./d
		assert_equal "$(as_test bash -c 'ls d/dev; cat d/usr/b; stat -c %h d/usr/c')" $'text\n2'
	done
	works m.sqfs ./d
	assert_equal "$(as_test bash -c 'ls d/dev; cat d/usr/b; stat -c %h d/usr/c')" $'text\n2'
	# An archive has it once, and goes by.
	mktar t.tar f:dev/a:1 h:usr/b:dev/a h:usr/c:usr/b f:usr/d:2
	layout oci t.oci t.tar
	for out in t.tar ./t.oci; do
		convert "$out" x.sqfs
		[[ $status == 0 && $stderr == *"warning: 2 device files"* ]] || fail "$status $stderr"
		works x.sqfs ./d
		assert_equal "$(as_test ls -A d/dev d/usr)" $'d/dev:\n\nd/usr:\nd'
	done
}

@test "convert: where metadata goes, an image may have anything" {
	local case out

	mktar link.tar d:usr l:ch:usr h:usr/again:ch
	mktar file.tar f:ch:1 f:usr/a:1
	mktar dirs.tar f:ch/metadata.json/x:1 l:ch/environment:/nowhere f:ch/kept:1
	for case in link file dirs; do
		layout oci "$case.oci" 'config={"Env":["A=b"]}' "$case.tar"
		for out in x.sqfs x.tar ./d; do
			convert "./$case.oci" "$out"
			[[ $status == 0 ]] || fail "$case $out" "$stderr"
			[[ $out == ./d ]] || works "$out" ./d
			assert_equal "$(as_test bash -c 'cat d/ch/environment; ls d/usr/metadata.json 2>&1')" \
				"A=b"$'\n'"ls: cannot access 'd/usr/metadata.json': No such file or directory"
		done
	done
	as_test test -e d/ch/kept
	assert_equal "$(as_test tar -tf x.tar | grep -v '^./$' | sort | uniq -d)" ""
}

@test "convert: hostile layers become SquashFS images" {
	local regex members

	mktar 1.tar d:a f:a/1:one f:a/2:two c:a/null b:a/disk p:a/pipe f:s:x:6755 l:up:../../.. l:etc:/nowhere D:deep:200
	mktar 2.tar f:.wh..wh..opq: f:a/.wh.1: f:b:1 f:b:2 d:b f:b/in:3 f:up/over:u f:etc/passwd:e Z:odd:o
	mktar 3.tar f:b:last f:.wh.odd: h:hard:b h:self:self
	layout oci x.oci 1.tar 2.tar 3.tar
	convert ./x.oci x.sqfs
	[[ $status == 0 ]] || fail "$stderr"
	works x.sqfs ./d
	assert_equal "$(as_test bash -c 'cd d && cat b hard && ls -d a up/over odd s deep self 2>/dev/null')" \
		"lastlastup/over"
	# whiteouts of all there is
	mktar 4.tar f:.wh..wh..opq:
	layout oci y.oci 1.tar 2.tar 4.tar
	convert ./y.oci y.sqfs
	works y.sqfs ./e
	assert_equal "$(as_test bash -c 'find e -type f ! -path "e/ch/*" | sort')" $'e/etc/hosts\ne/etc/resolv.conf'
	# what cannot be
	while IFS='|' read -r regex members; do
		# shellcheck disable=SC2086 # several
		mktar bad.tar $members
		rm -rf bad.oci
		layout oci bad.oci bad.tar
		fails 1 "$regex" ./bad.oci z.sqfs
	done <<-'EOS'
		'\.\.'|f:x:1 h:y:../../etc/passwd
		'\.\.'|f:a:1 f:a/b/../../../c:1
		hard link to 'nowhere', which is not there|h:x:nowhere
		hard link to 'etc/passwd', which is not there|h:x:/etc/passwd
		whiteout of no file|f:.wh...:1
	EOS
	[[ ! -e z.sqfs ]] || fail "something was made"
}

@test "convert: bombs are limited by --max-size" {
	as_test bash -euc 'truncate -s 1T hole && tar -Scf hole.tar hole
		truncate -s 12M zeros && tar -cf zeros.tar zeros && gzip -1k zeros.tar
		head -c 12M /dev/zero | gzip -1 >nothing.tar.gz'
	layout oci zeros.oci pack=gzip zeros.tar
	for out in x.sqfs ./d name; do
		fails 1 "'hole': .*more than|'hole': with it, the image is larger" --max-size 1G hole.tar "$out"
		fails 1 "larger than|more than" --max-size 5M zeros.tar.gz "$out"
		fails 1 "larger than|more than" --max-size 5M ./zeros.oci "$out"
		[[ ! -e ${out#./} ]] || fail "$out was made"
	done
	fails 1 "larger than" --max-size 1M -i docker-archive nothing.tar.gz x.sqfs
	works --max-size 13M zeros.tar.gz x.sqfs
}

@test "convert: OUT where it cannot be, and what looks like ours" {
	make_tree a
	as_test bash -c 'ln -s "$1/gone/x.sqfs" link.sqfs; echo mine >.x.sqfs.ch-mydata01' - "$tmp"
	fails 1 "'a/usr/x.sqfs' is in './a', which it would become a part of" ./a a/usr/x.sqfs
	fails 1 "which it would become a part of" -o oci ./a ./a/new
	fails 1 "'link.sqfs' is a link to what is not there" ./a link.sqfs
	fails 1 "'link.sqfs' is a link to what is not there" --no-clobber ./a link.sqfs
	assert_equal "$(find a -name '*x.sqfs*' -o -name 'new')" ""
	[[ -L link.sqfs ]] || fail "the link is gone"
	works ./a x.sqfs
	assert_equal "$(as_test cat .x.sqfs.ch-mydata01)" mine
	as_test rm .x.sqfs.ch-mydata01
	# A limit on files is an error, not the end.
	run as_test bash -c 'ulimit -f 100; "$@"' - "${via[@]}" ch-convert ./a limited.sqfs
	[[ $status == 1 && $output == *"File too large"* ]] || fail "$status $output"
}

# interrupted SIGNAL ARGS...: by that, a moment later, ch-convert ends soon, and leaves nothing
interrupted() {
	local signal=$1

	shift
	run --separate-stderr as_test "$top/tests/lib/when" '' "$signal" "${via[@]}" ch-convert "$@"
	[[ $status == $((128 + $(kill -l "$signal"))) && ${stderr##*$'\n'} =~ error:\ .*interrupted ]] || fail "$*" "$status $stderr"
	assert_equal "$(find . -path './.*.ch-*' -o -path './store/tmp/*')" ""
}

@test "convert: on a terminal it is seen how far it is, and how long it takes" {
	as_test bash -c 'head -c 60M /dev/urandom >noise && tar -cf x.tar noise'
	run as_test "$top/tests/lib/terminal" see:'converting: .*%.*/s.* left' key:C \
		-- ch-convert -j 1 --compress xz:9 x.tar x.sqfs
	assert_match "$output" 'interrupted'
	assert_equal "$(as_test ls -A)" $'noise\nx.tar'
}

@test "convert: holes and slow archives can be interrupted" {
	as_test bash -c 'mkdir a && truncate -s 1T a/hole && mkfifo fifo'
	works ./a x.sqfs
	interrupted INT ./a x.tar.gz
	interrupted TERM x.sqfs x.tar
	interrupted INT x.sqfs ./d
	interrupted HUP x.sqfs name
	as_test bash -c 'sleep 20 >fifo & echo $! >writer' 3>&- &
	interrupted INT -i docker-archive fifo ./d
	as_test bash -c 'kill "$(cat writer)"'
	wait
}
