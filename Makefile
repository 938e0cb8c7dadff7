# Cutline: one place for every command. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PERSONA ?= admin
TESTBED_NAME ?= $(if $(filter node,$(CLUSTER)),node,default)
# Tests that need no cluster side by side, those of one cluster one after the other.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadgroup
CODE := src operator webhook cli testbed tests bench demo hack images

.PHONY: help demo test test-node unit e2e images bench testbed testbed-env testbed-down lint fmt generate verify lock clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1|/' | column -t -s '|'

$(STAMP): pyproject.toml requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Cutline needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1; }
	@echo "==> installing the Python packages into $(VENV) (about half a minute the first time)" >&2
	@$(PYTHON) -m venv $(VENV) || { echo "this Python has no venv: install it (Debian: python3-venv)" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## see an agent refused, a human sign, and the change let through exactly once
	@$(BIN)/python -u -m demo

test: $(STAMP) ## everything: unit, property, contract, architecture and end-to-end tests
	@$(BIN)/python -u -m cutline_testbed toolchain --tests
	@if why=$$($(BIN)/python -m cutline_testbed node-check); then \
		$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not node and not anywhere' && $(MAKE) --no-print-directory test-node; \
	else \
		echo "the tests on real nodes are not run: $${why//$$'\n'/; }"; \
		$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not node'; \
	fi

test-node: $(STAMP) ## the end-to-end tests with Cutline in pods of real nodes, and what only such nodes show (root, Linux)
	@$(BIN)/python -u -m cutline_testbed toolchain --node
	@$(BIN)/python -u -m tests.node.previous
	@CUTLINE_E2E_CLUSTER=node $(BIN)/python -m pytest -m 'node or anywhere'

unit: $(STAMP) ## only the tests that need no API server
	@$(BIN)/python -u -m cutline_testbed toolchain --tests
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not e2e and not node'

e2e: $(STAMP) ## only the tests that talk to a real API server
	@$(BIN)/python -u -m cutline_testbed toolchain --tests
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'e2e and not node'

images: $(STAMP) ## build the container images, and write them with their lists of software to dist/ (needs root)
	@$(BIN)/python -u -m cutline_testbed images

bench: $(STAMP) ## measure the webhook against a minimal one in Go, and what it adds to a request
	@$(BIN)/python -u -m bench

# CLUSTER, KUBECONFIG, HELM_ARGS and KUBEBUILDER_ASSETS reach it by the environment.
testbed: $(STAMP) ## leave a control plane running with Cutline on it (BARE=1: without Cutline; CLUSTER=node, existing or kind)
	@$(BIN)/python -u -m cutline_testbed up --name $(TESTBED_NAME) $(if $(BARE),--bare)

testbed-env: $(STAMP) ## print what a shell needs to be one of its personas (PERSONA=agent); for eval
	@$(BIN)/python -m cutline_testbed env --name $(TESTBED_NAME) --persona $(PERSONA)

testbed-down: $(STAMP) ## end that control plane (with CLUSTER=kind, delete it)
	@$(BIN)/python -u -m cutline_testbed down --name $(TESTBED_NAME)

lint: $(STAMP) ## style, types, layers, generated files
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python hack/sync_crds.py --check
	$(BIN)/python hack/exempt_identities.py --check
	$(BIN)/python -m hack.values_reference --check

fmt: $(STAMP) ## bring the code into the house's form
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

generate: $(STAMP) ## write anew what is made from other files: the chart's definitions and comments, two pages
	$(BIN)/python hack/sync_crds.py
	$(BIN)/python hack/exempt_identities.py
	$(BIN)/python -m hack.values_reference

verify: lint ## what a reviewer's machine checks before reading

lock: $(STAMP) ## pin the newest allowed versions, with hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/python hack/lock.py

clean: ## stop every testbed of this checkout and remove what was built in it
	@if [ -x $(BIN)/python ]; then $(BIN)/python -u -m cutline_testbed clean --all; fi
	@rm -rf $(VENV) .testbed dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
