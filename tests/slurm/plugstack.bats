#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The keys of plugstack.conf
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm

setup_file() {
	slurm_up
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# srun, sbatch and salloc refuse to start because of KEY=VALUE, and say REGEX
refused() {	# REGEX KEY=VALUE...
	plugstack_here required "${@:2}"
	for command in "srun -n1 touch $marker" "sbatch --wrap true" "salloc -n1 touch $marker"; do
		# shellcheck disable=SC2086 # words
		run ! user $command
		assert_equal "$(grep -c "charlie: $1" <<<"$output")" 1 || fail "$command: $output" || return
	done
	[[ ! -e $marker ]]
}

# Nodes do not start the application because of KEY=VALUE, and say REGEX
failed() {	# WORD REGEX KEY=VALUE...
	plugstack_here required
	plugstack "$1" "${@:3}"
	must_fail 2 --ch-image="$IMG" || return
	assert_match "$output" "charlie: n1: $2" || return
	# Steps without an image do not care.
	run -0 user srun -N2 -n2 touch "$marker"
	assert_equal "$output" ""
	rm "$marker"
}

@test "plugstack: unknown keys and bad values are refused in srun, sbatch, salloc" {
	refused "plugstack.conf: unknown key 'colour'" colour=red
	refused "plugstack.conf: unknown key 'colour'" colour
	refused "plugstack.conf: key 'helper' has no value" helper
	refused "plugstack.conf: key 'helper': 'ch-keeper' is not an absolute path" helper=ch-keeper
	refused "plugstack.conf: key 'threads': .*'0'" threads=0
	refused "plugstack.conf: key 'start_timeout': .*'soon'" start_timeout=soon
	refused "plugstack.conf: key 'syslog': .*'maybe'" syslog=maybe
	refused "plugstack.conf: key 'bind': 'etc' is not an absolute path" bind=etc
	refused "plugstack.conf: key 'env': 'X' is not VAR=VAL" env=X
	refused "plugstack.conf: key 'default_image': 'i.sqfs' is not an absolute path" default_image=i.sqfs
	refused "plugstack.conf: key 'allowed_images': 'b' is not an absolute path" allowed_images=/a:b
}

@test "plugstack: on a node they are reported for steps with an image, required or optional" {
	failed required "plugstack.conf: unknown key 'colour'" colour=red
	failed optional "plugstack.conf: unknown key 'colour'" colour=red
	failed optional "plugstack.conf: key 'threads': .*'0'" threads=0
}

@test "plugstack: optional and broken everywhere: no step with an image runs" {
	plugstack optional colour=red
	must_fail_noisily
	plugstack optional helper=
	must_fail_noisily
}

# srun says what is wrong, too; Slurm goes on, since the plugin is optional.
must_fail_noisily() {
	run user srun -N2 -n2 --ch-image="$IMG" touch "$marker"
	((status != 0))
	[[ ! -e $marker ]]
	output=$(grep -v '^srun: error: charlie: plugstack.conf: ' <<<"$output")
	assert_lines 2
}

@test "plugstack: a broken node configuration does not stop batch scripts without an image" {
	plugstack_here required
	plugstack optional colour=red
	printf '%s\n' '#!/bin/sh' 'echo script' 'srun echo step' >"$share/job"
	batch -o "$share/out" "$share/job"
	# The srun in the script has the node's configuration, too, and complains.
	assert_equal "$(grep -v '^srun:' "$share/out")" $'script\nstep'
	assert_equal "$(job_state "$job")" COMPLETED
}

@test "plugstack: SlurmdParameters=contain_spank: steps with an image fail, others run" {
	local real=$plugin plugin

	# Debian 12's Slurm, 22.05, does not know contain_spank: a plugin in between does what
	# later ones do.
	plugin=$(compiled contain)
	plugstack required "$real"
	both_fail 2 'charlie: n1: SlurmdParameters=contain_spank is not supported' \
		-n4 --ch-image="$IMG"
	run -0 user srun -N2 -n4 touch "$marker"
	assert_equal "$output" ''
	rm "$marker"
	printf '%s\n' '#!/bin/sh' 'echo script' >"$share/job"
	batch -o "$share/out" "$share/job"
	assert_equal "$(<"$share/out")" script
	# A script that is to be in the container fails as a step does.
	batch -o "$share/out" --ch-image="$IMG" --ch-script=yes "$share/job"
	assert_equal "$(job_state "$job")" FAILED
	assert_match "$(<"$share/out")" '^charlie: n[12]: SlurmdParameters=contain_spank is not supported$'
}

# start: one task in the image, until share/end is made; it has begun when this returns
start() {
	user srun -n1 --ch-image="$IMG" --ch-bind="$share:/share" sh -c \
		'touch /share/started; while [ ! -e /share/end ]; do sleep 0.1; done' 3>&- &
	step=$!
	wait_until_empty 20 "not started" lacks "$share/started"
}

lacks() {
	[[ -e $1 ]] || echo "$1"
}

@test "plugstack: helper is the keeper that is used" {
	cp "$prefix"/libexec/ch-* "$share"
	plugstack required "helper=$share/ch-keeper"
	start
	keepers_are 1
	pid=$(pids_of ch-keeper)
	assert_equal "$(readlink "/proc/$pid/exe")" "$share/ch-keeper"
	touch "$share/end"
	wait "$step"
}

@test "plugstack: bind and env of the site; the user's come after them" {
	mkdir "$share"/{site,own}
	echo site >"$share/site/file"
	echo own >"$share/own/file"
	plugstack required "bind=$share/site:/site:ro" "bind=/no/such/thing:/thing" env=SITE=yes env=BOTH=site
	run -0 user srun -N2 -n2 --ch-image="$IMG" sh -c \
		'cat /site/file; echo $SITE; ls -d /thing; touch /site/x; :'
	assert_equal "$(grep -xcE 'site|yes' <<<"$output")" 4
	assert_equal "$(grep -c 'Read-only file system' <<<"$output")" 2
	[[ ! -e $share/site/x ]]
	run -0 user srun -n1 --ch-image="$IMG" --ch-env=BOTH=own --ch-bind="$share/own:/site" \
		sh -c 'cat /site/file; echo $BOTH'
	assert_equal "$output" $'own\nown'
	run -0 user srun -n1 sh -c 'echo [$SITE]'
	assert_equal "$output" "[]"
}

@test "plugstack: default_image is for all steps, but not for scripts; none switches off" {
	plugstack required "default_image=$IMG"
	run -0 user srun -N2 -n2 /opt/bin/only-in-image
	assert_equal "$output" $'only-in-image tiny\nonly-in-image tiny'
	run -0 user srun -n1 --ch-image=none test ! -e /ch
	printf '%s\n' '#!/bin/sh' 'test -e /ch || echo outside' 'srun /opt/bin/only-in-image' >"$share/job"
	batch -o "$share/out" "$share/job"
	assert_equal "$(<"$share/out")" $'outside\nonly-in-image tiny'
	plugstack required default_image=/no/such/image
	must_fail 2
	assert_match "$output" "charlie: n1: image '/no/such/image': No such file or directory"
}

@test "plugstack: allowed_images lists directories of images" {
	mkdir "$share"/{good,bad}
	cp "$IMG" "$share/good/i.sqfs"
	cp "$IMG" "$share/bad/i.sqfs"
	ln -s ../bad/i.sqfs "$share/good/link.sqfs"
	ln -s ../good/i.sqfs "$share/bad/link.sqfs"
	plugstack required "allowed_images=/nowhere:$share/good"
	run -0 user srun -n1 --ch-image="$share/good/i.sqfs" true
	run -0 user srun -n1 --ch-image="$share/bad/link.sqfs" true
	for image in bad/i.sqfs good/link.sqfs good/../bad/i.sqfs; do
		must_fail 2 --ch-image="$share/$image"
		assert_match "$output" \
			"charlie: n1: image '$share/bad/i.sqfs' is in none of the directories that this site allows"
	done
}

@test "plugstack: threads of the image server" {
	for threads in 1 5; do
		rm -f "$share"/{started,end}
		plugstack required threads=$threads
		start
		# One process serves, the other one waits for it. libfuse may have a thread, too.
		most=0
		while read -r pid; do
			n=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)
			most=$((n > most ? n : most))
		done < <(node_processes | awk '$4 == "ch-server" { print $3 }')
		((most == threads || most == threads + 1)) || fail "$most threads, not $threads"
		touch "$share/end"
		wait "$step"
	done
}

