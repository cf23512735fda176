# Forewarn: `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.run: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@echo "compiling the kernels, once"
	@$(BIN)/python -m engine.warm
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.run ## make a virtual environment with the locked dependencies and the package

demo: $(VENV)/.run ## a simulated fleet through the whole engine, with a page at the end
	@$(BIN)/forewarn demo

test: $(VENV)/.dev ## all tests
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

lint: $(VENV)/.dev ## format, style, types, import rule, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: $(VENV)/.dev ## rewrite to the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## every benchmark
	@for b in tests/benchmarks/[a-z]*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

nightly: $(VENV)/.dev ## long fuzz, soak and fault runs
	FOREWARN_HISTORIES=100000 FOREWARN_EXAMPLES=nightly $(BIN)/python -m pytest --numprocesses auto tests/simulation
	FOREWARN_EXAMPLES=nightly $(BIN)/python -m pytest -m 'nightly or hypothesis'

wheel: $(VENV)/.dev ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

lock: ## resolve the dependencies anew, with hashes, for Python 3.11 to 3.14
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q -o requirements-dev.lock
	uv pip compile pyproject.toml --group build -c requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --extra postgres --extra objects --group build -c requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q -o config/deploy/requirements.lock

clean: ## remove what the targets above made
	rm -rf $(VENV) build dist demo-out .mypy_cache .ruff_cache .pytest_cache

.PHONY: help install demo test lint format bench nightly wheel lock clean
