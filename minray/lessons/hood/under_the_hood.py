"""The run that explains a cluster: two arrays made on two nodes, added on one of them, fetched by the driver.

It happens the same way every time, and the events of the session tell whether it did::

    node 1: driver --submit--> scheduler --forward--> node 1: make_array -> first ----.
                                   |                                                  +-> add_arrays -> total
                                   '-------forward--> node 2: make_array -> second -pull-'              |
    node 1: driver <--get------------------------------------------------------------------------------'

`run` plays it, here or on other nodes; `Story.steps` is what the events say, in order of time;
`Story.gaps` is what they lack. `scenes` tells the story in thirteen steps.
"""

import time
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ...gcs.schema import TaskState
from ...gcs.store import connect_readonly
from ..basics.session import event_store, node_ids, only_on, remote, task_id, value_of

if TYPE_CHECKING:
    import numpy

SUBMIT, FORWARD, SEAL, PULL_BEGINS, PULL_ENDS, FINISH, GET = (
    *("submit", "forward", "seal", "pull begins", "pull ends"),
    *("finish", "get"),
)
NAMES = ("first", "second", "total")
PATIENCE = 10.0  # seconds to wait for events that ought to be there

Event = tuple[str, str, int]  # what, of which task or object, on which node


@dataclass(frozen=True)
class Places:
    """On which nodes the three tasks run; counted from 0, where the driver is."""

    first: int = 0
    second: int = 1
    total: int = 0

    def chains(self) -> list[list[Event]]:
        """What must have happened before what."""
        chains: list[list[Event]] = [[(SUBMIT, name, 0), (FORWARD, "total", self.total)] for name in NAMES]
        for name, place in (("first", self.first), ("second", self.second)):
            chains.append(
                [
                    *((SUBMIT, name, 0), (FORWARD, name, place), (SEAL, name, place)),
                    *([] if place == self.total else _pull(name, self.total)),
                    (SEAL, "total", self.total),
                ]
            )
            chains.append([(SEAL, name, place), (FORWARD, "total", self.total)])
        fetched = [] if self.total == 0 else _pull("total", 0)
        chains.append([(SEAL, "total", self.total), *fetched, (GET, "total", 0)])
        return chains


def _pull(name: str, node: int) -> list[Event]:
    return [(PULL_BEGINS, name, node), (PULL_ENDS, name, node)]


@dataclass(frozen=True)
class Step:
    """One thing that happened."""

    ts: float  # in seconds since 1970
    what: str  # SUBMIT, FORWARD, ...
    name: str  # "first", "second" or "total": the task, and the object that it makes
    node: int  # where; the driver's is 0
    size: int = 0  # bytes, of what is copied or stored
    worker: int = 0  # the number of the worker, of a task that is forwarded to one

    def describe(self) -> str:
        """The step in a sentence's worth of words; nodes are counted from 1, as in the pictures."""
        size = f" ({self.size:,} bytes)" if self.size else ""
        return f"{self.what} {self.name} on node {self.node + 1}{size}"


@dataclass(frozen=True)
class Story:
    """What the events say."""

    steps: tuple[Step, ...]  # in order of time
    value: "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]"  # what the driver got
    places: Places = Places()  # where the tasks were meant to run

    def when(self, what: str, name: str, node: int) -> float | None:
        """When something happened; None if it did not."""
        found = [step.ts for step in self.steps if (step.what, step.name, step.node) == (what, name, node)]
        return found[0] if found else None

    def gaps(self) -> list[str]:
        """What is missing, or happened in the wrong order; nothing, if all went as it should."""
        wrong = []
        for chain in self.places.chains():
            for earlier, later in pairwise(chain):
                begun, done = self.when(*earlier), self.when(*later)
                if begun is None or done is None:
                    missing = earlier if begun is None else later
                    wrong.append(f"{missing[0]} {missing[1]} on node {missing[2] + 1} is missing")
                elif begun > done:
                    wrong.append(f"{later[0]} {later[1]} came before {earlier[0]} {earlier[1]}")
        return list(dict.fromkeys(wrong))


