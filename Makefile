# Two commands suffice: `make run` starts everything, `make test` tests everything.
.POSIX:
.PHONY: help run test long screens check format lint types lock sbom bench fuzz clean

PY = .venv/bin/python

# A file stays with one worker, the longest begin. Compiled code is kept, whatever the machine says about it:
# dozens of tests start the program anew.
PYTEST = PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder -q

help:
	@echo 'make run     start the whole system with demonstration data, http://127.0.0.1:8080'
	@echo 'make test    run all tests (ARGS="-k words" for some of them)'
	@echo 'make long    run what takes longer: more screens and phases of the same tests'
	@echo 'make screens keep a picture of every page in four variants, and the walks, in build/screens'
	@echo 'make check   format, lint, types and tests, as CI does'
	@echo 'make format  put the code into its form'
	@echo 'make bench   measure speed and memory'
	@echo 'make fuzz    try the API at length against its document (FUZZ_EXAMPLES=1000 for more)'
	@echo 'make sbom    write down what is shipped (CycloneDX), into build/sbom.json'
	@echo 'make lock    choose the newest versions that the dependencies allow'

run:
	@tools/prepare.sh run
	@exec $(PY) -m tracker up --demo --with-parent $(ARGS)

test:
	@tools/prepare.sh dev
	@tools/prepare.sh browser
	$(PYTEST) $(ARGS)

long:
	@tools/prepare.sh dev
	@tools/prepare.sh browser
	$(PYTEST) -m long $(ARGS)

screens:
	@tools/prepare.sh dev
	@tools/prepare.sh browser
	SCREENS=$${SCREENS:-build/screens} $(PYTEST) -m 'long or not long' -k screens tests/browser/test_pages.py $(ARGS)
	SCREENS=$${SCREENS:-build/screens} $(PYTEST) tests/browser/test_walks_of_three.py $(ARGS)

check: lint types test

fuzz:
	@tools/prepare.sh dev
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200} $(PY) -m pytest -m 'long or not long' -q -rP tests/faults/test_schemathesis.py $(ARGS)

lint:
	@tools/prepare.sh dev
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m bandit -q -c pyproject.toml -r tracker migrations

types:
	@tools/prepare.sh dev
	$(PY) -m mypy

format:
	@tools/prepare.sh dev
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench:
	@tools/prepare.sh dev
	@for file in bench/bench_*.py; do $(PY) -m bench.$$(basename $$file .py) $(ARGS) || exit 1; done

# Addresses stay out of the locks, so that any mirror or a folder of wheels will do.
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

lock:
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	npm install --package-lock-only --ignore-scripts

sbom:
	@tools/prepare.sh dev
	@mkdir -p build
	$(PY) -m cyclonedx_py requirements requirements.lock --of JSON --output-reproducible -o build/sbom.json

clean:
	rm -rf .venv node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis tracker/web/static/vendor
