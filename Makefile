# One door for people and for CI. `make help` lists what is behind it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LINTERS := 'ruff>=0.14,<1' 'mypy[mypyc]==2.4.1' types-PyYAML

.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Before a command that is silent for long: a dot each two seconds, as long as the recipe's shell lives.
ALIVE := while sleep 2 && kill -0 $$$$; do printf .; done 2>/dev/null &

# A fresh environment whenever the package's own files changed: an installed copy, never an editable one, because
# compiled modules left in the tree would hide later edits.
$(VENV)/installed: $(shell find sensor rules -type f -not -name '*.pyc') setup.py pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo 'make: python3 -m venv failed; Debian: apt install python3-venv' >&2; exit 1; }
	@printf 'Installing otsensor into $(VENV): compiling takes a minute or two '
	@rm -rf build
	@$(ALIVE) $(BIN)/pip install --quiet --disable-pip-version-check '.[test]'; code=$$?; kill $$!; echo; exit $$code
	@rm -rf build
	@$(BIN)/otsensor --version
	@touch $@

install: $(VENV)/installed ## install into .venv, compiled where a C compiler is there (OTSENSOR_PURE=1: as it is)

run: install ## set up, then read the plant of pcaps/ into plant.db
	@rm -f plant.db plant.db-wal plant.db-shm
	@$(BIN)/otsensor read pcaps/plant.pcapng --db plant.db

# Each file's tests go to one of a few processes: most of their time is waiting, for clocks and other processes.
PYTEST := -m pytest -q -n auto --maxprocesses 4 --dist loadfile

test: install ## set up, then run the tests on the installed package and on the source tree
	@echo 'The tests on the installed package, some minutes:'
	@$(BIN)/python -P $(PYTEST)
	@echo 'The same on the source tree, uncompiled, without the slow ones:'
	@$(BIN)/python $(PYTEST) -m 'not slow' tests

elastic: install ## the feed into a real Elasticsearch, 9.5.0 and 8.19.0; needs Java and Maven
	@$(BIN)/pip install --quiet --disable-pip-version-check 'elasticsearch>=8.19,<9'
	@OTSENSOR_TEST_ELASTICSEARCH_VERSION=9.5.0 $(BIN)/python -P -m pytest -q tests/elastic
	@OTSENSOR_TEST_ELASTICSEARCH_VERSION=8.19.0 $(BIN)/python -P -m pytest -q tests/elastic

soak: install ## kill shipper and server two hundred times while alerts keep coming; a quarter of an hour
	@$(BIN)/python -P tests/elastic/soak.py

# The stacks that play the plant; their pins stand once, in pyproject.toml.
PINS := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["plant"], sep="\n")
$(VENV)/plant: $(VENV)/installed
	@$(BIN)/python -c '$(PINS)' | $(BIN)/pip install --quiet --disable-pip-version-check -r /dev/stdin
	@touch $@

plant: $(VENV)/plant ## add the protocol stacks that play the plant (pcaps/make, tests/lab) to .venv

lab: $(VENV)/plant ## an ordinary day and every attack in the plant of namespaces; as root, a quarter of an hour
	@OTSENSOR_LAB=1 $(BIN)/python -P -m pytest -q -v tests/lab

endurance: $(VENV)/plant ## an hour of the plant with attacks, reloads, killed workers, a lost interface, a full disk; as root
	@$(BIN)/python -P tests/lab/endurance.py --minutes $(or $(MINUTES),60) --picture docs/images/endurance.svg

$(VENV)/linters: $(VENV)/installed
	@$(BIN)/pip install --quiet --disable-pip-version-check $(LINTERS)
	@touch $@

lint: $(VENV)/linters ## ruff: style, order and common errors
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

type: $(VENV)/linters ## mypy, strict
	@$(BIN)/mypy

bench: install ## packets per CPU second and memory, compiled and uncompiled, and beside Suricata where it is installed
	@$(BIN)/python -m bench

bench-live: install ## packets a second on a span port before the first is lost, beside Suricata; needs root
	@$(BIN)/python -m bench live

conformance: install ## compare with tshark, message by message, over the shared captures
	@$(BIN)/python -m tests.conformance

fuzz: install ## many more hostile inputs than the tests take time for
	@OTSENSOR_FUZZ=1 $(BIN)/python -P -m pytest -q tests -k 'hostile or garbage or property or fuzz'

docs: install ## write the generated pages of docs/ anew
	@$(BIN)/python -m sensor.docs

picture: ## draw the pictures of docs/ anew, from a run and from the shipped plant
	@$(BIN)/python docs/picture.py

dashboards: install ## write the saved objects and Elastic rules anew, from dashboards/dashboards.yml and rules/
	@$(BIN)/python -m sensor.ship.kibana
	@$(BIN)/python -m sensor.ship.detection

package: install ## build the Elastic integration package, dist/otsensor-VERSION.zip, as it is uploaded in Kibana
	@$(BIN)/python -m sensor.packaging

golden: install ## write the golden files anew; read the difference before you commit it
	@OTSENSOR_GOLDEN=write $(BIN)/python -P -m pytest -q tests -k golden

.PHONY: help install run test elastic soak lint type bench bench-live conformance fuzz docs picture dashboards package golden plant lab endurance
