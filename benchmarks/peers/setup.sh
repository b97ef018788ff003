#!/bin/sh
# Creates a virtual environment for each server that Darkroom is compared with, under benchmarks/peers/.venvs.
#
#   benchmarks/peers/setup.sh            all servers: about 1.5 GB each with torch's CPU build
#   benchmarks/peers/setup.sh ray        one server
#
# PYTHON       the interpreter to use (default: python3); the pinned versions need 3.11 or later
# TORCH_INDEX  the package index to install torch from (default: pip's own)
set -eu

say() { printf 'peers: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

cd "$(dirname "$0")"
constraints=../../constraints.txt
torch=$(grep '^torch==' "$constraints") || fail "$constraints does not pin torch"

# Identifies the packages that an up-to-date environment was created with.
fingerprint() { { printf '%s\n' "$torch" "${TORCH_INDEX:-}" && cat "requirements/$1.txt"; } | cksum; }

# torch is installed first and alone, so that later packages find it and pip does not look for another build.
install_torch() {
    if [ -n "${TORCH_INDEX:-}" ]; then
        "$1" -m pip install --quiet --no-deps --index-url "$TORCH_INDEX" "$torch"
    else
        "$1" -m pip install --quiet --no-deps "$torch"
    fi
}

make_environment() {
    venv=.venvs/$1
    [ -f "requirements/$1.txt" ] || fail "unknown server $1: requirements/$1.txt does not exist"
    if [ "$(cat "$venv/.fingerprint" 2>/dev/null)" = "$(fingerprint "$1")" ]; then
        return
    fi
    say "creating $venv (a few minutes)"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    install_torch "$venv/bin/python"
    "$venv/bin/python" -m pip install --quiet --requirement "requirements/$1.txt"
    fingerprint "$1" >"$venv/.fingerprint"
}

[ $# -gt 0 ] || set -- diffusers litserve ray bentoml
for name in "$@"; do
    make_environment "$name"
done
say "done"
