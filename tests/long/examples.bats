#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The Dockerfiles that are installed as examples: built one on the other by an ordinary user, and
# run as an MPI job
# shellcheck disable=SC2154 # variables of bats

load ../lib/slurm
load ../lib/docs

setup_file() { slurm_up; }
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# The base, which installs packages from where this machine does
debian()
{
	local uri

	# shellcheck disable=SC2016 # apt's
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' |
		grep -m 1 -E '/debian/?$')
	user unsquashfs -quiet -no-progress -dest "$share/debian" "$(image debian)" >/dev/null
	# shellcheck disable=SC2016
	user bash -c '
		. /etc/os-release
		echo "deb $2 $VERSION_CODENAME main" >"$1/etc/apt/sources.list"
		apt-config dump | grep -E "^Acquire::(http|https|ftp)::[^\"]*[Pp]roxy" \
			>"$1/etc/apt/apt.conf.d/host-proxy" || true' debian "$share/debian" "$uri"
	user ch-image -q import "$share/debian" debian:12
}

@test "examples: hello, debian_ch, openmpi, mpihello" {
	local examples=$prefix/share/doc/charlie/examples

	export CH_IMAGE_STORAGE=$share/s
	debian
	run -0 user ch-image build "$examples/hello"
	assert_match "$output" 'grown in 4 instructions: hello'
	run -0 user ch-run hello -- hello
	assert_match "$output" '^hello from Debian GNU/Linux 12'
	run -0 user ch-image build --force -f "$examples/Dockerfile.debian_ch" "$examples"
	assert_match "$output" 'grown in 3 instructions: debian_ch'
	run -0 user ch-image build --force -f "$examples/Dockerfile.openmpi" "$examples"
	assert_match "$output" 'grown in 2 instructions: openmpi'
	cd "$examples"
	run -0 user bash -euc "$(example long-tutorial-mpi)"
	assert_match "$output" 'grown in 5 instructions: mpihello'
	run -0 user ch-convert mpihello "$share/mpihello.sqfs"
	run -0 --separate-stderr user srun -N2 -n4 --mpi=pmix --ch-image="$share/mpihello.sqfs" \
		/hello/mpihello
	assert_equal "$(grep -c '^hello from rank [0-3] of 4 on n[12]$' <<<"$output")" 4
	assert_match "$output" 'sum of ranks: 6'
}
