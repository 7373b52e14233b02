# charthouse. Needs Python 3.13, git and make; everything else is fetched into the clone on first use. The tests
# want Node.js with npm, Go and Java besides, to fetch what they run against.
#
#   make run          serve the repository at http://127.0.0.1:8080, on an emulator of AWS
#                     (CHARTHOUSE_PORT, CHARTHOUSE_DATA, PARAMETERS="Depth=1 AllowOverwrite=true")
#   make token        print a bearer token (REPO=org1/repo1 ACTIONS=pull,push TTL=10m KEY=private.pem KID=...)
#   make -s env       print the variables that direct the AWS CLI to the local stack
#   make reconcile    compare bucket, rows and index now, locally or with STACK=name on AWS
#   make keys         make a key pair for a deployment on AWS (KEY=private.pem)
#   make user         make, change or remove a user of the access policy, locally or with STACK=name on AWS
#                     (NAME=alice REPOSITORIES="team-a team-a/*" ACTIONS=pull,push PASSWORD=... RENEW=1 REMOVE=1)
#   make users        list the users and what they may do
#   make access       print the access policy, or check and store it (FILE=access.json)
#   make deploy       build and deploy to AWS (STACK=charthouse PARAMETERS="..." GUIDED=1)
#   make smoke        test a deployment, and print what AWS did (URL=... TOKEN=... STACK=name asks the account too)
#   make contract-aws test the assumptions about S3 and DynamoDB in the account of your credentials, and print what they did
#   make index        print the index of a folder of packages (DIR=charts/ URL=https://charts.example.com)
#   make test         every test (CHARTHOUSE_CONTRACT=moto,ministack chooses the stand-ins for AWS)
#   make quick        what one runs between two edits: everything that needs no emulator, in minutes
#   make fuzz         fuzz what reads foreign bytes, on Linux on x86-64 (TIME=10m TARGETS="archive metadata")
#   make bench        measure the promises about speed (PARTS="helm chartmuseum splice views scale cold presign calls reconcile
#                     sandbox"; CHARTHOUSE_BENCH_VERSIONS, CHARTHOUSE_BENCH_PACKAGES: how many `scale` takes here, and on the stack)
#   make check        formatting, lint, types, import directions, template, and every test
#   make format       fix the formatting
#   make lock         choose the newest versions of all requirements
#   make clean        remove what was fetched and built, but not .charthouse, the local stack's data

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Verbatim: make would expand a dollar sign in a password as a variable.
override PARAMETERS := $(value PARAMETERS)
override TOKEN := $(value TOKEN)
override PASSWORD := $(value PASSWORD)
export PARAMETERS REPO ACTIONS TTL KEY STACK GUIDED URL TOKEN DIR NAME REPOSITORIES PASSWORD RENEW REMOVE FILE KID

BIN := .venv/bin
LOCAL := @exec $(BIN)/python -m local.cli
TYPED := -p charthouse -p local -p tests -p bench
PARALLEL := --numprocesses auto --maxprocesses 4
QUICK := $(addprefix tests/,unit model storm functions template docs contract)
SAM := PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .tools/sam/bin/sam
UV := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.13

.PHONY: help setup run token env reconcile keys user users access deploy smoke index contract-aws test quick fuzz bench check lint template format lock clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^As they were/,$$d'

# Prints what it installs, on stderr; silent and quick when everything is installed.
setup:
	@python=$$(sh local/find-python) && exec "$$python" local/bootstrap.py

run: setup
	$(LOCAL) run

token: setup
	@exec $(BIN)/python -m local.tokens token

env: setup
	$(LOCAL) env

reconcile: setup
	$(LOCAL) reconcile

keys: setup
	@exec $(BIN)/python -m local.tokens keys

user: setup
	@exec $(BIN)/python -m local.access user

users: setup
	@exec $(BIN)/python -m local.access users

access: setup
	@exec $(BIN)/python -m local.access access

deploy: setup
	$(LOCAL) deploy

smoke: setup
	@CHARTHOUSE_URL="$$URL" $(BIN)/python -m local.tools helm
	@test -n "$$URL" || { echo "make smoke needs the repository to try: make smoke URL=https://... TOKEN=..." >&2; exit 1; }
	@CHARTHOUSE_URL="$$URL" CHARTHOUSE_TOKEN="$$TOKEN" exec $(BIN)/python -m pytest -p tests.observations tests/acceptance

index: setup
	@exec $(BIN)/python -m local.index

contract-aws: setup
	@CHARTHOUSE_CONTRACT=aws exec $(BIN)/python -m pytest -p tests.observations tests/contract

# Real Helm and the stand-ins for AWS first: what cannot be fetched is reported before the tests begin.
test: setup
	@$(BIN)/python -m local.tools
	@exec $(BIN)/pytest $(PARALLEL)

quick: setup
	@CHARTHOUSE_CONTRACT=moto exec $(BIN)/pytest $(PARALLEL) -m "not slow" $(QUICK)

fuzz: setup
	@exec $(BIN)/python -m tests.fuzz $(or $(TIME),10m) $(TARGETS)

bench: setup
	@exec $(BIN)/python -m bench $(PARTS)

check: lint template test

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(TYPED)
	for app in functions/*/app.py; do $(BIN)/mypy $$app || exit 1; done
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/deptry layers functions --requirements-files layers/charthouse/requirements.in

template: setup
	@python=$$(sh local/find-python) && "$$python" local/bootstrap.py checkov
	$(SAM) validate --lint --template template.yaml
	.tools/checkov/bin/checkov --framework cloudformation --file template.yaml --compact --quiet

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup
	$(UV) --python-platform linux layers/charthouse/requirements.in --output-file layers/charthouse/requirements.txt
	for name in dev ministack sam checkov; do \
	  $(UV) --universal requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done

clean:
	rm -rf .venv .tools .aws-sam .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
