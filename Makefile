# `make help` lists what there is. Two commands do all the set-up: `make book` and `make test`.

PYTHON ?= python3
PORT ?= 8000
SERVE ?= 1
REQUIRE ?=
export REQUIRE

VENV := .venv/bin/python
# Two tests at a time, and so one thread for each.
PYTEST := OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(VENV) -m pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help book test lab notebooks tangle format lint check clean python env-book env-test env-lab env-dev

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PORT=8765     another port for the book      SERVE=0   build it, do not serve it"
	@echo "  PYTHON=PATH   the Python to start from       REQUIRE=all   a skipped test is a failure"

book: env-book ## build the book and serve it on this machine (SERVE=0: only build it)
	@$(VENV) -m tools.build_book $(if $(filter 0,$(SERVE)),,--serve --port "$(PORT)")

test: env-test ## run every test, then every notebook, comparing its outputs
	@$(VENV) -m tools.build_book
	@status=0; \
	echo "test: tests/"; $(PYTEST) tests || status=1; \
	echo "test: every notebook of book/, its outputs compared"; \
	$(PYTEST) -p tools.strict_nbval --nbval --nbval-current-env --nbval-cell-timeout 300 book || status=1; \
	exit $$status

lab: env-lab ## open JupyterLab on the notebooks
	@$(VENV) -m jupyterlab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/book

notebooks: env-dev ## regenerate everything: package, notebooks run again in their committed form, pages made from them
	@$(VENV) -m tools.tangle
	@$(VENV) -m tools.notebooks run
	@$(VENV) -m tools.parity
	@$(VENV) -m tools.names

tangle: env-test ## make minigrad/ from the notebooks
	@$(VENV) -m tools.tangle

format: env-test ## lay out code and notebooks
	@$(VENV) -m ruff check --fix . && $(VENV) -m ruff format . && $(VENV) -m tools.notebooks normalise

lint: env-dev ## style, types, and whether everything made from something else is up to date
	@echo "lint: style";      $(VENV) -m ruff check . && $(VENV) -m ruff format --check .
	@echo "lint: types";      $(VENV) -m mypy
	@echo "lint: package";    $(VENV) -m tools.tangle --check
	@echo "lint: notebooks";  $(VENV) -m tools.notebooks normalise --check
	@echo "lint: parity page"; $(VENV) -m tools.parity --check
	@echo "lint: page of names"; $(VENV) -m tools.names --check
	@echo "lint: versions";   $(VENV) -m tools.lock --check

check: test lint ## everything that CI does

clean: ## remove what was built (the environment stays: rm -r .venv)
	rm -rf _build web/vendor web/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "environment: there is no $(PYTHON) here; install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; }

env-book: python
	@"$(PYTHON)" tools/environment.py book
env-test: python
	@"$(PYTHON)" tools/environment.py book test
env-lab: python
	@"$(PYTHON)" tools/environment.py book lab
env-dev: python
	@"$(PYTHON)" tools/environment.py dev
