#!/bin/sh
# Makes what deploy/compose.yaml needs before its first start: deploy/.env and the secrets. What exists is left alone.
#
#   sh deploy/setup.sh
#
# A secret must be readable for the user of its container, whom this machine does not know. So its file is readable for
# all, in a folder that only you can enter.
set -eu

cd "$(dirname "$0")"
say() { printf 'setup: %s\n' "$*" >&2; }

# 256 bits from the kernel, in hexadecimal digits.
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

make_secret() {
    [ ! -e "secrets/$1" ] || return 0
    printf '%s%s\n' "$2" "$(random)" >"secrets/.$1"
    chmod 0444 "secrets/.$1"
    mv "secrets/.$1" "secrets/$1"
    say "made deploy/secrets/$1"
}

[ -d secrets ] || mkdir -m 0700 secrets
make_secret api_key ''
make_secret database_password ''
make_secret grafana_password ''
[ -d models ] || mkdir models
if [ ! -e .env ]; then
    cp .env.example .env
    say "made deploy/.env: choose there what is started"
fi
