# All there is to type. Needs python3 (3.11 or newer) and make; the rest goes into .venv, in pinned versions.
#
#   make lab       opens lesson 0 in JupyterLab, the dashboard beside it  (make lab LESSON=2 opens another)
#   make test      runs every check: style, types, tests, notebooks, a real browser
#   make quick     runs what takes under a minute: style, types, the rules of the house, tests without processes
#
#   make lessons   makes notebooks/ anew from solutions/, the answers left out
#   make hooks     keeps the outputs of notebooks out of your commits, from now on
#   make images    takes the pictures in images/ anew
#   make soak      runs the long variants, and the runtime's tests over and over (make soak ROUNDS=100)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt
LESSON := 0
ROUNDS := 20
CLUSTER_ROUNDS := 200
# The lessons' waiting times, as a fraction of those that a person sees.
TEST_TIME_SCALE := 0.1
# The soak's tests may each take longer than the limit that `make test` sets.
NO_LIMIT := --override-ini faulthandler_timeout=0
# What `make quick` leaves out of the rooms that decide without processes: what starts some all the same, and the
# two files that draw the most examples ...
LATER := garbage leases reconstruction reference_graphs unseen_errors ref events spilling segments task_options \
    local_scheduler_random choice
# ... and what it takes of rooms that have processes.
PURE := tests/core_worker/test_arrivals.py tests/core_worker/test_connection.py tests/worker/test_call_groups.py \
    tests/dashboard/test_model.py tests/lessons/test_judges.py tests/lessons/test_schedule.py \
    tests/whole/test_house.py tests/whole/test_house_planted.py tests/whole/test_house_plain_task.py \
    tests/whole/test_layers.py

.PHONY: help lab test quick quick-style quick-scheduler quick-rooms quick-house soak lessons hooks images

help:
	@sed -n 's/^#  //p' Makefile

lab: $(VENV)/lab.installed
	@$(BIN)/minray lab $(LESSON) --folder work

test: $(VENV)/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/help/browser.py
	MINRAY_TIME_SCALE=$(TEST_TIME_SCALE) $(BIN)/pytest --nbval-lax tests notebooks solutions

quick: $(VENV)/test.installed
	@$(MAKE) --no-print-directory --jobs 2 quick-scheduler quick-rooms quick-house quick-style

quick-style:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy

quick-scheduler:
	@$(BIN)/pytest -q tests/scheduler $(LATER:%=--ignore-glob='*/test_%.py')

quick-rooms:
	@$(BIN)/pytest -q tests/wire tests/values tests/object_store tests/frontend $(LATER:%=--ignore-glob='*/test_%.py')

quick-house:
	@$(BIN)/pytest -q $(PURE)

soak: $(VENV)/test.installed
	$(BIN)/python tests/help/browser.py
	MINRAY_DASHBOARD_TASKS=1000000 MINRAY_RECORDING_BYTES=2000000000 $(BIN)/pytest $(NO_LIMIT) -s -q tests/dashboard/test_dashboard_soak.py
	@round=1; while [ $$round -le $(ROUNDS) ]; do \
	    echo "Round $$round of $(ROUNDS)"; \
	    MINRAY_TIME_SCALE=$(TEST_TIME_SCALE) MINRAY_CLUSTER_ROUNDS=$(CLUSTER_ROUNDS) \
	        $(BIN)/pytest $(NO_LIMIT) -q -x tests --ignore-glob='*browser*' --ignore-glob='*soak*' || exit 1; \
	    round=$$((round + 1)); \
	done

lessons: $(VENV)/test.installed
	$(BIN)/python -m minray.lessons.teachers.build

hooks:
	git config core.hooksPath .ci/hooks

images: $(VENV)/test.installed
	$(BIN)/python tests/help/browser.py
	MINRAY_UPDATE_IMAGES=1 $(BIN)/pytest tests/lessons/test_browser_lab.py tests/dashboard/test_dashboard_pages.py \
	    tests/lessons/test_scenes.py
	@if [ -n "$$MINRAY_RAY_PYTHON" ]; then \
	    $(BIN)/minray microbenchmark --vs ray,dask,loky,concurrent.futures,multiprocessing; \
	else \
	    echo "images/microbenchmark.svg is as it was: it compares minray with others. Measure it anew, on a quiet"; \
	    echo "machine, with  make images MINRAY_RAY_PYTHON=/path/to/a/python/that/has/ray/dask/and/loky"; \
	fi

# A file stands for "installed": made after an installation that went well, out of date when the pins change.
$(VENV)/%.installed: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing about 120 packages into $(VENV); this happens once and takes a minute or two."
	@# setuptools first, so that building minray itself uses the pinned one and asks the network for nothing.
	@$(PIP) --quiet setuptools
	@$(PIP) --no-build-isolation --editable '.[$*]'
	@touch $@

$(BIN)/pip:
	@found=; for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "minray needs Python 3.11 or newer; python3 here is: $$(python3 --version 2>&1)."; \
	    echo "Install a newer one, or name it:  make lab PYTHON=/path/to/python3.12"; exit 1; \
	fi; \
	if ! $$found -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "$$found cannot make virtual environments: its venv module is missing."; \
	    echo "On Debian and Ubuntu:  sudo apt-get install python3-venv"; exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$found --version)"; \
	$$found -m venv --clear $(VENV)
