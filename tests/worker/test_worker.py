"""A worker's streams (whole lines, nothing lost, any text), and cancelling before the function runs."""

from collections import deque
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.exceptions import RaySystemError, TaskCancelledError
from minray.session import here
from minray.wire.messages import Print, RunTask
from minray.wire.rpc import encode
from minray.worker.lease_watch import LeaseWatch
from minray.worker.output import TaskStream
from runtime_tools import Gate

TASK = RunTask(b"id", b"function", None, "f", b"", (), 1, b"", 1, 1, (), ())


def stream() -> tuple[Any, list[Any]]:
    """A stream, and what it sends while a task named "f" runs."""
    here.begin(TASK)
    sent: list[Any] = []
    return TaskStream(sent.append, "stdout", 1), sent


def test_a_line_is_sent_when_it_is_complete() -> None:
    out, sent = stream()
    out.write("hello ")
    out.write("world")
    assert sent == []
    out.write("\n")
    assert sent == [Print("stdout", "f", "hello world")]


def test_several_lines_at_once_are_one_message() -> None:
    out, sent = stream()
    out.write("one\ntwo\nthr")
    out.finish()
    assert [message.text for message in sent] == ["one\ntwo", "thr"]


@given(st.lists(st.text(alphabet="ab\n", max_size=6)))
def test_nothing_is_lost_or_added_however_it_is_written(pieces: list[str]) -> None:
    out, sent = stream()
    for piece in pieces:
        assert out.write(piece) == len(piece)
    out.finish()
    shown = "".join(f"{message.text}\n" for message in sent)
    written = "".join(pieces)
    assert shown == (written if not written or written.endswith("\n") else f"{written}\n")


def test_an_empty_line_is_a_line() -> None:
    out, sent = stream()
    print(file=out)
    assert sent == [Print("stdout", "f", "")]


def test_finishing_without_an_open_line_sends_nothing() -> None:
    out, sent = stream()
    out.writelines(["whole\n", "lines\n"])
    out.flush()
    out.finish()
    assert len(sent) == 2


@given(st.text(st.characters(), min_size=1))
def test_any_text_can_be_sent_and_shown(text: str) -> None:
    out, sent = stream()
    print(text + "\udcff", file=out)
    for message in sent:
        encode([message])
        message.text.encode("utf-8")


def test_printing_outside_of_a_task_is_the_workers_own() -> None:
    out, sent = stream()
    here.begin(None)
    print("hello", file=out)
    assert sent == [Print("stdout", "worker", "hello")]


def test_printing_when_the_session_has_ended_is_harmless() -> None:
    def lost(_message: Print) -> None:
        raise RaySystemError("lost")

    here.begin(TASK)
    print("hello", file=TaskStream(lost, "stdout", 1))  # type: ignore[arg-type]


def test_programs_see_an_ordinary_stream() -> None:
    out, _ = stream()
    assert not out.isatty()
    assert out.fileno() == 1
    assert out.encoding == "utf-8"


class SlowToLoad:
    """Comes to a gate when it is unpickled."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def __reduce__(self) -> Any:  # noqa: ANN401
        return Gate.wait, (self.gate,)


def test_a_task_whose_arguments_are_still_being_loaded_can_be_cancelled(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    here.begin(None)  # this process is the driver now
    gate = Gate(tmp_path)

    @ray_session.remote
    def use(loaded: object) -> object:
        return loaded

    using = use.remote(SlowToLoad(gate))
    gate.wait_for_visitors()
    ray_session.cancel(using)
    with pytest.raises(TaskCancelledError):
        ray_session.get(using)
    gate.open()


def test_the_calls_of_an_actor_are_never_given_back_though_its_worker_had_a_lease_before() -> None:
    inbox, sent = deque([TASK, TASK]), list[Any]()
    watch = LeaseWatch(inbox, sent.append, lambda: 0.0)
    watch.end()
    watch.give_back()
    assert sent == []
    assert len(inbox) == 2
    LeaseWatch(inbox, sent.append, lambda: 0.0).give_back()
    assert len(sent) == 1
