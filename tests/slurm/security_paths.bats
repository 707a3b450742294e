#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Paths that a user writes are looked up by the user's processes, never by root's
# shellcheck disable=SC2016,SC2030,SC2031 # variables for shells on the nodes; subshells of bats

load ../lib/slurm

setup_file() {
	slurm_up --nodes 1
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }

setup() {
	slurm_setup
	background=()
}
teardown() {
	local pid

	for pid in "${background[@]}"; do kill "$pid" 2>/dev/null || true; done
	# shellcheck disable=SC2046
	[[ ! -e $share/pids ]] || kill $(<"$share/pids") 2>/dev/null || true
	slurm_teardown
}

# An image that prints WORD, in two forms: NAME and NAME.sqfs
make_image() {	# NAME WORD
	mkdir -p "$share/$1/opt"
	cp -a "$(image tiny dir)/bin" "$share/$1"
	echo "$2" >"$share/$1/opt/word"
	mksquashfs "$share/$1" "$share/$1.sqfs" -quiet -no-progress -all-root >/dev/null
	chmod -R a+rX "$share/$1" "$share/$1.sqfs"
}

lacks() {
	[[ -e $1 ]] || echo "$1"
}

# ---- by whom ------------------------------------------------------------------------------

# The names of all that is the user's have "marker" in them.
marked_step() {	# OPTION...
	local env=(HOME="$share/marker-home" TMPDIR="$share/marker-tmp" XDG_RUNTIME_DIR="$share/marker-run"
		CH_SPANK_TASK_PROLOG="$share/marker-prolog" SLURM_TASK_PROLOG="$share/marker-prolog2"
		PMIX_SERVER_TMPDIR="$share/marker-pmix" CH_SPANK_CD="$share/marker-cd"
		CH_IMAGE_STORAGE="$share/marker-storage")
	local tracer

	strace -f -y -s 4096 -qq -o "$share/trace" -e trace=%file,%process,%creds,fchdir \
		-p "$(node_pid n1)" 3>&- 4>&- &
	tracer=$!
	wait_until_empty 10 "strace does not attach" not_traced
	run timeout -k 5 90 runuser -u "$test_user" -- env "${env[@]}" srun -n1 -D "$share/marker-cwd" \
		-o "$share/out" -e "$share/err" "$@"
	kill -INT "$tracer"
	wait "$tracer" || true
	chmod a+r "$share/trace"
}

not_traced() {
	grep -qv '^TracerPid:[[:space:]]*0$' <(grep ^TracerPid "/proc/$(node_pid n1)/status") || echo no
}

@test "paths: no process that is root looks at a path of the user's" {
	mkdir "$share"/marker-{home,tmp,run,pmix,cd,cwd,bind,dir}
	cp "$IMG" "$share/marker.sqfs"
	cp -a "$(image tiny dir)/." "$share/marker-dir"
	printf '%s\n' '#!/bin/sh' 'echo export P=1' | tee "$share/marker-prolog" >"$share/marker-prolog2"
	echo A=b >"$share/marker-env"
	chmod 755 "$share"/marker*
	chown -R "$test_user:" "$share"

	# What Slurm itself does in a step that has nothing to do with us
	marked_step true
	((status == 0)) || fail "$output" "$(<"$share/err")"
	"$top/tests/slurm/rootopens" marker "$share/trace" >"$share/bare"
	grep '^user: chdir .*marker-cwd' "$share/bare"
	for image in marker.sqfs marker-dir; do
		marked_step --ch-image="$share/$image" --ch-bind="$share/marker-bind:/b,$share/marker-env:/e:ro,$share/marker-cd" \
			--ch-env="$share/marker-env,image,X=$share/marker-x" --ch-write=fake /bin/sh -c 'echo $A$P; pwd'
		((status == 0)) || fail "$output" "$(<"$share/err")"
		assert_equal "$(<"$share/out")" "b1"$'\n'"$share/marker-cd"
		"$top/tests/slurm/rootopens" marker "$share/trace" >"$share/ours"
		# The test can tell: it saw who does it.
		grep "^user: openat $share/$image\$" "$share/ours"
		for name in bind env cd home tmp prolog cwd; do
			grep -q "^user: .*/marker-$name" "$share/ours" || fail "nobody looked at $name"
		done
		run -0 comm -13 <(sort "$share/bare") <(grep -v ^user: "$share/ours" | sort)
		assert_equal "$output" ""
	done

	# The same when it fails, for none of these may be looked at before the answer is known.
	for image in "$share"/marker-{none.sqfs,env,home/x} marker-name; do
		marked_step --ch-image="$image" --ch-bind="$share/marker-none2" --ch-cd="$share/marker-none3" true
		((status != 0))
		"$top/tests/slurm/rootopens" marker "$share/trace" >"$share/ours"
		run -0 comm -13 <(sort "$share/bare") <(grep -v ^user: "$share/ours" | sort)
		assert_equal "$output" ""
	done
	grep -q "^user: .*/marker-storage" "$share/ours" || fail "nobody looked for a name"
}

