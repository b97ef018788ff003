# Two commands matter: `make run` serves images, `make test` passes the tests. Each sets everything up by itself.
#
#   make run TORCH_INDEX=...   takes torch from that package index, such as PyTorch's CPU wheels
#   make test PYTHON=...       uses that Python; otherwise the newest of 3.11 to 3.14 on PATH
#   make test ARGS="-k engine" passes arguments on to pytest
#   make run ARGS="--port 80"  passes arguments on to darkroom serve

TORCH_INDEX ?=
PYTHON ?=
ARGS ?=
export TORCH_INDEX PYTHON

BIN := .venv/bin

.PHONY: help docs run test chaos check services bench-peers setup setup-dev lint types contracts deployment format clean

help:
	@echo "make run     set up, then serve the bundled model at http://127.0.0.1:8000"
	@echo "make test    set up, then run the tests"
	@echo "make chaos   set up, then kill servers and take their disks away for long, and see whether a job is lost"
	@echo "make check   set up, then lint, types, import contracts, deployment files"
	@echo "make services  install what some tests need beside Python, on Debian and Ubuntu"
	@echo "make bench-peers  set up, then measure Darkroom against other servers: 24 minutes on two idle cores"
	@echo "make setup   set up only"
	@echo "make format  rewrite the source as the linter wants it"
	@echo "make clean   remove what set-up and the tools left behind"

run: setup
	@$(BIN)/darkroom serve $(ARGS)

test: setup-dev
	@$(BIN)/python -m pytest $(ARGS)

# ARGS="--help" tells how to make it longer: ARGS="--growth-jobs 100000" puts so many jobs through one server.
chaos: setup-dev
	@$(BIN)/python -m tests.chaos $(ARGS)

check: lint types contracts deployment

services:
	@sh scripts/services.sh

# ARGS="--smoke" tries every server with a few jobs; ARGS="--output docs/images" puts the charts where the docs are.
bench-peers: setup
	@PYTHON=$(CURDIR)/$(BIN)/python sh benchmarks/peers/setup.sh
	@$(BIN)/python -m benchmarks.peers $(ARGS)

setup:
	@sh scripts/setup.sh run

setup-dev:
	@sh scripts/setup.sh dev

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck scripts/*.sh benchmarks/peers/setup.sh .ci/run

types: setup-dev
	$(BIN)/mypy

contracts: setup-dev
	$(BIN)/lint-imports

deployment: setup-dev
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/hadolint deploy/Dockerfile

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Writes what documents take from the code: the tables of settings and the list of modules.
docs: setup-dev
	@$(BIN)/python -m scripts.settings_page docs/settings.md
	@$(BIN)/python -m scripts.code_map docs/code-map.md

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info client/*.egg-info
