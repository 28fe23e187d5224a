# Two commands on a fresh machine: `make demo` and `make test`. Only git, make and Python >= 3.11 are needed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?= 4600
DATA ?=
ONLY ?=
WORKERS ?= 2
ROUNDS ?= 20
SEED ?=
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# Tests and demo start many short Python processes: without kept bytecode each compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
DISTRIBUTIONS := sdk server worker cli
COMPILE := $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	$(foreach name,forkpoint forkpoint-server forkpoint-worker forkpoint-cli,--no-emit-package $(name)) \
	$(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) --group pyproject.toml:dev
COCKPIT_SOURCES := $(shell git ls-files cockpit 2>/dev/null | grep -vE '^cockpit/(dist|node_modules)/')

.PHONY: help install cockpit demo up test test-python test-cockpit faults lint bench schema lock clean

help: ## what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: .stamps/python ## the Python environment in .venv, hash-checked

.stamps/python: requirements.lock $(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) scripts/install.sh
	@PYTHON=$(PYTHON) scripts/install.sh

.stamps/live: .stamps/python examples/agentdojo/requirements-live.lock
	@$(BIN)/python -m examples.agentdojo.live
	@touch $@

.stamps/node: .stamps/python cockpit/package-lock.json cockpit/package.json scripts/node-tools.sh
	@scripts/node-tools.sh
	@cd cockpit && PATH="$(CURDIR)/.tools/bin:$$PATH" npm ci --silent
	@touch $@

.stamps/cockpit: .stamps/node $(COCKPIT_SOURCES)
	@cd cockpit && PATH="$(CURDIR)/.tools/bin:$$PATH" npm run --silent build
	@touch $@

cockpit: .stamps/cockpit ## the built cockpit in cockpit/dist

demo: .stamps/python .stamps/cockpit ## record, replay, fork and compare a real agent run, then serve the cockpit
	@$(BIN)/python -m examples.demo $(if $(CHECK),,--port $(PORT)) $(if $(DATA),--data $(DATA)) $(if $(CHECK),--check) $(if $(LIVE),--live)

up: .stamps/python .stamps/cockpit ## the whole service in one process tree
	@$(BIN)/forkpoint up --port $(PORT) $(if $(DATA),--data $(DATA))

test: test-python test-cockpit ## everything, browser tests included

test-python: .stamps/python .stamps/live .stamps/cockpit
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile -q

test-cockpit: .stamps/node
	@cd cockpit && PATH="$(CURDIR)/.tools/bin:$$PATH" npm test --silent

faults: .stamps/python ## kill, cut and starve everything for ROUNDS rounds each; SEED repeats one
	@FORKPOINT_FAULT_ROUNDS=$(ROUNDS) FORKPOINT_FAULT_SEED=$(SEED) $(BIN)/pytest -q -s tests/faults

lint: .stamps/python .stamps/node ## every check that needs no test
	@$(BIN)/ruff format --check -q . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/lint-imports > .stamps/imports.txt 2>&1 || { cat .stamps/imports.txt; exit 1; }
	@$(BIN)/pyright --level error
	@cd cockpit && PATH="$(CURDIR)/.tools/bin:$$PATH" npm run --silent lint
	@$(BIN)/python scripts/house_check.py
	@$(BIN)/pip check -q
	@cp requirements.lock .stamps/lock && $(COMPILE) -o .stamps/lock && diff -q requirements.lock .stamps/lock >/dev/null || { echo "requirements.lock is stale: make lock"; exit 1; }
	@$(BIN)/python -m forkpoint_server.graphql.export .stamps/schema.graphql && diff -u schema.graphql .stamps/schema.graphql || { echo "schema.graphql is stale: make schema"; exit 1; }

bench: .stamps/python .stamps/cockpit ## figures with ratios against baselines of the same run; ONLY=content picks one
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

schema: .stamps/python ## write schema.graphql from the server
	@$(BIN)/python -m forkpoint_server.graphql.export schema.graphql

lock: .stamps/python ## make requirements.lock anew from the pyproject files
	@$(COMPILE) -o requirements.lock
	@! grep -n '://' requirements.lock

clean: ## remove what the build made; recorded data stays
	@rm -rf .venv .stamps .tools cockpit/node_modules cockpit/dist