@test "paths: that test finds what root does, as itself and for a while as the user" {
	mkdir "$share/marker"
	echo a >"$share/marker/file"
	cat >"$share/actor" <<-END
		import os
		os.setresuid(-1, 65534, -1); os.path.exists("$share/marker/as-user")
		os.setresuid(-1, 0, -1); os.chdir("$share/marker"); open("file").close()
		if os.fork() == 0:
		    os.setresuid(65534, 65534, 65534); open("$share/marker/file").close()
	END
	strace -f -y -s 4096 -qq -o "$share/trace" -e trace=%file,%process,%creds,fchdir \
		/usr/bin/python3 "$share/actor"
	run -0 "$top/tests/slurm/rootopens" marker "$share/trace"
	assert_equal "$output" "chdir $share/marker
openat $share/marker/file
user: newfstatat $share/marker/as-user
user: openat $share/marker/file"
}

# ---- what ---------------------------------------------------------------------------------

@test "paths: images of other users, by mode and by directory, in both forms" {
	make_image i word
	mkdir -m 700 "$share/private"
	mv "$share/i" "$share/i.sqfs" "$share/private"
	must_fail 1 --ch-image="$share/private/i.sqfs"
	assert_match "$output" "image '$share/private/i.sqfs': Permission denied"
	must_fail 1 --ch-image="$share/private/i"
	assert_match "$output" "image '$share/private/i': Permission denied"
	chmod 755 "$share/private"
	for owner in "$test_user2" root; do
		chown "$owner:" "$share/private"/i*
		chmod 600 "$share/private/i.sqfs"
		chmod 700 "$share/private/i"
		must_fail 1 --ch-image="$share/private/i.sqfs"
		assert_match "$output" "image '$share/private/i.sqfs': Permission denied"
		must_fail 1 --ch-image="$share/private/i"
		assert_match "$output" "image '$share/private/i': Permission denied"
	done
	chmod 755 "$share/private/i"
	run -0 user srun -n1 --ch-image="$share/private/i" cat /opt/word
}

