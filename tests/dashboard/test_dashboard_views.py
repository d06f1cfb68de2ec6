"""What the parts of the page say, without a browser."""

import re
from pathlib import Path

import pytest
from minray.dashboard import jupyter
from minray.dashboard.data import catalogue, columns, mosaic
from minray.dashboard.data.catalogue import Catalogue, SessionEntry
from minray.dashboard.data.queries import story
from minray.dashboard.data.source import Source
from minray.dashboard.frame import header, pacing
from minray.dashboard.frame.details import details_html
from minray.dashboard.frame.notice import notice_html
from minray.dashboard.pages import layers
from minray.dashboard.pages.hood import hood_html
from minray.dashboard.pages.objects import objects_html
from minray.dashboard.pages.overview import status_html
from minray.dashboard.pages.tale import stage_after
from minray.dashboard.pages.task_list import Wish
from minray.dashboard.pages.tasks import tasks_html
from minray.dashboard.server import doorman, guard
from minray.dashboard.timeline import lanes
from minray.dashboard.timeline import window as timeline_window
from minray.dashboard.timeline.lanes import bar_columns, marked_columns, running_columns
from minray.dashboard.timeline.timeline import legend_html
from minray.dashboard.timeline.window import window
from minray.dashboard.view import theme
from minray.dashboard.view.sight import Sight

from fake_session import FakeSession
from minray.gcs.schema import TaskState
from minray.lessons.figures import cost_model
from minray.lessons.figures.colours import PALETTE, FunctionColours
from steps import one_step_each

EVIL = "<script>alert('x')</script>\"&"


def sight_of(session: FakeSession, live: bool = True) -> Sight:
    source = Source(session.path)
    while source.refresh():
        pass
    sight = Sight(SessionEntry(session.directory.name, session.path, live, "label"), source)
    sight.advance(live, clock=lambda: source.session.last_ts)
    return sight


@pytest.mark.parametrize(
    "module", [catalogue, columns, cost_model, guard, lanes, layers, mosaic, pacing, theme, timeline_window]
)
def test_the_examples_in_the_docstrings_are_right(module: object) -> None:
    import doctest

    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


def blocked(session: FakeSession, until: TaskState | None) -> int:
    """A task that ran from 1 to 9 and was blocked from 2 to 5, as far as it has come."""
    task = session.submit("f")
    steps = [(TaskState.RUNNING, 1), (TaskState.RUNNING_IN_RAY_GET, 2), (TaskState.RUNNING, 5), (until, 9)]
    for state, late in steps:
        if state is not None:
            session.enter(task, state, worker=2, ts=session.began + late)
    return task


def test_a_bar_is_pale_where_its_task_was_blocked() -> None:
    with FakeSession() as session:
        blocked(session, TaskState.FINISHED)
        sight = sight_of(session)
        drawn = bar_columns(sight.session, sight.session.bars.rows, sight.began, sight.colour_codes)
        assert {len(column) for column in drawn.values()} == {3}
        assert drawn["left"].round(3).tolist() == [1.0, 2.0, 5.0]
        assert drawn["right"].round(3).tolist() == [2.0, 5.0, 9.0]
        assert (drawn["alpha"] == lanes.PALE).tolist() == [False, True, False]
        assert (drawn["tick"] > drawn["foot"]).tolist() == [True, False, False]


def test_a_bar_that_goes_on_ends_now_and_is_pale_if_it_is_blocked_now() -> None:
    with FakeSession() as session:
        task = blocked(session, None)
        session.enter(task, TaskState.RUNNING_IN_RAY_GET, worker=2, ts=session.began + 6)
        sight = sight_of(session)
        drawn = running_columns(sight.session, session.began + 7, sight.began, sight.colour_codes)
        assert drawn["right"].round(3).tolist() == [2.0, 5.0, 6.0, 7.0]
        assert (drawn["alpha"] == lanes.PALE).tolist() == [False, True, False, True]


def test_failed_and_retried_executions_are_hatched() -> None:
    with FakeSession() as session:
        session.run("f", worker=2, seconds=1.0)
        task = session.run("f", worker=2, seconds=1.0, state=TaskState.FAILED)
        now = session.began
        session.write(
            task_steps=one_step_each(
                [(task, 1, TaskState.RUNNING, now, 3), (task, 1, TaskState.FINISHED, now, 3)]
            )
        )
        sight = sight_of(session)
        drawn = marked_columns(sight.session, sight.session.bars.rows, sight.began)
        assert drawn["hatch"] == ["right_diagonal_line", "dot"]


