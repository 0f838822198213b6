# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts share. To be sourced; sets $top, the repository, and $root,
# the build root.

set -euo pipefail

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$top/build
root=$build/root
logs=$build/logs
me=$(basename -- "$0")
export top build root logs

say() {
	printf '%s: %s\n' "$me" "$*"
}

die() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

need_root() {
	((EUID == 0)) || die "needs root, to make mount and pid namespaces: run it with sudo"
}

# step LOG WHAT CMD...: run CMD with its output in logs/LOG. On a terminal one
# line shows the last line of the log while it grows; elsewhere WHAT is printed
# once at the start and once at the end. Failure is one sentence and the log.
step() {
	local log=$logs/$1 what=$2 start=$SECONDS pid status=0
	shift 2
	mkdir -p "$logs"
	[[ -t 1 ]] || say "$what"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	if [[ -t 1 ]]; then
		while kill -0 "$pid" 2>/dev/null; do
			progress "$what" "$((SECONDS - start))" "$log"
			sleep 0.5
		done
	fi
	wait "$pid" || status=$?
	[[ ! -t 1 ]] || printf '\r\033[K'
	((status == 0)) || die "$what: failed with status $status, see $log"
	say "$what: done in $((SECONDS - start)) s"
}

progress() {
	local width last
	width=$(tput cols 2>/dev/null || echo 80)
	last=$(tail -n 1 -- "$3" 2>/dev/null | tr -d '\000-\037' || true)
	printf '\r\033[K%s' "$(printf '%s: %s: %4d s  %s' "$me" "$1" "$2" "$last" | cut -c "1-$((width - 1))")"
}
