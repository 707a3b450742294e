#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# From a registry to a job: what a user does from the first pull to sbatch, in one go
# shellcheck disable=SC2016,SC2154 # for shells inside; variables of bats and of slurm.bash

load ../lib/slurm
load ../lib/registry

setup_file() {
	slurm_up
	start_registry
	export registry
}
teardown_file() {
	stop_servers
	slurm_down
}
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# in_store NAME CMD...: as the user, with a storage directory of that name
in_store() {
	run -0 user env -C "$share" CH_IMAGE_STORAGE="$share/$1" "${@:2}"
}

@test "workflow: pull, build, push, pull elsewhere, convert, sbatch with MPI" {
	# The base, as somebody else would have put it there
	in_store others ch-convert -q "$(image mpi)" base
	in_store others ch-image push base "$registry/site/mpi:1"

	in_store here ch-image pull "$registry/site/mpi:1"
	in_store here ch-image list
	assert_match "$output" "^$registry/site/mpi:1"
	user mkdir "$share/context"
	echo 'echo "rank $SLURM_PROCID in $(cat /etc/flavour)"' | user tee "$share/context/say" >/dev/null
	user tee "$share/context/Dockerfile" >/dev/null <<-END
	FROM $registry/site/mpi:1
	ENV FLAVOUR=vanilla
	RUN echo "\$FLAVOUR" >/etc/flavour
	COPY --chmod=755 say /usr/local/bin/
	END
	in_store here ch-image build -t app context
	in_store here ch-image push app "$registry/me/app:2"

	in_store there ch-image pull "$registry/me/app:2" app
	in_store there ch-convert app app.sqfs
	user tee "$share/job" >/dev/null <<-END
	#!/bin/bash
	#SBATCH --nodes=2 --ntasks=4 --output=$share/out
	#SBATCH --ch-image=$share/app.sqfs
	srun --mpi=pmix mpi-cma
	srun sh /usr/local/bin/say
	END
	batch "$share/job"
	run cat "$share/out"
	assert_match "$output" 'size 4 nodes 2'
	assert_equal "$(grep -c '^rank [0-3] in vanilla$' <<<"$output")" 4
}
