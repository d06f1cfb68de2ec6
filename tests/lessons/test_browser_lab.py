"""`make lab` in a real browser: lesson and dashboard side by side, and a kernel that may be ill-treated.

With MINRAY_UPDATE_IMAGES=1 (``make images``) the first test also takes the picture for the README.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from browser import photograph
from lab_page import PATIENCE_MS, LabPage, notebook, serve
from leaks import Footprint
from minray.cli import course, lab
from runtime_tools import wait_until

TIME_SCALE = 0.2
PICTURE = Path(__file__).parents[2] / "images" / "lesson-01-with-dashboard.png"
EXERCISE_PICTURE = PICTURE.with_name("exercise-passed.png")
SIXTEEN_TASKS = "16 tasks on 8 workers"  # a cell of lesson 01 that keeps the dashboard busy for a while


@dataclass
class Lab:
    """A running JupyterLab and its working folder."""

    folder: Path
    address: str


@pytest.fixture(scope="module")
def jupyter_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lessons")
    lab.set_up(folder)
    with serve(folder, tmp_path_factory.mktemp("jupyter"), TIME_SCALE) as address:
        yield Lab(folder, address)


def open_lesson(browser: Browser, jupyter_lab: Lab) -> Iterator[LabPage]:
    opened = LabPage.open(browser, jupyter_lab.address)
    yield opened
    opened.page.close()


@pytest.fixture
def lesson_01(browser: Browser, jupyter_lab: Lab) -> Iterator[LabPage]:
    lab.prepare(jupyter_lab.folder, Path("notebooks", course.lesson(1)))
    yield from open_lesson(browser, jupyter_lab)


@pytest.fixture
def lesson_00(browser: Browser, jupyter_lab: Lab) -> Iterator[LabPage]:
    lab.prepare(jupyter_lab.folder, Path("notebooks", course.lesson(0)))
    yield from open_lesson(browser, jupyter_lab)


@pytest.fixture
def small_notebook(browser: Browser, jupyter_lab: Lab, request: pytest.FixtureRequest) -> Iterator[LabPage]:
    """A notebook of the test's own, with the cells that its ``parametrize`` gives, beside the dashboard."""
    path = Path("notebooks", f"{request.node.originalname}.ipynb")
    (jupyter_lab.folder / path).write_text(notebook(*request.param))
    lab.prepare(jupyter_lab.folder, path)
    yield from open_lesson(browser, jupyter_lab)


def test_the_dashboard_shows_the_tasks_of_lesson_01_while_they_run(lesson_01: LabPage) -> None:
    notebook_box = lesson_01.page.locator(".jp-NotebookPanel").bounding_box()
    panel_box = lesson_01.page.locator(".jp-ServerProxy iframe").bounding_box()
    assert notebook_box
    assert panel_box
    assert notebook_box["x"] + notebook_box["width"] <= panel_box["x"], "the panel is not at the right"
    assert panel_box["width"] > 400

    seen: set[str] = set()

    def look_at_the_panel() -> None:
        seen.update(lesson_01.running.all_inner_texts())

    lesson_01.go_to_top()
    while SIXTEEN_TASKS not in lesson_01.source(lesson_01.active()):
        lesson_01.run_cell(meanwhile=look_at_the_panel)
    assert "double_task" in seen

    # The cell before began a new session, which the dashboard must find by itself.
    expect(lesson_01.panel.locator("body")).to_contain_text("Ready for work", timeout=PATIENCE_MS)
    sixteen = lesson_01.start_cell()
    expect(lesson_01.running.first).to_have_text("double_task", timeout=PATIENCE_MS)
    assert lesson_01.is_busy(sixteen)
    wait_until(lambda: lesson_01.tile("finished") >= 8, "tasks to finish on the dashboard")
    assert lesson_01.is_busy(sixteen), "the dashboard showed the tasks only when they were over"
    photograph(lesson_01.page, PICTURE)
    lesson_01.wait_for_end(sixteen)
    wait_until(lambda: lesson_01.tile("finished") == 16, "the last task on the dashboard")

    while lesson_01.active() != lesson_01.last():
        lesson_01.run_cell()


