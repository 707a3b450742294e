#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-check, ch-checkns and ch-run --feature: the verdict is right where something is really
# missing
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/run

deciding=(userns mountns mount-api syscalls openat2 seccomp helpers container)
others=(dev-fuse fuse resend overlay overlay-write tmpfs-xattr cma storage plugin)

setup()
{
	ch_setup
	deny=$(program deny)
	# What is said of Slurm is not about this machine.
	conf "required $plugin"
	via=()
	badfs=
	cd "$tmp" || return
}

teardown()
{
	[[ ! $badfs ]] || kill "$badfs" || true
	[[ ! $badfs ]] || wait "$badfs" || true
	ch_teardown
}

# ---- helpers -----------------------------------------------------------------------------

# conf LINE...: a Slurm with these lines in plugstack.conf
conf()
{
	mkdir -p "$tmp/slurm"
	printf 'ClusterName=test\nSlurmctldHost=localhost\nPlugStackConfig=%s\n' "$tmp/slurm/plugstack.conf" >"$tmp/slurm/slurm.conf"
	printf '%s\n' "$@" >"$tmp/slurm/plugstack.conf"
	own "$tmp/slurm"
	export SLURM_CONF=$tmp/slurm/slurm.conf
}

# check ARGS...: ch-check as CH_TEST_AS says, behind the words of $via
check()
{
	run --separate-stderr as_test env -u TMPDIR timeout -k 5 120 "${via[@]}" ch-check "$@"
}

# host SCRIPT ARGS...: the same, and in a mount namespace in which root has run SCRIPT
host()
{
	local as=()

	[[ $CH_TEST_AS == root ]] || as=(runuser -u "$test_user" --)
	run --separate-stderr with_fuse unshare --mount --propagation private bash -euc "
		$1
		exec ${as[*]} env -u TMPDIR PATH='$PATH' timeout -k 5 120 ${via[*]} ch-check \"\$@\"" host "${@:2}"
}

# sysctls NAME=VALUE...: a SCRIPT for host: as if the kernel, which may have none of them, had these
sysctls()
{
	local pair file

	echo 'mount -n -t tmpfs -o mode=755 sysctls /proc/sys/kernel'
	for pair; do
		file=/proc/sys/${pair%%=*}
		printf 'mkdir -p %s\necho %s >%s\n' "${file%/*}" "${pair#*=}" "$file"
	done
}

# says VERDICT NAME REGEX: the line of NAME
says()
{
	local line

	line=$(grep -E "^(ok|limited|no) +$2 " <<<"$output") || fail "no line for $2:" "$output" "$stderr" || return
	[[ $line =~ ^$1\ +$2\ +.*$3 ]] || fail "got:    $line" "wanted: $1 $2 $3"
}

# all_but NAME...: all other lines are "ok"
all_but()
{
	local name

	for name in "${deciding[@]}" "${others[@]}"; do
		[[ " $* " == *" $name "* ]] || says ok "$name" '' || return
	done
}

# ends STATUS: with that, and the last line that belongs to it
ends()
{
	local wanted='Containers can run here'

	((status == $1)) || fail "status $status, wanted $1:" "$output" "$stderr" || return
	(($1 == 0)) || wanted='Containers cannot run here: '
	[[ ${lines[-1]} == "$wanted"* ]] || fail "got:    ${lines[-1]}" "wanted: $wanted"
	assert_equal "$stderr" ''
}

# verdict VERDICT NAME FOUND REMEDY [SCRIPT]: what host shows of a thing that is "limited" or "no",
# word by word: in the exit status, with --need and without, in JSON, and last as lines
verdict()
{
	local code=0 line

	[[ $1 == limited || " ${deciding[*]} " != *" $2 "* ]] || code=1
	host "${5-}" --quiet --need="$2"
	((status == 1)) || fail "--need=$2: status $status" || return
	line=$(grep -E "^$1 +$2 " <<<"$output") || fail "not '$1':" "$output" || return
	[[ $line == *": $3; remedy: $4" ]] || fail "got:    $line" "wanted: $3; remedy: $4" || return
	host "${5-}" --json
	((status == code)) || fail "--json: status $status" || return
	python3 -c 'import json, sys
doc = json.load(sys.stdin)
assert doc["can_run"] == (sys.argv[5] == "0"), doc
assert sys.argv[1:5] in [[c[x] for x in ("verdict", "name", "found", "remedy")] for c in doc["capabilities"]], doc' \
		"${@:1:4}" $code <<<"$output" || return
	host "${5-}"
	ends $code || return
	assert_equal "$(grep -E " $2 " <<<"$output")" "$line"
}

