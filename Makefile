# `make training` and `make test` are all that a fresh machine needs: python3, git and make.
PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --group dev pyproject.toml

.PHONY: help install training training-gpu test test-slow check audit lock

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 16

install: $(VENV)/requirements.lock ## Set up .venv with exactly the locked packages

# TensorFlow leaves oneDNN off on processors without AVX-512, which makes its steps several times as long there.
training: export TF_ENABLE_ONEDNN_OPTS ?= 1
training: install ## Fetch, train, export and evaluate both data sets
	$(VENV)/bin/kedro run --pipelines training

training-gpu: $(VENV)/requirements-gpu.lock ## The same with CUDA
	$(VENV)/bin/kedro run --pipelines training

test: install ## Run the tests (some minutes)
	$(VENV)/bin/pytest --numprocesses 2 --dist loadfile

test-slow: install ## Run the tests that take longer
	$(VENV)/bin/pytest -m slow

check: install ## Lint, types, import contracts
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# Strict, since pip-audit passes over packages that the index says nothing of, and would end as if all were well.
AUDIT = $(UV) tool run pip-audit==2.10.1 --strict --require-hashes --disable-pip --requirement

audit: install ## Ask the package index for known vulnerabilities of the locked packages
	$(AUDIT) requirements.lock
	$(AUDIT) requirements-gpu.lock

lock: install ## Resolve the locks anew
	$(COMPILE) --upgrade --output-file requirements.lock
	$(COMPILE) --upgrade --extra gpu --output-file requirements-gpu.lock

# The copy of a lock in .venv says which one is installed there.
$(VENV)/%.lock: %.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	awk '/^[^ ]/ {wanted = /^uv==/} wanted' $< > $(VENV)/uv.lock
	test -x $(UV) || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	$(UV) pip sync --quiet --python $(VENV) --require-hashes $<
	$(UV) pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	rm -f $(VENV)/requirements*.lock
	cp $< $@
