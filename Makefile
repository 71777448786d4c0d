# The few commands of this project, the same for people and for CI.
# A machine needs Python 3.11 or newer, gcc with g++, and make; everything else is installed into .venv from the
# package index that pip is set up for. `make PYTHON3=/path/to/python3 setup` picks another interpreter.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long check check-native bench format native protos baseline lock clean

# Operations for `make bench` to give the engine, as `wavetank bench engine --workload` reads them.
WORKLOAD ?=

VENV := .venv
BIN := $(VENV)/bin
PYTHON3 ?=
PROJECTS := pyproject.toml protos/pyproject.toml clients/python/pyproject.toml
CYTHON := $(shell find services -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.hpp')
PROTO_FILES := $(wildcard protos/wavetank/v1/*.proto)
BASELINE := protos/baseline.binpb
PYTHON_CODE := $(wildcard services clients tests loadtest) protos/generate.py setup.py
# Those that take longest first, so that short ones fill the end. Most wait more than they compute, so one process more
# than there are processors: on two, three take 250 s where two took 294.
SUITES := integration client simulation property conformance k8s architecture unit
TEST_JOBS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PARALLEL := -n $(TEST_JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Installers and build backends leave lock files behind; these stay inside .venv and go with it.
SCRATCH := $(CURDIR)/$(VENV)/tmp

help: ## Show this list.
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## Start a venue, break it, and read what happened (90 seconds).
	@$(BIN)/wavetank demo

test: setup ## Run every test that needs nothing but this machine.
	@$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS) $(wildcard $(addprefix tests/,$(SUITES)))

test-long: setup ## Run what takes long: hundreds of kills, millions of random commands (up to an hour).
	@$(BIN)/python -m pytest $(PYTEST_ARGS) tests/long

bench: setup ## Measure orders next to a bare gRPC echo; with WORKLOAD=FILE the engine alone too.
	@$(BIN)/wavetank bench wire
ifneq ($(WORKLOAD),)
	@$(BIN)/wavetank bench engine --workload $(WORKLOAD)
endif

check: setup ## Format, lint, types, layers, contract, spelling.
	@echo '== ruff format'; $(BIN)/ruff format --check $(PYTHON_CODE)
	@echo '== ruff check'; $(BIN)/ruff check $(PYTHON_CODE)
	@echo '== mypy'; $(BIN)/mypy $(PYTHON_CODE)
	@echo '== pyright (the SDK)'; $(BIN)/pyright --pythonpath $(BIN)/python
	@echo '== import-linter'; $(BIN)/lint-imports --no-logo
ifneq ($(filter %.pyx %.pxd,$(CYTHON)),)
	@echo '== cython-lint'; PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint $(filter %.pyx %.pxd,$(CYTHON))
endif
ifneq ($(PROTO_FILES),)
	@echo '== buf lint'; $(BIN)/buf lint protos
	@echo '== buf breaking'; $(BIN)/buf breaking protos --against $(BASELINE)
endif
ifneq ($(wildcard services/Dockerfile),)
	@echo '== hadolint'; $(BIN)/hadolint services/Dockerfile
endif
	@echo '== codespell'; git ls-files -z | xargs -0 $(BIN)/codespell
	@echo 'check: ok'

check-native: setup ## Run the compiled code's tests in a build that checks every bound, overflow and address.
	@.ci/check-native tests/unit/model tests/unit/matching tests/unit/clearing tests/unit/storms/test_dice.py \
	    tests/unit/storms/simulation tests/property

format: setup ## Format the code, and fix what ruff can fix.
	@$(BIN)/ruff check --fix --quiet $(PYTHON_CODE) || true
	@$(BIN)/ruff format $(PYTHON_CODE)

setup: $(VENV)/.compiled ## Make .venv, install what the lock names, compile the Cython modules.

$(BIN)/uv:
	@python="$(PYTHON3)"; \
	if [ -z "$$python" ]; then \
	    for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	        if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	    done; \
	fi; \
	if [ -z "$$python" ]; then echo 'make: no Python 3.11 or newer on PATH; name one with PYTHON3=' >&2; exit 1; fi; \
	echo "Making $(VENV) with $$("$$python" --version)"; \
	mkdir -p $(SCRATCH); export TMPDIR=$(SCRATCH) PIP_DISABLE_PIP_VERSION_CHECK=1; \
	awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements.lock > $(VENV)/uv.lock; \
	if "$$python" -c 'import ensurepip' 2>/dev/null; then \
	    "$$python" -m venv $(VENV) && $(BIN)/python -m pip install --quiet --require-hashes -r $(VENV)/uv.lock; \
	elif "$$python" -m pip --version >/dev/null 2>&1; then \
	    "$$python" -m venv --without-pip $(VENV) \
	        && "$$python" -m pip --python $(BIN)/python install --quiet --require-hashes -r $(VENV)/uv.lock; \
	else \
	    echo 'make: this Python has neither ensurepip nor pip; on Debian, apt install python3-venv' >&2; exit 1; \
	fi

$(VENV)/.installed: requirements.lock $(PROJECTS) setup.py | $(BIN)/uv
	@echo 'Installing what requirements.lock names'
	@mkdir -p $(SCRATCH)
	@TMPDIR=$(SCRATCH) $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@echo 'Installing wavetank, wavetank-client and wavetank-protos, editable'
	@TMPDIR=$(SCRATCH) PATH="$(CURDIR)/$(BIN):$$PATH" COMPILED_LATER=1 $(BIN)/uv pip install --quiet --python $(BIN)/python \
	    --no-deps --no-build-isolation -e protos -e clients/python -e .
	@rm -rf $(SCRATCH)
	@touch $@

# Everything at first; from then on only what changed.
$(VENV)/.compiled: $(VENV)/.installed $(CYTHON)
	@echo 'Compiling the Cython modules that changed'
	@TMPDIR=$(CURDIR)/$(VENV) $(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

native: ## Compile the Cython modules that changed.
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $(VENV)/.compiled

protos: setup ## Generate the Python code of the contract.
	@$(BIN)/python protos/generate.py

baseline: setup ## Renew, on purpose, the contract that later changes must not break.
	@$(BIN)/buf build protos -o $(BASELINE)

lock: $(BIN)/uv ## Resolve the dependencies anew and write requirements.lock.
	@{ echo '# Every package that .venv holds, by version and hash; written by `make lock` from pyproject.toml.'; \
	    $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --group dev --no-emit-package wavetank-protos --no-emit-package wavetank-client \
	    pyproject.toml; } > $(VENV)/requirements.lock && mv $(VENV)/requirements.lock requirements.lock

clean: ## Remove what the other commands made, .venv included.
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find services \( -name '*.so' -o -name '*.cpp' -o -name __pycache__ \) -prune -exec rm -rf {} +