# patch FILE OLD NEW: replace bytes, of the same number, wherever they are
patch()
{
	python3 - "$@" <<-'END'
		import sys
		path, old, new = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
		data = open(path, "rb").read()
		assert len(old) == len(new) and old in data
		open(path, "wb").write(data.replace(old, new))
	END
}

# ---- all is well ----------------------------------------------------------------------------

@test "check: all is well here" {
	check
	ends 0
	all_but
	assert_match "${lines[0]}" "^ch-check [0-9.a-z-]+, protocols .*: host [^ ]+, Linux [^ ]+ [^ ]+, user $(as_test id -u)\$"
	# One line each, a head, and an end; no remedies, no colours.
	assert_equal "${#lines[@]}" $((${#deciding[@]} + ${#others[@]} + 2))
	[[ $output != *remedy* && $output != *$'\033'* ]]
}

@test "check: details, and quiet" {
	check --verbose
	ends 0
	says ok fuse 'protocol 7\.[0-9]+$'
	says ok userns 'at most [0-9]+$'
	says ok helpers "version $(ch-check --version | sed 's/.*) //')\$"
	says ok plugin "'$plugin', for Slurm [0-9]+\.[0-9]+\$"
	check -q
	((status == 0))
	assert_equal "$output$stderr" ''
	check -q --need=plugin,fuse -n cma
	((status == 0))
	assert_equal "$output$stderr" ''
}

@test "check: JSON says the same as the lines" {
	check -v
	printf '%s\n' "$output" >"$tmp/lines"
	check --json
	((status == 0))
	python3 - "$tmp/lines" 3<<<"$output" <<-'END'
		import json
		import re
		import sys

		doc = json.load(open("/dev/fd/3"))
		lines = open(sys.argv[1]).read().splitlines()[1:-1]
		assert doc["can_run"] is True and doc["in_container"] is False, doc
		assert len(lines) == len(doc["capabilities"]), lines
		for line, c in zip(lines, doc["capabilities"]):
		    verdict, name, text = re.match(r"(\w+) +(\S+) +(.*)", line).groups()
		    assert (verdict, name) == (c["verdict"], c["name"]), (line, c)
		    assert text.startswith(c["means"]) and c["remedy"] is None, (line, c)
		    if name not in ("fuse", "resend"):
		        assert not c["found"] or text.endswith(c["found"]), (line, c)
		wanted = "userns mountns mount-api syscalls openat2 seccomp helpers container"
		assert [c["name"] for c in doc["capabilities"] if c["decides"]] == wanted.split()
		assert "job" not in doc
	END
}

@test "check: colours only on a terminal, or as asked" {
	local always

	check --color=always
	always=$output
	assert_match "$always" $'\033\[32mok'
	run as_test script -qec 'ch-check' /dev/null
	assert_match "$output" $'\033\[32mok'
	run as_test env NO_COLOR=1 script -qec 'ch-check' /dev/null
	[[ $output != *$'\033'* ]]
	run as_test script -qec 'ch-check --color=never' /dev/null
	[[ $output != *$'\033'* ]]
}

@test "check: wrong usage" {
	local arg

	for arg in --nothing extra --need=nothing --need --color=blue --json=x; do
		check "$arg"
		((status == 64))
		assert_equal "$output" ''
		assert_equal "${#stderr_lines[@]}" 1
		assert_match "$stderr" '^ch-check: error: '
	done
	check --need=fuse,cmaa
	assert_equal "$stderr" "ch-check: error: option --need: 'cmaa' is none of $(
		check -q --json
		python3 -c 'import json, sys
print(", ".join(c["name"] for c in json.load(sys.stdin)["capabilities"]))' <<<"$output")"
	check --help
	((status == 0))
	assert_match "$output" '--json'
}

@test "check: the programs tell their versions" {
	local name version

	version=$(ch-check --version)
	assert_match "$version" '^ch-check \(charlie\) [0-9.]+[-a-z0-9]*, protocols [0-9]+ [0-9]+ [0-9]+$'
	for name in bin/ch-run libexec/ch-{keeper,server,entry}; do
		run as_test "$prefix/$name" --version
		((status == 0))
		assert_equal "$output" "${name#*/}${version#ch-check}"
	done
	# And still nothing else.
	for name in ch-keeper ch-server ch-entry; do
		run as_test "$prefix/libexec/$name" --help </dev/null
		((status == 64))
	done
}

@test "check: ch-checkns" {
	run --separate-stderr as_test ch-checkns
	((status == 0))
	assert_equal "$output$stderr" ok
	# shellcheck disable=SC2016
	run --separate-stderr as_test unshare -r sh -c \
		'echo 0 >/proc/sys/user/max_user_namespaces; exec ch-checkns'
	((status == 1))
	assert_equal "$output" ''
	assert_equal "${#stderr_lines[@]}" 1
	assert_match "$stderr" '^ch-checkns: error: user namespaces .*max_user_namespaces \(0\)'
}

# ---- namespaces and mounts -------------------------------------------------------------------

@test "check: no user namespaces left" {
	# The limit of a user namespace between: as sysctl user.max_user_namespaces=0
	# shellcheck disable=SC2016
	via=(unshare -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh)
	check
	ends 1
	says no userns 'the limit user.max_user_namespaces \(0\) is reached; remedy: sysctl user.max_user_namespaces=15000$'
	says no mountns 'needs a user namespace; remedy: see userns$'
	says no container "ch-run.*max_user_namespaces"
	all_but userns mountns mount-api fuse resend overlay overlay-write tmpfs-xattr container
	check -q
	((status == 1))
	assert_equal "$(awk '{ print $2 }' <<<"$output" | xargs)" "userns mountns mount-api container"
	check --json
	((status == 1))
	python3 -c 'import json, sys
d = json.load(sys.stdin)
assert d["can_run"] is False
assert d["capabilities"][0]["remedy"] == "sysctl user.max_user_namespaces=15000"' <<<"$output"
}

@test "check: few user namespaces" {
	# shellcheck disable=SC2016
	via=(unshare -r sh -c 'echo 20 >/proc/sys/user/max_user_namespaces; exec "$@"' sh)
	check
	ends 0
	says limited userns 'user.max_user_namespaces is only 20; remedy: sysctl'
	all_but userns
	check --need=userns
	((status == 1))
	assert_equal "${lines[-1]}" "Containers can run here, but something is missing: userns"
}

@test "check: few mount namespaces" {
	# shellcheck disable=SC2016
	printf '%s\n' 'echo 20 >/proc/sys/user/max_mnt_namespaces' 'exec "$@"' >few
	via=(unshare -r sh "$tmp/few")
	verdict limited mountns 'user.max_mnt_namespaces is only 20' 'sysctl user.max_mnt_namespaces=15000'
	all_but mountns
}

@test "check: no mount namespaces left" {
	# shellcheck disable=SC2016
	via=(unshare -r sh -c 'echo 0 >/proc/sys/user/max_mnt_namespaces; exec "$@"' sh)
	check
	ends 1
	says ok userns ''
	says no mountns 'the limit user.max_mnt_namespaces \(0\) is reached; remedy: sysctl user.max_mnt_namespaces=15000$'
	says no container 'max_mnt_namespaces'
}

# denied VERDICT NAME REGEX STATUS RULE...
denied()
{
	via=("$deny" "${@:5}" --)
	check
	ends "$4"
	says "$1" "$2" "$3"
}

@test "check: a system call filter forbids what is needed" {
	denied no userns 'Operation not permitted; remedy: a security module or a system call filter' 1 unshare
	denied no mountns 'mount.*: Operation not permitted; remedy: a security module' 1 mount
	says ok userns ''
	denied no mount-api 'open_tree: Function not implemented; remedy: a newer kernel' 1 open_tree=ENOSYS
	denied no mount-api 'move_mount: Operation not permitted' 1 move_mount
	denied no openat2 'Function not implemented; remedy: Linux 5.6' 1 openat2=ENOSYS
	denied no syscalls 'close_range \(Linux 5.9\): Function not implemented' 1 close_range=ENOSYS
	denied no syscalls 'pidfd_open \(Linux 5.3\): Function not implemented' 1 pidfd_open=ENOSYS
	denied no seccomp 'install a filter: Invalid argument' 1 seccomp=EINVAL
}

@test "check: a system call filter forbids what some images need" {
	denied limited mount-api 'no mount_setattr: mounts become read-only one by one; remedy: Linux 5.12' 0 mount_setattr=ENOSYS
	all_but mount-api
	# The flags of read-only mounts: FUSE, and overlays of lower layers only
	denied no overlay 'users cannot mount them: Operation not permitted; remedy: Linux 5.11' 0 mount:7
	says no fuse 'mount: Operation not permitted; remedy:'
	all_but overlay fuse resend
	denied no overlay 'the kernel has no overlay; remedy: load the kernel module overlay' 0 mount:7=ENODEV
}

@test "check: user namespaces are nested too deeply" {
	# shellcheck disable=SC2016
	printf '%s\n' 'n=$1; shift' '[ "$n" = 0 ] || exec unshare -r sh "$0" $((n - 1)) "$@"' 'exec "$@"' >nest
	via=(sh "$tmp/nest" 33)
	verdict no userns 'they are nested too deeply, or the limit user.max_user_namespaces is reached further outside' \
		'start it further outside; sysctl user.max_user_namespaces=15000'
	says no container 'make a user namespace: the limit .*; or too many are nested'
}

# ---- sysctls ------------------------------------------------------------------------------------
# Of other kernels: what they refuse is refused by a filter here.

@test "check: kernel.unprivileged_userns_clone" {
	local name=kernel/unprivileged_userns_clone found='kernel.unprivileged_userns_clone is 0' \
		remedy='sysctl kernel.unprivileged_userns_clone=1'

	host "$(sysctls $name=1)"
	ends 0
	all_but
	if [[ $CH_TEST_AS == root ]]; then
		verdict limited userns "for root only: $found" "$remedy" "$(sysctls $name=0)"
		all_but userns
	fi
	via=("$deny" unshare --)
	verdict no userns "$found" "$remedy" "$(sysctls $name=0)"
	all_but userns mountns mount-api fuse resend overlay overlay-write tmpfs-xattr container
	verdict no userns 'Operation not permitted' \
		'a security module or a system call filter forbids it; see the admin guide' "$(sysctls $name=1)"
	via=("$deny" unshare=EINVAL --)
	verdict no userns 'Invalid argument' 'a kernel with CONFIG_USER_NS' "$(sysctls)"
}

@test "check: AppArmor restricts user namespaces" {
	local name=kernel/apparmor_restrict_unprivileged_userns \
		remedy='sysctl kernel.apparmor_restrict_unprivileged_userns=0, or AppArmor profiles with userns for ch-keeper and ch-check'

	host "$(sysctls $name=0)"
	ends 0
	all_but
	if [[ $CH_TEST_AS == root ]]; then
		verdict limited userns 'AppArmor restricts those of ordinary users' "$remedy" "$(sysctls $name=1)"
		all_but userns
	fi
	# It lets users make one, but not mount in it; or nothing at all.
	via=("$deny" mount=EACCES --)
	verdict no mountns 'stop mounts from propagating to the host: AppArmor restricts user namespaces' \
		"$remedy" "$(sysctls $name=1)"
	verdict no mountns 'stop mounts from propagating to the host: Permission denied' \
		'a security module or a system call filter forbids it; see the admin guide' "$(sysctls $name=0)"
	via=("$deny" unshare=EACCES --)
	verdict no userns 'AppArmor restricts them' "$remedy" "$(sysctls $name=1)"
	# One reason at a time: Debian's sysctl comes first.
	verdict no userns 'kernel.unprivileged_userns_clone is 0' 'sysctl kernel.unprivileged_userns_clone=1' \
		"$(sysctls $name=1 kernel/unprivileged_userns_clone=0)"
}

@test "check: kernel.yama.ptrace_scope" {
	local name=kernel/yama/ptrace_scope found='process_vm_readv: Operation not permitted'

	host "$(sysctls $name=0)" --verbose
	ends 0
	says ok cma 'for MPI$'
	if [[ $CH_TEST_AS == root ]]; then
		verdict limited cma 'for root only: kernel.yama.ptrace_scope is 1' \
			'sysctl kernel.yama.ptrace_scope=0' "$(sysctls $name=1)"
		all_but cma
	else
		host "$(sysctls $name=1)" --verbose --need=cma
		ends 0
		says ok cma 'although kernel.yama.ptrace_scope is 1$'
	fi
	via=("$deny" process_vm_readv --)
	verdict no cma "$found; kernel.yama.ptrace_scope is 1" 'sysctl kernel.yama.ptrace_scope=0' "$(sysctls $name=1)"
	all_but cma
	verdict no cma "$found; kernel.yama.ptrace_scope is 3" 'kernel.yama.ptrace_scope=0 in sysctl.conf, and a restart' \
		"$(sysctls $name=3)"
	verdict no cma "$found" 'a security module or a system call filter forbids it' "$(sysctls $name=0)"
}

@test "check: sysctls that are hidden" {
	host 'mount -n -t tmpfs -o mode=755 sysctls /proc/sys' --verbose
	ends 0
	all_but
	says ok userns 'for ordinary users$'
	says ok mountns 'mounts in them$'
}

# ---- FUSE ---------------------------------------------------------------------------------------

@test "check: no /dev/fuse" {
	host 'mount -n --bind /dev/null /dev/fuse'
	ends 0
	says no dev-fuse "'/dev/fuse' is something else; remedy: load the kernel module fuse"
	says no fuse ''
	all_but dev-fuse fuse resend
	host 'mount -n --bind /dev/null /dev/fuse' --need=fuse --quiet
	((status == 1))
	assert_equal "${#lines[@]}" 1
	assert_match "$output" '^no +fuse '
}

@test "check: /dev/fuse is not open to all" {
	host 'mknod -m 600 fuse c 10 229; mount -n --bind fuse /dev/fuse; rm fuse'
	ends 0
	if [[ $CH_TEST_AS == user ]]; then
		says no dev-fuse "open '/dev/fuse': Permission denied; remedy: chmod 666 /dev/fuse, by a udev rule"
		says no fuse "open '/dev/fuse': Permission denied"
		all_but dev-fuse fuse resend
	else
		says limited dev-fuse "mode of '/dev/fuse' is 600: not for ordinary users; remedy: chmod 666"
		all_but dev-fuse
	fi
}

# ---- storage --------------------------------------------------------------------------------------

@test "check: storage that programs cannot be executed on" {
	export CH_IMAGE_STORAGE=$tmp/store/me.ch/deeper
	mkdir -m 755 "$tmp/store"
	host "mount -n -t tmpfs -o noexec,mode=1777 store '$tmp/store'"
	ends 0
	says no storage "'$tmp/store' is mounted noexec: programs there cannot be executed; remedy: another place: CH_IMAGE_STORAGE\$"
	all_but storage
	host "mount -n -t tmpfs -o ro,mode=1777 store '$tmp/store'"
	ends 0
	says no storage "make a file in '$tmp/store': Read-only file system"
	rmdir "$tmp/store"
	: >"$tmp/store"
	check
	says no storage "open '$tmp/store.*': Not a directory"
	rm "$tmp/store"
	own "$tmp"
	check -v
	says ok storage "'$tmp', "
	assert_equal "$(find "$tmp" -mindepth 1 | sort)" "$(find "$tmp/slurm" | sort)"
}

@test "check: storage without user attributes" {
	export CH_IMAGE_STORAGE=$tmp/store/me.ch
	mkdir -m 755 "$tmp/store"
	verdict limited storage "no user attributes in '$tmp/store': Operation not supported" \
		'another place: CH_IMAGE_STORAGE' "mount -n -t ramfs -o mode=1777 store '$tmp/store'"
	all_but storage
}

@test "check: storage on a file system that can little, or fails" {
	export CH_IMAGE_STORAGE=$tmp/store/me.ch
	mkdir -m 1777 "$tmp/real"
	mkdir "$tmp/store"
	"$(program badfs fuse3)" "$tmp/real" "$tmp/store" rw 3>&- &
	badfs=$!
	await 5 mountpoint -q "$tmp/store"
	verdict limited storage "no user attributes in '$tmp/store': Operation not supported" \
		'another place: CH_IMAGE_STORAGE'
	all_but storage
	# A file had a name for a moment.
	assert_equal "$(ls -A "$tmp/real")" ''
	kill -USR1 "$badfs"
	verdict no storage "make a file in '$tmp/store': Input/output error" \
		'another place: CH_IMAGE_STORAGE'
	all_but storage
}

# No file system whose files share blocks can be made without its mkfs, and a block device:
# what the kernel answers to ioctl_ficlone(2), 0x40049409, is all that counts.
@test "check: storage with and without reflinks" {
	local here script

	here="'$tmp/store'"
	script="mount -n -t tmpfs -o mode=1777 store $here"
	export CH_IMAGE_STORAGE=$tmp/store/me.ch
	mkdir -m 755 "$tmp/store"
	host "$script" --verbose --need=storage
	ends 0
	says ok storage "$here, without shared blocks \\(reflink\\): copies cost time and space\$"
	via=("$deny" ioctl:0x40049409=OK --)
	host "$script" --verbose --need=storage
	ends 0
	says ok storage "$here, can share blocks between copies \\(reflink\\)\$"
	host "$script" --json
	assert_match "$output" "\"found\": \"$here, can share blocks between copies \\(reflink\\)\", \"remedy\": null"
}

@test "check: storage that ch-run does not use" {
	local me other

	me=$(as_test id -u)
	other=$(id -u "$test_user2")
	export CH_IMAGE_STORAGE=$tmp/me.ch
	mkdir "$tmp/me.ch"
	chown "$test_user2" "$tmp/me.ch"
	check
	ends 1
	says no storage "'$tmp/me.ch' cannot be used: it belongs to user $other, not to you \($me\); remedy: another place: CH_IMAGE_STORAGE\$"
	says no container "storage '$tmp/me.ch' cannot be used: it belongs to user $other"
	all_but storage container
	chown "$me" "$tmp/me.ch"
	chmod 777 "$tmp/me.ch"
	check
	says no storage "'$tmp/me.ch' cannot be used: others may write to it \(mode 0777\); chmod go-w makes it yours"
	chmod 755 "$tmp/me.ch"
	mkdir "$tmp/me.ch/img"
	chown "$other" "$tmp/me.ch/img"
	check
	says no storage "'$tmp/me.ch' cannot be used: its directory img: it belongs to user $other"
	chown "$me" "$tmp/me.ch/img"
	check
	all_but
	ln -s me.ch link
	CH_IMAGE_STORAGE=$tmp/link check
	says no storage "'$tmp/link' cannot be used: it is a symbolic link"
}

# ---- plugin ----------------------------------------------------------------------------------------

@test "check: the plugin is not configured" {
	conf '# required /opt/spank_charlie.so'
	check
	ends 0
	says no plugin "no spank_charlie.so in '$tmp/slurm/plugstack.conf'; remedy: a line 'required $plugin'"
	check --quiet --need=plugin
	((status == 1))
	says no plugin ''
	assert_equal "${#lines[@]}" 1
	conf "optional $plugin"
	check
	says limited plugin 'optional in .*: where it cannot be loaded, jobs run on the host'
	conf 'required spank_charlie.so'
	check
	says limited plugin 'without a directory: cannot tell'
	conf "include $tmp/slurm/more/*.conf"
	mkdir "$tmp/slurm/more"
	printf 'required %s\n' "$plugin" >"$tmp/slurm/more/charlie.conf"
	own "$tmp/slurm"
	check
	all_but
}

@test "check: the plugin's file is missing, damaged, or another one's" {
	local file=$tmp/spank_charlie.so

	conf "required $file threads=2"
	check
	ends 0
	says no plugin "'$file': No such file or directory; remedy: install it there"
	cp "$plugin" "$file"
	chmod 644 "$file"
	check
	says ok plugin ''
	truncate -s 5000 "$file"
	check
	says no plugin "'$file': damaged or truncated"
	cp /bin/true "$file"
	check
	says no plugin "'$file': has no number 'plugin_version'"
}

@test "check: a plugin of another version" {
	local file=$tmp/spank_charlie.so ours

	ours=$(ch-check --version | sed 's/.*) //')
	conf "required $file"
	cp "$plugin" "$file"
	chmod 644 "$file"
	patch "$file" "charlie $ours" "charlie 9${ours:1}"
	check
	ends 0
	says limited plugin "'$file' is not of version $ours, as ch-check is; remedy: install all parts together"

	# As if built with the headers of Slurm 19.05: the number that Slurm compares.
	cp "$plugin" "$file"
	python3 - "$file" <<-'END'
		import re
		import struct
		import subprocess
		import sys

		path = sys.argv[1]
		symbols = subprocess.run(["nm", "-D", path], capture_output=True, text=True).stdout
		where = int(re.search(r"(\w+) \w plugin_version\n", symbols).group(1), 16)
		for line in subprocess.run(["readelf", "-lW", path], capture_output=True, text=True).stdout.splitlines():
		    m = re.match(r" +LOAD +(0x\w+) (0x\w+) \S+ (0x\w+)", line)
		    if m and (p := [int(x, 16) for x in m.groups()])[1] <= where < p[1] + p[2]:
		        offset = where - p[1] + p[0]
		data = bytearray(open(path, "rb").read())
		struct.pack_into("=I", data, offset, 19 << 16 | 5 << 8)
		open(path, "wb").write(data)
	END
	check
	says no plugin "'$file' was built for Slurm 19.05, and this is [0-9.]+; remedy: build it again, with the headers of this Slurm"
}

@test "check: without Slurm no plugin is needed" {
	unset SLURM_CONF
	# shellcheck disable=SC2016
	host 'for f in sinfo srun slurmd; do p=$(command -v $f) && mount -n --bind /dev/null "$p"; done
		[ ! -d /etc/slurm ] || mount -n -t tmpfs t /etc/slurm' -v
	ends 0
	says ok plugin 'not needed: there is no Slurm here'
}

# ---- helpers -------------------------------------------------------------------------------------

@test "check: helpers that are missing, or of another version" {
	local ours

	ours=$(ch-check --version | sed 's/.*) //')
	mkdir "$tmp/libexec"
	export CH_KEEPER=$tmp/libexec/ch-keeper
	check
	ends 1
	says no helpers "execute '$CH_KEEPER': No such file or directory; remedy: install it"
	says no container "execute the keeper"
	cp "$prefix/libexec"/ch-{keeper,entry} "$tmp/libexec"
	own "$tmp/libexec"
	check
	ends 1
	says no helpers "execute '$tmp/libexec/ch-server': No such file or directory"
	cp "$prefix/libexec/ch-server" "$tmp/libexec"
	own "$tmp/libexec"
	check
	ends 0
	patch "$tmp/libexec/ch-server" "charlie $ours" "charlie 9${ours:1}"
	check
	ends 1
	says no helpers "'$tmp/libexec/ch-server' is of version 9${ours:1}, ch-check of $ours; remedy: install all parts together"
	all_but helpers
}

@test "check: a ch-run of another version" {
	local ours other protocols

	ours=$(ch-check --version | sed 's/.*) //')
	protocols=${ours#*protocols}
	mkdir "$tmp/bin"
	cp "$prefix/bin/ch-check" "$tmp/bin"
	via=(env PATH="$tmp/bin:$PATH")
	other=9${ours:1}
	cp "$prefix/bin/ch-run" "$tmp/bin"
	patch "$tmp/bin/ch-run" "charlie $ours" "charlie $other"
	verdict no helpers "'$tmp/bin/ch-run' is of version $other, ch-check of $ours" \
		'install all parts together'
	all_but helpers
	# The same package, which speaks to its keeper in another way
	other="${ours%protocols*}protocols${protocols//[0-9]/9}"
	cp "$prefix/bin/ch-run" "$tmp/bin"
	patch "$tmp/bin/ch-run" "charlie $ours" "charlie $other"
	check
	ends 1
	says no helpers "'$tmp/bin/ch-run' is of version $other, ch-check of $ours; remedy: install all parts together\$"
	printf '%s\n' '#!/bin/sh' 'echo 0.26' >"$tmp/bin/ch-run"
	check
	ends 1
	says no helpers "'$tmp/bin/ch-run' says '0.26'; remedy: install all parts together\$"
	cp "$prefix/bin/ch-run" "$tmp/bin"
	check
	ends 0
	all_but
	# Without one beside ch-check, it is the installed one that counts.
	rm "$tmp/bin/ch-run"
	check
	ends 0
	all_but
}

@test "check: what hangs is ended" {
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' '[ "$1" != --version ] || sleep 1000' \
		"exec $prefix/libexec/ch-keeper \"\$@\"" >"$tmp/keeper"
	chmod 755 "$tmp/keeper"
	export CH_KEEPER=$tmp/keeper
	check
	ends 1
	says no helpers 'no answer within [0-9]+ seconds; remedy: something hangs'
	all_but helpers
	run ! pgrep -f '^sleep 1000$'
}

# ---- others ------------------------------------------------------------------------------------------

@test "check: no CMA for programs that nobody may trace" {
	# Not readable, and so not dumpable: prctl(2).
	cp "$prefix/bin/ch-check" "$tmp/ch-check"
	chmod 111 "$tmp/ch-check"
	run --separate-stderr as_user "$tmp/ch-check"
	ends 0
	says no cma 'process_vm_readv: Operation not permitted; remedy: '
}

@test "check: in a container" {
	run --separate-stderr as_test env -u TMPDIR timeout -k 5 120 ch-run / -- "$prefix/bin/ch-check"
	ends 0
	assert_match "${lines[0]}" ', in a container$'
	export CH_KEEPER=/nowhere/ch-keeper
	run --separate-stderr as_test env -u TMPDIR -u CH_KEEPER timeout -k 5 120 \
		ch-run --set-env=CH_KEEPER=/nowhere/ch-keeper / -- "$prefix/bin/ch-check"
	ends 0
	says limited helpers "inside a container, without '/nowhere/ch-keeper'"
	says limited container 'inside a container'
}

# ---- ch-run --feature -------------------------------------------------------------------------------

# feature STATUS NAME
feature()
{
	run_ch --feature="$2"
	[[ $status == "$1" && ! $output && ! $stderr ]] ||
		fail "feature $2: status $status, wanted $1" "$output" "$stderr"
}

@test "feature: there, or not" {
	local name

	for name in extglob fuse json overlayfs squash tmpfs-xattrs userns; do
		feature 0 "$name"
	done
	feature 87 cdi
	run_ch -v --feature=cdi
	((status == 87))
	assert_equal "$output" ''
	assert_match "$stderr" "^ch-run\[[0-9]+\]: info: feature 'cdi': ch-run does not know CDI devices\$"
	# Whatever else is there is not looked at.
	run_ch --feature=userns /nonexistent -- true
	((status == 0))
	refused 64 "feature 'nothing' is none of cdi, extglob, fuse, json, overlayfs, seccomp, sif, squash, tmpfs-xattrs, userns" --feature=nothing
	refused 64 "option '--feature' needs an argument" --feature
}

@test "feature: what is said is what ch-run does" {
	local code=0

	run_ch "$(image tiny sif)" -- true
	((status == 0)) || code=87
	feature $code sif
	code=0
	run_ch --seccomp "$(image tiny dir)" -- true
	((status == 0)) || code=87
	feature $code seccomp
}

@test "feature: absent where the kernel refuses" {
	local name

	via=("$deny" mount --)
	for name in fuse overlayfs squash tmpfs-xattrs userns; do feature 87 "$name"; done
	for name in extglob json; do feature 0 "$name"; done
	run_ch -v --feature=userns
	((status == 87))
	assert_match "$stderr" "info: feature 'userns': stop mounts from propagating to the host: Operation not permitted; remedy: "
	via=("$deny" mount:7 --)
	for name in fuse squash; do feature 87 "$name"; done
	for name in overlayfs userns; do feature 0 "$name"; done
}
