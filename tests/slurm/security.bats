#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a user cannot do with the keeper and the image server of a job, and what they are
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm

setup_file() {
	need_user "$test_user"
	# Slurm keeps what it knows of groups for a while: so before it starts.
	groupadd --force chtestgroup
	usermod --append --groups chtestgroup "$test_user"
	slurm_up
	IMG=$(image tiny)
	export IMG
}

teardown_file() {
	slurm_down
	groupdel chtestgroup
}

setup() { slurm_setup; }
teardown() {
	touch "$share/end"
	[[ ! ${step-} ]] || wait "$step" || true
	slurm_teardown
}

lacks() {
	[[ -e $1 ]] || echo "$1"
}

# One task inside, whose pid is in share/app, until share/end is made. Then: $keeper, $servers,
# $ours are pids.
start() {	# OPTION...
	user "${with[@]}" srun -n1 --ch-image="$IMG" --ch-bind="$share:/share" "$@" sh -c '
		echo $$ >/share/app
		touch /share/started
		while [ ! -e /share/end ]; do sleep 0.1; done' >"$share/log" 2>&1 3>&- &
	step=$!
	wait_until_empty 20 "not started: $(cat "$share/log")" lacks "$share/started"
	keepers_are 1
	keeper=$(pids_of ch-keeper)
	servers=$(pids_of ch-server)
	ours="$keeper $servers"
	[[ $keeper =~ ^[0-9]+$ && $servers ]]
}

with=(env)

lacks_sleep() {	# PID-FILE
	[[ -s $1 && $(<"/proc/$(<"$1")/comm") == sleep ]] || echo "$1"
}

status_of() {	# PID FIELD
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '
}

@test "security: keeper and server are the user's for good, with its groups, without capabilities" {
	groups="$(id -G "$test_user")"
	(($(wc -w <<<"$groups") > 1))
	start
	uid=$(id -u "$test_user") gid=$(id -g "$test_user")
	for pid in $ours; do
		assert_equal "$(status_of "$pid" Uid)" "$uid $uid $uid $uid"
		assert_equal "$(status_of "$pid" Gid)" "$gid $gid $gid $gid"
		assert_equal "$(status_of "$pid" Groups | xargs -n1 | sort | xargs)" \
			"$(xargs -n1 <<<"$groups" | sort | xargs)"
		for set in CapInh CapPrm CapEff CapAmb; do
			assert_equal "$(status_of "$pid" $set)" 0000000000000000
		done
	done
}

@test "security: no_new_privs, a seccomp filter, killable in low memory" {
	start
	for pid in $ours; do
		assert_equal "$(status_of "$pid" NoNewPrivs)" 1
		assert_equal "$(status_of "$pid" Seccomp)" 2
		assert_equal "$(<"/proc/$pid/oom_score_adj")" 0
	done
}

@test "security: a fixed environment and no arguments, whatever the job's environment is" {
	with=(env SECRET=secret LD_LIBRARY_PATH="$share" GLIBC_TUNABLES=glibc.malloc.check=3)
	start --ch-env=SECRET2=secret
	assert_equal "$(tr '\0' '\n' <"/proc/$keeper/environ")" PATH=/usr/bin:/bin
	for pid in $servers; do assert_equal "$(tr '\0' '\n' <"/proc/$pid/environ")" ""; done
	# "placed": it was told where the tasks run before it was exec'd.
	assert_match "$(tr '\0' ' ' <"/proc/$keeper/cmdline")" '^ch-keeper (placed )?$'
	# Place and size of the file system in the image
	for pid in $servers; do assert_match "$(tr '\0' ' ' <"/proc/$pid/cmdline")" '^ch-server [0-9]+ [0-9]+ $'; done
}

