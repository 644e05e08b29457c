# `make training` and `make test` are all that a fresh machine needs: python3 (3.11 to 3.13), git and make (3.81 or later).
PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
PYTEST := $(VENV)/bin/pytest --numprocesses 2 --dist loadfile
PYTHONS := 3.11 3.12 3.13
SMOKE_RUN := data/recipes/smoke/08_reporting/fashion_mnist/report.html
LESSONS := $(patsubst %,docs/%,$(wildcard notebooks/*.ipynb))
PLATFORMS := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --group dev pyproject.toml

.PHONY: help install install-gpu scale training training-gpu driver test test-landing test-scale test-slow check check-locks docs audit lock \
	lock-scale lock-docs FORCE

help: ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/requirements.lock ## Set up .venv with the locked packages

install-gpu: $(VENV)/requirements-gpu.lock ## The same with CUDA

scale: $(VENV)/requirements-scale.lock ## Add Ray and Optuna: many runs, several hosts, millions of images

training: install ## Fetch, train, export and evaluate both data sets
	$(VENV)/bin/kedro run --pipelines training

training-gpu: driver install-gpu ## The same on an NVIDIA GPU, by JAX unless KERAS_BACKEND says otherwise
	KERAS_BACKEND="$${KERAS_BACKEND:-jax}" $(VENV)/bin/kedro run --pipelines training

driver: # in WSL only the library shows it
	@test -e /proc/driver/nvidia || nvidia-smi > /dev/null 2>&1 || \
		$(PYTHON) -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2> /dev/null || \
		{ echo "There is no NVIDIA driver here, and without one CUDA's gigabytes are of no use: install the driver, or run make training" >&2; exit 1; }

# Before anything is downloaded; a reproduction may need that lock on a machine without a GPU.
ifneq ($(filter training-gpu install-gpu,$(MAKECMDGOALS)),)
$(VENV)/requirements-gpu.lock: | driver
endif

test: install ## Run the tests (some minutes)
	$(PYTEST)

test-landing: install ## Run the tests of servers, kills, processes and the smoke recipe (some minutes)
	$(PYTEST) -m "landing and not slow"

test-scale: scale ## Run the tests of sweeps and clusters (some minutes)
	$(VENV)/bin/pytest -m "scale and not slow"

test-slow: scale ## Run the longer tests
	$(VENV)/bin/pytest -m "slow or landing"

check: install check-locks ## Check lint, types, import contracts, and wheels of the locked packages
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff check --preview --select PLW1514 src benchmarks .ci
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# uv assumes macOS 13; onnxruntime 1.26 needs 14.
check-locks: export MACOSX_DEPLOYMENT_TARGET = 14.0
check-locks: install ## Look for a wheel of each locked package on every platform and Python
	@wheels() { $(UV) pip install --quiet --dry-run --target $(VENV)/none --only-binary :all: --require-hashes "$$@"; }; \
	for python in $(PYTHONS); do \
		for platform in $(PLATFORMS); do \
			wheels --python-version $$python --python-platform $$platform -r requirements.lock -r requirements-scale.lock -r requirements-docs.lock || exit 1; \
		done; \
		wheels --python-version $$python --python-platform x86_64-unknown-linux-gnu -r requirements-gpu.lock || exit 1; \
	done

docs: $(VENV)/requirements-docs.lock $(LESSONS) ## Build the site of the documentation into build/docs; a dead link is an error
	$(VENV)/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs build/docs

# The notebooks with outputs; they look at the published data, and at a run of the recipe smoke.
docs/notebooks/%.ipynb: notebooks/%.ipynb $(SMOKE_RUN) | $(VENV)/requirements-docs.lock
	@mkdir -p $(@D)
	KEDRO_ENV=smoke KEDRO_LOGGING_CONFIG="$(CURDIR)/conf/logging.yml" \
		$(VENV)/bin/jupyter execute --timeout=300 --output=../$@ $<

$(SMOKE_RUN): | install
	$(VENV)/bin/kedro run --pipelines training --env smoke

# Without --strict, pip-audit skips packages that the index says nothing of, and succeeds.
AUDIT = $(UV) tool run pip-audit==2.10.1 --strict --require-hashes --disable-pip --requirement

audit: install ## Ask the package index for known vulnerabilities of the locked packages
	$(AUDIT) requirements.lock
	$(AUDIT) requirements-gpu.lock
	$(AUDIT) requirements-scale.lock
	$(AUDIT) requirements-docs.lock

lock: install ## Lock the newest versions that fit
	$(COMPILE) --upgrade --extra cpu --output-file requirements.lock
	$(COMPILE) --upgrade --extra gpu --output-file requirements-gpu.lock
	$(MAKE) lock-scale lock-docs

# Only what is not in requirements.lock, and fits it.
lock-scale: ADDED = --extra scale
lock-docs: ADDED = --group docs
lock-scale lock-docs: install
	$(COMPILE) --upgrade --extra cpu $(ADDED) --constraints requirements.lock --no-annotate \
		`sed -n 's/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' requirements.lock` --output-file $(VENV)/added.lock
	sed '/^# The following packages were excluded/,$$d' $(VENV)/added.lock > requirements-$(@:lock-%=%).lock

# The programs in .venv name its folder and its Python: if either has moved, .venv is made anew.
USABLE := $(shell $(VENV)/bin/python -c '' 2>/dev/null && test "`cat $(VENV)/folder 2>/dev/null`" = "`pwd -P`" && echo yes)
ifneq ($(USABLE),yes)
$(VENV)/requirements.lock $(VENV)/requirements-gpu.lock: FORCE
endif

# The copy of a lock in .venv says which one is installed there.
$(VENV)/%.lock: %.lock pyproject.toml
	@test "$(USABLE)" = yes || $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "$(PYTHON) is `$(PYTHON) --version 2>&1`, but 3.11, 3.12 or 3.13 is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	test "$(USABLE)" = yes || $(PYTHON) -m venv --clear $(VENV)
	awk '/^[^ ]/ {wanted = /^uv==/} wanted' $< > $(VENV)/uv.lock
	test -x $(UV) || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	$(UV) pip sync --quiet --python $(VENV) --require-hashes $<
	$(UV) pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	rm -f $(VENV)/requirements*.lock
	cp $< $@
	pwd -P > $(VENV)/folder

# What these locks add to one of the others, which they leave as they are: to the one that is installed, or is to be.
WITH_CUDA := $(filter training-gpu install-gpu,$(MAKECMDGOALS))$(wildcard $(VENV)/requirements-gpu.lock)
$(VENV)/requirements-scale.lock $(VENV)/requirements-docs.lock: $(VENV)/%: % $(VENV)/requirements$(if $(WITH_CUDA),-gpu).lock
	$(UV) pip install --quiet --python $(VENV) --no-deps --require-hashes -r $<
	cp $< $@
