# Everything here works on a fresh clone: what a target needs is installed first, into .venv.

VENV := .venv
BIN := $(VENV)/bin
# What `make serve` and `make test` were last installed from; newer locks install again.
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed

# A Python to build .venv with; empty takes the newest one found.
PYTHON ?=
# Further arguments of `bursar serve`.
ARGS ?=
# Each worker process of the tests has a PostgreSQL of its own, hence the ceiling; it begins with a run of
# tests that stand together, so that few of them start the same server twice.
PYTEST_ARGS ?= --numprocesses auto --maxprocesses 4 --dist worksteal

# What needs PgBouncer or nginx is run where they are installed. `test` alone has the two longest races, which are about
# many workers and many clients, and the tests of the embedded server.
PGBOUNCER := $(shell PATH="$$PATH:/usr/sbin"; command -v pgbouncer)
NGINX := $(shell PATH="$$PATH:/usr/sbin"; command -v nginx)
MISSING := $(if $(PGBOUNCER),, and not pooler)$(if $(NGINX),, and not nginx)
EXTERNAL_TESTS := tests/database tests/races tests/operations/test_external.py \
	tests/operations/test_pooler.py tests/clients/test_nginx.py --ignore tests/database/test_embedded.py \
	--ignore tests/races/test_old_secrets.py \
	--deselect tests/races/test_members.py::test_64_clients_add_2000_people_to_8_teams_and_all_are_in

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := --require-hashes --only-binary :all: --requirement
EDITABLE := --no-deps --no-build-isolation --editable .
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)
# What looks at the dependencies is none of them, and has an environment of its own.
SUPPLY := $(VENV)/supply

.PHONY: help serve test check lint types imports schema-check external schema format soak clients \
	package graphiql lock sbom audit clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# exec leaves no shell between make and the server, so signals reach the server itself.
serve: $(RUN) ## Serve, with an embedded PostgreSQL unless DATABASE_URL is set (ARGS="--help" for options)
	@exec $(BIN)/bursar serve $(ARGS)

test: $(DEV) ## Run all tests but the long ones, with coverage
	$(BIN)/pytest $(PYTEST_ARGS) --cov --cov-report=term

# The tests come last, so that their summary ends the output; a failure stops nothing but the result.
check: $(DEV) ## Do exactly what CI does: lint, types, imports, schema-check, package, external, test
	@failed=; \
	for stage in lint types imports schema-check package external; do \
		started=$$(date +%s); \
		$(MAKE) --no-print-directory $$stage || failed="$$failed $$stage"; \
		echo "== $$stage took $$(($$(date +%s) - started)) s"; \
	done; \
	$(MAKE) --no-print-directory test || failed="$$failed test"; \
	test -z "$$failed" || { echo "make check failed in:$$failed" >&2; exit 1; }

lint: $(DEV) ## Check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEV) ## Check types
	$(BIN)/mypy

imports: $(DEV) ## Check that imports point down
	$(BIN)/lint-imports --no-logo

schema-check: $(DEV) ## Check that schema.graphql is what the code prints
	$(BIN)/bursar schema print | diff -u schema.graphql -

# A second major version beside the embedded one, which `test` has all tests on.
external: $(DEV) ## Run the tests of database, races and nginx with what the machine has of them
	@test -n "$(PGBOUNCER)" || echo "== No PgBouncer on this machine: its tests are NOT RUN" >&2
	@test -n "$(NGINX)" || echo "== No nginx on this machine: its test is NOT RUN" >&2
	$(BIN)/python scripts/postgres.py $(BIN)/pytest $(PYTEST_ARGS) -m "not soak$(MISSING)" \
		$(EXTERNAL_TESTS)

schema: $(DEV) ## Print schema.graphql again
	@text=$$($(BIN)/bursar schema print) && printf '%s\n' "$$text" > schema.graphql

format: $(DEV) ## Fix style and formatting where a tool can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

soak: $(DEV) ## Run the long tests
	$(BIN)/pytest -m soak --timeout 0

clients: $(DEV) ## Run the clients that people use against the server (part of test)
	$(BIN)/pytest $(PYTEST_ARGS) tests/clients

package: $(DEV) ## Take the Dockerfile's steps without an engine, and run what they make
	$(BIN)/python scripts/postgres.py $(BIN)/python scripts/package_check.py

graphiql: $(DEV) ## Build GraphiQL's files, which the server then serves
	$(BIN)/python scripts/node.py web/graphiql npm run build

lock: $(DEV) ## Lock the dependencies again (UPGRADE=--upgrade for the newest versions)
	$(COMPILE) pyproject.toml --group build --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --group build --group dev --constraints requirements/run.txt \
		--output-file requirements/dev.txt
	$(COMPILE) --group supply --output-file requirements/supply.txt

sbom: $(SUPPLY) ## Write dist/bursar.cdx.json, the bill of materials of what a server installs (CycloneDX)
	@mkdir -p dist
	$(SUPPLY)/bin/cyclonedx-py requirements requirements/run.txt --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file dist/bursar.cdx.json

audit: $(SUPPLY) ## Ask the advisories of the Python registry about every locked version
	$(SUPPLY)/bin/pip-audit --requirement requirements/run.txt --require-hashes --disable-pip

clean: ## Remove everything made here; data directories stay
	rm -rf $(VENV) dist .coverage .hypothesis .*_cache src/bursar/http/graphiql
	find src tests migrations -name __pycache__ -prune -exec rm -rf {} +

$(RUN): requirements/run.txt pyproject.toml
	@scripts/venv $(VENV) $(PYTHON)
	@echo "Installing Bursar into $(VENV) ..."
	@$(PIP_INSTALL) $(LOCKED) requirements/run.txt
	@$(PIP_INSTALL) $(EDITABLE)
	@touch $@

$(SUPPLY): requirements/supply.txt | $(RUN)
	@$(BIN)/python -m venv $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check $(LOCKED) requirements/supply.txt
	@touch $@

# The development lock contains the other one, version for version.
$(DEV): requirements/dev.txt pyproject.toml
	@scripts/venv $(VENV) $(PYTHON)
	@echo "Installing Bursar and its development tools into $(VENV) ..."
	@$(PIP_INSTALL) $(LOCKED) requirements/dev.txt
	@$(PIP_INSTALL) $(EDITABLE)
	@touch $(RUN) $@
