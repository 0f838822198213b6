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

# Within the build root / is no mount point that could be made private, and need
# not be: for unshare.
namespaces=()
[[ -z ${NUMAWEAVE_IN_ROOT-} ]] || namespaces=(--propagation unchanged)
export namespaces

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

# compiler_of KERNEL: nothing for Kbuild's own choice, gcc; or, for a kernel whose
# lines say CONFIG_CC_IS_CLANG=y, the clang of the LLVM that rustc has, so that
# both instrument in the same way.
compiler_of() {
	local clang
	grep -qsx 'CONFIG_CC_IS_CLANG=y' "$top/scripts/kernels/$1.config" || return 0
	clang=$("$top/scripts/in-root" rustc --version --verbose |
		sed -n 's/^LLVM version: \([0-9]*\)\..*/clang-\1/p')
	[[ $clang ]] || die "rustc does not say which LLVM it has"
	printf '%s\n' "$clang"
}

# Two at a time would undo each other's work. The lock goes with the process.
one_at_a_time() {
	mkdir -p "$build"
	exec 8>"$build/.lock"
	flock --nonblock 8 && return
	say "another setup is running here, waiting for it"
	flock 8
}

# step LOG WHAT CMD...: run CMD with its output in logs/LOG. On a terminal one
# line shows the log's last line while it grows; elsewhere WHAT is printed at
# the start and at the end. Failure is one sentence and the log.
step() {
	local log=$logs/$1 what=$2 start=$SECONDS watcher='' status
	shift 2
	mkdir -p "$logs"
	if [[ -t 1 ]]; then
		watch_log "$log" "$what" 8>&- &
		watcher=$!
	else
		say "$what ..."
	fi
	# not "|| status=$?": that would have CMD, if a function, go on after errors
	set +e
	(
		set -e
		"$@"
	) >"$log" 2>&1 </dev/null 8>&-
	status=$?
	set -e
	if [[ -n $watcher ]]; then
		kill "$watcher" 2>/dev/null || true
		wait "$watcher" 2>/dev/null || true
		printf '\r\033[K'
	fi
	case $status in
	0) say "$what: done in $((SECONDS - start)) s" ;;
	130) die "$what: interrupted; the next call goes on from there" ;;
	*) die "$what: failed with status $status, see $log" ;;
	esac
}

# Ends with the script that started it.
watch_log() {
	local start=$SECONDS width line
	while kill -0 $$ 2>/dev/null; do
		width=$(stty size </dev/tty 2>/dev/null | cut -d ' ' -f 2) || true
		line=$(tail -n 1 -- "$1" 2>/dev/null | tr -d '\000-\037') || true
		line="$me: $2: $((SECONDS - start)) s  $line"
		printf '\r\033[K%s' "${line:0:${width:-80}-1}"
		sleep 0.5
	done
}
