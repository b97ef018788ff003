#!/bin/sh
# Installs with apt-get the programs beside Python that some tests need: PostgreSQL's server, strace, reverse proxies
# (Caddy, nginx), for the page a browser and node with npm, for images in the terminal kitty, whose parser needs no
# display, and libsixel's decoder, and for the files of deploy/ promtool and systemd-analyze.
#
#   scripts/services.sh        exits 0 at once where all are there; otherwise it must be root, or able to sudo
#   scripts/services.sh e2e    also what `make e2e` needs: buildah, mmdebstrap, iproute2, iptables
#
# Plain POSIX sh. Without these programs the tests that need them are skipped, unless CI or REQUIRE_SERVICES is set.
set -eu

say() { printf 'services: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Debian leaves the server's programs out of PATH.
has_postgresql() {
    for program in /usr/lib/postgresql/*/bin/initdb; do
        [ ! -x "$program" ] || return 0
    done
    has initdb && has pg_ctl
}

# Debian keeps programs for root in folders that are not in everybody's PATH.
has_for_root() { has "$1" || [ -x "/usr/sbin/$1" ]; }

# Quiet but for errors, and without questions.
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >/dev/null; }

for=${1:-tests}
set --
has_postgresql || set -- "$@" postgresql
has strace || set -- "$@" strace
has chromium || has google-chrome || set -- "$@" chromium
has kitty || set -- "$@" kitty
has sixel2png || set -- "$@" libsixel-bin
has caddy || set -- "$@" caddy
has_for_root nginx || set -- "$@" nginx
has npm || set -- "$@" nodejs npm
has promtool || set -- "$@" prometheus
has systemd-analyze || set -- "$@" systemd
if [ "$for" = e2e ]; then
    has buildah || set -- "$@" buildah
    has mmdebstrap || set -- "$@" mmdebstrap
    has_for_root ip || set -- "$@" iproute2
    has_for_root iptables || set -- "$@" iptables
fi
[ $# -gt 0 ] || exit 0

has apt-get || fail "this machine has no apt-get, so install these by hand: $*."
as_root=
if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "run this as root, or install sudo: it has to install $*."
    as_root=sudo
fi
say "installing $* for the tests with apt-get"
apt update || fail "apt-get could not fetch its lists: its message is above, and the usual reason is no network."
apt install --no-install-recommends "$@" || fail "apt-get could not install $*: its message is above."