def test_the_view_follows_the_newest_but_starts_with_the_first() -> None:
    assert window(0.0, 3.0, 30.0)[0] < 0.0
    start, end = window(0.0, 300.0, 30.0)
    assert end > 300.0
    assert end - start == pytest.approx(30.0)


def test_the_first_ten_functions_never_share_a_colour() -> None:
    colours = FunctionColours()
    assert len({colours[f"function_{number}"] for number in range(len(PALETTE))}) == len(PALETTE)
    assert colours["one more"] in PALETTE


def test_text_from_a_session_is_escaped_in_every_part() -> None:
    with FakeSession(entrypoint=EVIL) as session:
        task = session.run(EVIL, worker=2, seconds=0.1, state=TaskState.FAILED)
        running = session.submit(EVIL)
        session.enter(running, TaskState.RUNNING, worker=2)
        session.write(
            worker_events=[(3, "DEAD", 1.0, EVIL)],
            meta=[("driver_pid", EVIL), ("num_cpus", EVIL)],
            nodes=[(0, EVIL, EVIL, '{"<script>": 1.0}')],
            node_events=[(0, "DEAD", 1.0, EVIL)],
            actors=[(1, EVIL, EVIL, EVIL, EVIL, 0, 0, 1, task, "{}")],
            actor_events=[(1, "DEAD", 1.0, 0, 2, EVIL)],
            task_errors=[(task, 0, 1.0, EVIL, EVIL, EVIL)],
            logs=[(1.0, 2, task, "stdout", EVIL)],
            object_events=[(EVIL, 0, "SEALED", 5, 1.0, task), (EVIL * 2, 0, EVIL, 5, 1.0, task)],
            task_deps=[(running, EVIL, task)],
        )
        sight = sight_of(session)
        happenings = story(session.path, 0.0, float("inf"), 100)
        parts = [
            header.title_html(sight),
            header._exports(sight),
            notice_html(sight),
            status_html(sight),
            legend_html(sight, shown=1),
            tasks_html(sight, Wish()),
            details_html(sight, task),
            details_html(sight, running),
            objects_html(sight),
            *(
                hood_html(happenings, n, stage_after(happenings, n), sight)
                for n in range(len(happenings) + 1)
            ),
        ]
        for html in parts:
            assert "<script" not in html
        assert "&lt;script&gt;" in "".join(parts)


def test_the_objects_page_says_how_many_references_there_are() -> None:
    with FakeSession() as session:
        task = session.run("make", worker=2, seconds=0.1)
        seen, gone = "ab" * 28, "cd" * 28
        session.write(
            object_references=[(seen, 1.0, 1), (gone, 1.0, 1), (seen, 2.0, 3)],
            object_events=[(seen, 0, "SEALED", 5_000_000, 1.0, task), (gone, 0, "FREED", 5, 1.0, task)],
        )
        html = objects_html(sight_of(session))
    assert "references" in html
    assert re.search(r"<td[^>]*>3</td>", html)


def test_the_cells_say_what_each_worker_does() -> None:
    with FakeSession(workers=4) as session:
        for worker, states in [
            (2, [TaskState.RUNNING]),
            (3, [TaskState.RUNNING, TaskState.RUNNING_IN_RAY_GET]),
        ]:
            task = session.submit(f"job_{worker}")
            for state in states:
                session.enter(task, state, worker)
        session.write(worker_events=[(4, "DEAD", 1.0, "killed by signal 9")])
        html = status_html(sight_of(session))
        assert "job_2</strong></span><em>running, 0 s" in html
        assert "job_3</strong></span><em>blocked in get, 0 s" in html
        assert "dead</span><em>killed by signal 9" in html
        assert "<span>idle</span>" in html


def test_an_ended_session_says_what_it_left_undone() -> None:
    with FakeSession() as session:
        session.submit("f")
        assert "ended with 1 task unfinished" in status_html(sight_of(session, live=False))


@pytest.mark.parametrize(
    ("live", "ended", "word"), [(True, False, "live"), (False, True, "finished"), (False, False, "broke off")]
)
def test_the_state_of_a_session_is_named(live: bool, ended: bool, word: str) -> None:
    with FakeSession() as session:
        if ended:
            session.end()
        assert header.session_state(sight_of(session, live=live))[1] == word


def test_how_much_of_everything_is_seen_is_said() -> None:
    with FakeSession() as session:
        for _ in range(5):
            session.run("f", worker=2, seconds=0.1)
        html = legend_html(sight_of(session), shown=2)
        assert "2 of 5 finished executions within this view" in html


