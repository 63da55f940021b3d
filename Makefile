# Every target sets up what it needs in .venv. Delete .venv to start from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# -qq: only errors. The first set-up downloads torch, which takes minutes; later ones take no time.
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check format clean

help:
	@echo "make demo    draw faces for the example masks and captions into demo/"
	@echo "make test    run the tests"
	@echo "make check   lint, formatting, types and the direction of imports"
	@echo "make format  put the code into shape"
	@echo "make clean   remove what the other targets wrote, except .venv"

demo: $(VENV)/.installed
	$(BIN)/facemogle demo --out demo --overwrite
	@echo "The pictures are in $(CURDIR)/demo"

# One thread per worker: two workers that each take all cores only wait for each other.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

check: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf demo build dist .pytest_cache .ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

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
