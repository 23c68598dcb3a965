# `make help` says what there is. Needs make, git and Python 3.11 or newer; everything else goes
# into .venv, which is made on first use and brought up to date when its two sources change.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS ?= all,dev
JOBS ?= 2
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# The benchmark has an environment of its own, since `cebra` need not be anywhere else; captum and
# cvxpy are what its attribution maps want.
BENCH := .venv-bench
BENCH_ENV := VENV=$(BENCH) EXTRAS=compare,attribution MORE=cvxpy
THREADS ?= 2

# Where the real recordings lie; the tests that need them are skipped where there are none.
CEBRA_ETHAN_DATA ?= $(realpath ../shared/data)
export CEBRA_ETHAN_DATA

.PHONY: run test test-slow coverage check bench bench-quality bench-limits bench-report bench-env clean help
.DEFAULT_GOAL := help

run: $(STAMP)  ## train on a simulated rat, print the numbers, draw the figures (DATA=folder: real rats)
	$(BIN)/python -m experiments.hippocampus.run_experiment --preset run $(if $(DATA),--data-root "$(DATA)")

test: check  ## the checks, then the tests under ten seconds and every docstring's example
	$(PYTEST) -m "not slow and not ray"

test-slow: $(STAMP)  ## the other tests: whole programs, trainings to quality, baselines' own tasks
	$(PYTEST) -m "slow and not ray"

coverage: $(STAMP)  ## every test, and which lines of the package none of them reaches
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

check: $(STAMP)  ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: bench-env  ## speed and memory beside cebra 0.6.1, hours; ROW=2 or ROW=length: only that
	$(BENCH)/bin/python -m benchmarks.speed --threads $(THREADS) $(if $(ROW),--row $(ROW)) $(ARGS)
	$(if $(ROW),,$(BENCH)/bin/python -m benchmarks.speed --quality --threads $(THREADS) $(ARGS))
	$(BENCH)/bin/python -m benchmarks.speed --report

bench-quality: bench-env  ## held-out losses of both after the same steps (ROW=...: only that)
	$(BENCH)/bin/python -m benchmarks.speed --quality --threads $(THREADS) \
		$(if $(ROW),--row $(ROW)) $(ARGS)
	$(BENCH)/bin/python -m benchmarks.speed --report

bench-limits: bench-env  ## what a step does, and how fast the machine is at that (ROW=...)
	$(BENCH)/bin/python -m benchmarks.speed --limits --threads $(THREADS) \
		$(if $(ROW),--row $(ROW)) $(ARGS)
	$(BENCH)/bin/python -m benchmarks.speed --report

bench-report: bench-env  ## docs/benchmarks.md and its figures from what was measured
	$(BENCH)/bin/python -m benchmarks.speed --report

bench-env:
	@$(MAKE) --no-print-directory $(BENCH_ENV) $(BENCH)/.installed

clean:  ## remove .venv, caches and build output; results under runs/ stay
	rm -rf $(VENV) $(BENCH) build dist htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

# The first Python that is new enough and can make an environment. Each is run and not only found,
# since a version manager may leave a name behind that starts nothing. PYTHON=... takes another.
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3 python3.11 python3.12 python3.13 python3.14 python)
SUITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

$(STAMP): pyproject.toml constraints.txt
	@if ! $(BIN)/python -c '$(SUITS)' >/dev/null 2>&1; then \
		for python in $(CANDIDATES); do \
			if "$$python" -c '$(SUITS)' >/dev/null 2>&1; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "CEBRA-Ethan needs Python 3.11 or newer with its venv module, and none was found;" \
				"install one, or name it: make PYTHON=/path/to/python3.11" >&2; \
			exit 1; \
		fi; \
		echo "making $(VENV) with $$found"; \
		"$$found" -m venv --clear $(VENV); \
	fi
	@echo "installing cebra-ethan[$(EXTRAS)] into $(VENV): a few minutes the first time"
	@$(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet \
		-c constraints.txt -e ".[$(EXTRAS)]" $(MORE)
	@touch $@
