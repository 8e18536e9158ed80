# One command from a bare machine (Python >= 3.11 and make) to a result. `make help` lists the commands.
# Everything is installed in .venv, from requirements.lock with hashes; nothing outside this folder is touched.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Settings of the caller's shell that would mix foreign packages into the environment.
unexport PYTHONPATH PYTHONHOME PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET PIP_PREFIX VIRTUAL_ENV

SCENARIO ?= fry2018-cd22
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.cartsim-ready
SAY = @printf '==> %s\n'

# An environment does not survive a move of its folder: the stamp holds the place where it was made.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
$(STAMP): remake
endif

# A Python that can make environments and that all locked packages are built for (3.11 to 3.14);
# PYTHON=/path/to/python asks for a certain one.
define FIND_PYTHON
for p in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do \
  command -v "$$p" >/dev/null 2>&1 || continue; \
  "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1 || continue; \
  if "$$p" -c 'import venv, ensurepip' >/dev/null 2>&1; then found=$$p; break; fi; \
  bare=$$p; \
done; \
if [ -z "$$found" ] && [ -n "$$bare" ]; then \
  echo "error: $$bare cannot make environments; it lacks the venv and ensurepip modules; install them (Debian, Ubuntu: python3-venv)" >&2; exit 1; \
elif [ -z "$$found" ]; then \
  echo "error: no Python from 3.11 to 3.14 found; the locked packages need one; install it, or name it: make PYTHON=/path/to/python" >&2; exit 1; \
fi
endef

.PHONY: help
help:  ## show this list
	@echo "cartsim: virtual trials of CAR T-cell therapy. Commands:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 | \2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(STAMP)  ## simulate a trial and show it beside what was reported (SCENARIO=name for another)
	$(SAY) "Running: cartsim run $(SCENARIO)"
	@$(BIN)/cartsim run $(SCENARIO)

.PHONY: test
test: $(STAMP)  ## run the tests, without the slow ones
	$(SAY) "Running the tests (make slow runs the long ones)"
	@$(PY) -m pytest -m "not slow and not verify" -n 2 $(ARGS)

.PHONY: slow
slow: $(STAMP)  ## run the long statistical tests
	$(SAY) "Running the slow tests on all cores"
	@$(PY) -m pytest -m slow -n auto $(ARGS)

.PHONY: verify
verify: $(STAMP)  ## verify every method against exact laws, and the verification by seeded faults (hours)
	$(SAY) "Verifying: laws, seeded faults, fresh seeds, references (some three hours on one core; ARGS=\"--seeds 10\" for less)"
	@$(PY) -m tests.statistical.verify $(ARGS)

# Tests that take the kernels, as plain Python, through their lines; tests/kernels/test_plain_python.py runs the same.
PLAIN := tests/kernels tests/dish/test_t_cells.py tests/network/test_jumps.py

.PHONY: coverage
coverage: $(STAMP)  ## say which lines and branches of the kernels the tests reach, with the compiler off
	$(SAY) "Running the kernels' tests as plain Python (three to five minutes)"
	@NUMBA_DISABLE_JIT=1 $(PY) -m coverage run --source=sim/kernels -m pytest -q -m "not slow and not verify" $(PLAIN) $(ARGS)
	@$(PY) -m coverage report --fail-under=96
	@$(PY) -m tests.branches

# The plugin is off elsewhere: beside tests that run on all cores it measures nothing and warns of it.
.PHONY: bench
bench: $(STAMP)  ## measure kernels, ensembles, start-up, precision and memory (ten minutes; ARGS=file for one)
	$(SAY) "Measuring (cartsim bench takes a minute and compares with a stored baseline)"
	@$(PY) -m pytest -o addopts="--import-mode=importlib" -o python_files="bench_*.py" --benchmark-columns=median,iqr,rounds \
	  --benchmark-sort=fullname $(if $(ARGS),$(ARGS),benchmarks)

.PHONY: bench-peers
bench-peers: $(STAMP)  ## compare the speed with other programs, in the same run (half an hour, the first time an hour)
	$(SAY) "Building the environments of peers that are missing"
	@$(PY) -m benchmarks.peers.environments
	$(SAY) "Measuring; results go to benchmarks/results and docs/performance.md"
	@$(PY) -m benchmarks.compare --document docs/performance.md --summary README.md $(ARGS)
	$(SAY) "Measuring the floor of the machine"
	@$(PY) -m benchmarks.floor

.PHONY: posterior
posterior: $(STAMP)  ## calibrate anew, prove it, and write what ships and its pages (an hour; goes on where it was)
	$(SAY) "Calibrating, in runs/calibration"
	@$(BIN)/cartsim calibrate --out runs/calibration || [ $$? -eq 1 ]
	@$(PY) -m calibration proof --folder runs/calibration
	@$(PY) -m calibration rivals --folder runs/calibration
	@mkdir -p calibration/posterior && cp runs/calibration/posterior/* runs/calibration/proof.json runs/calibration/rivals.json calibration/posterior
	$(SAY) "Writing the pages"
	@$(PY) docs/calibration.py
	@$(PY) docs/structure.py --folder runs/calibration

.PHONY: lint
lint: $(STAMP)  ## check style, types and layers
	$(SAY) "Checking style"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	$(SAY) "Checking types"
	@$(PY) -m mypy
	$(SAY) "Checking layers"
	@$(BIN)/lint-imports --no-cache

.PHONY: format
format: $(STAMP)  ## put the code into the common format
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

.PHONY: setup
setup: $(STAMP)  ## only make or update .venv
	$(SAY) "$(VENV) is ready"

.PHONY: lock
lock: $(STAMP)  ## remake requirements.lock from pyproject.toml, all versions as new as can be
	$(SAY) "Resolving all dependencies anew"
	@$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --extra test --extra dev --custom-compile-command "make lock" \
	  pyproject.toml --output-file requirements.lock
	$(SAY) "requirements.lock is new; run make test before you commit it"

.PHONY: wheel
wheel: $(STAMP)  ## build the wheel into dist/
	$(SAY) "Building the wheel"
	@$(PY) -m build --wheel --no-isolation --outdir dist .

.PHONY: clean
clean:  ## remove .venv, build products and caches; runs/ stays
	$(SAY) "Removing $(VENV), dist and caches"
	@rm -rf $(VENV) dist build .coverage htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find sim calibration tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Without a stamp from this very place the environment is made from nothing: a half-made one is not mended.
.PHONY: remake
remake: ;

$(STAMP): requirements.lock pyproject.toml
	@$(FIND_PYTHON); \
	if [ "$$(cat $(STAMP) 2>/dev/null)" = "$(CURDIR)" ] && $(PY) -c 'import pip' 2>/dev/null; then \
	  echo "==> Updating $(VENV): requirements.lock or pyproject.toml has changed"; \
	else \
	  echo "==> Making $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV) || exit 1; \
	fi
	@rm -f $(STAMP)
	$(SAY) "Installing the locked dependencies (a minute or two the first time)"
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(SAY) "Installing cartsim from this folder"
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@printf '%s\n' "$(CURDIR)" > $(STAMP)