@test "security: nothing of the job's environment is preloaded" {
	cat >"$share/evil.c" <<-END
		#include <fcntl.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/prctl.h>
		#include <unistd.h>
		__attribute__((constructor)) static void evil(void)
		{
			char comm[17] = "", path[200];
			prctl(PR_GET_NAME, comm);
			snprintf(path, sizeof(path), "$share/was-in-%s", comm);
			close(open(path, O_CREAT | O_WRONLY, 0666));
		}
		unsigned la_version(unsigned v) { return v; }
	END
	gcc -shared -fPIC -o "$share/evil.so" "$share/evil.c"
	with=(env LD_PRELOAD="$share/evil.so" LD_AUDIT="$share/evil.so")
	start
	[[ -e $share/was-in-srun ]]	# the test can tell
	for path in "$share"/was-in-*; do
		[[ ${path##*/was-in-} != @(ch-*|slurmstepd) ]] || fail "$path"
	done
	for pid in $ours; do run ! grep evil "/proc/$pid/maps"; done
}

@test "security: they have no descriptors but their own" {
	start
	for pid in $ours; do
		run -0 find "/proc/$pid/fd" -mindepth 1 -printf '%l\n'
		run ! grep -vE '^(/dev/null|/dev/fuse|socket:.*|anon_inode:.*|user:.*|mnt:.*|/memfd:ch-.*|/proc/[0-9]+/status|'"$IMG"')$' \
			<<<"$output"
		assert_equal "$output" ""
	done
}

@test "security: their owner cannot look or get into them" {
	start
	# shellcheck disable=SC2086 # one word each
	run -0 user /usr/bin/python3 "$top/tests/slurm/poke" $ours
	assert_equal "$output" ""
	# The test can tell.
	user sh -c "echo \$\$ >'$share/pid'; exec sleep 20" 3>&- &
	wait_until_empty 10 "not started" lacks_sleep "$share/pid"
	run -1 user /usr/bin/python3 "$top/tests/slurm/poke" "$(<"$share/pid")"
	kill "$(<"$share/pid")"
	assert_equal "$(wc -l <<<"$output")" 12 || fail "$output"
}

@test "security: another user cannot look into them or the application, nor disturb them" {
	start
	app=$(<"$share/app")
	assert_equal "$(<"/proc/$app/comm")" sh
	[[ $app =~ ^[0-9]+$ ]]
	# shellcheck disable=SC2086 # one word each
	run -0 run_as "$test_user2" /usr/bin/python3 "$top/tests/slurm/poke" --other $ours $app
	assert_equal "$output" ""
	# Nothing has a name that somebody could connect to.
	for pid in $ours; do
		while read -r inode; do
			run -0 awk -v inode="$inode" '$7 == inode { print $8 }' "/proc/$pid/net/unix"
			assert_equal "$output" ""
		done < <(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
	done
	# The same user in a job of their own, on the same node
	# shellcheck disable=SC2086
	run -0 run_as "$test_user2" srun -n1 --ch-uid=0 --ch-image="$(image debian)" \
		--ch-bind="$top/tests/slurm/poke:/mnt/poke" /usr/bin/python3 /mnt/poke --other $ours $app
	assert_equal "$output" ""
	touch "$share/end"
	wait "$step"
}

@test "security: nor from inside the container, as what seems to be root" {
	start
	cp "$top/tests/slurm/poke" "$share/poke"
	# shellcheck disable=SC2086
	run -0 user srun -n1 --overlap --ch-uid=0 --ch-gid=0 --ch-bind="$share:/share" \
		--ch-image="$(image debian)" /usr/bin/python3 /share/poke $ours
	assert_equal "$output" ""
	run ! user srun -n1 --overlap --ch-image="$IMG" cat "/proc/$keeper/environ"
}

@test "security: while the keeper starts, its owner cannot get into it, either" {
	# Pokes at all that appears, for a while.
	cat >"$share/hunt" <<-END
		import os, subprocess, sys, time
		end, seen = time.time() + 8, 0
		while time.time() < end and not os.path.exists("$share/end"):
		    for p in os.listdir("/proc"):
		        try:
		            comm = p.isdigit() and open(f"/proc/{p}/comm").read().strip()
		        except OSError:
		            continue
		        if comm in ("ch-keeper", "ch-server", "slurmstepd"):
		            for name in "environ", "mem":
		                try:
		                    open(f"/proc/{p}/{name}", "rb").close()
		                    text = open(f"/proc/{p}/environ", "rb").read()
		                except OSError:
		                    seen += 1
		                    continue
		                try:
		                    if open(f"/proc/{p}/comm").read().strip() != comm:
		                        continue    # the application, by now
		                except OSError:
		                    continue
		                # The builder shows itself for a moment; it has nothing of root's.
		                if comm == "slurmstepd" or b"SLURM" in text or b"root" in text:
		                    print(comm, name, text)
		print("looked", seen > 50)
	END
	user /usr/bin/python3 "$share/hunt" >"$share/hunted" 3>&- &
	hunter=$!
	for _ in {1..8}; do user srun -n2 --ch-image="$IMG" true; done
	touch "$share/end"
	wait "$hunter"
	assert_equal "$(<"$share/hunted")" "looked True"
}

@test "security: the application has no descriptor of the keeper's" {
	run -0 user srun -n2 --ch-image="$IMG" sh -c 'ls -l /proc/$$/fd'
	inside=$(grep -o '[0-9]* -> [a-z/]*' <<<"$output" | sort -u)
	run -0 user srun -n2 sh -c 'ls -l /proc/$$/fd'
	assert_equal "$inside" "$(grep -o '[0-9]* -> [a-z/]*' <<<"$output" | sort -u)"
	run ! grep socket <<<"$inside"
}

@test "security: the application has no capabilities inside, and gains none" {
	run -0 user srun -n1 --ch-uid=0 --ch-image="$IMG" grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status
	assert_equal "$(tr -d '\t' <<<"$output")" \
		$'CapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\nCapAmb:0000000000000000\nNoNewPrivs:1'
	run ! user srun -n1 --ch-uid=0 --ch-image="$IMG" umount /proc
	assert_match "$output" 'Operation not permitted|must be superuser'
	run ! user srun -n1 --ch-uid=0 --ch-image="$IMG" mount -o remount,rw /
	run -0 user srun -n1 --ch-image="$IMG" sh -c 'while read a b c d m rest; do [ "$m" = / ] && echo "$rest"; done </proc/self/mountinfo; :'
	assert_match "$output" 'nosuid'
	assert_match "$output" 'nodev'
}

@test "security: the keeper cannot be used when its job is over" {
	start
	touch "$share/end"
	wait "$step"
	assert_idle
	for pid in $ours; do
		[[ ! -e /proc/$pid/exe ]] || fail "$pid is still there"
	done
}

@test "security: a daemon that proctrack/linuxproc does not find keeps neither of them" {
	mark=$((700000 + RANDOM))
	user srun -n1 --ch-image="$IMG" sh -c \
		"(setsid sh -c 'setsid sleep $mark &' </dev/null >/dev/null 2>&1 &); sleep 0.5" 3>&-
	wait_until_empty 10 "still there" pids_of ch-keeper
	wait_until_empty 10 "still there" pids_of ch-server
	pkill -KILL -f "^sleep $mark" || true	# gone already, if Slurm found it
}

@test "security: the owner stops keeper and server: the job still ends, nothing stays" {
	start
	# shellcheck disable=SC2086
	user kill -STOP $ours
	touch "$share/end"
	begin=$SECONDS
	wait "$step" || true
	assert_idle
	((SECONDS - begin < 15)) || fail "took $((SECONDS - begin)) s"
}

@test "security: the owner kills the keeper and stops the server: nothing stays" {
	start
	# shellcheck disable=SC2086
	user kill -STOP $servers
	user kill -KILL "$keeper"
	user scancel --user="$test_user"
	begin=$SECONDS
	wait "$step" || true
	assert_idle
	((SECONDS - begin < 20)) || fail "took $((SECONDS - begin)) s"
}

@test "security: limits of the job are the keeper's; the server's, too, if its own are not lower" {
	with=(bash -c 'ulimit -S -c 0 -n 333 -s 4096; exec "$@"' -)
	start
	for pid in $ours; do
		assert_match "$(<"/proc/$pid/limits")" 'Max core file size  *0 '
		assert_match "$(<"/proc/$pid/limits")" 'Max stack size  *4194304 '
	done
	assert_match "$(<"/proc/$keeper/limits")" 'Max open files  *333 '
	for pid in $servers; do
		assert_match "$(<"/proc/$pid/limits")" 'Max open files  *32 '
	done
}
