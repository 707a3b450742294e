#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# RUN of a build: real packages, installed by an ordinary user (all others: long/packages.bats)
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image_run

setup_file() {
	[[ $CH_TEST_AS == user ]] || return 0
	make_image_run
	debian_image
}

setup() {
	ch_setup
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root: ordinary users can do less"
	unsanitized "what there is of ours, image_run.bats shows"
}
teardown() { ch_teardown; }

@test "packages: without root emulation, apt fails, and it is said why" {
	in_debian 100 -f none -- "$debian" 'apt-get -q update'
	assert_match "$output$stderr" 'setgroups|seteuid|setresuid|setegid'
	assert_match "$stderr" 'told: RUN failed without root emulation: try --force$'
}

@test "packages: with it, from Debian's mirror" {
	in_debian 0 -- "$debian" 'apt-get -q update && apt-get -q -y install cron iputils-ping'
	[[ -e $debian/usr/sbin/cron && -e $debian/usr/bin/ping && -d $debian/var/spool/cron/crontabs ]]
	# Nothing of the emulation is in the image.
	assert_equal "$(find "$debian/ch" "$debian/etc/apt" -name build -o -name apt.conf)" ''
	# Packages that change owners cannot be installed without.
	in_debian 100 -f none -- "$debian" \
		'dpkg --purge cron && apt-get -q -y -o APT::Sandbox::User=root install cron'
	assert_match "$output$stderr" 'chown|chgrp|(chang|sett)ing (owner|group)'
	in_debian 0 -- "$debian" 'dpkg --configure -a'
}

@test "packages: fakeroot: is installed where it is wanted first, and keeps owners" {
	in_debian 0 -f fakeroot -- "$debian" \
		'apt-get -q -y install dbus && stat -c "%U %G" /usr/lib/dbus-1.0/dbus-daemon-launch-helper'
	assert_match "$stderr" 'told: --force=fakeroot: Debian, Ubuntu, or a relative: installing it: apt-get '
	assert_match "$stderr" "told: --force: RUN: new command: fakeroot 'sh' '-c' 'apt-get "
	assert_match "$output" $'\nroot messagebus$'
	in_debian 0 -f fakeroot -- "$debian" \
		'dpkg --version >/dev/null && chown 5:7 /etc/passwd && stat -c "%u %g" /etc/passwd'
	assert_equal "$output" '5 7'
	assert_match "$stderr" $'^told: [^\n]*new command: fakeroot [^\n]*$'
	in_debian 1 -f fakeroot -- "$debian" 'chown 5:7 /etc/passwd'
	assert_match "$stderr" 'told: RUN failed without fakeroot\(1\): try --force=seccomp'
}