@test "paths: sources of binds, environment files, home, TMPDIR, prologs that only root can get at" {
	mkdir -m 700 "$share/private"
	mkdir "$share/private/dir"
	echo secret=secret | tee "$share/private/file" "$share/private/dir/file" >"$share/file"
	chmod -R a+rX "$share/private"/*
	chmod 600 "$share/file"
	chown root "$share/file"
	must_fail 1 --ch-image="$IMG" --ch-bind="$share/private/dir:/x"
	assert_match "$output" "bind source '$share/private/dir': Permission denied"
	must_fail 1 --ch-image="$IMG" --ch-bind="$share/private/file:/x"
	must_fail 1 --ch-image="$IMG" --ch-env="$share/private/file"
	assert_match "$output" "environment file '$share/private/file': Permission denied"
	must_fail 1 --ch-image="$IMG" --ch-env="$share/file"
	assert_match "$output" "environment file '$share/file': Permission denied"
	must_fail 1 --ch-image="$IMG" --ch-cd="$share/private/dir"
	HOME=$share/private/dir must_fail_home
	# A file that may be named, but not read, is the same inside.
	for uid in 0 1234; do
		run -1 user srun -n1 --ch-image="$IMG" --ch-uid=$uid --ch-bind="$share/file:/x" cat /x
		assert_match "$output" "Permission denied"
	done
	# Not there, instead of an error: what the job need not have meant for the container.
	run user env HOME="$share/private/dir" TMPDIR="$share/private/dir" \
		CH_SPANK_TASK_PROLOG="$share/private/file" srun -n1 --ch-image="$IMG" \
		cat "$share/private/file" "$share/private/dir/file"
	((status != 0))
	[[ $output != *secret=* ]] || fail "$output"
}

must_fail_home() {
	run timeout -k 5 60 runuser -u "$test_user" -- env HOME="$HOME" srun -n1 --ch-home=yes \
		--ch-image="$IMG" true
	((status != 0))
	assert_lines 1
	assert_match "$output" "bind source '$HOME': Permission denied"
}

# Make PATH a link to one and the other, in turns, as fast as possible.
swap() {	# PATH TARGET...
	cat >"$share/swapper" <<-'END'
		import os, sys
		path, *targets = sys.argv[1:]
		for i, target in enumerate(targets):
		    os.symlink(target, f"{path}.{i}")
		while True:
		    for i, target in enumerate(targets):
		        os.rename(f"{path}.{i}", path)
		        os.symlink(target, f"{path}.{i}")
	END
	# Not user(), which would put a timeout in between
	runuser -u "$test_user" -- /usr/bin/python3 "$share/swapper" "$@" >/dev/null 2>&1 3>&- &
	background+=($!)
	wait_until_empty 10 "no link" lacks "$1"
}

@test "paths: an image, source, or file that is swapped during the start: never the forbidden one" {
	make_image good good
	make_image bad forbidden
	echo WORD=good >"$share/good.env"
	echo WORD=forbidden >"$share/bad.env"
	mkdir -m 700 "$share/private"
	mv "$share"/bad* "$share/private"
	# One that only the mode of the file protects
	cp "$share/private/bad.sqfs" "$share/bad.sqfs"
	chmod 600 "$share/bad.sqfs"
	chown root "$share/bad.sqfs"
	swap "$share/l.sqfs" "$share/good.sqfs" "$share/private/bad.sqfs"
	swap "$share/m.sqfs" "$share/good.sqfs" "$share/bad.sqfs"
	swap "$share/l" "$share/good" "$share/private/bad"
	swap "$share/l.env" "$share/good.env" "$share/private/bad.env"
	printf '%s\n' '#!/bin/bash' 'for i in 1 2 3 4 5 6; do' \
		"for image in l.sqfs m.sqfs l; do srun -n1 --ch-image=$share/\$image cat /opt/word; done" \
		"srun -n1 --ch-image=$IMG --ch-bind=$share/l:/mnt cat /mnt/opt/word" \
		"srun -n1 --ch-image=$IMG --ch-env=$share/l.env sh -c 'echo \$WORD'" 'done' 'true' >"$share/job"
	chmod 755 "$share/job"
	run -0 timeout 90 runuser -u "$test_user" -- salloc -Q -n1 "$share/job"
	[[ $output != *forbidden* ]] || fail "$output"
	# Both happened.
	assert_match "$output" $'(^|\n)good(\n|$)'
	assert_match "$output" 'Permission denied'
}

@test "paths: /proc and /dev/fd as the user's processes see them" {
	# The same processes are on the node as here.
	make_image i word
	chmod 600 "$share/i.sqfs"
	chown root "$share/i.sqfs"
	runuser -u "$test_user" -- sleep 60 9<"$IMG" 3>&- 4>&- &
	background+=($!)
	sleep 60 9<"$share/i.sqfs" 3>&- 4>&- &
	background+=($!)
	roots=$!
	wait_until_empty 10 "not started" lacks_child "${background[0]}"
	users=$(pgrep -P "${background[0]}" || echo "${background[0]}")
	run -0 user srun -n1 --ch-image="/proc/$users/fd/9" /opt/bin/only-in-image
	must_fail 1 --ch-image="/proc/$roots/fd/9"
	assert_match "$output" "image '/proc/$roots/fd/9': Permission denied"
	must_fail 1 --ch-image="/proc/1/root$IMG"
	assert_match "$output" "image '/proc/1/root$IMG': Permission denied"
	must_fail 1 --ch-image="$IMG" --ch-bind=/proc/1/root:/x
	assert_match "$output" "bind source '/proc/1/root': Permission denied"
	must_fail 1 --ch-image="$IMG" --ch-env="/proc/1/environ"
	assert_match "$output" "environment file '/proc/1/environ': Permission denied"
	must_fail 1 --ch-image="$IMG" --ch-bind="/proc/$roots/fd/9:/x"
	# The keeper's and the builder's own: sockets, memory, nothing of root's
	for path in /proc/self/fd/{0..6} /dev/fd/{3..5}; do
		must_fail 1 --ch-image="$path" || fail "$path"
		assert_match "$output" "image '$path': "
	done
}

lacks_child() {
	grep -qs '^sleep$' "/proc/$(pgrep -P "$1" | head -n1)/comm" "/proc/$1/comm" || echo "$1"
}

# ---- file systems that root cannot look into -------------------------------------------------

@test "paths: an image in the user's own FUSE mount, into which root cannot look" {
	mkdir "$share/fuse"
	chown "$test_user:" "$share/fuse"
	on_node n1 "$top/tests/slurm/userfuse" "$test_user" "$IMG" "$share/fuse" "$share/pids" 3>&- 4>&- &
	background+=($!)
	wait_until_empty 10 "not mounted" lacks "$share/pids"
	run ! on_node n1 stat "$share/fuse/image"
	assert_match "$output" 'Permission denied'
	run -0 user srun -n1 --ch-image="$share/fuse/image" /opt/bin/only-in-image
	run -0 user srun -n1 --ch-image="$IMG" --ch-bind="$share/fuse:/mnt" stat -c %s /mnt/image
	assert_equal "$output" "$(stat -c %s "$IMG")"
	must_fail 1 --ch-image="$share/fuse/none"
	assert_match "$output" "image '$share/fuse/none': No such file or directory"
	# Gone: an error, not a hang, and nobody but the keeper notices.
	# shellcheck disable=SC2046
	kill $(<"$share/pids")
	must_fail 1 --ch-image="$share/fuse/image"
	assert_match "$output" "image '$share/fuse/image': Transport endpoint is not connected"
	on_node n1 umount "$share/fuse"
}
