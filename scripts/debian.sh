# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How a root of Debian's is made. To be sourced, after lib.sh.

suite=trixie
# These are lib.sh's.
: "${build:?}" "${namespaces[@]-}"

# bootstrap ROOT: the base system, from $DEBIAN_MIRROR, the mirror of the build
# root that this runs in, or debootstrap's default. In namespaces of its own, so
# that its mounts vanish whatever happens; as a child of process 1, which ctrl-C
# would not reach.
bootstrap() {
	local to=$1 proxy='' mirror=${DEBIAN_MIRROR-}
	eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null || true)"
	[[ -z $proxy || -n ${http_proxy-} ]] || export http_proxy=$proxy
	if [[ -z $mirror && -n ${NUMAWEAVE_IN_ROOT-} ]]; then
		mirror=$(awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list)
	fi
	rm -rf --one-file-system "$to.partial" "$build/cache/debs"
	mkdir -p "$to.partial" "$build/cache/debs"
	unshare "${namespaces[@]}" --mount --pid --fork --kill-child bash -c 'trap : INT; debootstrap "$@"; exit $?' - \
		--variant=minbase --cache-dir="$build/cache/debs" "$suite" "$to.partial" ${mirror:+"$mirror"}
	rm -rf --one-file-system "$build/cache/debs"
	mv "$to.partial" "$to"
}

# configure_apt ROOT: backports, and how this machine reaches its mirror; what
# names a file of this machine is left out.
configure_apt() {
	local lists=$1/etc/apt
	sed "s/$suite/$suite-backports/" "$lists/sources.list" >"$lists/sources.list.d/backports.list"
	{ apt-config dump 2>/dev/null || true; } |
		grep -E '^Acquire::((http|https|ftp)::|Check-|Retries|ForceIPv)' |
		grep -vE 'Auto-?Detect|"/' >"$lists/apt.conf.d/90host" || true
}
