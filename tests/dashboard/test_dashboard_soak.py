"""The dashboard for hours, scaled down: tasks without end, and recordings of gigabytes.

`make soak` takes a million tasks and two gigabytes (MINRAY_DASHBOARD_TASKS, MINRAY_RECORDING_BYTES).
"""

import itertools
import json
import os
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dashboard_speed import WATCH
from minray.dashboard.data.source import Source
from playwright.sync_api import Browser, Page, expect

from fake_session import FakeSession
from minray.session import dashboard_link, folders
from runtime_tools import wait_until

TASKS = int(os.environ.get("MINRAY_DASHBOARD_TASKS", "30000"))
BYTES = int(os.environ.get("MINRAY_RECORDING_BYTES", "50000000"))
PORTION = 5_000
MOST_MEMORY = 700e6  # a Bokeh server with nothing to show takes about 100 MB


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSession]:
    """A session with its dashboard."""
    monkeypatch.setenv("MINRAY_DASHBOARD_LINGER", "0.2")
    with FakeSession(workers=8) as made:
        yield made


def dashboard() -> psutil.Process:
    """The dashboard's process."""
    return psutil.Process(json.loads((folders.root() / "dashboard.json").read_text())["pid"])


def shown(page: Page) -> float:
    """The time of the newest event that the browser has painted."""
    newest: float = page.evaluate("Bokeh.documents[0].get_model_by_name('pulse').newest")
    return newest


def periods(page: Page) -> float:
    """The median of the times between two paintings, in milliseconds."""
    paints = page.evaluate("() => window.paints")
    return 1000 * statistics.median(after[1] - before[1] for before, after in itertools.pairwise(paints))


def test_however_many_tasks_the_page_keeps_up_and_the_servers_memory_stays_bounded(
    browser: Browser, session: FakeSession
) -> None:
    url = dashboard_link.ensure_running(session.directory)
    assert url
    page = browser.new_page()
    page.goto(f"{url}&page=timeline")
    expect(page.locator(".legend li")).to_have_count(0)
    session.batch(1, time.time() - 0.1)
    expect(page.locator(".legend li")).to_have_count(1)
    page.evaluate(WATCH)
    memory = []
    for _ in range(TASKS // PORTION):
        since = time.time()
        page.wait_for_timeout(100)
        session.batch(PORTION, since)
        last = time.time()
        # The browser has seen it all before more comes, so nothing can pile up unnoticed.
        wait_until(lambda last=last: shown(page) >= last - 1.0)  # type: ignore[misc]
        memory.append(dashboard().memory_info().rss)
    flood = periods(page)
    print(f"{TASKS:,} tasks: {memory[-1] / 1e6:.0f} MB; in the flood an update in {flood:.0f} ms")
    paints = page.evaluate("() => window.paints")
    # Two a second in a flood (see `pacing`); half of that is what a busy machine has to manage.
    assert len(paints) >= paints[-1][1] - paints[0][1]
    assert [number for number, *_ in paints] == sorted({number for number, *_ in paints})

    page.evaluate("() => {window.paints = []}")
    for _ in range(100):  # 2,000 tasks a second
        since = time.time()
        page.wait_for_timeout(50)
        session.batch(100, since)
    last = time.time()
    wait_until(lambda: shown(page) >= last - 1.0)
    print(f"then, at 2,000 tasks a second, in {periods(page):.0f} ms")
    assert max(memory) < MOST_MEMORY
    page.context.close()


def test_a_recording_of_gigabytes_opens_without_being_read_whole(session: FakeSession) -> None:
    session.history(2_000)
    session.end()
    enlarge(session.path, BYTES)
    process, source = psutil.Process(), Source(session.path)
    before = process.io_counters().read_chars
    source.refresh()
    assert not source.problem
    assert sum(source.session.counts.values()) > 0
    assert source.unread > 0  # the rest comes bit by bit, and what is older than `KEEP_ROWS` never
    assert (source.skipped > 0) == (BYTES > 1e9)
    assert process.io_counters().read_chars - before < BYTES / 5


def enlarge(recording: Path, size: int) -> None:
    """Double a recording's tasks until it has so many bytes."""
    with sqlite3.connect(recording) as db:
        while recording.stat().st_size < size:
            (tasks,) = db.execute("SELECT max(task) FROM tasks").fetchone()
            db.execute(
                "INSERT INTO tasks SELECT task + ?, task_id, name, parent, submitter, num_cpus, ts, type, "
                "actor, spec FROM tasks",
                (tasks,),
            )
            db.execute(
                "INSERT INTO task_steps SELECT NULL, task + ?, attempt, state, ts, worker, sent, before "
                "FROM task_steps ORDER BY seq",
                (tasks,),
            )
            db.commit()
    db.close()
