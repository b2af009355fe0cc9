# Everything below needs Python 3.11 and make, nothing else. Settings: the table in README.md.
PYTHON ?= python3.11
PY = .venv/bin/python
# Node, where it had to be installed, lies in the virtual environment.
NPM = cd frontend && PATH="$(CURDIR)/.venv/bin:$$PATH" npm run --silent
LAUNCH = $(PYTHON) -m config.local
PYTEST = $(PY) -m pytest
# Processes that share the tests (tests/sharing.py). With ARGS, as for a single file, there is one.
SHARED = -n 2
# mypy's Django plugin reads the settings, which want values; no server is asked.
NOWHERE = DATABASE_URL=postgresql:///none BROKER_URL=unix:///none SAGITTAL_SECRET_KEY=none \
  SAGITTAL_PSEUDONYM_KEY=none SAGITTAL_IDENTITY_KEYS=none

.DEFAULT_GOAL := help
.PHONY: help run manage ready test test-data bench soak lint lint-style lint-format lint-types lint-imports lint-frontend \
  clean-state

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 22

run: ## install what is missing, start everything, print the URL; Ctrl-C stops it
	@exec $(LAUNCH) run

manage: ## a management command: make manage DO="import_cases folder.zip"
	@exec $(LAUNCH) manage $(DO)

# The packages of the tests, the frontend and the static files; nothing to do where they are up to date.
ready:
	@$(LAUNCH) prepare requirements-dev.txt

test: ready ## unit, database, permission and browser tests; needs nothing but this repository
	@$(NPM) test
	@$(PYTEST) --ignore=tests/data --ignore=tests/bench $(or $(ARGS),$(SHARED))

test-data: ready ## the tests over the real examinations in SAGITTAL_DATA (default ../shared/data)
	@$(PYTEST) tests/data $(or $(ARGS),$(SHARED))

bench: ready ## measure: images, writes, worklist, import
	@$(PY) -m tests.bench $(ARGS)

soak: ready ## eight readers and two adjudicators for a minute, as processes: nothing lost, nothing claimed twice
	@$(PY) -m tests.soak $(ARGS)

lint: lint-style lint-format lint-types lint-imports lint-frontend ## style, types, the direction of imports

lint-style: ready
	@$(PY) -m ruff check .

lint-format: ready
	@$(PY) -m ruff format --check .

lint-types: ready
	@$(NOWHERE) $(PY) -m mypy config labeling inference

lint-imports: ready
	@.venv/bin/lint-imports

lint-frontend: ready
	@$(NPM) types

clean-state: ## delete the database, the images and the keys of this folder, after asking
	@printf 'This deletes every case, label and key in %s. Type yes: ' "$${SAGITTAL_STATE:-var}"; \
	  read answer; [ "$$answer" = yes ] && $(LAUNCH) remove-state
