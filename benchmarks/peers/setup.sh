#!/bin/sh
# Makes the environments of the servers that Darkroom is compared with, each its own, under benchmarks/peers/.venvs.
#
#   benchmarks/peers/setup.sh            all of them: about 1.5 GB each with torch's CPU build
#   benchmarks/peers/setup.sh ray        that one
#
# PYTHON       the interpreter to use (empty: python3); the pinned versions are for 3.11 and later
# TORCH_INDEX  the package index that torch comes from (empty: pip's own)
set -eu

say() { printf 'peers: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

cd "$(dirname "$0")"
constraints=../../constraints.txt
torch=$(grep '^torch==' "$constraints") || fail "$constraints pins no torch"

# What an up-to-date environment was made from.
fingerprint() { { printf '%s\n' "$torch" "${TORCH_INDEX:-}" && cat "requirements/$1.txt"; } | cksum; }

# torch comes alone and first: whatever needs torch later finds it there, and pip never looks for another build.
install_torch() {
    if [ -n "${TORCH_INDEX:-}" ]; then
        "$1" -m pip install --quiet --no-deps --index-url "$TORCH_INDEX" "$torch"
    else
        "$1" -m pip install --quiet --no-deps "$torch"
    fi
}

make_environment() {
    venv=.venvs/$1
    [ -f "requirements/$1.txt" ] || fail "there is no requirements/$1.txt"
    if [ "$(cat "$venv/.fingerprint" 2>/dev/null)" = "$(fingerprint "$1")" ]; then
        return
    fi
    say "making $venv (a few minutes)"
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
