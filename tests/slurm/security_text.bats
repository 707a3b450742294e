#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whatever is in options, variables and images: our lines are single lines, not too long, and
# without anything that a terminal obeys, on the terminal and in all logs
# shellcheck disable=SC2016,SC2030,SC2031 # variables for shells on the nodes; subshells of bats

load ../lib/slurm

setup_file() {
	slurm_up --nodes 1 --conf SlurmdDebug=debug2 --conf SlurmctldDebug=debug2
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }

setup() {
	slurm_setup
	mapfile -d '' hostile < <("$top/tests/lib/hostile" strings)
	((${#hostile[@]} == 4))
	dir=$share
}
teardown() { slurm_teardown; }

# srun with these options, with NAME=VALUE in the job: whatever becomes of it, it says one
# line of ours at most.
says() {	# [NAME=VALUE]... [OPTION]...
	local env=()

	while [[ ${1-} == [A-Z]*=* ]]; do
		env+=("$1")
		shift
	done
	timeout -k 5 60 runuser -u "$test_user" -- env HOME="/home/$test_user" USER="$test_user" \
		"${env[@]}" srun -n1 "$@" /bin/true >"$dir/out" 2>&1 </dev/null || true
	(($(grep -ac '^charlie: n1: ' "$dir/out") <= 1)) || fail "$(cat -v "$dir/out")"
	grep -a charlie: "$dir/out" >>"$dir/said" || true
}

check() {	# MAX FILE
	run "$top/tests/lib/hostile" check "$@" <"$2"
	assert_equal "$output" ""
}

@test "text: hostile strings in options, refused by srun" {
	for text in "${hostile[@]}"; do
		says --ch-image="$IMG" --ch-uid="$text"
		says --ch-image="$IMG" --ch-write="$text"
		says --ch-image="$IMG" --ch-write="fake:$text"
		says --ch-image="$IMG" --ch-join="$text"
		says --ch-image="$IMG" --ch-home="$text"
		says --ch-image="$IMG" --ch-env="$text"
		says --ch-image="$IMG" --ch-bind="/x:$text"
		says --ch-image="$IMG" --ch-bind="/x:/$text:$text"
	done
	check 430 "$share/said"
	(($(wc -l <"$share/said") >= 28)) || fail "$(wc -l <"$share/said") lines"
}

# STRING where it is only looked at on the node; $dir/said is what was said.
on_the_node() {	# STRING DIR
	local text=$1 dir=$2 name

	mkdir -p "$dir/image/ch"
	cp -a "$(image tiny dir)/." "$dir/image"
	says --ch-image="/$text"
	says --ch-image="$IMG" --ch-bind="/$text:/x"
	says --ch-image="$IMG" --ch-bind="$dir:/proc/$text"
	says --ch-image="$IMG" --ch-cd="/$text"
	says --ch-image="$IMG" --ch-env="/$text"
	says --ch-image="$IMG" --ch-env="$text=x" --ch-unset-env="$text"
	for name in UID GID WRITE JOIN HOME ENV BIND VERBOSE SCRIPT PASSWD; do
		echo "$name"
	done | shuf -n 3 --random-source=<(yes "$text") >"$dir/names"
	while read -r name; do
		says "CH_SPANK_$name=$text" --ch-image="$IMG"
	done <"$dir/names"
	says "CH_SPANK_IMAGE=$text"
	says HOME="/$text" --ch-home=yes --ch-image="$IMG"
	says USER="$text" TMPDIR="/$text" CH_SPANK_TASK_PROLOG="/$text" SLURMD_NODENAME="$text" \
		--ch-home=yes --ch-image="$IMG"
	# Of images
	python3 - "$dir/image/ch/config.pulled.json" "$text" <<-'END'
		import json, sys
		with open(sys.argv[1], "w") as f:
		    json.dump({"config": {"Entrypoint": [sys.argv[2]], "Env": [sys.argv[2]]}}, f)
	END
	says --ch-entrypoint=yes --ch-image="$dir/image"
	printf '=%s\n' "$text" >"$dir/image/ch/environment"
	says --ch-env=image --ch-image="$dir/image"
	printf '%s' "$text" >"$dir/image/ch/config.pulled.json"
	says --ch-entrypoint=yes --ch-image="$dir/image"
}

@test "text: hostile strings in options and variables, on the node" {
	logs=$(cat "$CH_CLUSTER"/c/log/{n1,slurmctld}.log | wc -c)
	syslog_up n1 "$share/syslog"
	plugstack required syslog=yes
	ln -s "$IMG" "$share/link"$'\n\e[31m\xc2\x9b31m\xe2\x80\xaeforged'
	mkdir "$share/cwd"$'\n\e[31m\xc2\x9b31m\xe2\x80\xaecharlie: n7: forged'
	chmod 755 "$share"/cwd*
	running=()
	# Side by side, for time
	for i in "${!hostile[@]}"; do
		on_the_node "${hostile[i]}" "$share/$i" 3>&- &
		running+=($!)
	done
	for pid in "${running[@]}"; do wait "$pid"; done
	cat "$share"/[0-3]/said >"$share/said"
	# These work: the notice of a working directory, and the line in the system's log.
	says -D "$share"/cwd* --ch-image="$(echo "$share"/link*)"
	assert_match "$(tail -n 2 "$share/said")" 'using / as working directory'
	syslog_down n1 "$share/syslog"

	check 430 "$share/said"
	(($(wc -l <"$share/said") >= 40)) || fail "$(wc -l <"$share/said") lines"
	check 440 "$share/syslog"
	grep -q "image '$share/link?" "$share/syslog"
	# With Slurm's time and place in front; what Slurm itself says of names is its own.
	cat "$CH_CLUSTER"/c/log/{n1,slurmctld}.log | tail -c "+$logs" | grep -a '^\[20.*charlie: ' >"$share/logs"
	check 520 "$share/logs"
	(($(wc -l <"$share/logs") >= 40))
	run ! grep -a '^charlie: n7' "$share/out"
}
