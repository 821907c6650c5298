# make demo   set up, run a real grid, write its report
# make test   set up, run the tests
# make lint   formatting, lint, layers, types
# make reports  run every shipped grid, write all reports into reports/
# make docs   build the site into site/
# make lock   renew requirements.lock

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo reports test lint format docs lock chromium setup clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ablate needs Python 3.11 or newer; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY)
	$(BIN)/ablate run grids/activations.yaml
	$(BIN)/ablate report grids/activations.yaml

reports: $(READY)
	for grid in grids/[!_]*.yaml; do $(BIN)/ablate run $$grid || exit 1; done
	$(BIN)/ablate report --to html,md,csv

# Two at a time where tests do not mind; the others have the machine for themselves.
test: $(READY) chromium
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile
	$(BIN)/python -m pytest -m browser -n 2 --dist loadfile
	$(BIN)/python -m pytest -m "slow and not browser"

# The page is tested in a real browser; Debian's or your own Chromium is used when there is one.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	 { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY)
	$(BIN)/mkdocs build --strict

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --extra data --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
