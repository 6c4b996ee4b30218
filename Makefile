# Every target creates or updates .venv by itself: with uv when it is there, with venv and pip when it is not.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# What `make run` runs in; `shared` is dev for a machine on which others work, too.
ENVIRONMENT := dev
UV := $(shell command -v uv 2>/dev/null)

.PHONY: run nightly test check fix bench conformance kills mutants lock clean help
.DEFAULT_GOAL := help

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(READY)  ## the main job: deploy, stress, load and chaos in the quick profile, write the report (ENVIRONMENT=shared: on a busy machine)
	$(BIN)/pytest suites --env $(ENVIRONMENT)
	@if [ -x node_modules/.bin/allure ] || command -v allure >/dev/null 2>&1; then $(BIN)/cafe report; \
	else echo "reports/latest/summary.md holds the verdicts; install Allure 3 and run 'cafe report' for the HTML"; fi

nightly: $(READY)  ## the suites in the full profile (over two hours), figures added to reports/history.jsonl and drawn
	.ci/suites full

test: check  ## lint, types, layers, templates, and the framework's own tests
	$(BIN)/pytest -n 3 --dist worksteal

check: $(READY)  ## lint, types, layers and templates only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infrastructure/modules/*.yaml

fix: $(READY)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measure; prints one JSON line per figure
	@$(BIN)/python -m plugins.bench

conformance: $(READY)  ## ask every AWS call that is answered, rightly and wrongly: minutes; SEED=n repeats a run
	@$(BIN)/python -m infrastructure.embedded.tests.conformance $(if $(SEED),--seed $(SEED))

kills: $(READY)  ## 50 kills at random moments of a run: no orphan, no residue, every undo proven
	@$(BIN)/python -m plugins.bench.kills

mutants: $(READY)  ## 100 small defects, one at a time, in a copy of the tree: which does no test see? SEED=n repeats a run
	@$(BIN)/python -m plugins.bench.mutants $(if $(SEED),--seed $(SEED))

lock: $(READY)  ## pin what pyproject.toml asks for, for every Python; pins that still fit stay
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev \
	  --custom-compile-command "make lock" --quiet --output-file requirements.lock pyproject.toml

clean:  ## remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis build *.egg-info
	find reports -mindepth 1 ! -name README.md ! -name .gitignore -delete

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "CloudCafe needs Python 3.11 to 3.14; $(PYTHON) is older. Next: make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@echo "making .venv: about 0.8 GB of packages, a minute or two, once" >&2
ifdef UV
	@[ -x $(BIN)/python ] || uv venv --quiet --python $(PYTHON) .venv
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@[ -x $(BIN)/pip ] || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@
