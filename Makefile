# Each target is complete on a machine with git, make and Python 3.11 or later: .venv is made on demand.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.stamp

# What is installed: the versions of this lock file, each file by its hash. `make LOCK=` in a fresh clone
# takes the newest that pyproject.toml allows.
LOCK ?= requirements/locked.txt
PIP := pip --quiet --disable-pip-version-check
# Wheels only: nothing runs code of its own while it is installed.
HASHED := --only-binary :all: --require-hashes

# One test process more than there are processors, as they wait for their servers; but not more than four.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); [ $$n -lt 4 ] && expr $$n + 1 || echo 4)
PYTEST := $(BIN)/pytest -q
PARALLEL := -n $(WORKERS) --dist worksteal --durations=15 --durations-min=1
CODE := pgdeploy plugin pyinfra_deploys conftest.py inventory.py scripts specs tests benchmarks

SCRATCH := $(shell scripts/scratch.sh)
ifneq ($(SCRATCH),)
export TMPDIR ?= $(SCRATCH)
endif

# Three thousand processes start here: without their bytecode each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test fuzz test-long test-host test-versions test-threshold test-backup test-migration test-release test-service test-images test-vm test-qemu test-lowest bench lint format lock licences release clean
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: $(STAMP) ## an embedded PostgreSQL: plan, apply, prove, break, find
	@$(BIN)/python scripts/demo.py

test: $(STAMP) ## the tests, in parallel, without the long ones
	$(PYTEST) $(PARALLEL) -m "not long" tests

fuzz: $(STAMP) ## the property tests with new examples, for ten minutes; `make fuzz MINUTES=60`
	$(BIN)/python -m scripts.fuzz $(MINUTES)

test-long: $(STAMP) ## the long tests
	$(PYTEST) $(PARALLEL) -m "long and not docker" tests

test-host: $(STAMP) ## the tests with real hosts: systemd, sshd and apt in containers; needs Docker
	$(PYTEST) -n 3 --dist loadfile -m docker tests

test-versions: $(STAMP) ## what each check says of a broken server, on every version of PostgreSQL
	PGDEPLOY_EVERY_VERSION=1 $(PYTEST) $(PARALLEL) tests/drift_cases

test-threshold: $(STAMP) ## the tests of thresholds and workloads, each broken on a real server
	$(PYTEST) $(PARALLEL) tests/thresholds tests/workloads

test-backup: $(STAMP) ## the tests of backups and restores, each broken on a real server; pgBackRest's host needs Docker
	$(PYTEST) -n 2 --dist loadfile tests/backups tests/host/test_backup.py tests/host/test_backup_store.py tests/host/test_backup_version.py

test-migration: $(STAMP) ## the tests of migrations: real servers of every version, kills at thirty moments, locks
	PGDEPLOY_KILLS=30 $(PYTEST) $(PARALLEL) tests/migrations

test-release: $(STAMP) ## the tests of releases: made, failed, killed at fifty moments, rehearsed; pgBackRest's host needs Docker
	PGDEPLOY_KILLS=50 $(PYTEST) -n 2 --dist loadfile tests/releases tests/host/test_release.py

test-service: $(STAMP) ## the tests of services: containers made by compose, broken, killed, over ssh; needs Docker
	$(PYTEST) -n 2 --dist loadfile tests/services

IMAGES ?=
test-images: $(STAMP) ## the contract of images; `make test-images IMAGES="postgres=postgres:17.6 redis=redis:8.0"` holds pulled ones to it
	PGDEPLOY_IMAGES="$(IMAGES)" $(PYTEST) tests/services/test_image.py

test-vm: $(STAMP) ## the tests of virtual machines: a simulated Proxmox VE; its guests need Docker
	PGDEPLOY_EVERY_REQUEST=1 $(PYTEST) -n 2 --dist loadfile tests/simulators/proxmox tests/simulators/proxmox_guest tests/vm tests/host/test_disk.py tests/host/test_guest.py

test-qemu: $(STAMP) ## the same on real virtual machines: needs root and QEMU; minutes with KVM, half an hour without
	PGDEPLOY_QEMU=1 $(PYTEST) tests/simulators/qemu_guest

LOWEST := .cache/lowest
# what each dependency is used for: specs, command line, plugin and gate, ssh and testinfra, pyinfra, Proxmox
SAMPLE := tests/test_dependencies.py tests/test_demo.py tests/spec tests/plugin/test_embedded.py tests/plugin/test_xdist.py \
  tests/connection/test_host.py tests/host/test_dry.py tests/simulators/proxmox/test_description.py tests/simulators/proxmox/test_access.py
test-lowest: ## a part of the tests with the lowest versions that pyproject.toml allows, in an environment of their own
	@$(PYTHON) -m venv --clear $(LOWEST)
	@$(LOWEST)/bin/$(PIP) install $(HASHED) -r requirements/lowest.txt
	@$(LOWEST)/bin/$(PIP) install --no-deps --no-build-isolation -e .
	@$(LOWEST)/bin/pip check
	@$(LOWEST)/bin/python -m scripts.fetch_proxmox
	$(LOWEST)/bin/pytest -q --collect-only tests >$(LOWEST)/collected || { cat $(LOWEST)/collected; exit 1; }
	$(LOWEST)/bin/pytest -q $(PARALLEL) $(SAMPLE)

release: $(STAMP) ## what a release publishes: dist/ with sdist and wheel, build/pgdeploy.cdx.json with what they run with
	rm -rf dist build
	$(BIN)/python -m build --no-isolation
	mkdir build
	$(BIN)/python -m scripts.sbom dist/*.whl >build/pgdeploy.cdx.json

bench: $(STAMP) ## the benchmarks
	$(PYTEST) benchmarks

lint: $(STAMP) ## style, types, which module may import which, lock files, licences, workflows
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.lock --check
	$(BIN)/python -m scripts.licences --check
	$(BIN)/actionlint
	$(BIN)/zizmor --offline --persona auditor --quiet .github

format: $(STAMP) ## put the code into its one form
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

lock: $(STAMP) ## write the lock files anew from pyproject.toml; `make lock MORE=--upgrade` takes the newest versions
	$(BIN)/python -m scripts.lock $(MORE)

licences: $(STAMP) ## write docs/licences.md anew
	$(BIN)/python -m scripts.licences

clean: ## remove all that these targets made
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml $(LOCK) scripts/fetch_proxmox.py
	@command -v $(PYTHON) >/dev/null || { echo "pgdeploy needs Python 3.11 or later, and there is no $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  "pgdeploy needs Python 3.11 or later, and $(PYTHON) is %d.%d; name another: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Setting up .venv (once, a minute or two) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(if $(LOCK),$(BIN)/$(PIP) install $(HASHED) -r $(LOCK))
	@$(BIN)/$(PIP) install $(if $(LOCK),--no-deps --no-build-isolation -e .,-e '.[dev]')
	@$(BIN)/pip check
	@$(BIN)/python -m scripts.fetch_proxmox
	@touch $@
