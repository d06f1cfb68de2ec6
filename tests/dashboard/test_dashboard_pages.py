"""Every page of the dashboard on a real run: it shows the right thing, and everybody can use it.

One session runs for all tests of this module: a small pipeline, nested tasks, an actor, retries, failures, an
experiment.  With MINRAY_UPDATE_IMAGES=1 (``make images``) each page is also photographed into images/.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from minray.dashboard.data.source import Source
from minray.dashboard.frame.navigation import PAGES
from minray.dashboard.notebook import PAGE_NAMES
from playwright.sync_api import Browser, Page, expect
from test_model import snapshot

import minray
from browser import photograph
from dashboard_run import EVIL, Counter, broken, clean, flaky, load, merge, outer, waits
from minray.api import record_experiment, session_database

IMAGES = Path(__file__).parents[2] / "images"
TITLES = {page: entry.title for page, entry in PAGES.items()}


@pytest.fixture(scope="module")
def session() -> Iterator[tuple[Source, str]]:
    """The run, which is over but for one task, as it was followed; and the link to its dashboard."""
    kept = os.environ.get("MINRAY_DASHBOARD_LINGER")
    os.environ["MINRAY_DASHBOARD_LINGER"] = "0.2"
    with tempfile.TemporaryDirectory(prefix="minray-pages-") as folder:
        url = minray.init(num_cpus=4)["webui_url"]
        gate = Path(folder) / "gate"
        counter, gone = Counter.options(name="tally").remote(), Counter.remote()
        minray.get(gone.add.remote())
        minray.kill(gone)
        followed = Source(Path(session_database()))
        follow = followed.refresh
        follow()
        data = [load.remote(number) for number in range(4)]
        total = merge.remote(*[clean.remote(part) for part in data])
        calls = [counter.add.remote() for _ in range(5)]
        results = [total, outer.remote(), flaky.remote(str(Path(folder) / "mark")), *calls]
        minray.get(results)
        follow()
        with pytest.raises(ValueError, match="no"):
            minray.get(broken.remote())
        for x in (2.0**power / 10_000 for power in range(10)):
            for noise in (0.97, 1.0, 1.04):
                record_experiment("granularity", "local", x, 8 * x * noise)
                record_experiment("granularity", "remote", x, (0.004 + 2 * x) * noise)

        going = waits.remote(str(gate))
        follow()
        yield followed, url
        gate.touch()
        minray.get(going)
        minray.shutdown()
        pid = record_of_dashboard().get("pid")
        deadline = time.monotonic() + 30
        while pid and psutil.pid_exists(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    os.environ.pop("MINRAY_DASHBOARD_LINGER")
    if kept is not None:
        os.environ["MINRAY_DASHBOARD_LINGER"] = kept


def record_of_dashboard() -> dict:
    path = Path(os.environ["MINRAY_HOME"]) / "dashboard.json"
    return json.loads(path.read_text()) if path.exists() else {}


@pytest.fixture(scope="module")
def tab(browser: Browser, session: tuple[Source, str]) -> Iterator[tuple[Page, list[str]]]:
    """A browser tab with the dashboard, for all tests; and the errors that happened in it."""
    context = browser.new_context(viewport={"width": 1200, "height": 860})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.goto(session[1])
    expect(opened.locator(".pill")).to_have_text("live", timeout=30_000)
    yield opened, errors
    context.close()


@pytest.fixture
def page(tab: tuple[Page, list[str]]) -> Iterator[Page]:
    """The tab; an error on it fails the test, and so does a script that came out of a task."""
    opened, errors = tab
    yield opened
    assert opened.evaluate("window.stolen") is None
    assert errors == []


def turn_to(page: Page, name: str) -> None:
    """Choose one of the dashboard's pages, with nothing selected."""
    page.keyboard.press("Escape")
    page.get_by_role("navigation", name="Pages").get_by_role("button", name=TITLES[name]).click()
    expect(page.locator("nav button[aria-current]")).to_have_text(TITLES[name])
    expect(page.locator(".pill")).to_have_text("live")


def column_of(page: Page, glyph: str, column: str) -> list:
    """All values of a column that glyphs of this type draw."""
    return page.evaluate(
        """([glyph, column]) => {
            const found = []
            for (const model of Bokeh.documents[0].roots()[0].references())
                if (model.type == "GlyphRenderer" && model.glyph.type == glyph)
                    found.push(...(model.data_source.data[column] ?? []))
            return found
        }""",
        [glyph, column],
    )


