# Every target sets up what it needs in .venv. Delete .venv to start from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# -qq: only errors. The first set-up downloads torch, which takes minutes; later ones take no time.
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

# The page ships built, so Node is needed to change it, not to use it. "yes" if there is one that is new enough.
NODE := $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && echo yes)
MODULES := frontend/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test check page format clean

help:
	@echo "make demo    draw faces for the example masks and captions into demo/"
	@echo "make test    run the tests, those of the page's sources too if there is Node 20 or newer"
	@echo "make check   lint, formatting, types and the direction of imports; the page's sources likewise"
	@echo "make page    build the studio's page and its client of the API; needs Node 20 or newer"
	@echo "make format  put the code into shape"
	@echo "make clean   remove what the other targets wrote, except .venv and frontend/node_modules"

demo: $(VENV)/.installed
	$(BIN)/facemogle demo --out demo --overwrite
	@echo "The pictures are in $(CURDIR)/demo. Now try $(BIN)/facemogle studio"

# One thread per worker: two workers that each take all cores only wait for each other.
test: $(VENV)/.installed-dev $(if $(NODE),$(MODULES))
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n 2
	$(call in-node,npm test)

check: $(VENV)/.installed-dev $(if $(NODE),$(MODULES))
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports --no-logo
	$(call in-node,npm run check)

page: $(VENV)/.installed $(MODULES)
	$(BIN)/python frontend/openapi.py frontend/src/api/openapi.json
	cd frontend && npm run api && npm run build

format: $(VENV)/.installed-dev $(if $(NODE),$(MODULES))
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(call in-node,npm run format)

clean:
	rm -rf demo build dist .pytest_cache .ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# What a target does with the page's sources, where that is possible.
in-node = $(if $(NODE),cd frontend && $(1),@echo "no Node 20 or newer here: '$(1)' is left out")

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "Installing facemogle into $(VENV) (minutes the first time) ..."
	@$(INSTALL) -e .
	@touch $@

# Installing with the extras installs the package too, so the stamp of `demo` is met as well.
$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "Installing facemogle and its development tools into $(VENV) (minutes the first time) ..."
	@$(INSTALL) -e '.[dev]'
	@touch $(VENV)/.installed $@

$(MODULES): frontend/package.json frontend/package-lock.json
	$(if $(NODE),,$(error the page is built with Node 20 or newer, and there is none))
	@cd frontend && npm ci --no-audit --no-fund --loglevel=error
	@touch $@
