# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# lib.sh - what the lint tests share: our files, and TAP
#
# Run by "make check" with top_srcdir, top_builddir and CC set; by hand, from anywhere,
# for a build in the source tree.

here=$(cd "$(dirname "$0")" && pwd)
: "${top_srcdir:=$(dirname "$(dirname "$here")")}"
: "${top_builddir:=$top_srcdir}"
: "${CC:=gcc}"
export LC_ALL=C

# How many test points there were.
n=0

# ok NAME
ok()
{
	n=$((n + 1))
	printf 'ok %d - %s\n' "$n" "$1"
}

# not_ok NAME TEXT: TEXT is shown as diagnosis
not_ok()
{
	n=$((n + 1))
	printf 'not ok %d - %s\n' "$n" "$1"
	printf '%s\n' "$2" | sed 's/^/# /'
}

# expect_empty NAME TEXT: TEXT lists what is wrong
expect_empty()
{
	if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi
}

# skip NAME WHY
skip()
{
	n=$((n + 1))
	printf 'ok %d - %s # SKIP %s\n' "$n" "$1" "$2"
}

# The plan, at the end: only then is it known.
finish()
{
	printf '1..%d\n' "$n"
	exit 0
}

# skip_all WHY
skip_all()
{
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

is_checkout()
{
	[ "$(git -C "$top_srcdir" rev-parse --show-toplevel 2>/dev/null)" = \
		"$(cd "$top_srcdir" && pwd -P)" ]
}

# A build below the source tree is not source.
outside_build()
{
	case $top_builddir in
	"$top_srcdir"/?*) grep -v "^${top_builddir#"$top_srcdir"/}/" ;;
	*) cat ;;
	esac
}

# Names of all source files, relative to $top_srcdir. New files count before they are
# added to git. A tarball has no git, but nothing strange in our folders either.
all_files()
{
	if is_checkout; then
		git -C "$top_srcdir" ls-files --cached --others --exclude-standard | outside_build | sort |
			while read -r f; do
				[ ! -e "$top_srcdir/$f" ] || printf '%s\n' "$f"
			done
	else
		(
			cd "$top_srcdir" || exit
			find Makefile.am configure.ac lib spank cli tests contrib doc -type f \
				! -path '*/.*' ! -name '*.o' ! -name '*.lo' ! -name '*.la' \
				! -name '*.log' ! -name '*.trs' ! -name '*.[18]' ! -name '*.roff'
		) | sort
	fi
}

# Our C sources and headers. Programs that only go into test images are not ours to bind.
c_files()
{
	all_files | grep '\.[ch]$'
}

# Shell scripts, by name or by their first line.
shell_files()
{
	all_files | while read -r f; do
		case $f in
		*.sh | *.bash | *.bats) printf '%s\n' "$f" ;;
		*.[ch] | *.md | *.mk) ;;
		*) ! head -n 1 "$top_srcdir/$f" | grep -aEq '^#!.*(sh|bats)( |$)' || printf '%s\n' "$f" ;;
		esac
	done
}
