#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each --ch-* option, its CH_SPANK_* variable, and which of them wins
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm

setup_file() {
	slurm_up
	IMG=$(image tiny)
	DIR=$(image tiny dir)
	export IMG DIR
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# One task in the image
in_image() {
	user srun -n1 --ch-image="$IMG" "$@"
}

# srun refuses, with one line of ours that matches REGEX, and starts nothing
refused() {	# REGEX OPTION...
	local regex=$1

	shift
	run user srun -n1 --ch-image="$IMG" "$@" touch "$marker"
	((status != 0)) || fail "accepted: $*" || return
	assert_equal "$(grep -c charlie: <<<"$output")" 1 || fail "$output" || return
	assert_match "$output" "$regex" || return
	[[ ! -e $marker ]]
}

@test "options: all are in srun's, sbatch's and salloc's --help" {
	for program in srun sbatch salloc; do
		run -0 user $program --help
		for option in image bind cd home join env unset-env uid gid write passwd private-tmp \
			entrypoint script verbose; do
			grep -q -- "--ch-$option=" <<<"$output" || fail "$program: --ch-$option"
		done
	done
}

@test "image: SquashFS files and directories" {
	for img in "$IMG" "$DIR"; do
		run -0 user srun -N2 -n2 --ch-image="$img" /opt/bin/only-in-image
		assert_equal "$output" $'only-in-image tiny\nonly-in-image tiny'
	done
}

@test "image: a relative path, against the step's directory" {
	cp "$IMG" "$share/rel.sqfs"
	cd "$share"
	run -0 user srun -n1 --ch-cd=/ --ch-image=rel.sqfs /opt/bin/only-in-image
	cd /
	run -0 user srun -n1 -D "$share" --ch-cd=/ --ch-image=rel.sqfs /opt/bin/only-in-image
}

@test "image: a relative path that is inherited, against the directory of submission" {
	cp "$IMG" "$share/rel.sqfs"
	printf '%s\n' '#!/bin/sh' 'cd /' 'srun /opt/bin/only-in-image' 'srun -D /usr /opt/bin/only-in-image' \
		>"$share/job"
	cd "$share"
	batch -o "$share/out" --ch-cd=/ --ch-image=rel.sqfs "$share/job"
	assert_equal "$(<"$share/out")" $'only-in-image tiny\nonly-in-image tiny'
	run -0 user salloc -Q -n1 --ch-image=./rel.sqfs sh -c 'cd /; srun /opt/bin/only-in-image'
	assert_equal "$output" "only-in-image tiny"
}

@test "image: one that is not seen at submission: a warning, since nodes may have it" {
	for node in n1 n2; do on_node $node cp "$IMG" /tmp/local.sqfs; done
	[[ ! -e /tmp/local.sqfs ]]
	run -0 --separate-stderr user srun -N2 -n2 --ch-image=/tmp/local.sqfs /opt/bin/only-in-image
	assert_equal "$output" $'only-in-image tiny\nonly-in-image tiny'
	assert_match "$stderr" "^srun: charlie: image '/tmp/local.sqfs' is not visible here; it has to be on the nodes$"
	printf '%s\n' '#!/bin/sh' 'srun /opt/bin/only-in-image' >"$share/job"
	run -0 --separate-stderr user sbatch --ch-image=/tmp/local.sqfs -o "$share/out" --wait "$share/job"
	assert_match "$stderr" "sbatch: charlie: image '/tmp/local.sqfs' is not visible here"
	assert_equal "$(<"$share/out")" "only-in-image tiny"
	for node in n1 n2; do on_node $node rm /tmp/local.sqfs; done
}

@test "image: none is no container" {
	run -0 user srun -n1 --ch-image=none sh -c 'test ! -e /ch'
	assert_equal "$output" ""
}

@test "bind: a list, read-only ones, escaped commas and colons" {
	mkdir "$share"/{a,b} "$share/c,c:c"
	for d in a b c,c:c; do echo "$d" >"$share/$d/file"; done
	chown -R "$test_user" "$share"
	run -0 in_image --ch-bind="$share/a:/A,$share/b:/x/y/B:ro,$share/c\\,c\\:c:/C" \
		sh -c 'cat /A/file /x/y/B/file /C/file; echo new >/A/new; touch /x/y/B/new; :'
	assert_equal "$(grep -v Read-only <<<"$output")" $'a\nb\nc,c:c'
	assert_match "$output" '/x/y/B/new: Read-only file system'
	assert_equal "$(<"$share/a/new")" new
	[[ ! -e $share/b/new ]]
}

@test "bind: a relative source, against the step's directory; same place without DST" {
	mkdir "$share/a"
	echo hello >"$share/a/file"
	cd "$share"
	run -0 in_image --ch-bind=a:/A --ch-cd=/A cat file
	assert_equal "$output" hello
	run -0 in_image --ch-bind="$share/a" cat "$share/a/file"
	assert_equal "$output" hello
}

@test "bind: what is wrong with one is said at once" {
	refused "option --ch-bind: bind destination 'x' is not absolute" --ch-bind=/etc:x
	refused "option --ch-bind: bind option 'rx' is neither ro nor rw" --ch-bind=/etc:/x:rx
	refused 'option --ch-bind: bind has more than three parts' --ch-bind=/etc:/x:ro:ro
	refused 'option --ch-bind: the value is empty' --ch-bind=
}

@test "bind: Slurm's directory and Cray's, without asking, on nodes that have them" {
	local places=(/var/spool/slurmd /opt/cray/xpmem /etc/opt/cray/wlm_detect /var/opt/cray/alps) place

	cp -a "$DIR" "$share/img"
	for place in "${places[@]}"; do
		mkdir -p "$share/img$place"
		echo image >"$share/img$place/where"
	done
	# Node n1 has them.
	# shellcheck disable=SC2016
	on_node n1 sh -euc 'for dir in /etc/opt /opt /var/opt /var/spool; do mount -n -t tmpfs -o mode=755 places "$dir"; done
		for place; do mkdir -p "$place"; echo node >"$place/where"; done' sh "${places[@]}"
	for who in user root; do
		run -0 $who srun -N2 -n2 -l --ch-image="$share/img" cat "${places[@]/%//where}"
		assert_equal "$(sort <<<"$output" | uniq -c | xargs)" '4 0: node 4 1: image'
		# An image without them is left as it is.
		run -0 $who srun -N2 -n2 --ch-image="$IMG" sh -c 'for p; do [ ! -e $p ] || echo $p; done; ls /opt' sh "${places[@]}"
		assert_equal "$output" $'bin\nbin'
	done
	on_node n1 umount /etc/opt /opt /var/opt /var/spool
}

@test "cd: the working directory inside; a missing one is an error" {
	run -0 in_image --ch-cd=/opt/bin pwd
	assert_equal "$output" /opt/bin
	must_fail 2 --ch-image="$IMG" --ch-cd=/no/such/dir
	assert_match "$output" "charlie: n2: working directory '/no/such/dir' in the container: No such file or directory"
	refused "option --ch-cd: directory 'opt' is not absolute" --ch-cd=opt
}

@test "home: by default HOME is as on the host, and bound there" {
	user sh -c "echo from-home >~/.ch-test-$$"
	run -0 in_image sh -c "echo \$HOME; cat \$HOME/.ch-test-$$"
	rm "/home/$test_user/.ch-test-$$"
	assert_equal "$output" "/home/$test_user"$'\nfrom-home'
}

@test "home: by default, also when it is not below /home" {
	mkdir "$share/h"
	echo from-home >"$share/h/file"
	run -0 in_image true
	run -0 user env HOME="$share/h" srun -n1 --ch-image="$IMG" sh -c 'cat $HOME/file; echo $HOME'
	assert_equal "$output" $'from-home\n'"$share/h"
}

@test "home: yes binds it at /home/USER; no does not bind it" {
	mkdir "$share/h"
	echo from-home >"$share/h/file"
	run -0 user env HOME="$share/h" srun -n1 --ch-home=yes --ch-image="$IMG" \
		sh -c 'echo $HOME; cat $HOME/file; ls /home'
	assert_equal "$output" "/home/$test_user"$'\nfrom-home\n'"$test_user"
	run -0 user srun -n1 --ch-home=no --ch-image="$IMG" sh -c 'ls -d /home/* 2>/dev/null; echo $HOME'
	assert_equal "$output" "/home/$test_user"
	refused "option --ch-home: .*'maybe'" --ch-home=maybe
}

@test "home: TMPDIR is as the job has it, and bound" {
	mkdir "$share/t"
	echo from-tmpdir >"$share/t/file"
	chown "$test_user" "$share/t"	# Slurm wants it writable
	run -0 user env TMPDIR="$share/t" srun -n1 --ch-image="$IMG" sh -c 'cat $TMPDIR/file'
	assert_equal "$output" from-tmpdir
}

@test "join: step is one container for all ranks of a node, no is one for each" {
	run -0 user srun -n4 --ch-join=step --ch-image="$IMG" readlink /proc/self/ns/user
	assert_equal "$(sort -u <<<"$output" | wc -l)" 1
	run -0 user srun -n4 --ch-join=no --ch-image="$IMG" readlink /proc/self/ns/user
	assert_equal "$(sort -u <<<"$output" | wc -l)" 4
	run -0 user srun -N2 -n4 --ch-join=no --ch-image="$IMG" /opt/bin/only-in-image
	refused "option --ch-join: 'all' is neither step nor no" --ch-join=all
}

@test "env: assignments, a file, in the given order; commas by \\," {
	printf '%s\n' FROM_FILE=file ONE=file "QUOTED='a b'" >"$share/env"
	run -0 user env OLD=old srun -n1 --ch-image="$IMG" \
		--ch-env="ONE=1,TWO=a\\,b,$share/env,THREE=\$OLD:x" \
		sh -c 'echo "$ONE|$TWO|$FROM_FILE|$QUOTED|$THREE"'
	assert_equal "$output" "file|a,b|file|a b|old:x"
	refused "option --ch-env: 'X' is neither image, nor VAR=VAL, nor /FILE" --ch-env=A=1,X
	must_fail 1 --ch-image="$IMG" --ch-env="$share/none"
	assert_match "$output" "charlie: n1: environment file '$share/none': No such file or directory"
}

@test "env: the image never touches the launcher's variables" {
	cp -a "$DIR" "$share/img"
	printf '%s\n' SLURM_PROCID=77 PMIX_RANK=77 PMI_RANK=77 MINE=77 >"$share/img/ch/environment"
	run -0 user srun -n1 --mpi=pmix --ch-env=image --ch-image="$share/img" \
		sh -c 'echo "$SLURM_PROCID|$PMIX_RANK|$PMI_RANK|$MINE"'
	assert_equal "$output" "0|0||77"
}

@test "unset-env: a list of patterns" {
	run -0 user env AA=1 AB=2 B=3 C=4 srun -n1 --ch-image="$IMG" --ch-unset-env='A*,C' \
		sh -c 'echo "[$AA$AB$B$C]"'
	assert_equal "$output" "[3]"
	refused 'option --ch-unset-env: the value is empty' --ch-unset-env=
}

@test "env: CH_RUNNING says that one is in a container" {
	run -0 in_image sh -c 'echo $CH_RUNNING'
	assert_equal "$output" "Weird Al Yankovic"
}

@test "uid, gid: what one appears as; one's rights stay" {
	run -0 in_image --ch-uid=0 --ch-gid=0 sh -c 'id -u; id -g; id -un'
	assert_equal "$output" $'0\n0\nroot'
	run -0 in_image --ch-uid=4711 --ch-gid=4712 --ch-bind="$share:/s" \
		sh -c 'id -u; id -g; touch /s/made; grep ^Cap /proc/self/status'
	assert_match "$output" $'^4711\n4712\n'
	assert_match "$output" 'CapEff:.0000000000000000'
	assert_equal "$(stat -c %U "$share/made")" "$test_user"
	run -0 in_image sh -c 'id -u; id -g; id -un'
	assert_equal "$output" "$(id -u "$test_user")"$'\n'"$(id -g "$test_user")"$'\n'"$test_user"
	refused 'option --ch-uid: .*-1' --ch-uid=-1
	refused 'option --ch-gid: .*x' --ch-gid=x
}

@test "write: no is the default, fake is lost in the end, and limited" {
	run ! in_image touch /opt/file
	assert_match "$output" 'Read-only file system'
	run -0 in_image --ch-write=fake sh -c 'echo x >/opt/file; rm /opt/bin/entry; ls /opt /opt/bin'
	assert_equal "$output" $'/opt:\nbin\nfile\n\n/opt/bin:\nonly-in-image'
	run ! in_image ls /opt/file
	run ! in_image --ch-write=fake:2m dd if=/dev/zero of=/opt/file bs=1M count=4
	assert_match "$output" 'No space left on device'
	run -0 in_image --ch-write=fake:8m dd if=/dev/zero of=/opt/file bs=1M count=4
	refused "option --ch-write: 'x' is not a size such as 500m, 2G or 12%" --ch-write=fake:x
	refused "option --ch-write: 'yes' is none of image, fake, fake:SIZE, no" --ch-write=yes
}

@test "write: fake is one layer for all ranks of a node" {
	run -0 user srun -N2 -n4 --ntasks-per-node=2 --ch-write=fake --ch-image="$IMG" sh -c \
		'echo >/opt/$SLURM_LOCALID; while [ ! -e /opt/0 ] || [ ! -e /opt/1 ]; do sleep 0.1; done
		ls /opt | tr "\n" " "'
	assert_equal "$output" "0 1 bin 0 1 bin 0 1 bin 0 1 bin "
}

@test "write: image writes to a directory, not to a SquashFS file" {
	cp -a "$DIR" "$share/img"
	chown -R "$test_user" "$share/img"
	run -0 user srun -n1 --ch-write=image --ch-image="$share/img" touch /opt/file
	[[ -e $share/img/opt/file ]]
	run ! user srun -n1 --ch-image="$share/img" touch /opt/file2
	[[ ! -e $share/img/opt/file2 ]]
	must_fail 2 --ch-write=image --ch-image="$IMG"
	assert_match "$output" "charlie: n1: image '$IMG' is a SquashFS file and cannot be written to"
}

@test "passwd: yes generates the files, no keeps the image's" {
	run -0 in_image cat /etc/passwd
	assert_match "$output" "$test_user:x:$(id -u "$test_user"):"
	run -0 in_image --ch-passwd=no cat /etc/passwd
	assert_equal "$output" $'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false'
}

@test "private-tmp: a fresh /tmp; without, it is the node's" {
	run -0 in_image sh -c 'echo x >/tmp/of-the-job'
	run -0 in_image ls /tmp
	assert_equal "$output" of-the-job
	run -0 in_image --ch-private-tmp=yes sh -c 'ls /tmp; echo y >/tmp/private'
	assert_equal "$output" ""
	assert_equal "$(on_node n1 ls /tmp)" of-the-job
	on_node n1 rm /tmp/of-the-job
}

@test "verbose: 2 tells how long each phase took, on each node" {
	run -0 user srun -N2 -n4 --ch-verbose=2 --ch-image="$IMG" true
	assert_lines 2
	assert_match "$output" 'charlie: n1: container ready in [0-9.]+ ms'
	run -0 user srun -N2 -n4 --ch-verbose=0 --ch-image="$IMG" true
	assert_equal "$output" ""
	refused "option --ch-verbose: .*'4'" --ch-verbose=4
}

@test "twice: the same option twice on a command line is an error at submission" {
	refused 'option --ch-env was given twice, but holds one value; write a list with commas' \
		--ch-env=A=1 --ch-env=B=2
	refused 'option --ch-cd was given twice, but holds one value' --ch-cd=/ --ch-cd /opt
	refused 'option --ch-cd was given twice' --ch-cd=/ --ch-cd=/
	run ! user sbatch --ch-cd=/ --ch-cd=/opt --ch-image="$IMG" --wrap "touch $marker"
	assert_match "$output" 'charlie: option --ch-cd was given twice'
	run ! user salloc -n1 --ch-cd=/ --ch-cd=/opt --ch-image="$IMG" touch "$marker"
	assert_match "$output" 'charlie: option --ch-cd was given twice'
	[[ ! -e $marker ]]
}

@test "twice: in a script is an error, too" {
	printf '%s\n' '#!/bin/sh' '#SBATCH --ch-cd=/' '#SBATCH --ch-cd=/opt' "touch $marker" >"$share/job"
	run ! user sbatch --ch-image="$IMG" "$share/job"
	assert_match "$output" 'charlie: option --ch-cd was given twice'
}

@test "twice: #SBATCH and the command line, and inherited and the command line, are fine" {
	printf '%s\n' '#!/bin/sh' "#SBATCH --ch-cd=/ --ch-image=$IMG" 'srun pwd' 'srun --ch-cd=/usr pwd' \
		'srun --ch-cd /opt/bin pwd' >"$share/job"
	batch --ch-cd=/opt -o "$share/out" "$share/job"
	assert_equal "$(<"$share/out")" $'/opt\n/usr\n/opt/bin'
}

@test "twice: an argument of the application that looks like an option is none" {
	run -0 in_image --ch-cd=/opt echo --ch-cd=/opt --ch-cd=/opt
	assert_equal "$output" "--ch-cd=/opt --ch-cd=/opt"
}

@test "defaults: CH_SPANK_* of the job's environment" {
	run -0 user env CH_SPANK_IMAGE="$IMG" CH_SPANK_CD=/opt CH_SPANK_PRIVATE_TMP=yes \
		CH_SPANK_UID=0 CH_SPANK_ENV='A=1,B=2' CH_SPANK_UNSET_ENV=A \
		CH_SPANK_BIND="$share:/share" CH_SPANK_WRITE=fake CH_SPANK_PASSWD=no CH_SPANK_HOME=no \
		srun -n1 sh -c 'pwd; id -u; echo $A$B; ls -d /share /home/*; touch /opt/x && echo written'
	# The image is the job's; env and unset-env are not in an order that one could see.
	assert_equal "$(grep -v '^ls:' <<<"$output")" $'/opt\n0\n2\n/share\nwritten'
	run -0 user env CH_SPANK_JOIN=no srun -n2 --ch-image="$IMG" readlink /proc/self/ns/user
	assert_equal "$(sort -u <<<"$output" | wc -l)" 2
	run -0 user env CH_SPANK_IMAGE= CH_SPANK_CD= srun -n1 sh -c 'test ! -e /ch && pwd'
	assert_equal "$output" /
}

@test "defaults: a bad CH_SPANK_* value matters to steps with an image only" {
	export CH_SPANK_UID=x
	must_fail 2 --ch-image="$IMG"
	assert_match "$output" "charlie: n1: option --ch-uid: .*'x'"
	run -0 user srun -n1 true
	assert_equal "$output" ""
	# It is not asked for, where the command line says otherwise.
	run -0 in_image --ch-uid=5 id -u
	assert_equal "$output" 5
}

# Which of four images is used? Each says what it is called.
named_image() {
	cp -a "$DIR" "$share/$1"
	printf '#!/bin/sh\necho %s\n' "$1" >"$share/$1/opt/bin/only-in-image"
}

@test "defaults: command line before #SBATCH before CH_SPANK_IMAGE before default_image" {
	for i in line script variable default; do named_image $i; done
	printf '%s\n' '#!/bin/sh' "#SBATCH --ch-image=$share/script -o $share/out" \
		'srun /opt/bin/only-in-image' "srun -Q --ch-image=$share/line /opt/bin/only-in-image" >"$share/job"
	plugstack required "default_image=$share/default"

	batch "$share/job"
	assert_equal "$(<"$share/out")" $'script\nline'
	CH_SPANK_IMAGE=$share/variable batch "$share/job"
	assert_equal "$(<"$share/out")" $'script\nline'
	CH_SPANK_IMAGE=$share/variable batch --ch-image="$share/line" "$share/job"
	assert_equal "$(<"$share/out")" $'line\nline'
	sed -i "s,--ch-image=$share/script,,;\$d" "$share/job"
	CH_SPANK_IMAGE=$share/variable batch "$share/job"
	assert_equal "$(<"$share/out")" variable
	batch "$share/job"
	assert_equal "$(<"$share/out")" default
	run -0 user env CH_SPANK_IMAGE=none srun -n1 sh -c 'test ! -e /ch'
	run -0 user srun -n1 --ch-image=none sh -c 'test ! -e /ch'
}

@test "defaults: the other options, too: command line before #SBATCH before CH_SPANK_" {
	printf '%s\n' '#!/bin/sh' "#SBATCH --ch-image=$IMG --ch-cd=/usr -o $share/out" \
		'srun pwd' 'srun --ch-cd=/opt pwd' >"$share/job"
	CH_SPANK_CD=/etc batch "$share/job"
	assert_equal "$(<"$share/out")" $'/usr\n/opt'
	sed -i 's/--ch-cd=.usr//' "$share/job"
	CH_SPANK_CD=/etc batch "$share/job"
	assert_equal "$(<"$share/out")" $'/etc\n/opt'
}

@test "entrypoint: yes runs the image's entry point in front of the command" {
	run -0 user srun -n1 --ch-image="$IMG" --ch-entrypoint=yes echo x
	assert_equal "$output" $'entry: echo x\nx'
	run -0 user srun -N2 -n2 -l --ch-image="$IMG" --ch-entrypoint=yes sh -c 'echo "$SLURM_PROCID $1"' - 'a  b'
	assert_match "$output" '0: 0 a  b'
	assert_match "$output" '1: 1 a  b'
	assert_idle # else srun might have to say that it waits for a node
	run -0 user srun -n1 --ch-image="$IMG" --ch-entrypoint=no echo x
	assert_equal "$output" x
	run -5 user srun -n1 --ch-image="$IMG" --ch-entrypoint=yes sh -c 'exit 5'
	CH_SPANK_ENTRYPOINT=yes run -0 user srun -n1 --ch-image="$IMG" echo x
	assert_equal "$output" $'entry: echo x\nx'
}

@test "entrypoint: a text is run by the image's SHELL, with the command as its arguments" {
	cp -a "$DIR" "$share/img"
	echo '{"entrypoint": "echo \"shell: $0 $*\"; exec \"$0\" \"$@\"", "cmd": ["unused"]}' \
		>"$share/img/ch/metadata.json"
	run -0 user srun -n1 --ch-image="$share/img" --ch-entrypoint=yes echo a 'b  c'
	assert_equal "$output" $'shell: echo a b  c\na b  c'
	echo '{"entrypoint": "x", "shell": ["echo", "mine"]}' >"$share/img/ch/metadata.json"
	run -0 user srun -n1 --ch-image="$share/img" --ch-entrypoint=yes echo a
	assert_equal "$output" 'mine x echo a'
}

@test "entrypoint: what cannot be read is an error for steps that want it, and for no others" {
	cp -a "$DIR" "$share/img"
	echo '{"entrypoint": [' >"$share/img/ch/metadata.json"
	must_fail 2 --ch-entrypoint=yes --ch-image="$share/img"
	assert_match "$output" "charlie: n2: --ch-entrypoint: image configuration '/ch/metadata.json': JSON, line 2"
	must_fail 1 --ch-env=image --ch-image="$share/img"
	assert_match "$output" "charlie: n1: image configuration '/ch/metadata.json': JSON, line 2"
	run -0 user srun -n1 --ch-image="$share/img" echo x
	assert_equal "$output" x
}

@test "entrypoint: with --multi-prog it is an error" {
	printf '%s\n' "0-3 touch $marker" >"$share/progs"
	run ! user srun -N2 -n4 --multi-prog --ch-entrypoint=yes --ch-image="$IMG" "$share/progs"
	assert_lines 2
	assert_match "$output" 'charlie: n1: .*(entry ?point|--ch-entrypoint).*multi-prog'
	[[ ! -e $marker ]]
}

@test "entrypoint: an image without one is an error" {
	cp -a "$DIR" "$share/img"
	rm "$share/img/ch/config.pulled.json"
	must_fail 2 --ch-entrypoint=yes --ch-image="$share/img"
	assert_match "$output" 'charlie: n2: .*(entry ?point|ENTRYPOINT)'
	echo '{"config": {"Env": ["A=1"]}}' >"$share/img/ch/config.pulled.json"
	must_fail 1 --ch-entrypoint=yes --ch-image="$share/img"
	assert_match "$output" 'charlie: n1: .*(entry ?point|ENTRYPOINT)'
}
