# Two commands matter: `make run` serves images, `make test` passes the tests. Each sets everything up by itself.
#
#   make run TORCH_INDEX=...   takes torch from that package index, such as PyTorch's CPU wheels
#   make test PYTHON=...       uses that Python; otherwise the newest of 3.11 to 3.14 on PATH
#   make test ARGS="-k engine" passes arguments on to pytest; `make unit` and `make coverage` take them too
#   make run ARGS="--port 80"  passes arguments on to darkroom serve

TORCH_INDEX ?=
PYTHON ?=
ARGS ?=
export TORCH_INDEX PYTHON

BIN := .venv/bin
# As many worker processes as tests/conftest.py says; one that is done takes tests over. ARGS="-n 0" runs in one process.
PYTEST := $(BIN)/python -m pytest -n logical --dist worksteal
CHECKS := lint types contracts deployment web-check

.PHONY: help run unit test slow coverage chaos soak check clients e2e services sbom audit bench-peers gpu-bench setup setup-dev $(CHECKS) web hooks docs lock format clean

help:
	@echo "make run     set up, then serve the bundled model at http://127.0.0.1:8000"
	@echo "make unit    set up, then run the tests that need neither a process, a network nor torch: half a minute on two cores"
	@echo "make test    set up, then run all tests but those that take long"
	@echo "make slow    set up, then run those"
	@echo "make coverage  set up, then run all tests and print which lines and branches they reach"
	@echo "make soak    set up, then load two servers for half an hour, crash one, and see whether the other one grows"
	@echo "make chaos   set up, then kill servers and take their disks away for long, and see whether a job is lost"
	@echo "make clients  set up, then try other projects' clients, each in an environment of its own: needs node with npm"
	@echo "make e2e     set up, then build the container image and run it and the services around it, as root on Debian: 10 minutes"
	@echo "make check   set up, then lint, types, import contracts, deployment files, the page's sources"
	@echo "make docs    set up, then write anew what is taken from the code: tables and examples of settings, the code map"
	@echo "make hooks   set up, then have git run the lint before every commit"
	@echo "make lock    set up, then lock the versions and hashes of the packages in the container image"
	@echo "make sbom    set up, then list what is in the container images, as CycloneDX in build/sbom"
	@echo "make audit   set up, then ask over the network for known vulnerabilities in it and in the page's packages"
	@echo "make services  install what some tests need beside Python, on Debian and Ubuntu"
	@echo "make web     build the page from web/ into service/web/assets; needs node 20.19 or later with npm"
	@echo "make bench-peers  set up, then measure Darkroom against other servers: 24 minutes on two idle cores"
	@echo "make gpu-bench  set up, then check and measure a GPU: 9 minutes; results in runs/gpu-bench"
	@echo "make setup   set up only"
	@echo "make format  rewrite the source as the linter wants it"
	@echo "make clean   remove what set-up and the tools left behind"

run: setup
	@$(BIN)/darkroom serve $(ARGS)

unit: setup-dev
	@$(PYTEST) -m unit $(ARGS)

# The tests that ARGS name run, however long they take.
test: setup-dev
	@$(PYTEST) $(if $(ARGS),$(ARGS),-m "not slow")

slow: setup-dev
	@$(PYTEST) -m slow $(ARGS)

# Fails under the floor that pyproject.toml sets.
coverage: setup-dev
	@$(PYTEST) --cov --cov-report=term:skip-covered $(ARGS)

# ARGS="--help" tells how to make it longer: ARGS="--growth-jobs 100000" puts so many jobs through one server.
chaos: setup-dev
	@$(BIN)/python -m tests.chaos $(ARGS)

# ARGS="--minutes 480" makes it longer; ARGS="--leak-bytes 65536" plants a leak that it must find.
soak: setup-dev
	@$(BIN)/python -m tests.soak $(ARGS)

# Set-up runs once; then the tools run beside each other, and one that fails stops none of them.
check: setup-dev
	@$(MAKE) --no-print-directory --keep-going --jobs $(if $(filter output-sync,$(.FEATURES)),--output-sync) \
		SET_UP=yes $(CHECKS)

# Must be root on Debian: it installs what it needs, makes the root of the image, and enters it.
e2e: setup-dev
	@sh scripts/services.sh e2e
	@$(BIN)/python -m pytest -n 0 --e2e --timeout 1800 tests/e2e $(ARGS)

# ARGS="-k openai" runs some of the tests. Environments are made in build/clients, and kept.
clients: setup-dev
	@sh scripts/clients.sh
	@$(BIN)/python -m pytest -n 0 --clients tests/clients $(ARGS)

services:
	@sh scripts/services.sh

sbom: setup-dev
	@$(BIN)/python -m scripts.supply_chain.sbom build/sbom

# Fails with status 2 where it could not find out: that is not the same as nothing known.
audit: setup-dev
	@$(BIN)/python -m scripts.supply_chain.audit $(ARGS)

# ARGS="--smoke" tries every server with a few jobs; ARGS="--output docs/images" puts the charts where the docs are.
bench-peers: setup
	@PYTHON=$(CURDIR)/$(BIN)/python sh benchmarks/peers/setup.sh
	@$(BIN)/python -m benchmarks.peers $(ARGS)

# ARGS="--minutes 5 --part correctness" does a part of it; ARGS="--dry-run" tries it without a GPU.
gpu-bench: setup-dev
	@$(BIN)/python -m benchmarks.gpu --output runs/gpu-bench $(ARGS)

setup:
	@sh scripts/setup.sh run

setup-dev:
	@sh scripts/setup.sh dev

ifndef SET_UP
$(CHECKS): setup-dev
endif

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	SKIP=ruff-check,ruff-format $(BIN)/pre-commit run --all-files

# The client runs on an older Python than the server.
types:
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 client

contracts:
	$(BIN)/lint-imports

deployment:
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/hadolint deploy/Dockerfile

# The built page is committed, so that only those who change it need node.
web-check:
	@if ! command -v npm >/dev/null; then echo "web-check: there is no npm here, so the page's sources are not checked"; \
	elif ! node web/scripts/version.mjs; then echo "web-check: this node is too old to check the page's sources"; \
	else cd web && npm ci --no-audit --no-fund --silent && npm run --silent check; fi

web: setup-dev
	@$(BIN)/python -m scripts.page_schema web/openapi.json
	cd web && npm ci --no-audit --no-fund --silent && npm run --silent types && npm run --silent build

hooks: setup-dev
	$(BIN)/pre-commit install

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Writes what is taken from the code: the tables and the examples of settings, the list of modules, the synchronous client.
docs: setup-dev
	@$(BIN)/python -m scripts.settings_page docs/settings.md
	@$(BIN)/python -m scripts.sync_client
	@$(BIN)/python -m scripts.code_map docs/code-map.md
	@$(BIN)/python -m scripts.env_example deploy/.env.example
	@$(BIN)/python -m scripts.toml_example deploy/darkroom.toml.example
	@$(BIN)/python -m scripts.packaged_digests

# TORCH_CPU names a folder with torch's wheel for the CPU, or another index than PyTorch's.
lock: setup-dev
	@$(BIN)/python -m scripts.lock $(if $(TORCH_CPU),--torch-cpu $(TORCH_CPU))

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage* build dist *.egg-info \
		client/build client/dist client/*.egg-info web/node_modules web/openapi.json