def wait_until(page: Page, condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen"
        page.wait_for_timeout(30)


def test_the_names_of_the_pages_are_known_without_bokeh() -> None:
    assert tuple(PAGES) == PAGE_NAMES


def test_a_recording_replays_to_what_was_followed_live(session: tuple[Source, str]) -> None:
    followed, _ = session
    database = session_database()  # with everything in it that has happened
    while followed.refresh():
        pass
    replayed = Source(database)
    while replayed.refresh():
        pass
    assert snapshot(followed.session) == snapshot(replayed.session)
    assert followed.session.actors.by_number == replayed.session.actors.by_number
    assert followed.session.objects.copies == replayed.session.objects.copies
    assert followed.session.objects.uses == replayed.session.objects.uses
    assert followed.session.failures == replayed.session.failures
    assert len(followed.session.experiments) == len(replayed.session.experiments) == 60
    assert followed.session.edges.rows.tolist() == replayed.session.edges.rows.tolist()


def test_the_overview_shows_workers_actors_and_failures(page: Page) -> None:
    turn_to(page, "overview")
    expect(page.locator(".cells li.running")).to_contain_text("waits")
    expect(page.locator(".cells li.running .load")).to_contain_text("CPU")
    actors = page.get_by_role("region", name="Actors").locator("tbody tr")
    expect(actors).to_have_count(2)
    expect(actors.nth(0)).to_contain_text(re.compile(r"Counter.*named tally.*alive.*worker \d+, node 0"))
    expect(actors.nth(0).locator("td").nth(3)).to_have_text("6")  # the constructor and five calls
    expect(actors.nth(1)).to_contain_text(re.compile(r"dead.*killed by"))
    expect(page.get_by_role("list", name="Failures")).to_contain_text(f"ValueError: no {EVIL}")
    photograph(page, IMAGES / "dashboard-overview.png")
    page.get_by_role("button", name=re.compile("broken #")).click()
    expect(page.locator(".details pre").first).to_contain_text("raise ValueError")


def test_the_timeline_shows_a_bar_for_each_execution(page: Page) -> None:
    turn_to(page, "timeline")
    page.locator("select[name=span]").select_option(label="everything")
    # Two constructors, six calls, 4 loads, 4 cleans, a merge, outer (in several segments) with three inner,
    # flaky twice, broken, and the one that goes on.
    wait_until(page, lambda: len(set(column_of(page, "HBar", "task"))) == 24)
    expect(page.locator(".legend")).to_contain_text("Counter.add")
    alphas = column_of(page, "HBar", "alpha")
    assert min(alphas) < 0.5 < max(alphas), "nothing is paler, though `outer` was blocked in get"
    assert sorted(column_of(page, "HBar", "hatch")) == ["dot", "right_diagonal_line", "right_diagonal_line"]
    photograph(page, IMAGES / "dashboard-timeline.png")


def test_a_click_on_a_bar_shows_its_task_and_what_it_needs(page: Page) -> None:
    turn_to(page, "timeline")
    page.locator("select[name=span]").select_option(label="everything")
    wait_until(page, lambda: column_of(page, "HBar", "task"))

    def shown() -> bool:
        """Whether a click has met the bar: while the view moves to what was chosen, it may miss."""
        click_on(page, "merge")
        page.wait_for_timeout(500)
        return "merge" in " ".join(page.locator(".details h2").all_inner_texts())

    wait_until(page, shown)
    expect(page.locator(".details")).to_contain_text("Needs the results of")
    page.keyboard.press("Escape")
    expect(page.locator(".details")).to_be_hidden()


def click_on(page: Page, function: str) -> None:
    """Click on the first bar of a function."""
    place = page.evaluate(
        """(name) => {
            const models = [...Bokeh.documents[0].roots()[0].references()]
            const names = models.find((model) => model.type == "ColumnDataSource" && model.data.name)
            const wanted = names.data.name.indexOf(name)
            const plot = models.find((model) => model.type == "Figure")
            const view = [...Bokeh.index.query((one) => one.model === plot)][0]
            const box = view.canvas_view.el.getBoundingClientRect()
            for (const model of models) {
                const data = model.type == "ColumnDataSource" ? model.data : {}
                const at = Array.from(data.function ?? []).indexOf(wanted)
                if (at >= 0)
                    return [box.left + view.frame.x_scale.compute((data.left[at] + data.right[at]) / 2),
                            box.top + view.frame.y_scale.compute(data.row[at])]
            }
        }""",
        function,
    )
    assert place, f"there is no bar of {function}"
    page.mouse.click(*place)


def test_the_table_filters_searches_and_sorts_on_the_server(page: Page) -> None:
    turn_to(page, "tasks")
    rows = page.get_by_role("region", name="Tasks").locator("tbody tr")
    expect(rows).to_have_count(24)
    photograph(page, IMAGES / "dashboard-tasks.png")
    page.get_by_label("Show").select_option(label="failed")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("broken")
    page.get_by_label("Show").select_option(label="all")
    page.get_by_label("Search").fill("LOAD")
    expect(rows).to_have_count(4)
    expect(page.locator(".pager")).to_contain_text("1 to 4 of 4 tasks that match; there are 24")
    page.get_by_label("Search").fill("")
    page.get_by_role("button", name="ran for").click()
    expect(rows.first).to_contain_text("waits")


def test_the_details_have_what_a_task_printed_and_its_traceback(page: Page) -> None:
    turn_to(page, "tasks")
    page.get_by_label("Search").fill("load")
    rows = page.get_by_role("region", name="Tasks").locator("tbody tr")
    expect(rows).to_have_count(4)
    rows.first.get_by_role("button").click()
    expect(page.locator(".details h2")).to_contain_text("load")
    expect(page.locator(".details pre")).to_contain_text(re.compile(r"^loaded \d <script>window"))
    page.get_by_label("Search").fill("flaky")
    expect(rows).to_have_count(1)
    rows.first.get_by_role("button").click()
    expect(page.locator(".details pre").first).to_contain_text("RuntimeError: unlucky at first")
    expect(page.get_by_role("region", name="Attempts").locator("tbody tr")).to_have_count(2)


def test_the_graph_leads_from_results_to_the_tasks_that_need_them(page: Page) -> None:
    turn_to(page, "graph")
    wait_until(page, lambda: len(column_of(page, "Text", "label")) == 24)
    assert column_of(page, "Text", "label").count("clean") == 4
    # Four loads to cleans, four cleans to merge, and dotted from outer to three inner.
    wait_until(page, lambda: len(column_of(page, "Bezier", "x0")) == 11)
    x = dict(zip(column_of(page, "Rect", "name"), column_of(page, "Rect", "x"), strict=True))
    assert (x["load"], x["clean"], x["merge"], x["inner"]) == (0, 1, 2, 1)
    photograph(page, IMAGES / "dashboard-graph.png")


def test_the_objects_are_listed_with_who_made_them(page: Page) -> None:
    turn_to(page, "objects")
    rows = page.get_by_role("region", name="Objects").locator("tbody tr")
    expect(rows.filter(has_text="load #")).not_to_have_count(0)
    expect(rows.first).to_contain_text("1.6 MB")
    expect(rows.first).to_contain_text("node 0: in memory")
    wait_until(page, lambda: column_of(page, "MultiLine", "ys"))
    photograph(page, IMAGES / "dashboard-objects.png")


def test_granularity_finds_where_local_and_remote_cross(page: Page) -> None:
    turn_to(page, "granularity")
    found = page.locator(".finding")
    expect(found).to_contain_text(re.compile(r"local and remote cross at x = 0\.0006\d+ "))
    assert len(column_of(page, "Scatter", "x")) == 60
    photograph(page, IMAGES / "dashboard-granularity.png")


def test_under_the_hood_steps_and_plays_through_the_events(page: Page) -> None:
    turn_to(page, "hood")
    note = page.locator(".hood .note")
    expect(note).to_contain_text(re.compile(r"Event 0 of \d+ events"))
    page.get_by_role("button", name="Next").click()
    expect(note).to_contain_text("Event 1 of")
    expect(page.locator(".hood .finding")).to_contain_text(re.compile("joined|connected"))
    page.keyboard.press("ArrowRight")
    expect(note).to_contain_text("Event 2 of")
    page.get_by_role("button", name="Play").click()
    expect(note).to_contain_text(re.compile(r"Event [4-9] of"))
    page.get_by_role("button", name="Last").click()
    expect(page.locator("svg.stage")).to_contain_text("waits")
    photograph(page, IMAGES / "dashboard-hood.png")


def test_the_slider_shows_a_past_moment_and_comes_back(page: Page) -> None:
    turn_to(page, "overview")
    expect(page.locator(".tiles .finished b")).to_have_text("22")
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    expect(page.locator(".pill")).to_have_text("a past moment")
    expect(page.locator(".tiles .finished b")).to_have_text("0")
    slider.press("End")
    expect(page.locator(".pill")).to_have_text("live")
    expect(page.locator(".tiles .finished b")).to_have_text("22")


def test_the_pages_can_be_chosen_with_the_keyboard(page: Page) -> None:
    turn_to(page, "overview")
    page.keyboard.press("3")
    expect(page.get_by_role("region", name="Tasks")).to_be_visible()
    assert "page=tasks" in page.url
    page.keyboard.press("1")
    expect(page.locator(".tiles")).to_be_visible()


def test_a_button_that_an_update_replaces_in_mid_click_still_does_what_it_says(page: Page) -> None:
    turn_to(page, "overview")
    button = page.get_by_role("navigation", name="Pages").get_by_role("button", name="Tasks")
    button.hover()
    page.mouse.down()
    button.evaluate("button => button.replaceWith(button.cloneNode(true))")
    page.mouse.up()
    expect(page.get_by_role("region", name="Tasks")).to_be_visible()


def test_a_button_that_is_replaced_while_it_has_the_focus_hands_it_on(page: Page) -> None:
    turn_to(page, "overview")
    button = page.get_by_role("navigation", name="Pages").get_by_role("button", name="Tasks")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Tasks")).to_be_visible()
    expect(button).to_have_attribute("aria-current", "page")
    expect(button).to_be_focused()


def test_updates_leave_the_focus_where_somebody_has_moved_it(page: Page) -> None:
    turn_to(page, "overview")  # by a click on a button, which has the focus now
    slider = page.get_by_role("slider").first
    slider.focus()
    paints = page.evaluate("Bokeh.documents[0].get_model_by_name('pulse').seen")
    page.wait_for_function(f"Bokeh.documents[0].get_model_by_name('pulse').seen >= {paints + 3}")
    expect(slider).to_be_focused()


@pytest.mark.parametrize("kind", ["trace.json", "tasks.csv", "page.html", "session.db"])
def test_a_session_can_be_exported(page: Page, tmp_path: Path, kind: str) -> None:
    turn_to(page, "overview")
    page.locator(".exports:not([open]) summary").click()
    with page.expect_download() as waiting:
        page.locator(f".exports a[href*='{kind}']").click()
    page.locator(".exports summary").click()
    path = tmp_path / kind
    waiting.value.save_as(path)
    if kind == "trace.json":
        assert {event["name"] for event in json.loads(path.read_text())} >= {"load", "merge", "broken"}
    elif kind == "tasks.csv":
        assert len(path.read_text().splitlines()) == 25
    elif kind == "session.db":
        opened = Source(path)
        while opened.refresh():
            pass
        assert opened.session.task_total() == 24
    else:
        alone = page.context.new_page()
        alone.goto(path.as_uri())
        expect(alone.locator(".tiles .finished b")).to_have_text("22")
        wait_until(alone, lambda: len(set(column_of(alone, "HBar", "task"))) == 24)
        alone.close()


def test_a_notebook_shows_a_page_in_a_frame(page: Page) -> None:
    html = minray.dashboard("tasks", height=400)._repr_html_()
    notebook = page.context.new_page()
    asked: list[str] = []
    notebook.on("request", lambda request: asked.append(request.url))
    with served(b"<!DOCTYPE html><title>A notebook</title><main></main>") as address:
        notebook.goto(address)
        # As a notebook does: the output becomes part of its page, and the scripts in it are executed.
        notebook.evaluate(
            """(html) => document.querySelector("main").append(
                document.createRange().createContextualFragment(html))""",
            html,
        )
        frame = notebook.frame_locator("iframe")
        expect(frame.get_by_role("region", name="Tasks")).to_be_visible(timeout=20_000)
        # One address and no second thoughts: two in a row left the frame empty once in forty times.
        assert [urlsplit(url).hostname for url in asked if "token=" in url] == ["localhost"]
        notebook.close()
    with pytest.raises(ValueError, match="no page 'nothing'"):
        minray.dashboard("nothing")


@contextmanager
def served(body: bytes) -> Iterator[str]:
    """A web server with one page, under the other name of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_axe_finds_nothing_that_keeps_anybody_out(page: Page, name: str) -> None:
    turn_to(page, name)
    expect(page.locator("[role=slider]:not([aria-label])")).to_have_count(0)  # ``page.js`` names them
    problems = violations(page, {})
    page.emulate_media(color_scheme="dark")
    problems += violations(page, {"runOnly": ["color-contrast"]})
    page.emulate_media(color_scheme="light")
    assert problems == []


def violations(page: Page, options: dict) -> list[str]:
    """What axe-core objects to."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    return [
        f"{violation['id']}: {node['html'][:120]} ({node['target']})"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
