# Everything a newcomer needs; `make help` lists it. Needs Python 3.11 or newer and make, nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
# A checkout that we may not write to (made by another user) keeps working: its .venv is used if it has one.
WRITABLE := $(shell test -w . && echo yes)
HOME_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/zmq-bridge
VENV ?= $(if $(or $(WRITABLE),$(wildcard .venv/.stamp)),.venv,$(HOME_CACHE)/venv)
CACHE ?= $(if $(WRITABLE),.cache,$(HOME_CACHE))
# Processes that share the tests, each with servers of its own; a file's tests stay together. Tests wait more than they
# compute, so three suit two cores.
TEST_JOBS ?= 3
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
SCRIPTS := $(if $(WRITABLE),web/pages/static/vendor,$(HOME_CACHE)/vendor)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export HYPOTHESIS_STORAGE_DIRECTORY := $(abspath $(CACHE))/hypothesis

.DEFAULT_GOAL := help
.PHONY: help run test test-wine mql5-check check lint types contracts bench lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  then: $(BIN)/zmq-bridge --help"

run: $(STAMP) $(SCRIPTS)/.stamp ## start everything on this machine and print where it is; Ctrl-C stops it
	@exec $(BIN)/zmq-bridge up $(ARGS)

test: check $(SCRIPTS)/.stamp ## all checks and all tests, on servers of their own (ARGS="tests/risk -k lots" narrows the tests)
	$(BIN)/python -m pytest -o cache_dir=$(CACHE)/pytest -n $(TEST_JOBS) --dist loadfile $(ARGS)

check: lint types contracts ## style, types and import rules only

lint: $(STAMP)
	$(BIN)/ruff check --cache-dir $(CACHE)/ruff .

types: $(STAMP)
	$(BIN)/mypy --cache-dir $(CACHE)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports --cache-dir $(CACHE)/import-linter

test-wine: $(STAMP) ## the Expert Advisor under Wine: real libzmq.dll, Winsock (installs Wine and mingw-w64)
	@sh tests/mql5_wine/install.sh
	MQL5_WINE=1 $(BIN)/python -m pytest -v -rs -o cache_dir=$(CACHE)/pytest tests/mql5_wine $(ARGS)

mql5-check: $(STAMP) ## compile the MQL5 sources with MetaQuotes' own compiler, named by MQL5_COMPILER
	@$(BIN)/python -m tests.mql5_compiler

bench: $(STAMP) ## measure against raw baselines in the same run, and print ratios
	$(BIN)/python -m benchmarks $(ARGS)

lock: ## write requirements.lock anew from the ranges in setup.cfg
	rm -rf $(CACHE)/lock && $(PYTHON) -m venv $(CACHE)/lock
	$(CACHE)/lock/bin/pip install --quiet '.[test]' 'setuptools>=70'
	{ echo "# Exact versions of everything in setup.cfg; written by 'make lock'."; \
	  $(CACHE)/lock/bin/pip freeze --all | grep -viE '^(pip|zmq-bridge)[ =@]'; } > requirements.lock
	rm -rf $(CACHE)/lock build

clean: ## remove the virtual environment and caches; your data in var stays
	rm -rf .venv .cache build *.egg-info web/pages/static/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The dashboard's scripts, pinned in web/package-lock.json; Node comes from PyPI where the machine has none.
$(SCRIPTS)/.stamp: web/package.json web/package-lock.json web/build.py | $(STAMP)
	@echo "bringing the dashboard's scripts from npm"
	@$(BIN)/python web/build.py --work $(CACHE)/npm --vendor $(SCRIPTS)

# The newest parts of a checkout that the environment depends on.
$(STAMP): setup.cfg pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "expected Python 3.11 or newer, found: $$($(PYTHON) --version 2>&1). make PYTHON=/path/to/python3.11 names one"; exit 1; }
	@echo "1/3 making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "Python can't make virtual environments here; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "2/3 installing what it needs, servers included (about 150 MB and a minute the first time)"
	@rm -f $(VENV)/.complete
	@{ $(BIN)/python -m pip install --quiet --require-virtualenv -r requirements.lock && touch $(VENV)/.complete; } \
	  | grep --line-buffered -v 'already satisfied'; test -f $(VENV)/.complete
	@echo "3/3 installing zmq-bridge itself"
	@$(BIN)/python -m pip install --no-deps --no-build-isolation --editable . > $(VENV)/install.log 2>&1 \
	  || { cat $(VENV)/install.log; exit 1; }
	@touch $@