@test "plugstack: start_timeout bounds the wait for the keeper" {
	printf '%s\n' '#!/bin/sh' 'exec sleep 600' >"$share/keeper"
	chmod 755 "$share/keeper"
	plugstack required "helper=$share/keeper" start_timeout=2
	start=$SECONDS
	must_fail 2 --ch-image="$IMG"
	((SECONDS - start < 12)) || fail "took $((SECONDS - start)) s"
	assert_match "$output" 'charlie: n1: the keeper of the container gave no answer in time'
}

@test "plugstack: syslog=yes writes a line for each step" {
	syslog_up n1 "$share/log"
	plugstack required syslog=yes
	run -0 user srun -n2 --ch-image="$IMG" true
	syslog_down n1 "$share/log"
	assert_equal "$(grep -c charlie: "$share/log")" 1
	assert_match "$(<"$share/log")" "charlie: user $(id -u "$test_user") job [0-9]+\\.0 image '$IMG'"
}

@test "plugstack: a system log that hangs keeps nobody waiting" {
	syslog_up n1 --full "$share/log"
	plugstack required syslog=yes
	run -0 user timeout -k 5 60 srun -n2 --ch-image="$IMG" /opt/bin/only-in-image
	syslog_down n1 --full "$share/log"
	assert_equal "$output" $'only-in-image tiny\nonly-in-image tiny'
}

@test "plugstack: several plugins and an include are no problem" {
	printf 'optional %s\n' "$CH_CLUSTER/none.so" >"$CH_CLUSTER/c/etc/more.conf"
	printf 'include %s\nrequired %s\n' "$CH_CLUSTER/c/etc/more.conf" "$plugin" \
		>"$CH_CLUSTER/c/etc/plugstack.conf"
	run -0 user srun -n1 --ch-image="$IMG" /opt/bin/only-in-image
	assert_match "$output" 'only-in-image tiny'
}
