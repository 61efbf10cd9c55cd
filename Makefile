# Everything starts here. A Debian machine with Python 3.11 or newer and make is enough; the rest is brought on first use.
# Each step leaves a stamp in .venv, so the second time costs nothing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test check format bench chaos corpus fuzz setup packages engine browser lock clean

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
LOCK := --python-version 3.11 --generate-hashes --no-emit-index-url

help: ## What there is
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: setup ## All services with the demo's data at http://127.0.0.1:8000; Ctrl-C stops everything
	@exec $(BIN)/signalbox up --demo $(ARGS)

test: setup browser ## Every test, quick ones first: real Kafka, real MongoDB, a real browser
	@$(BIN)/python -m pytest -n 2 $(ARGS)

check: packages ## Style, types and the direction of imports; starts nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run make format"; exit 1; }
	@$(BIN)/mypy services shared cli deploy
	@$(BIN)/lint-imports --no-cache --no-logo

format: packages ## Mend the layout and what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Measure throughput and latency; prints tables
	@$(BIN)/python -m pytest tests/bench -m bench -s $(ARGS)

chaos: setup ## End processes at random under load, longer than `make test` does; a table of goals and figures at the end
	@SIGNALBOX_CHAOS=long $(BIN)/python -m pytest tests/chaos tests/e2e/test_auditor.py -s $(ARGS)

corpus: packages ## Thousands of real and spoiled mails: each is read, or named unreadable, in its time
	@$(BIN)/python -m tests.corpus.mail $(ARGS)

fuzz: packages ## The two doors that strangers reach, mail and JSON, ten minutes each
	@$(BIN)/python -m tests.fuzz.mail $(ARGS)
	@$(BIN)/python -m tests.fuzz.door $(ARGS)

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

browser:
	@deploy/need.sh browser

lock: packages ## Resolve the packages anew: everything, and what the image runs
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --extra embedded $(LOCK) -o requirements.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --constraint requirements.lock $(LOCK) -o requirements-run.lock

clean: ## Remove what runs left behind (.data); packages and jars stay
	@rm -rf .data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
