# Everything starts here. A Debian machine with Python 3.11 or newer and make is enough; the rest is brought on first use.
# Each step leaves a stamp in .venv, so the second time costs nothing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test unit check format bench long chaos cluster corpus fuzz setup packages engine browser alertmanager promtool lock clean

# Compiled tests are kept, whatever the shell says: to compile them anew costs each process 15 seconds.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
PURE_CONTRACTS := articles asyncapi attacks events evidence figures folding releases topics
QUICK := tests/unit $(PURE_CONTRACTS:%=tests/contract/test_%.py)
LOCK := --python-version 3.11 --generate-hashes --no-emit-index-url

help: ## What there is
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: setup ## All services with the demo's data at http://127.0.0.1:8000; Ctrl-C stops everything
	@exec $(BIN)/signalbox up --demo --lived-in $(ARGS)

test: setup browser ## Every test, quick ones first: real Kafka, real MongoDB, a real browser
	@$(BIN)/python -m pytest -n 2 --slowest-files 15 $(ARGS)

unit: packages ## The quick tests alone, in one process: no process is started, no engine is needed
	@HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -q -n0 -m "not costly" $(QUICK) $(ARGS)

check: packages ## Style, types and the direction of imports; starts nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run make format"; exit 1; }
	@$(BIN)/mypy services shared cli deploy
	@$(BIN)/lint-imports --no-cache --no-logo

format: packages ## Mend the layout and what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Measure throughput and latency; prints tables
	@$(BIN)/python -m pytest tests/bench tests/integration/test_cost.py -m bench -s $(ARGS)

long: setup browser ## What `make test` leaves out: tests of minutes, and figures that a busy machine would miss
	@$(BIN)/python -m pytest -m long --slowest-files 15 $(ARGS)

chaos: setup alertmanager promtool ## End processes at random under load, longer than `make test` does; a table of goals and figures at the end
	@SIGNALBOX_CHAOS=long $(BIN)/python -m pytest tests/chaos tests/e2e/test_auditor.py tests/monitors tests/integration/test_secured_kafka.py tests/contract/test_alert_rules.py -s $(ARGS)

cluster: setup ## Three brokers, three mongods, two of each worker, and a table of faults; takes 2.5 GB and a quarter of an hour
	@$(BIN)/python -m tests.cluster $(ARGS)

corpus: packages ## Thousands of real and spoiled mails: each is read or named unreadable, and read as its own corpus expects
	@$(BIN)/python -m tests.corpus.mail.spf
	@$(BIN)/python -m tests.corpus.mail $(ARGS)

fuzz: packages ## The doors that strangers reach, mail and JSON, ten minutes each; properties with many examples; and documents that may pass the check
	@$(BIN)/python -m tests.fuzz.mail $(ARGS)
	@$(BIN)/python -m tests.fuzz.door $(ARGS)
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -q -n 2 --timeout 6000 -m hypothesis tests/unit
	@DOCUMENT_EXAMPLES=3000 $(BIN)/python -m pytest -q -n0 --timeout 0 tests/unit/cli_proof/test_odd_documents.py

setup: packages engine ## Everything that `run` needs
	@$(BIN)/python -m compileall -q services shared cli deploy

packages: .venv/installed

.venv/installed: requirements.lock
	@deploy/need.sh venv $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the packages of requirements.lock, each against its hash"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q .venv/lib || true # compiled now, each of nine processes starts in half the time
	@touch $@

engine: .venv/engine

.venv/engine: .venv/installed deploy/embedded/kafka/pom.xml deploy/embedded/kafka/jars.sha256
	@deploy/need.sh engine
	@$(BIN)/python -m deploy.embedded
	@touch $@

alertmanager:
	@deploy/need.sh alertmanager

promtool:
	@deploy/need.sh promtool

browser:
	@deploy/need.sh browser

lock: packages ## Resolve the packages anew: everything, and what the image runs
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --extra embedded $(LOCK) -o requirements.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --constraint requirements.lock $(LOCK) -o requirements-run.lock

clean: ## Remove what runs left behind (.data); packages and jars stay
	@rm -rf .data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
