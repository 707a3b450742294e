#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# RUN of a build: packages that want root, installed by an ordinary user under root emulation
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image_run

setup_file() {
	make_image_run
	debian_image
	in_debian 0 -- "$debian" 'apt-get -q update'
}

setup() {
	ch_setup
	# A copy for each: what a package needs may come with another.
	image=$tmp/image
	as_test cp -a --reflink=auto "$debian" "$image"
}
teardown() { ch_teardown; }

installs() {
	in_debian 0 -- "$image" "apt-get -q -y install $*"
	in_debian 0 -- "$image" "dpkg --audit && dpkg -s $* >/dev/null"
	assert_equal "$output" ''
}

@test "packages: openssh-server" { installs openssh-server; }
@test "packages: dbus" { installs dbus; }
@test "packages: postfix" { installs postfix; }
@test "packages: systemd" { installs systemd; }
@test "packages: sudo" { installs sudo; }
@test "packages: man-db" { installs man-db; }
@test "packages: iputils-ping" { installs iputils-ping; }
@test "packages: udev" { installs udev; }
@test "packages: cron" { installs cron; }
@test "packages: munge" { installs munge; }
@test "packages: slurm-client" { installs slurm-client; }
@test "packages: mariadb-server" { installs mariadb-server; }

# A package with files of other owners, made in the image by rpm's own means
spec='Name: thing
Version: 1
Release: 1
Summary: a thing
License: none
BuildArch: noarch
%description
A thing
%install
mkdir -p %{buildroot}/opt/thing
echo content >%{buildroot}/opt/thing/file
%files
%attr(0640, daemon, bin) /opt/thing/file
%post
chown daemon:bin /opt/thing'

@test "packages: rpm: a database, and a package that changes owners" {
	installs rpm
	echo "$spec" >"$image/srv/thing.spec"
	own "$image/srv/thing.spec"
	in_debian 0 -- "$image" 'rpm --initdb && rpmbuild -bb --quiet -D "_topdir /srv" /srv/thing.spec'
	local install='rpm -i --nodeps /srv/RPMS/noarch/thing-1-1.noarch.rpm'
	in_debian 1 -f none -- "$image" "$install"
	assert_match "$stderr" 'chown'
	in_debian 0 -- "$image" "$install"
	in_debian 0 -- "$image" 'rpm -q thing && cat /opt/thing/file && stat -c "%u %g" /opt/thing/file'
	assert_equal "$output" $'thing-1-1.noarch\ncontent\n0 0'
}
