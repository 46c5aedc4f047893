# Everything runs from .venv, which is made on first use; nothing needs root. `make help` lists the targets.
PYTHON ?= python3
PYTEST_ARGS ?=
# The telephone system of demo and smoke: voipstudio (simulated), or sip (Kamailio and baresip, where these are installed).
PROVIDER ?= voipstudio

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable
MANAGE := $(BIN)/python example_project/manage.py

.DEFAULT_GOAL := help
.PHONY: help demo smoke test check messages screenshots docs clean
# A stamp of a failed installation would hide the failure the next time.
.DELETE_ON_ERROR:

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/.demo ## Serve the example CRM with a simulated telephone system until Ctrl-C; PROVIDER=sip: with a real one
	@$(MANAGE) demo --provider $(PROVIDER)

smoke: .venv/.demo ## Make one inbound and one outbound call through the whole system and check both timelines; also PROVIDER=sip
	@$(MANAGE) smoke --provider $(PROVIDER)

test: .venv/.test ## Run every test: Python, the browser, JavaScript, and the database tests on PostgreSQL too
	@echo "== JavaScript tests"
	@if command -v node >/dev/null; then node --test $$(find tests/js -name '*.test.*js'); \
	elif [ "$$VOIPCTI_REQUIRE_ALL" = 1 ]; then echo "node is missing and nothing may be skipped here" >&2; exit 1; \
	else echo "not run: node is not installed"; fi
	@echo "== Python and browser tests on SQLite"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
	@echo "== Tests that depend on the database, again on PostgreSQL"
	@VOIPCTI_TEST_DB=postgres $(BIN)/python -m pytest -m database_matrix $(PYTEST_ARGS)

check: .venv/.check ## Lint, types, import contracts, migrations, deployment checks, contents of the wheel
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "== mypy"
	@$(BIN)/mypy
	@echo "== import contracts"
	@$(BIN)/lint-imports
	@echo "== migrations"
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m django makemigrations --check --dry-run --pythonpath . django_voipcti
	@$(MANAGE) makemigrations --check --dry-run
	@echo "== deployment checks"
	@$(MANAGE) check --deploy --fail-level WARNING
	@echo "== wheel and architecture"
	@$(BIN)/python -m pytest --quiet tests/test_packaging.py tests/test_architecture.py

messages: .venv/.check ## Bring the texts of the code into the translations, and compile them (needs gettext)
	@cd django_voipcti && PYTHONSAFEPATH=1 PYTHONPATH=.. DJANGO_SETTINGS_MODULE=tests.settings ../$(BIN)/django-admin \
		makemessages --all --no-location --no-wrap
	@sed -i -E '/^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team): /d' django_voipcti/locale/*/LC_MESSAGES/django.po
	@for po in django_voipcti/locale/*/LC_MESSAGES/django.po; do msgfmt --check-format --statistics -o $${po%.po}.mo $$po; done

screenshots: .venv/.test ## Take the pictures of the documentation again (needs Chromium)
	@$(BIN)/python -m tests.browser.screenshots

docs: .venv/.docs ## Build the documentation; a warning is an error
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean: ## Remove what the other targets made, .venv included
	rm -rf .venv build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@echo "== Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian: apt install python3-venv" >&2; exit 1; }

# One stamp per set of extras, so that each target installs what it needs and only when setup.cfg changed.
.venv/.demo: EXTRAS = demo
.venv/.test: EXTRAS = demo,test
.venv/.check: EXTRAS = demo,test,check
.venv/.docs: EXTRAS = docs
.venv/.demo .venv/.test .venv/.check .venv/.docs: setup.cfg pyproject.toml | .venv/bin/python
	@echo "== Installing django_voipcti[$(EXTRAS)] (a minute or two the first time)"
	@$(PIP) ".[$(EXTRAS)]"
	@touch $@
