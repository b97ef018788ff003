#!/bin/sh
# Makes .venv beside this folder and installs Darkroom into it, from whatever Python the machine has.
#
#   scripts/setup.sh run    what the server needs
#   scripts/setup.sh dev    that, and what the tests and checks need
#
# PYTHON       the interpreter to use (empty: the newest suitable one on PATH)
# TORCH_INDEX  the package index that torch comes from (empty: pip's own)
#
# Plain POSIX sh: it runs under dash and under the shells and tools of macOS. Nothing is installed outside .venv.
set -eu

level=${1:-run}
venv=.venv
owner_mark=$venv/.darkroom-path
torch_mark=$venv/.darkroom-torch-index
scratch=

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Prints "3.12" for an interpreter that runs, and nothing for one that does not.
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

supported() {
    case $1 in
    3.11 | 3.12 | 3.13 | 3.14) return 0 ;;
    *) return 1 ;;
    esac
}

has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
has_pip() { "$1" -m pip --version >/dev/null 2>&1; }

# Sets $python to the first candidate of a right version that can make an environment, or fails with the reason.
find_python() {
    refused='' unequipped=''
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.14 python3.13 python3.12 python3.11 python3 python
    fi
    for candidate in "$@"; do
        version=$(version_of "$candidate")
        [ -n "$version" ] || continue
        if ! supported "$version"; then
            refused=${refused:-"$candidate is Python $version"}
        elif has_venv "$candidate" || has_pip "$candidate"; then
            python=$candidate
            return
        else
            unequipped=${unequipped:-"$candidate (Python $version)"}
        fi
    done
    if [ -n "$unequipped" ]; then
        fail "$unequipped has neither venv nor pip, so install one of them (on Debian and Ubuntu: apt install python3-venv) and run make again."
    fi
    fail "Darkroom needs Python 3.11 to 3.14, but ${refused:-"${PYTHON:-no Python on PATH} cannot be run"}: install one, or name it with make PYTHON=/path/to/python."
}

# An environment that this script made, in this place, whose interpreter still runs and is the one asked for.
venv_is_ours() { [ "$(cat "$owner_mark" 2>/dev/null)" = "$(pwd -P)" ]; }

venv_is_usable() {
    venv_is_ours || return 1
    venv_version=$(version_of "$venv/bin/python")
    supported "$venv_version" || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$venv_version" ]
}

empty_venv() {
    if [ -e "$venv" ] && [ ! -f "$owner_mark" ]; then
        fail "$venv exists but was not made by this set-up: move it away and run make again."
    fi
    rm -rf "$venv"
    mkdir "$venv"
    pwd -P >"$owner_mark"
}

make_venv() {
    find_python
    say "making $venv with $python (Python $(version_of "$python"))"
    empty_venv
    if has_venv "$python" && "$python" -m venv "$venv" >/dev/null 2>&1 && has_pip "$venv/bin/python"; then
        return
    fi
    empty_venv
    make_venv_with_virtualenv
}

# For a Python with pip but without a working venv. pip's --target leaves the system's own packages alone, which is
# why PEP 668 allows it.
make_venv_with_virtualenv() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/darkroom-setup.XXXXXX")
    if ! "$python" -m pip install --quiet --target "$scratch" virtualenv; then
        fail "$python has no working venv and pip could not fetch virtualenv instead: install venv (on Debian and Ubuntu: apt install python3-venv) or connect to the network, and run make again."
    fi
    if ! PYTHONPATH=$scratch "$python" -m virtualenv --quiet "$venv"; then
        fail "neither venv nor virtualenv could make $venv with $python: the message above says why."
    fi
}

# What an up-to-date environment was made from.
fingerprint() {
    {
        version_of "$venv/bin/python"
        cat pyproject.toml client/pyproject.toml client/darkroom/_version.py constraints.txt scripts/setup.sh
    } | cksum
}

stamp_of() { printf '%s/.darkroom-%s' "$venv" "$1"; }
stamped() { [ "$(cat "$(stamp_of "$1")" 2>/dev/null)" = "$2" ]; }
torch_moved() { [ -n "${TORCH_INDEX:-}" ] && [ "$TORCH_INDEX" != "$(cat "$torch_mark" 2>/dev/null)" ]; }

up_to_date() {
    venv_is_usable || return 1
    ! torch_moved || return 1
    now=$(fingerprint)
    stamped dev "$now" || { [ "$level" = run ] && stamped run "$now"; }
}

hint_at_the_cpu_build() {
    if [ -z "$index" ] && [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1; then
        say "no NVIDIA GPU found: TORCH_INDEX with the address of PyTorch's CPU wheels would save gigabytes (see README.md)."
    fi
}

# torch comes alone and first: whatever needs torch later finds it there, and pip never looks for another build.
install_torch() {
    index=${TORCH_INDEX:-$(cat "$torch_mark" 2>/dev/null || true)}
    set -- --no-deps --constraint constraints.txt torch
    [ -z "$index" ] || set -- --index-url "$index" "$@"
    ! torch_moved || set -- --force-reinstall "$@"
    if ! has_torch; then
        hint_at_the_cpu_build
        say "installing torch"
    fi
    if ! "$venv/bin/python" -m pip install --quiet "$@"; then
        fail "pip could not install torch for Python $(version_of "$venv/bin/python"): its message is above, and the usual reasons are no network or a platform that torch has no wheel for."
    fi
    printf '%s\n' "$index" >"$torch_mark"
}

has_torch() { "$venv/bin/python" -m pip show --quiet torch >/dev/null 2>&1; }

install_darkroom() {
    server=.
    [ "$level" = run ] || server=".[$level]"
    say "installing Darkroom and what it needs (a few minutes the first time)"
    if ! "$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable client --editable "$server"; then
        fail "pip could not install what Darkroom needs: its message is above, and the usual reason is no network."
    fi
}

clean_up() { [ -z "$scratch" ] || rm -rf "$scratch"; }

case $level in
run | dev) ;;
*) fail "say run or dev, not $level." ;;
esac
cd "$(dirname "$0")/.."

# A caller's own pip and Python settings must not steer what goes into .venv.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX
PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export PIP_USER PIP_REQUIRE_VIRTUALENV PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT

if up_to_date; then
    exit 0
fi
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if ! venv_is_usable || ! has_pip "$venv/bin/python"; then
    make_venv
fi
install_torch
install_darkroom
fingerprint >"$(stamp_of "$level")"
say "done"
