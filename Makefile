# `make demo` and `make test` set up .venv on their own; stamps make the second call quick.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test test-heavy test-long check format bench docs clean

demo: .venv/.product
	$(BIN)/rlaif run self-rewarding --out runs/demo

test: .venv/.dev
	$(BIN)/pytest -n auto

test-heavy: .venv/.dev
	$(BIN)/pytest -m heavy; status=$$?; [ $$status -eq 5 ] || exit $$status   # 5: no heavy test exists

test-long: .venv/.dev
	$(BIN)/pytest -m long

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/judge_prefix.py
	$(BIN)/python benchmarks/micro_loop.py

docs: .venv/.dev
	$(BIN)/python docs/make_cli.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rlaif needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/.product: .venv/.made pyproject.toml constraints.txt
	[ -e .venv/.dev ] || $(BIN)/pip install --quiet -c constraints.txt -e .
	touch $@

.venv/.dev: .venv/.made pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@
