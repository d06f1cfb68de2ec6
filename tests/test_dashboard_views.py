"""What the parts of the page say, without a browser."""

from pathlib import Path

import pytest
from minray.dashboard import catalogue, doorman, guard, header, jupyter, lanes, model, pacing, theme
from minray.dashboard.catalogue import Catalogue, Entry
from minray.dashboard.lanes import bar_columns, failed_columns, strips, window
from minray.dashboard.model import Bar
from minray.dashboard.scene import Scene
from minray.dashboard.source import Source
from minray.dashboard.status import status_html
from minray.dashboard.timeline import legend_html, newest

from fake_session import FakeSession
from minray.events import TaskState

EVIL = "<script>alert('x')</script>\"&"


def scene_of(session: FakeSession, live: bool = True) -> Scene:
    source = Source(session.path)
    source.refresh()
    scene = Scene(Entry(session.directory.name, session.path, live, "label"), source)
    scene.advance(live, clock=lambda: source.session.last_ts)
    return scene


def bar(start: float, end: float | None, blocked: tuple = (), **changes: object) -> Bar:
    made = Bar(1, 0, "f", 2, 0, start, end, 0.5, TaskState.FINISHED, blocked, 1)
    return made._replace(**changes)


@pytest.mark.parametrize("module", [catalogue, guard, lanes, pacing, theme])
def test_the_examples_in_the_docstrings_are_right(module: object) -> None:
    import doctest

    names = {"Bar": Bar, "TaskState": TaskState}
    result = doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


def test_a_bar_that_goes_on_ends_now() -> None:
    assert [(s.start, s.end) for s in strips(bar(2.0, None), now=7.0)] == [(2.0, 7.0)]


def test_a_bar_that_is_blocked_right_now_is_pale_up_to_now() -> None:
    found = strips(bar(2.0, None, ((3.0, None),)), now=7.0)
    assert [(s.start, s.end, s.blocked) for s in found] == [(2.0, 3.0, False), (3.0, 7.0, True)]


def test_columns_are_of_one_length_and_count_from_the_beginning_of_the_session() -> None:
    bars = [bar(101.0, 102.0, ((101.2, 101.5),)), bar(103.0, 104.0, state=TaskState.FAILED)]
    columns = bar_columns(bars, began=100.0, now=0.0, colours=theme.FunctionColours())
    assert {len(column) for column in columns.values()} == {4}
    assert columns["left"][0] == 1.0
    assert columns["alpha"].count(lanes.PALE) == 1
    assert failed_columns(bars, began=100.0) == {"left": [3.0], "right": [4.0], "row": [1]}


def test_the_view_follows_the_newest_but_starts_with_the_first() -> None:
    assert window(0.0, 3.0, 30.0)[0] < 0.0
    start, end = window(0.0, 300.0, 30.0)
    assert end > 300.0
    assert end - start == pytest.approx(30.0)


def test_only_what_is_new_is_sent() -> None:
    assert newest([1, 2, 3, 4], 2) == [3, 4]
    assert newest([1, 2, 3, 4], 9) == [1, 2, 3, 4]
    assert newest([1, 2, 3, 4], 0) == []


def test_the_first_ten_functions_never_share_a_colour() -> None:
    colours = theme.FunctionColours()
    assert len({colours[f"function_{number}"] for number in range(len(theme.PALETTE))}) == len(theme.PALETTE)
    assert colours["one more"] in theme.PALETTE


def test_text_from_a_session_is_escaped_in_every_part() -> None:
    with FakeSession(entrypoint=EVIL) as session:
        session.run(EVIL, worker=2, seconds=0.1)
        running = session.submit(EVIL)
        session.enter(running, TaskState.RUNNING, worker=2)
        session.write(worker_events=[(3, "DEAD", 1.0, EVIL)], meta=[("driver_pid", EVIL), ("num_cpus", EVIL)])
        scene = scene_of(session)
        html = header._title(scene) + status_html(scene) + legend_html(scene, shown=1)
        assert "<script" not in html
        assert "&lt;script&gt;" in html


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
        html = status_html(scene_of(session))
        assert "job_2</strong></span><em>running, 0 s" in html
        assert "job_3</strong></span><em>blocked in get, 0 s" in html
        assert "dead</span><em>killed by signal 9" in html
        assert "<span>idle</span>" in html


def test_an_ended_session_says_what_it_left_undone() -> None:
    with FakeSession() as session:
        session.submit("f")
        assert "ended with 1 task unfinished" in status_html(scene_of(session, live=False))


@pytest.mark.parametrize(
    ("live", "ended", "word"), [(True, False, "live"), (False, True, "finished"), (False, False, "broke off")]
)
def test_the_state_of_a_session_is_named(live: bool, ended: bool, word: str) -> None:
    with FakeSession() as session:
        if ended:
            session.end()
        assert header.session_state(scene_of(session, live=live))[1] == word


def test_what_is_not_drawn_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEP_BARS", 2)
    with FakeSession() as session:
        for _ in range(5):
            session.run("f", worker=2, seconds=0.1)
        html = legend_html(scene_of(session), shown=2)
        assert "2 of 5 finished executions shown, the newest" in html


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
    head.offer([Entry(name, Path(name), False, "22 Nov 10:00:00  python pid 7") for name in "abc"])
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
    assert judge(here, None, "secret") is guard.Verdict.WELCOME
    assert judge("localhost:8265", "http://localhost:8265", "secret") is guard.Verdict.WELCOME
    assert judge("evil.example", "http://evil.example", "secret") is guard.Verdict.WRONG_HOST
    assert judge(here, "http://evil.example", "secret") is guard.Verdict.WRONG_ORIGIN
    assert judge(here, "null", "secret") is guard.Verdict.WRONG_ORIGIN
    assert judge(here, None, "") is guard.Verdict.NO_TOKEN
    assert judge(here, None, "guess\N{SNOWMAN}") is guard.Verdict.NO_TOKEN


def test_behind_jupyters_proxy_everything_is_welcome() -> None:
    judge = guard.Guard.open_to_all().judge
    assert judge("hub.example", "https://hub.example", "") is guard.Verdict.WELCOME


def test_an_answer_that_got_lost_does_not_stop_the_updates() -> None:
    pace = pacing.Pacing()
    for _ in range(pacing.MOST_ON_THE_WAY):
        pace.send(now=0.0)
    assert not pace.may_send(now=1.0)
    assert pace.may_send(now=pacing.PATIENCE)
    pace.painted(99)
    assert pace.seen == pace.sent


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