def test_a_learner_works_through_an_exercise_from_a_wrong_answer_to_a_green_one(lesson_00: LabPage) -> None:
    lesson_00.go_to_top()
    lesson_00.run_to("def greet(name)")
    answer = lesson_00.run_cell()
    lesson_00.run_to('check("0a", greet)')
    check = lesson_00.run_cell()
    lesson_00.shows(check, "Not yet: exercise 0a")
    lesson_00.shows(check, "Hint 1 of 2")
    verdict = lesson_00.cell(check).locator("[role=status]")
    assert "rgb(230, 159, 0)" in verdict.evaluate("element => getComputedStyle(element).borderLeftColor")

    lesson_00.go_to(check)  # the same again brings the next hint
    lesson_00.run_cell()
    lesson_00.shows(check, "Hint 2 of 2")

    lesson_00.go_to(answer)
    lesson_00.type_into_cell("def greet(name):\nreturn ray.get(greeting.remote(name))")
    lesson_00.run_cell()
    lesson_00.go_to(check)
    lesson_00.run_cell()
    lesson_00.shows(check, "Passed: exercise 0a")
    assert "rgb(0, 158, 115)" in verdict.evaluate("element => getComputedStyle(element).borderLeftColor")
    lesson_00.cell(check).scroll_into_view_if_needed()
    photograph(lesson_00.page, EXERCISE_PICTURE)

    while lesson_00.active() != lesson_00.last():  # to the end, where reset() is
        lesson_00.run_cell()


@pytest.mark.parametrize(
    "small_notebook",
    [
        [
            "import time\nimport minray as ray\nray.init(num_cpus=2)\nnap = ray.remote(time.sleep)",
            "ray.get(nap.remote(1000))",
            "ray.get(nap.remote(0))\nprint('still usable')",
            "ray.shutdown()",
        ]
    ],
    indirect=True,
)
def test_a_cell_that_waits_in_get_can_be_interrupted(small_notebook: LabPage) -> None:
    small_notebook.go_to_top()
    small_notebook.run_cell()
    waiting = small_notebook.start_cell()
    expect(small_notebook.running).to_have_text("sleep", timeout=PATIENCE_MS)
    small_notebook.interrupt_kernel()
    small_notebook.wait_for_end(waiting)
    small_notebook.shows(waiting, "KeyboardInterrupt")
    small_notebook.shows(small_notebook.run_cell(), "still usable")
    small_notebook.run_cell()


@pytest.mark.parametrize(
    "small_notebook",
    [
        [
            "import os, time\nimport numpy as np\nimport minray as ray\n"
            "ray.init(num_cpus=2)\nprint('pid', os.getpid())",
            "large = ray.put(np.ones(1_000_000))\n"
            "naps = [ray.remote(time.sleep).remote(1000) for _ in range(4)]",
            "ray.shutdown()",
        ]
    ],
    indirect=True,
)
def test_a_kernel_restart_ends_the_session_and_the_dashboard_follows_the_new_one(
    small_notebook: LabPage, minray_home: Path
) -> None:
    before = Footprint.take(minray_home)
    session = small_notebook.panel.get_by_text("CPUs · since")
    small_notebook.go_to_top()
    old_pid = small_notebook.shows(small_notebook.run_cell(), r"pid \d+")
    small_notebook.run_cell()
    expect(small_notebook.running).to_have_text(["sleep", "sleep"], timeout=PATIENCE_MS)
    expect(session).to_contain_text(old_pid)
    assert before.leaks(minray_home), "there is nothing that could be left behind"

    small_notebook.restart_kernel()
    assert before.wait_until_clean(minray_home) == []

    small_notebook.go_to_top()
    new_pid = small_notebook.shows(small_notebook.run_cell(), r"pid \d+")
    assert new_pid != old_pid
    expect(session).to_contain_text(new_pid, timeout=PATIENCE_MS)
    small_notebook.run_cell()
    expect(small_notebook.running).to_have_text(["sleep", "sleep"], timeout=PATIENCE_MS)
    small_notebook.run_cell()
