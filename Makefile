# Rakurs. `make` alone lists what there is to do. Everything lives in .venv; a second call installs nothing.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
INSTALL_RAKURS := $(PIP) install --no-deps --no-build-isolation --editable .
SAMPLE := from pydicom.data import get_testdata_file as path; print(path("RG1_UNCI.dcm", download=False))

.DEFAULT_GOAL := help
.PHONY: help run serve test check bench clean debian

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: .venv/for-run ## serve the API with a user for trying; PORT=8000
	@RAKURS_DATA_DIR="$(CURDIR)/out/service" $(BIN)/rakurs serve --demo --open --port $(PORT)

run: .venv/for-run ## read a sample film and show the report
	@rm -rf out/sample
	@$(BIN)/rakurs read "$$($(BIN)/python -c '$(SAMPLE)')" --out out/sample
	@report="$$(ls out/sample/*/report.html)"; \
	if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; \
	then $(BIN)/python -m webbrowser "file://$(CURDIR)/$$report" >/dev/null; \
	else echo "The report is $$report; open it in a browser."; fi

check: .venv/for-test ## format, lint, types, directions of import, packs, the API's description
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/rakurs packs check
	@RAKURS_DATA_DIR="$$(mktemp -d)" $(BIN)/rakurs admin openapi docs/openapi.yaml --check

test: .venv/for-test debian ## every test, in random order
	@$(BIN)/python -m pytest

bench: .venv/for-bench ## every benchmark, one table each
	@for script in $(sort $(wildcard benchmarks/*.py)); do echo "$$script"; $(BIN)/python "$$script" || exit 1; done

clean: ## remove what was built or answered; trainings in runs/ and .venv stay
	@rm -rf build dist out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says what is installed; it is renewed when the pins or the package's declaration change.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "Rakurs needs Python 3.11 or newer; name one: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/for-run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Setting up .venv for reading and serving ..."
	@$(PIP) install --requirement $<
	@$(INSTALL_RAKURS)
	@touch $@

.venv/for-test: requirements/test.txt .venv/for-run
	@echo "Setting up .venv for the tests (torch is large) ..."
	@$(PIP) install --requirement $<
	@touch $@

.venv/for-bench: requirements/bench.txt .venv/for-test
	@echo "Setting up .venv for the benchmarks ..."
	@$(PIP) install --requirement $<
	@touch $@

# dcmtk is an independent reader of what we write. Tests that need it skip, with the reason, where it is missing.
debian:
	@if command -v dcmdump >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	&& { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends dcmtk; } >/dev/null 2>&1; \
	then echo "Installed the Debian package dcmtk."; \
	else echo "dcmtk is missing and could not be installed; the tests that need it will be skipped."; fi
