#!/bin/sh
# Makes the environments in which `make clients` runs other projects' clients, each as it is published.
#
#   scripts/clients.sh            all of tests/clients/environments
#   scripts/clients.sh NAME...    those alone
#
# PYTHON  the interpreter of Python's clients (empty: that of .venv)
#
# A folder there has requirements.txt, with every package at its exact version, or package.json and package-lock.json.
# What is made from it goes to build/clients/NAME, and is made again when the folder has changed. Plain POSIX sh.
set -eu

say() { printf 'clients: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Prints a checksum of all that an environment is made from.
fingerprint() {
    {
        "$python" --version
        node --version 2>/dev/null || true
        cat "$1"/* scripts/clients.sh
    } | cksum
}

# The list is complete, so that nothing is chosen on the day of the installation. Most modules are never imported, so
# that none is compiled before.
make_python() {
    "$python" -m venv --without-pip "$2" || fail "$python cannot make an environment: its message is above."
    .venv/bin/python -m pip --python "$2/bin/python" install --quiet --no-deps --no-compile \
        --requirement "$1/requirements.txt" ||
        fail "pip could not install what $1/requirements.txt lists: its message is above, and the usual reason is no network."
}

# No package's own scripts are run.
make_node() {
    command -v npm >/dev/null 2>&1 || fail "there is no npm here: scripts/services.sh installs it."
    mkdir -p "$2"
    cp "$1/package.json" "$1/package-lock.json" "$2"
    (cd "$2" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error) ||
        fail "npm could not install what $1/package-lock.json lists: its message is above, and the usual reason is no network."
}

make_environment() {
    source=$all/$1 target=build/clients/$1
    [ -d "$source" ] || fail "there is no folder $source."
    now=$(fingerprint "$source")
    [ "$(cat "$target/.made-from" 2>/dev/null)" != "$now" ] || return 0
    say "making $target"
    rm -rf "$target"
    mkdir -p build/clients
    if [ -f "$source/requirements.txt" ]; then
        make_python "$source" "$target"
    else
        make_node "$source" "$target"
    fi
    printf '%s\n' "$now" >"$target/.made-from"
}

cd "$(dirname "$0")/.."
all=tests/clients/environments
python=${PYTHON:-.venv/bin/python}

# A caller's own pip and Python settings must not steer what goes into an environment.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX
PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export PIP_USER PIP_REQUIRE_VIRTUALENV PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT

if [ $# -eq 0 ]; then
    for folder in "$all"/*/; do
        set -- "$@" "$(basename "$folder")"
    done
fi
for name in "$@"; do
    make_environment "$name"
done
