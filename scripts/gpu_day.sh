#!/bin/sh
# Measures a GPU on a machine without network: installs the wheels of build/wheels, and runs benchmarks.gpu.
#
#   sh scripts/gpu_day.sh --minutes 9 --output results [--train] [--part sd15-calls ...]
#
# PYTHON  the interpreter that has torch (empty: python3)
#
# The minutes count from the start of this script. The packages go to build/site, not to an environment of their own: the
# interpreter may itself be one, whose packages another would not see. docs/how-to/measure-a-gpu.md has the rest.
set -eu

since=$(date +%s)
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
site=$PWD/build/site

if [ ! -f build/wheels/requirements.txt ]; then
    printf 'gpu_day: there is no build/wheels: run scripts/offline_wheels.sh where there is a network.\n' >&2
    exit 1
fi
rm -rf "$site"
"$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --disable-pip-version-check \
    --find-links build/wheels --target "$site" --requirement build/wheels/requirements.txt
PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m benchmarks.gpu --since "$since" "$@"
