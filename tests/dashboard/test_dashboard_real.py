"""The dashboard on the real runtime: what `init` starts is what the browser sees."""

import json
from pathlib import Path

import psutil
import pytest
from minray.dashboard.pages.overview import LEFT
from playwright.sync_api import Browser, expect

import minray


def test_the_tasks_of_a_real_session_are_seen_in_the_browser(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, minray_home: Path
) -> None:
    monkeypatch.setenv("MINRAY_DASHBOARD_LINGER", "0.2")

    @minray.remote
    def inner(gate: str) -> int:
        while not Path(gate).exists():
            pass
        return 1

    @minray.remote
    def outer(gate: str) -> int:
        return sum(minray.get([inner.remote(gate) for _ in range(2)]))

    @minray.remote(max_retries=0)
    def boom() -> None:
        raise ValueError("no")

    gate = minray_home / "gate"
    url = minray.init(num_cpus=2)["webui_url"]
    try:
        assert url == minray.get_dashboard_url()
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        waiting = outer.remote(str(gate))
        expect(page.locator(".cells li.blocked")).to_contain_text("outer")
        expect(page.locator(".cells li.running").first).to_contain_text("inner")
        gate.touch()
        assert minray.get(waiting) == 2
        with pytest.raises(ValueError, match="no"):
            minray.get(boom.remote())
        expect(page.locator(".tiles .finished b")).to_have_text("3")
        expect(page.locator(".tiles .failed b")).to_have_text("1")
        # The third worker was there for the nested tasks only; it leaves, and that is no accident to show.
        expect(page.locator(".cells li")).to_have_count(2, timeout=15_000)
        assert page.get_by_text(LEFT[0]).count() == 0
        context.close()
    finally:
        gate.unlink(missing_ok=True)
        minray.shutdown()


def test_two_sessions_one_after_the_other_use_one_dashboard(
    monkeypatch: pytest.MonkeyPatch, minray_home: Path
) -> None:
    monkeypatch.setenv("MINRAY_DASHBOARD_LINGER", "30")
    links, pids = set(), set()
    for _ in range(2):
        links.add(minray.init(num_cpus=1)["webui_url"])
        pids.add(json.loads((minray_home / "dashboard.json").read_text())["pid"])
        minray.shutdown()
    assert len(links) == len(pids) == 1
    psutil.Process(pids.pop()).terminate()
