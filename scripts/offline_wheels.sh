#!/bin/sh
# Collects what a machine without network needs to run Darkroom, as wheels in build/wheels.
#
#   sh scripts/offline_wheels.sh                          for a machine that has torch
#   sh scripts/offline_wheels.sh --there packages.txt     for one that has what its `pip freeze` wrote to that file
#
# scripts/offline_wheels.py has the other options. docs/how-to/install-without-network.md has the rest of the way.
set -eu

cd "$(dirname "$0")/.."
if [ ! -x .venv/bin/python ]; then
    printf 'offline_wheels: there is no .venv: run make setup-dev first.\n' >&2
    exit 1
fi
exec .venv/bin/python -m scripts.offline_wheels "$@"
