"""The page in a real browser, on sessions that the test makes up."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from fake_session import FakeSession
from minray.gcs.schema import TaskState
from minray.session import dashboard_link
from steps import one_step_each

EVIL = "<script>window.stolen = 1</script><img src=x onerror=window.stolen=1>\"'&"
PATIENCE = 30.0


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSession]:
    """A session, whose dashboard goes with it."""
    monkeypatch.setenv("MINRAY_DASHBOARD_LINGER", "0.2")
    with FakeSession(workers=2) as session:
        yield session


@pytest.fixture
def link(first: FakeSession) -> str:
    url = dashboard_link.ensure_running(first.directory)
    assert url
    return url


@pytest.fixture
def page(browser: Browser, link: str) -> Iterator[Page]:
    """The dashboard in a panel as wide as beside a notebook; any error on it fails the test."""
    context = browser.new_context(viewport={"width": 600, "height": 900})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.goto(link)
    yield opened
    context.close()
    assert errors == []


def turn_to(page: Page, name: str) -> None:
    """Choose a page of the dashboard."""
    page.get_by_role("navigation", name="Pages").get_by_role("button", name=name).click()
    expect(page.locator("nav button[aria-current]")).to_have_text(name)


def tile(page: Page, css: str) -> Callable[[str], None]:
    """Expect a number in one of the tiles."""
    return lambda number: expect(page.locator(f".tiles .{css} b")).to_have_text(number)


def drawn(page: Page) -> list[dict]:
    """The bars that Bokeh has in its plot, finished and running."""
    return page.evaluate(
        """() => {
            const bars = []
            if (!window.Bokeh?.documents.length) return bars
            for (const model of Bokeh.documents[0]._all_models.values()) {
                if (model.type != "GlyphRenderer" || model.glyph.type != "HBar") continue
                const data = model.data_source.data
                if (!data.task) continue
                for (let i = 0; i < data.task.length; i++)
                    bars.push({task: data.task[i], left: data.left[i], right: data.right[i],
                               row: data.row[i], colour: data.colour[i], alpha: data.alpha[i]})
            }
            return bars
        }"""
    )


def busy_share(page: Page) -> float:
    """The mean of the busy fraction of the first worker, in the picture that Bokeh draws."""
    return page.evaluate(
        """() => {
            for (const model of Bokeh.documents[0]._all_models.values()) {
                const data = model.type == "GlyphRenderer" && model.data_source.data
                if (!data?.share?.length) continue
                const shares = Array.from(data.share[0])
                const first = shares.findIndex((share) => share > 0)
                const last = shares.findLastIndex((share) => share > 0)
                const busy = shares.slice(first, last + 1)
                return busy.reduce((sum, share) => sum + share, 0) / busy.length / 100
            }
            return 0
        }"""
    )


def view(page: Page) -> tuple[float, float]:
    """The stretch of time that the plot shows."""
    return tuple(
        page.evaluate(
            """() => {
                for (const model of Bokeh.documents[0]._all_models.values())
                    if (model.type == "Figure") return [model.x_range.start, model.x_range.end]
            }"""
        )
    )


def pick(page: Page, program: str) -> None:
    """Choose the session of this program in the picker."""
    picker = page.get_by_label("Session")
    option = picker.locator("option", has_text=program)
    expect(option).to_be_attached()
    picker.select_option(option.get_attribute("value"))


def wait_until(page: Page, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        page.wait_for_timeout(20)


def test_a_fresh_session_says_what_to_do_next(page: Page) -> None:
    expect(page.get_by_text("Ready for work")).to_be_visible()
    expect(page.locator(".cells li.idle")).to_have_count(2)
    expect(page.locator(".pill")).to_have_text("live")


def test_tasks_appear_while_they_run(page: Page, first: FakeSession) -> None:
    expect(page.locator(".cells li.idle")).to_have_count(2)
    task = first.submit("slow_square")
    tile(page, "queued")("1")
    first.enter(task, TaskState.RUNNING, worker=2)
    tile(page, "running")("1")
    expect(page.locator(".cells li.running")).to_contain_text("slow_square")
    wait_until(page, lambda: [bar["task"] for bar in drawn(page)] == [task])
    before = drawn(page)[0]["right"]
    wait_until(page, lambda: drawn(page)[0]["right"] > before)
    first.enter(task, TaskState.FINISHED, worker=2)
    tile(page, "finished")("1")
    expect(page.locator(".cells li.idle")).to_have_count(2)
    expect(page.locator(".legend li")).to_contain_text("slow_square")
    expect(page.locator(".legend + .note")).to_contain_text("1 of 1 finished execution within this view")


def test_time_blocked_in_get_is_paler(page: Page, first: FakeSession) -> None:
    task = first.submit("outer")
    now = time.time()
    for state, ago in [(TaskState.RUNNING, 3), (TaskState.RUNNING_IN_RAY_GET, 2), (TaskState.RUNNING, 1)]:
        first.enter(task, state, worker=2, ts=now - ago)
    first.enter(task, TaskState.FINISHED, worker=2, ts=now)
    wait_until(page, lambda: len(drawn(page)) == 3)
    alphas = [bar["alpha"] for bar in drawn(page)]
    assert alphas[1] < min(alphas[0], alphas[2])


def test_names_with_markup_are_shown_and_not_obeyed(page: Page, first: FakeSession) -> None:
    first.run(EVIL, worker=2, seconds=1.0, state=TaskState.FAILED)
    running = first.submit(EVIL)
    first.enter(running, TaskState.RUNNING, worker=2)
    expect(page.locator(".legend li strong")).to_have_text(EVIL)
    expect(page.locator(".cells li.running strong")).to_have_text(EVIL)
    hover_first_bar(page)
    expect(page.locator(".bk-tooltip-content, .bk-Tooltip").first).to_contain_text("<script>")
    assert page.evaluate("window.stolen") is None


def hover_first_bar(page: Page) -> None:
    """Put the mouse on the plot, and try along the row of worker 2 until something answers."""
    box = page.locator("canvas").first.bounding_box()
    assert box
    for share in range(15, 95, 4):
        for row in (0.42, 0.5, 0.58):
            page.mouse.move(box["x"] + box["width"] * share / 100, box["y"] + box["height"] * row)
            page.wait_for_timeout(30)
            if page.locator(".bk-tooltip-content, .bk-Tooltip").first.is_visible():
                return


def test_moving_the_view_pauses_and_the_button_follows_again(page: Page, first: FakeSession) -> None:
    first.run("f", worker=2, seconds=1.0)
    button = page.get_by_role("button", name="Following")
    expect(button).to_be_visible()
    box = page.locator("canvas").first.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 80, middle[1], steps=4)
    page.mouse.up()
    again = page.get_by_role("button", name="Follow again")
    expect(again).to_be_visible()
    stays = view(page)
    first.run("f", worker=3, seconds=0.1)
    tile(page, "finished")("2")
    assert view(page) == stays
    again.click()
    wait_until(page, lambda: view(page) != stays)


def test_the_page_follows_the_newest_session_across_a_restart(page: Page, first: FakeSession) -> None:
    first.run("before", worker=2, seconds=0.1)
    expect(page.locator(".legend")).to_contain_text("before")
    first.end()
    expect(page.locator(".pill")).to_have_text("finished")
    with FakeSession(workers=3) as second:
        expect(page.locator(".cells li")).to_have_count(3)
        second.run("after", worker=2, seconds=0.1)
        expect(page.locator(".legend")).to_contain_text("after")
        expect(page.locator(".legend")).not_to_contain_text("before")


def test_a_recording_can_be_picked_and_is_fitted(page: Page, first: FakeSession) -> None:
    with FakeSession(entrypoint="old.py") as old:
        old.run("old_times", worker=2, seconds=2.0)
        old.end()
        pick(page, "old.py")
        expect(page.locator(".legend")).to_contain_text("old_times")
        expect(page.locator(".pill")).to_have_text("finished")
        expect(page.get_by_role("button", name="Fitted")).to_be_visible()


def test_two_browsers_may_look_at_different_sessions(
    page: Page, first: FakeSession, browser: Browser, link: str
) -> None:
    with FakeSession(entrypoint="old.py") as old:
        old.run("old_times", worker=2, seconds=1.0)
        old.end()
        first.run("new_times", worker=2, seconds=1.0)
        context = browser.new_context()
        other = context.new_page()
        other.goto(link)
        pick(other, "old.py")
        expect(other.locator(".legend")).to_contain_text("old_times")
        expect(page.locator(".legend")).to_contain_text("new_times")
        context.close()


def test_a_damaged_recording_gives_a_message_and_the_page_lives_on(page: Page, first: FakeSession) -> None:
    with FakeSession() as broken:
        broken.end()
        broken.path.write_bytes(b"no database " * 500)
        pick(page, broken.directory.name)
        expect(page.get_by_role("alert")).to_contain_text("damaged")
        pick(page, "Newest")
        expect(page.locator(".pill")).to_have_text("live")


def test_thousands_of_tasks_are_all_counted_and_the_newest_drawn(page: Page, first: FakeSession) -> None:
    total = 12_000
    start = time.time() - 10
    first.write(
        tasks=[(task, "", "no_op", None, 1, 1.0, start, "NORMAL_TASK", None, None) for task in range(total)],
        task_steps=one_step_each(
            (task, 0, state, start + task / total * 10 + late, 2)
            for task in range(total)
            for state, late in ((TaskState.RUNNING, 0.0), (TaskState.FINISHED, 0.0001))
        ),
    )
    tile(page, "finished")("12,000")
    expect(page.locator(".legend + .note")).to_contain_text("12,000 of 12,000 finished executions within")
    assert drawn(page) == []  # a picture shows them instead
    wait_until(page, lambda: busy_share(page) == pytest.approx(0.12, abs=0.04))


def test_a_lost_connection_is_said_and_made_again(browser: Browser, first: FakeSession, link: str) -> None:
    first.run("f", worker=2, seconds=0.1)
    context = browser.new_context()
    page = context.new_page()
    connections: list[WebSocketRoute] = []

    def pass_on(connection: WebSocketRoute) -> None:
        connection.connect_to_server()
        connections.append(connection)

    page.route_web_socket(re.compile("/live/ws"), pass_on)
    page.goto(f"{link}&page=tasks")
    rows = page.get_by_role("region", name="Tasks").locator("tbody tr")
    expect(rows).to_have_count(1)
    connections[0].close()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#lost")).to_contain_text("tries again by itself")
    first.run("f", worker=2, seconds=0.1)
    expect(rows).to_have_count(2, timeout=20_000)
    expect(page.locator("#lost")).to_be_hidden()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_systems_theme(
    browser: Browser, first: FakeSession, link: str, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    expect(page.locator(".pill")).to_have_text("live")
    red, *_ = map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert (red > 200) == (scheme == "light")
    context.close()


@pytest.mark.parametrize("width", [480, 700, 1400])
def test_nothing_sticks_out_at_any_width(browser: Browser, first: FakeSession, link: str, width: int) -> None:
    first.run("a_function_with_quite_a_long_name_" * 4, worker=2, seconds=1.0)
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(link)
    expect(page.locator(".legend li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_where_nothing_happens_nothing_is_sent(browser: Browser, first: FakeSession, link: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    received: list[object] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: received.append(frame)))
    page.goto(link)
    first.run("f", worker=2, seconds=0.1)
    tile(page, "finished")("1")
    first.end()
    expect(page.locator(".pill")).to_have_text("finished")
    page.wait_for_timeout(500)
    before = len(received)
    page.wait_for_timeout(1_500)
    assert before > 0
    assert len(received) == before
    context.close()


def test_the_dashboard_goes_when_the_last_tab_is_closed(
    browser: Browser, first: FakeSession, link: str, minray_home: Path
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    expect(page.locator(".pill")).to_have_text("live")
    first.end()
    expect(page.locator(".pill")).to_have_text("finished")
    assert dashboard_link.running_link(minray_home) == link
    context.close()
    wait_until_gone = time.monotonic() + PATIENCE
    while (minray_home / "dashboard.json").exists():
        assert time.monotonic() < wait_until_gone
        time.sleep(0.05)
