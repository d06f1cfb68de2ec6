"""Prints how quick the dashboard is on this machine: ``.venv/bin/python tests/dashboard_speed.py``.

::

    this process --2,000 tasks a second--> session.db --> dashboard --> headless Chromium
                                                                          |
        period, event to pixels <--the times of its paints, and the newest event in each-'

Nothing is simulated but the runtime: the session is written as the GCS writes it, 20 ms at a time.  With
``--tasks 1000 1000000`` the figures are taken in sessions that had so many tasks before.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, expect

sys.path.append(str(Path(__file__).parent / "help"))

import browser as real_browser
import dask_dashboard
from fake_session import FakeSession
from minray.session import dashboard_link, folders

RATE = 2_000  # tasks a second
FLUSH = 0.02  # seconds between two writes, as the local scheduler has it (EVENT_FLUSH_SECONDS)
WATCH = """() => {
    const pulse = Bokeh.documents[0].get_model_by_name("pulse")
    window.paints = []
    pulse.change.connect(() => {
        if (pulse.seen === pulse.sent && paints.at(-1)?.[0] !== pulse.seen)
            paints.push([pulse.seen, Date.now() / 1000, pulse.newest])
    })
}"""


@dataclass
class Feed:
    """Lets tasks happen while the browser is waited for."""

    page: Page
    session: FakeSession
    since: float = field(default_factory=time.time)

    def run(self, seconds: float) -> None:
        """Write what happened, again and again, for so long."""
        end = time.time() + seconds
        while time.time() < end:
            self.page.wait_for_timeout(FLUSH * 1000)
            tasks = max(1, round((time.time() - self.since) * RATE))
            self.session.batch(tasks, self.since)
            self.since = time.time()


def quantiles(values: list[float]) -> str:
    """Median and 95th percentile, in milliseconds."""
    if len(values) < 3:
        return "too few values"
    cuts = statistics.quantiles(values, n=20)
    return f"{1000 * cuts[9]:5.0f} ms median, {1000 * cuts[18]:5.0f} ms p95"


def dashboard(home: Path) -> psutil.Process:
    """The dashboard's process."""
    return psutil.Process(json.loads((home / "dashboard.json").read_text())["pid"])


def load(process: psutil.Process, wait: Callable[[], None]) -> float:
    """The share of a core that a process uses meanwhile."""
    before, began = process.cpu_times(), time.monotonic()
    wait()
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.monotonic() - began)


def open_page(browser: Browser, url: str, name: str) -> tuple[Page, float]:
    """Open a page of the dashboard; also how many seconds it took until its numbers were seen."""
    page = browser.new_context(viewport={"width": 1200, "height": 800}).new_page()
    began = time.monotonic()
    page.goto(f"{url}&page={name}")
    page.locator(".tiles b, .legend li, .empty").first.wait_for(timeout=120_000)
    return page, time.monotonic() - began


def caught_up(page: Page) -> None:
    """Wait until the server has read all that was there."""
    expect(page.get_by_text("Still reading")).to_have_count(0, timeout=300_000)


def measure_timeline(feed: Feed, process: psutil.Process, span: str) -> None:
    """How often the timeline is updated and how late it is, while tasks happen."""
    feed.page.locator("select[name=span]").select_option(label=span)
    feed.run(3.0)
    feed.page.evaluate(WATCH)
    share = load(process, lambda: feed.run(8.0))
    paints = feed.page.evaluate("() => window.paints")
    say_how_late(f"timeline, {span}", paints)
    say(f"timeline, {span}: server", f"{share:.0%} of a core")


def say_how_late(what: str, paints: list[list[float]]) -> None:
    """Print how often there was an update, and how old the events in it were."""
    periods, late = [], []
    for before, after in itertools.pairwise(paints):
        periods.append(after[1] - before[1])
        # Events happen evenly: ten of those that came with this update stand for all of them.
        new = after[2] - before[2]
        late += [after[1] - (before[2] + new * (place + 0.5) / 10) for place in range(10)]
    say(f"{what}: period", quantiles(periods))
    say(f"{what}: event to pixels", quantiles(late))


def say(what: str, figure: str) -> None:
    """Print one line of the table."""
    print(f"  {what:44} {figure}", flush=True)


def measure(browser: Browser, tasks: int) -> None:
    """All figures for a session that had so many tasks before."""
    print(f"\nA session with {tasks:,} tasks before, and {RATE:,} more each second")
    with FakeSession(workers=8) as session:
        session.history(tasks)
        url = dashboard_link.ensure_running(session.directory)
        assert url
        process = dashboard(folders.root())
        page, cold = open_page(browser, url, "timeline")
        began = time.monotonic()
        caught_up(page)
        say("first useful paint, cold", f"{cold:.2f} s; all was read {time.monotonic() - began:.1f} s later")
        second, warm = open_page(browser, url, "overview")
        second.context.close()
        say("first useful paint, warm", f"{warm:.2f} s")
        feed = Feed(page, session)
        for span in ("last 10 s", "everything"):
            measure_timeline(feed, process, span)
        page.locator("select[name=span]").select_option(label="last 10 s")
        one = load(process, lambda: feed.run(5.0))
        others = [open_page(browser, url, "timeline")[0] for _ in range(9)]
        feed.run(2.0)
        ten = load(process, lambda: feed.run(5.0))
        say("server with 1 and with 10 browsers", f"{one:.0%} and {ten:.0%} of a core")
        for other in others:
            other.context.close()
        session.end()
        page.wait_for_timeout(8_000)  # until the closed tabs are forgotten
        idle = load(process, lambda: page.wait_for_timeout(5_000))
        say("server when nothing happens", f"{idle:.1%} of a core")
        say("memory of the server", f"{process.memory_info().rss / 1e6:.0f} MB")
        page.context.close()
    while process.is_running():
        time.sleep(0.1)


def measure_dask(browser: Browser) -> None:
    """The same two figures of Dask's task stream, at the rate that Dask manages."""
    python = dask_dashboard.python_with_dask()
    if python is None:
        print("\nNo Dask here: install dask[distributed], or let MINRAY_RAY_PYTHON name a Python that has it")
        return
    done, paints = dask_dashboard.paints(browser, python)
    print(f"\nDask's task stream with {done / dask_dashboard.SECONDS:,.0f} tasks a second, none before")
    say_how_late("task stream", paints)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000, 1_000_000])
    options = parser.parse_args()
    program = real_browser.find()
    assert program, real_browser.REMEDY
    with tempfile.TemporaryDirectory(prefix="minray-speed-") as home, real_browser.launch(program) as browser:
        os.environ.update(MINRAY_HOME=home, MINRAY_DASHBOARD_LINGER="1")
        for tasks in options.tasks:
            measure(browser, tasks)
        measure_dask(browser)


if __name__ == "__main__":
    main()
