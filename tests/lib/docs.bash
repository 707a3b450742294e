# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # $top, $prefix of common.bash
# docs.bash - examples in the documentation, for tests: load after common
#
# An example that is tested has a mark above it: <!-- test: KIND-NAME -->, in man pages
# .\" test: KIND-NAME. The KIND says where:
#   run     of README.md and doc/*.md: tests/e2e/docs.bats
#   man     of the installed man pages: tests/e2e/man.bats, man_image.bats
#   slurm   of both, with a cluster: tests/slurm/readme.bats
#   long    of both, what takes long, or packages of the distribution: tests/long/docs.bats
# tests/lint/check-docs wants each block of text to have one, or a reason why not.
#
# Functions for tests:
#   example NAME      print the block below that mark, as a reader sees it
#   commands NAME     of a block that shows a session, what is typed: behind "$ "
#   answers NAME      the rest of it
#   examples KIND     names of all examples of a kind
#   type_in TEXT      as whom as_test means would, in a shell that stops at errors, by bats' run
#   follow NAME       type in an example: it succeeds
#   follow_session NAME [SED]   type in its commands: what they print are the answers, both after
#                     these commands of sed
#   tested FILE...    names of the examples that bats files run, by "example", "follow" ...

doc_files()
{
	printf '%s\n' "$top"/*.md "$top"/doc/*.md
	find "$prefix/share/man" -type f
}

# In man pages, what check-docs lets be there is undone.
example()
{
	local files

	mapfile -t files < <(doc_files)
	awk -v name="$1" '
		function shown(s) {
			gsub(/\\-/, "-", s)
			gsub(/\\\(aq/, "\047", s)
			gsub(/\\\(ga/, "`", s)
			gsub(/\\\(ha/, "^", s)
			gsub(/\\\(ti/, "~", s)
			gsub(/\\&/, "", s)
			gsub(/\\e/, "\\", s)
			return s
		}
		$0 == "<!-- test: " name " -->" { found = 1; next }
		$0 == ".\\\" test: " name { found = is_man = 1; next }
		found && /^(```|\.nf$|\.fi$)/ { inside++; if (inside == 2) exit; next }
		inside == 1 { print is_man ? shown($0) : $0; n++ }
		END { if (!n) exit 1 }' "${files[@]}" || {
		printf 'no example %s\n' "$1" >&2
		return 1
	}
}

commands()
{
	example "$1" | sed -n 's/^[$>] //p'
}

answers()
{
	example "$1" | grep -v '^[$>] '
}

type_in()
{
	run as_test env -u TMPDIR timeout -k 5 60 bash -euc "$1"
}

follow()
{
	type_in "$(example "$1")"
	((status == 0)) || fail "$1: $status" "$output"
}

follow_session()
{
	type_in "$(commands "$1")"
	((status == 0)) || fail "$1: $status" "$output"
	assert_equal "$(sed -E "${2-}" <<<"$output")" "$(answers "$1" | sed -E "${2-}")"
}

examples()
{
	local files

	mapfile -t files < <(doc_files)
	sed -nE "s/^(<!--|\\.\\\\\") test: ($1-[a-z-]+)( -->)?\$/\\2/p" "${files[@]}" | sort
}

tested()
{
	grep -Eoh '(example|commands|follow|follow_session|submit) (run|man|slurm|long)-[a-z-]+' "$@" | sed 's/.* //' | sort -u
}
