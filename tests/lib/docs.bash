# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # $top of common.bash
# docs.bash - examples in the documentation, for tests: load after common
#
# An example that is tested has a comment above it: <!-- test: slurm-NAME --> if it needs
# a cluster (tests/slurm/readme.bats), <!-- test: run-NAME --> if not (tests/e2e/docs.bats).
#
# Functions for tests:
#   example NAME      print the code block below that comment
#   examples KIND     names of all examples of a kind: slurm or run
#   tested FILE       names of the examples that a bats file runs, by "example NAME"

doc_files()
{
	printf '%s\n' "$top"/*.md "$top"/doc/*.md
}

example()
{
	local files

	mapfile -t files < <(doc_files)
	awk -v mark="<!-- test: $1 -->" '
		$0 == mark { found = 1; next }
		found && /^```/ { inside++; if (inside == 2) exit; next }
		inside == 1 { print; n++ }
		END { if (!n) exit 1 }' "${files[@]}" || {
		printf 'no example %s\n' "$1" >&2
		return 1
	}
}

examples()
{
	local files

	mapfile -t files < <(doc_files)
	sed -n "s/^<!-- test: \($1-.*\) -->\$/\1/p" "${files[@]}" | sort
}

tested()
{
	grep -Eo 'example (slurm|run)-[a-z-]+' "$1" | sed 's/example //' | sort -u
}