def run(length: int = 1_000_000, places: Places | tuple[int, int, int] = Places()) -> Story:
    """Play the scenario in the session that runs, and read from its events what happened.

    Args:
        length: of the arrays.
        places: the nodes of "first", "second" and "total"; 0 is the driver's.

    Returns:
        The story. `gaps()` is empty if it went as in the pictures.

    Raises:
        ValueError: the session has fewer than three nodes, there is no such node, or the arrays are too small
            for the store.

    Example:
        >>> ray.init(num_nodes=3, num_cpus=2)
        >>> story = under_the_hood.run()
        >>> story.gaps()
        []
        >>> [step.describe() for step in story.steps][:2]
        ['submit first on node 1', 'submit second on node 1']
    """
    nodes = node_ids()
    if len(nodes) < 3:
        raise ValueError(f"The scenario needs three nodes, but there are {len(nodes)}: init(num_nodes=3).")
    if length < 50_000:
        raise ValueError(
            "Arrays of less than 50,000 numbers travel inside messages; there is nothing to see."
        )
    places = places if isinstance(places, Places) else Places(*places)
    if not {places.first, places.second, places.total} <= set(range(len(nodes))):
        raise ValueError(f"The nodes are 0 to {len(nodes) - 1}; there is no other one, as in {places}.")

    def options(name: str, node: int) -> dict[str, object]:
        return {"name": name, "scheduling_strategy": only_on(nodes[node])}

    first = _make_array.options(**options("first", places.first)).remote(length, 1.0)
    second = _make_array.options(**options("second", places.second)).remote(length, 2.0)
    total = _add_arrays.options(**options("total", places.total)).remote(first, second)
    value = value_of(total)
    got = time.time()
    ids = {task_id(ref): name for name, ref in zip(NAMES, (first, second, total), strict=True)}
    deadline = time.monotonic() + PATIENCE
    while True:
        story = Story((*_read(event_store(), ids), Step(got, GET, "total", 0)), value, places)
        if not story.gaps() or time.monotonic() > deadline:
            return story
        time.sleep(0.02)


@remote
def _make_array(length: int, number: float) -> "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]":
    import numpy

    return numpy.full(length, number)


@remote
def _add_arrays(
    one: "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]",
    other: "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]",
) -> "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]":
    return one + other


def _read(database: Path, names: dict[str, str]) -> list[Step]:
    """The steps of some tasks, by their ids, and of the objects that they make."""
    steps = []
    marks = ", ".join("?" * len(names))
    with closing(connect_readonly(database)) as events:
        submitted = f"SELECT task_id, ts FROM tasks WHERE task_id IN ({marks})"
        for task_id, ts in events.execute(submitted, [*names]):
            steps.append(Step(ts, SUBMIT, names[task_id], 0))
        moves = f"""SELECT t.task_id, e.state, e.ts, w.node, worker
                    FROM task_events e JOIN tasks t USING (task) JOIN workers w USING (worker)
                    WHERE t.task_id IN ({marks})"""
        what = {TaskState.SUBMITTED_TO_WORKER: FORWARD, TaskState.FINISHED: FINISH}
        for task_id, state, ts, node, worker in events.execute(moves, [*names]):
            if state in what:
                steps.append(Step(ts, what[state], names[task_id], node, worker=worker))
        objects = f"""SELECT substr(object_id, 1, 48), node, ts, size FROM object_events
                      WHERE state = 'SEALED' AND substr(object_id, 1, 48) IN ({marks})"""
        for task_id, node, ts, size in events.execute(objects, [*names]):
            steps.append(Step(ts, SEAL, names[task_id], node, size))
        copies = f"""SELECT substr(object_id, 1, 48), node, started, ended, bytes FROM transfers
                     WHERE outcome = '' AND substr(object_id, 1, 48) IN ({marks})"""
        for task_id, node, started, ended, size in events.execute(copies, [*names]):
            steps.append(Step(started, PULL_BEGINS, names[task_id], node, size))
            steps.append(Step(ended, PULL_ENDS, names[task_id], node, size))
    return sorted(steps, key=lambda step: step.ts)
