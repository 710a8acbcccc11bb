# One command each; `make` alone lists them. Needs Python 3.11 or later, everything else goes into .venv and .tools.

.DEFAULT_GOAL := help
.PHONY: help install serve test lint types layers docs cover check bench measures chaos power attacks scale-check openapi api-fuzz api-lint fuzz screenshots audit lock clean

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# A process for each core; a file's tests stay together, since some share what is costly to make.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder
PEERS := bench/.venv
API_TOOLS := build/api-tools
DATASETTE := build/datasette

# Some machines set it, and then every process that a test starts compiles all its modules again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

# Looked for only by the recipes that need one.
PYTHONS := python3 python3.13 python3.12 python3.11
PYTHON = $(or $(shell for p in $(PYTHONS); do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$p" && break; \
	done),$(error glyphd needs Python 3.11 or later, and none of $(PYTHONS) is that))
UV := $(or $(shell command -v uv || true),.tools/bin/uv)

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## make .venv from requirements/dev.lock, with glyphd and its client editable

$(INSTALLED): requirements/dev.lock pyproject.toml clients/python/pyproject.toml | $(UV)
	$(UV) venv --quiet --allow-existing --no-project --python "$(PYTHON)" $(VENV)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable clients/python
	@touch $@

.tools/bin/uv: requirements/tools.lock
	@"$(PYTHON)" -c 'import ensurepip' || { echo "$(PYTHON) has no venv module: install it (Debian: python3-venv)"; exit 1; }
	"$(PYTHON)" -m venv --clear .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.lock
	@touch $@

serve: install  ## run the service: API and worker (ARGS="--port 9000")
	@exec $(BIN)/glyphd serve $(ARGS)

test: install $(DATASETTE)/.installed  ## run the tests (ARGS="-k name", ARGS="-n0" for one process, EXAMPLES=20 for as many times more examples of each property)
	@$(if $(EXAMPLES),GLYPHD_TEST_EXAMPLES=$(EXAMPLES)) $(BIN)/pytest $(PARALLEL) $(ARGS)

$(DATASETTE)/.installed: requirements/datasette.lock | $(UV)
	$(UV) venv --quiet --clear --no-project --python "$(PYTHON)" $(DATASETTE)
	$(UV) pip sync --quiet --python $(DATASETTE)/bin/python --require-hashes requirements/datasette.lock
	@touch $@

lint: install  ## ruff, flake8, black and isort, changing nothing
	$(BIN)/ruff check
	$(BIN)/flake8
	$(BIN)/black --check --quiet .
	$(BIN)/isort --check --quiet .

types: install  ## mypy --strict
	$(BIN)/mypy
	cd clients/python && $(CURDIR)/$(BIN)/mypy

layers: install  ## import-linter: who may import whom
	$(BIN)/lint-imports --no-logo

docs: install  ## build the documentation as a site in build/docs; any warning fails
	@$(BIN)/sphinx-build --quiet --fail-on-warning -d build/doctrees docs build/docs

cover: install $(DATASETTE)/.installed  ## the tests, failing under 95 % coverage
	@$(BIN)/pytest $(PARALLEL) --cov $(ARGS)

check: install  ## everything CI runs: lint, types, layers, docs, tests
	@$(MAKE) --no-print-directory --jobs=2 lint types layers docs
	@$(MAKE) --no-print-directory test

bench: install $(PEERS)/.installed  ## measure speed and memory beside others (ONLY="ingest pages" SCALE=0.01 REPEAT=5)
	@$(BIN)/python -m bench $(ONLY) $(foreach name,SCALE REPEAT,$(if $($(name)),--$(shell echo $(name) | tr A-Z a-z)=$($(name))))

$(PEERS)/.installed: requirements/bench.lock | $(UV)
	$(UV) venv --quiet --clear --no-project --python "$(PYTHON)" $(PEERS)
	$(UV) pip sync --quiet --python $(PEERS)/bin/python --require-hashes requirements/bench.lock
	@touch $@

measures:  ## how the code reads, as figures beside those of projects that read well
	@"$(PYTHON)" -m bench.measures

chaos: install  ## kill processes and trouble their surroundings while files come in (ROUNDS=100 DATABASE=postgresql WORKERS=2 SEED=1 BLOWS="kill readonly", or MACHINES=1 STANDBY=asynchronous)
	@$(BIN)/python -m tests.chaos$(if $(MACHINES),.several_machines) $(foreach name,ROUNDS DATABASE WORKERS SEED STANDBY,$(if $($(name)),--$(shell echo $(name) | tr A-Z a-z)=$($(name)))) $(if $(BLOWS),--blows="$(BLOWS)")

power: install  ## cut the power at each promise, and start again on what the disk held (FILES=20); needs root
	@GLYPHD_TEST_POWER_CUT_FILES=$(or $(FILES),20) $(BIN)/pytest -n0 tests/power $(ARGS)

attacks: install  ## attack a running service, and see whether it still serves everybody else (SECONDS=60, ARGS="slow_results" for some)
	@$(BIN)/python -m tests.attacks --seconds $(or $(SECONDS),60) $(ARGS)

scale-check: install  ## bring deploy/compose.scale.yml up, and import 500 files through kills (ARGS="--files 20"); needs root and Debian
	@$(BIN)/python -m tests.scale $(ARGS)

api-fuzz: install  ## ask a running service all that its OpenAPI document allows (EXAMPLES=100, ARGS="--max-time 600")
	@$(BIN)/python -m tests.openapi.asking --max-examples=$(or $(EXAMPLES),100) $(ARGS)

api-lint: $(API_TOOLS)/.installed  ## judge docs/openapi.json with openapi-generator, redocly and spectral
	$(API_TOOLS)/bin/openapi-generator-cli validate -i docs/openapi.json
	PATH="$(CURDIR)/$(API_TOOLS)/bin:$$PATH" REDOCLY_TELEMETRY=off npx --yes @redocly/cli@2.77.0 lint docs/openapi.json
	PATH="$(CURDIR)/$(API_TOOLS)/bin:$$PATH" npx --yes @stoplight/spectral-cli@6.16.3 lint --ruleset tests/openapi/spectral.yaml docs/openapi.json

$(API_TOOLS)/.installed: requirements/api.lock | $(UV)
	$(UV) venv --quiet --clear --no-project --python "$(PYTHON)" $(API_TOOLS)
	$(UV) pip sync --quiet --python $(API_TOOLS)/bin/python --require-hashes requirements/api.lock
	@touch $@

openapi: install  ## write docs/openapi.json, the snapshot of the API that reviews see
	@$(BIN)/python -m tests.openapi

fuzz: install  ## fuzz each parser (SECONDS=60, ARGS="rows times" for some)
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(ARGS)

screenshots: install  ## take the pictures of page and dashboard in the docs; needs Chromium and Prometheus
	@$(BIN)/python -m tests.web.screenshots
	@$(BIN)/python -m tests.deploy.dashboard_picture

audit: | $(UV)  ## ask whether the locked packages have known vulnerabilities; says so where it can't
	@"$(PYTHON)" requirements/audit.py "$$(realpath "$$(command -v $(UV))")"

lock: | $(UV)  ## lock anew what pyproject.toml asks for (ARGS=--upgrade for the newest)
	@"$(PYTHON)" requirements/lock.py "$$(realpath "$$(command -v $(UV))")" $(ARGS)

clean:  ## remove what was made here, the data folder excepted
	rm -rf $(VENV) $(PEERS) .tools build dist htmlcov .coverage .coverage.* .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
