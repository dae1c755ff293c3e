# Everything that people and CI run. `make` alone explains itself.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-spark dev lint docs bench soak clean

PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$v >/dev/null && $$v -c 'import sys; sys.exit(not (3,11) <= sys.version_info < (3,14))' 2>/dev/null && echo $$v && break; done)
UV := $(shell command -v uv || echo .tools/bin/uv)
RUN := $(UV) run --locked --no-sync

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@test -n "$(PYTHON)" || { echo "Tidemark needs Python 3.11, 3.12 or 3.13 on the PATH; found none."; exit 1; }
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

# A copied environment leads into the checkout it was copied from: its scripts name that one's interpreter.
ifneq ($(wildcard .venv/.ready),)
ifneq ($(shell grep -qsxF '$(CURDIR)' .venv/lib/python*/site-packages/_editable_impl_tidemark.pth && echo own),own)
COPIED := yes
.PHONY: .venv/.ready
endif
endif

setup: .venv/.ready ## Install everything, uv itself included, from the lock

.venv/.ready: pyproject.toml uv.lock | $(UV)
	$(if $(COPIED),rm -rf .venv)
	$(UV) sync --locked --compile-bytecode
	@touch $@

demo: setup ## From nothing to features, models, the Dagster UI and the scorer; EXIT=1 stops after the proof
	$(RUN) tidemark demo $(if $(filter 1,$(EXIT)),--exit)

# Each of the many processes that the tests start would compile the project anew where bytecode is not kept.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup ## Run the tests, three at a time for each two cores
	$(RUN) pytest -n auto --dist loadfile --no-loadscope-reorder

test-spark: $(UV) ## Prove that Spark computes what DuckDB does (needs a JVM)
	UV_PROJECT_ENVIRONMENT=.venv-spark $(UV) sync --locked --extra spark
	UV_PROJECT_ENVIRONMENT=.venv-spark $(UV) run --locked --no-sync pytest -m spark

dev: setup ## Open the Dagster UI on what is loaded
	$(RUN) tidemark dev

lint: setup ## Style, types, borders between rooms, generated documents up to date
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) python -m pipelines.raw.reference --check
	$(RUN) python -m feature_repo.catalogue --check
	$(RUN) python -m feature_repo.settings --check
	$(RUN) python tests/feature_repo/stores/verdicts.py --check
	$(RUN) python -W ignore tests/catalogue_names.py --check

docs: setup ## Write the generated documents anew
	$(RUN) python -m pipelines.raw.reference
	$(RUN) python -m feature_repo.catalogue
	$(RUN) python -m feature_repo.settings
	$(RUN) python tests/feature_repo/stores/verdicts.py

bench: setup ## Measure, print tables, write .tidemark/bench/*.json (ONLY=world, load, features, join, events, online, dropin, serving)
	$(RUN) python tests/bench/run.py $(ONLY)

soak: setup ## Attack a scorer over a copy of a demo's home, print a table (SOAK_MINUTES=20, SOAK_HOME=.tidemark, WRITE=1)
	$(RUN) python -W ignore tests/soak/run.py $(if $(filter 1,$(WRITE)),--write)

clean: ## Remove what make installed; .tidemark stays
	rm -rf .venv .venv-spark .tools
