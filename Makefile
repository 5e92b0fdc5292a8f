# Everything a person or CI runs. Needs Python 3.11 to 3.13, make, and a package registry; `make` lists the targets.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/pip
INSTALLED := $(VENV)/.installed
RUN := $(BIN)/python -m
AT_LENGTH := --timeout 900 --numprocesses auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-broker check format bench bench-broker chaos simulate wheel clean

help: ## Print this list.
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'
	@echo 'Another Python: make test PYTHON=python3.12 VENV=.venv-3.12'

demo: $(INSTALLED) ## See a bad canary being stopped, on this machine, in less than 90 s.
	@$(BIN)/canary demo

test: check ## Lint, types, fast tests and the docstrings' examples (plain `pytest`).
	$(RUN) pytest --numprocesses auto

test-slow: $(INSTALLED) ## Slow tests, such as simulations, on all cores (`pytest -m slow`).
	$(RUN) pytest -m "slow and not broker" $(AT_LENGTH) --durations 10

test-broker: $(INSTALLED) ## Tests that need a Kafka broker (`pytest -m broker`).
	$(RUN) pytest -m broker --timeout 300 $(AGAIN)

check: $(INSTALLED) ## Lint, format and types only.
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy

format: $(INSTALLED) ## Put the code into the house format, and mend what lint can mend.
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: $(INSTALLED) ## Measure speed and size against the budgets.
	$(RUN) benchmarks

bench-broker: $(INSTALLED) ## Measure the live monitor on a broker against the budgets (six minutes).
	$(RUN) pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(RUN) benchmarks.broker --write

chaos: $(INSTALLED) ## Kill workers and a broker under live traffic on Apache Kafka (ten minutes).
	$(RUN) benchmarks.chaos

simulate: $(INSTALLED) ## Measure error rates and detection delays by simulation (about two hours).
	$(RUN) benchmarks.simulation

wheel: $(INSTALLED) ## Build the wheel into dist/.
	$(RUN) pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what the other targets made.
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path './.*' -prune -o -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml $(PIP)
	@echo 'Installing the project and its tools into $(VENV) (a minute or two, once) ...'
	@$(RUN) pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(PIP):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo "canarystream needs Python 3.11 to 3.13, but '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." \
			"Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