def test_running_sessions_come_before_recordings_and_new_before_old() -> None:
    with FakeSession() as old, FakeSession() as finished, FakeSession() as new:
        finished.end()
        looked = Catalogue()
        looked.refresh()
        mine = [e.name for e in looked.entries if e.path in (old.path, finished.path, new.path)]
        assert mine == [new.directory.name, old.directory.name, finished.directory.name]
        assert looked.newest() == looked.get(new.directory.name)


def test_sessions_of_one_second_can_be_told_apart_in_the_picker() -> None:
    head = header.Header(lambda name: None)
    head.offer([SessionEntry(name, Path(name), False, "22 Nov 10:00:00  python pid 7") for name in "abc"])
    labels = [label for _, label in head._picker.options["Recordings"]]
    assert len(set(labels)) == 3


def test_the_picker_names_a_notebook_as_such() -> None:
    with FakeSession(entrypoint="/somewhere/ipykernel_launcher.py") as session:
        looked = Catalogue()
        looked.refresh()
        entry = looked.get(session.directory.name)
        assert entry is not None
        assert "notebook" in entry.label


def test_the_guard_refuses_other_hosts_other_pages_and_missing_tokens() -> None:
    judge = guard.Guard.for_port(8265, "secret").judge
    here = "127.0.0.1:8265"
    assert judge(here, None, "secret") is guard.Admission.WELCOME
    assert judge("localhost:8265", "http://localhost:8265", "secret") is guard.Admission.WELCOME
    assert judge("evil.example", "http://evil.example", "secret") is guard.Admission.WRONG_HOST
    assert judge(here, "http://evil.example", "secret") is guard.Admission.WRONG_ORIGIN
    assert judge(here, "null", "secret") is guard.Admission.WRONG_ORIGIN
    assert judge(here, None, "") is guard.Admission.NO_TOKEN
    assert judge(here, None, "guess\N{SNOWMAN}") is guard.Admission.NO_TOKEN


def test_behind_jupyters_proxy_everything_is_welcome() -> None:
    judge = guard.Guard.open_to_all().judge
    assert judge("hub.example", "https://hub.example", "") is guard.Admission.WELCOME


def test_an_answer_that_got_lost_does_not_stop_the_updates() -> None:
    pace = pacing.Pacing()
    for _ in range(pacing.MOST_ON_THE_WAY):
        pace.send(now=0.0)
    assert not pace.may_send(now=1.0)
    assert pace.may_send(now=pacing.PATIENCE)
    pace.painted(99)
    assert pace.seen == pace.sent


def test_in_a_flood_of_events_there_are_two_updates_a_second_and_many_again_after_it() -> None:
    pace = pacing.Pacing()
    pace.painted(pace.send(now=0.0, events=0))
    pace.painted(pace.send(now=0.1, events=800))  # two thousand tasks a second
    assert pace.may_send(now=0.11)
    pace.painted(pace.send(now=0.11, events=1_000))  # those of a tenth of a second, written at once
    assert pace.may_send(now=0.12)
    pace.painted(pace.send(now=0.2, events=8_000))
    assert not pace.may_send(now=0.69)
    assert pace.may_send(now=0.71)
    pace.painted(pace.send(now=0.71, events=4_000))  # two thousand a second again
    assert pace.may_send(now=0.72)


def test_the_keeper_waits_a_while_before_it_closes(tmp_path: Path) -> None:
    now = [0.0]
    keeper = doorman.Keeper(tmp_path, patience=3.0, clock=lambda: now[0])
    (tmp_path / "dashboard.json").write_text("{}")
    assert keeper.needed()
    now[0] = 2.0
    assert keeper.needed(visitors=1)
    now[0] = 4.9
    assert keeper.needed()
    now[0] = 5.0
    assert not keeper.needed()
    assert list(tmp_path.iterdir()) == []


def test_a_session_that_is_being_made_keeps_the_dashboard(tmp_path: Path) -> None:
    (tmp_path / "session_new").mkdir()
    assert doorman.any_session_runs(tmp_path)
    (tmp_path / "session_new" / "session.db").touch()
    assert not doorman.any_session_runs(tmp_path)


def test_jupyters_proxy_accepts_the_entry() -> None:
    config = pytest.importorskip("jupyter_server_proxy.config")
    entry = jupyter.proxy_entry()
    server = config.ServerProcess(name="minray", **entry)
    assert server.launcher_entry.title == "minray dashboard"
    assert Path(server.launcher_entry.icon_path).read_text(encoding="utf-8").startswith("<svg")
    assert server.unix_socket is True
