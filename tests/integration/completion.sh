#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What bash offers is what the programs take: commands, options, words, files.
#
#   completion.sh TALLY TALLYD COMPLETION-OF-TALLY COMPLETION-OF-TALLYD
set -euo pipefail
tally=$(realpath "$1")
tallyd=$(realpath "$2")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tally-completion.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
# shellcheck disable=SC1090  # what is tested
source "$3"
# shellcheck disable=SC1090
source "$4"
passed=0
failed=0
same() { # what, expected words, offered words; in any order
	if diff <(tr ' ' '\n' <<<"$2" | sed '/^$/d' | sort) <(tr ' ' '\n' <<<"$3" | sed '/^$/d' | sort) >"$scratch/diff"; then
		passed=$((passed + 1))
		echo "ok: $1"
	else
		failed=$((failed + 1))
		echo "FAILED: $1"
		cat "$scratch/diff"
	fi
}
offers() { # FUNCTION WORD...: the last word is the one that is completed
	local function=$1
	shift
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	"$function"
	echo "${COMPREPLY[*]}"
}
# The long options of a --help, and the short ones that have no long one.
options() {
	"$@" --help | sed -nE 's/^  (-.,)? +(--[a-z-]+).*/\2/p; s/^  -., (--[a-z-]+).*/\1/p; s/^  (-[a-z]) +[A-Z]+.*/\1/p; s/^  (-[a-z])  .*/\1/p' | sort -u
}

mapfile -t commands < <("$tally" --help | sed -nE 's/^  ([a-z]+) +[a-z].*/\1/p')
same 'every subcommand is offered, and no other' "${commands[*]} --help --version" "$(offers _tally tally '')"
same 'a begun one is completed' 're' "$(offers _tally tally 're' | tr ' ' '\n' | cut -c 1-2 | sort -u)"
for command in "${commands[@]}"; do
	same "$command: its options, and no others" "$(options "$tally" "$command" | tr '\n' ' ')" "$(offers _tally tally "$command" -)"
done
same 'tallyd: its options, and no others' "$(options "$tallyd" | tr '\n' ' ')" "$(offers _tallyd tallyd -)"

# The program's own error lists what it takes.
formats=$("$tally" report x --from 2026-01 --to 2026-02 --format nope -o - 2>&1 | sed -E 's/.*none of //; s/,//g' || true)
same 'report --format: what it takes' "$formats" "$(offers _tally tally report --format '')"
same 'the same behind an equals sign' "$formats" "$(offers _tally tally report --format '=')"
same 'and a begun one' 'json' "$(offers _tally tally report --format '=' js)"
kinds=$("$tally" bench nope 2>&1 | sed -E 's/.*none of //; s/,//g' || true)
same 'bench: the kinds that it takes' "$kinds" "$(offers _tally tally bench '')"
same 'words that are typed as they stand' 'list show check estate serve replace' \
	"$(offers _tally tally rules '') $(offers _tally tally demo '') $(offers _tally tally witness '') $(offers _tally tally host '')"
same 'what wants a text of your own is offered nothing' '' "$(offers _tally tally log --vm '')"
mkdir "$scratch/files" "$scratch/files/folder"
: >"$scratch/files/prices.yaml"
cd "$scratch/files"
same 'a file where a file is wanted' 'folder prices.yaml' "$(offers _tally tally report --prices '')"
same 'a folder where a folder is wanted' 'folder' "$(offers _tally tally status '')"
ids=$("$tally" rules list | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')
same 'rules show: the ids that tally rules list prints' "${ids:-none}" "$(offers _tally "$tally" rules show '')"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 20 ]
