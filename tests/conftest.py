"""What all tests share: a MINRAY_HOME of their own, a running runtime, and the proof that nothing leaks."""

import faulthandler
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser

import browser as real_browser
import leaks

leaks.mark_this_run()
# A shell that runs the tests in the background has them ignore Ctrl-C, which some of them send themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)
SECONDS_TO_END = 60
HOME = Path(tempfile.mkdtemp(prefix="minray-test-"))
os.environ["MINRAY_HOME"] = str(HOME)


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    # A thread that a failed test left waiting would keep the process for ever, and nobody would see why.
    faulthandler.dump_traceback_later(SECONDS_TO_END, exit=True, file=sys.__stderr__)


@pytest.fixture
def minray_home() -> Path:
    """The folder in which the sessions of this test run live."""
    return HOME


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """After every test: no process, shared memory, socket, or file but recordings is left.

    Set up after fixtures of wider scope and torn down after the test's own, so that what a module shares
    may stay and what the test made may not.
    """
    before = leaks.Footprint.take(HOME)
    yield
    found = before.wait_until_clean(HOME)
    if found:
        pytest.fail("The test left behind:\n  " + "\n  ".join(found), pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_at_the_end() -> Iterator[None]:
    """After all tests, what whole modules shared must be gone too, and what the notebooks started."""
    before = leaks.Footprint.take(HOME)
    yield
    # nbval keeps its connections to the kernels open; they end with the test process.
    found = before.wait_until_clean(HOME, own_sockets=False)
    if found:
        pytest.fail("The test run left behind:\n  " + "\n  ".join(found), pytrace=False)


@pytest.fixture
def ray_session() -> Iterator[ModuleType]:
    """A runtime with two CPUs and no dashboard; the value is the ``minray`` module."""
    import minray

    minray.init(num_cpus=2, include_dashboard=False)
    yield minray
    minray.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser without a window, shared by a module's tests."""
    program = real_browser.find()
    if program is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(real_browser.REMEDY)
    with real_browser.launch(program) as started:
        yield started
