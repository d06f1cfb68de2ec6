"""The thirteen steps of a distributed task, told from the events of a real run.

Pure: a `Story` goes in, thirteen scenes come out. Each says what the cluster looks like at that step, in
words and as data that `cluster_picture` draws, and which rows of the event store are behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .under_the_hood import (
    FINISH,
    FORWARD,
    GET,
    NAMES,
    PULL_BEGINS,
    PULL_ENDS,
    SEAL,
    SUBMIT,
    Event,
    Step,
    Story,
)

DRIVER, GCS = "driver", "GCS"
WORKERS = 2  # on each node
NODES = 3


def scheduler(node: int) -> str:
    """The name of a node's local scheduler, as a part of the picture."""
    return f"scheduler {node}"


def store(node: int) -> str:
    """The name of a node's object store."""
    return f"store {node}"


def worker(node: int, place: int) -> str:
    """The name of a worker: the first or the second on its node."""
    return f"worker {node}.{place}"


@dataclass(frozen=True)
class StoryScene:
    """One step.

    Attributes:
        number: from 1 to 13.
        title: the step in a few words.
        caption: what happens, in sentences.
        rows: the events behind it.
        busy: by worker, the task that it executes.
        stored: by node, the objects in its store.
        known: what the driver has references to.
        waiting: tasks that wait at the local scheduler of the driver's node.
        recorded: what the GCS knows about.
        arrows: what goes where at this moment: from part to part, with a word.
    """

    number: int
    title: str
    caption: str
    rows: tuple[Step, ...] = ()
    busy: tuple[tuple[str, str], ...] = ()
    stored: tuple[tuple[int, tuple[str, ...]], ...] = ()
    known: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    arrows: tuple[tuple[str, str, str], ...] = ()

    @property
    def text(self) -> str:
        """The whole step in words, for those who do not see the picture."""
        parts = [f"Step {self.number} of 13, {self.title}. {self.caption}"]
        parts += [f"{task} runs on node {int(name.split()[1][0]) + 1}." for name, task in self.busy]
        parts += [f"In the store of node {node + 1}: {', '.join(names)}." for node, names in self.stored]
        if self.waiting:
            parts.append(f"Waiting: {', '.join(self.waiting)}.")
        return " ".join(parts)


class _Teller:
    """Where everything is in one story, so that the scenes can be written down one after the other."""

    def __init__(self, story: Story) -> None:
        self.story = story
        places = story.places
        self.at = {"first": places.first, "second": places.second, "total": places.total}
        self.home = places.total  # where the addition runs
        self.here = [name for name in ("first", "second") if self.at[name] == self.home]
        self.away = [name for name in ("first", "second") if self.at[name] != self.home]
        self.seat = self._seats()
        self.adder = self.seat.get("total", worker(self.home, 0))
        self.begin = story.steps[0].ts if story.steps else 0.0

    def _seats(self) -> dict[str, str]:
        """By task, which worker of the picture executes it: workers are placed as they appear."""
        seen: dict[int, list[int]] = {}
        seats = {}
        for step in self.story.steps:
            if step.what == FORWARD:
                on_node = seen.setdefault(step.node, [])
                if step.worker not in on_node:
                    on_node.append(step.worker)
                seats[step.name] = worker(step.node, min(on_node.index(step.worker), WORKERS - 1))
        return seats

    def rows(self, *events: Event) -> tuple[Step, ...]:
        """The events of these kinds, in order of time."""
        return tuple(step for step in self.story.steps if (step.what, step.name, step.node) in events)

    def when(self, rows: Sequence[Step]) -> str:
        """How long after the beginning the last of these events came."""
        return f" ({1000 * (rows[-1].ts - self.begin):.1f} ms after the first submission.)" if rows else ""

    def busy(self, *names: str) -> tuple[tuple[str, str], ...]:
        return tuple((self.seat[name], name) for name in names if name in self.seat)

    def stored(self, *names: str, copied: Sequence[str] = ()) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """What lies in which store: results where they were made, copies where they are needed."""
        lies: dict[int, list[str]] = {}
        for name in names:
            lies.setdefault(self.at[name], []).append(name)
        for name in copied:
            lies.setdefault(self.home, []).append(f"{name} (copy)")
        return tuple((node, tuple(lies[node])) for node in sorted(lies))


def scenes(story: Story) -> list[StoryScene]:
    """The thirteen steps of a story.

    Args:
        story: what `under_the_hood.run` returned.

    Example:
        >>> [scene.title for scene in scenes(story)][:3]
        ['three tasks', 'three nodes', 'submitted']
    """
    tell = _Teller(story)
    return [*_beginning(tell), *_placing(tell), *_results(tell), *_arguments(tell), *_end(tell)]


def _beginning(tell: _Teller) -> list[StoryScene]:
    """Up to the moment when the tasks are known."""
    submitted = tell.rows(*((SUBMIT, name, 0) for name in NAMES))
    return [
        StoryScene(
            1,
            "three tasks",
            "make_array is to run twice, for the objects first and second; add_arrays needs both, for total.",
        ),
        StoryScene(
            2,
            "three nodes",
            "Each node has a local scheduler, two workers and an object store of its own. There is one GCS.",
        ),
        StoryScene(
            3,
            "submitted",
            "The driver on node 1 submits all three tasks to the scheduler of its node."
            + tell.when(submitted),
            submitted,
            waiting=NAMES,
            arrows=((DRIVER, scheduler(0), "3 tasks"),),
        ),
        StoryScene(
            4,
            "references",
            "The driver has three references at once, long before anything is computed. The GCS notes them.",
            submitted,
            known=NAMES,
            waiting=NAMES,
            recorded=NAMES,
            arrows=((scheduler(0), DRIVER, "3 ids"), (scheduler(0), GCS, "records")),
        ),
    ]


def _placing(tell: _Teller) -> list[StoryScene]:
    """Up to the moment when two tasks run."""
    told = []
    for number, name, running in ((5, "first", ("first",)), (6, "second", ("first", "second"))):
        placed = tell.rows((FORWARD, name, tell.at[name]))
        told.append(
            StoryScene(
                number,
                f"{name} is placed",
                f"{name} gets a worker on node {tell.at[name] + 1}." + tell.when(placed),
                placed,
                busy=tell.busy(*running),
                known=NAMES,
                waiting=NAMES[NAMES.index(name) + 1 :],
                recorded=NAMES,
                arrows=_way(tell, name),
            )
        )
    return told


def _way(tell: _Teller, name: str) -> tuple[tuple[str, str, str], ...]:
    """From the driver's scheduler to the worker, by way of another node's scheduler if need be."""
    node, seat = tell.at[name], tell.seat.get(name)
    if seat is None:
        return ()
    between = [scheduler(0), scheduler(node)] if node else [scheduler(0)]
    stations = [*between, seat]
    return tuple((here, there, name) for here, there in pairwise(stations))


def _results(tell: _Teller) -> list[StoryScene]:
    """From the first results to the moment when the addition gets a worker."""
    made = tell.rows((SEAL, "first", tell.at["first"]), (SEAL, "second", tell.at["second"]))
    placed = tell.rows((FORWARD, "total", tell.home))
    return [
        StoryScene(
            7,
            "results",
            "Both arrays are ready. Each lies in the store of the node where it was made." + tell.when(made),
            made,
            stored=tell.stored("first", "second"),
            waiting=("total",),
            arrows=tuple((tell.seat[n], store(tell.at[n]), n) for n in ("first", "second") if n in tell.seat),
            known=NAMES,
            recorded=NAMES,
        ),
        StoryScene(
            8,
            "total is placed",
            f"Now add_arrays has what it waits for. It gets a worker on node {tell.home + 1}."
            + tell.when(placed),
            placed,
            busy=tell.busy("total"),
            stored=tell.stored("first", "second"),
            arrows=_way(tell, "total"),
            known=NAMES,
            recorded=NAMES,
        ),
    ]


def _arguments(tell: _Teller) -> list[StoryScene]:
    """How the addition gets at both arrays."""
    home, here, away, adder = tell.home, tell.here, tell.away, tell.adder
    copied = tell.rows(*((what, name, home) for name in away for what in (PULL_BEGINS, PULL_ENDS)))
    size = sum(step.size for step in copied if step.what == PULL_ENDS)
    return [
        StoryScene(
            9,
            "read from shared memory",
            f"{' and '.join(here).capitalize()} lies on this node already: the worker maps the memory, and "
            "copies nothing."
            if here
            else "Neither array lies on this node, so there is nothing yet that the worker could map.",
            tell.rows(*((SEAL, name, home) for name in here)),
            busy=tell.busy("total"),
            stored=tell.stored("first", "second"),
            arrows=tuple((store(home), adder, name) for name in here),
            known=NAMES,
            recorded=NAMES,
        ),
        StoryScene(
            10,
            "copied between nodes",
            f"{' and '.join(away).capitalize()} lies on another node, and {size:,} bytes are copied to the "
            "store of this one." + tell.when(copied)
            if away
            else "Both arrays lie on this node: nothing has to be copied.",
            copied,
            busy=tell.busy("total"),
            stored=tell.stored("first", "second", copied=away),
            arrows=tuple((store(tell.at[name]), store(home), name) for name in away),
            known=NAMES,
            recorded=NAMES,
        ),
        StoryScene(
            11,
            "read from shared memory, too",
            "The copy is mapped like any other object of this node."
            if away
            else "The second array is mapped like the first.",
            tell.rows(*((PULL_ENDS, name, home) for name in away)),
            busy=tell.busy("total"),
            stored=tell.stored("first", "second", copied=away),
            arrows=tuple((store(home), adder, name) for name in away or ["second"]),
            known=NAMES,
            recorded=NAMES,
        ),
    ]


def _end(tell: _Teller) -> list[StoryScene]:
    """The result, and how the driver gets it."""
    home = tell.home
    sealed = tell.rows((SEAL, "total", home), (FINISH, "total", home))
    fetched = tell.rows((PULL_BEGINS, "total", 0), (PULL_ENDS, "total", 0), (GET, "total", 0))
    stored = tell.stored("first", "second", "total", copied=tell.away)
    way: tuple[tuple[str, str, str], ...] = ((store(home), DRIVER, "total"),)
    if home:
        way = ((store(home), store(0), "total"), (store(0), DRIVER, "total"))
        in_store = dict(stored)
        in_store[0] = (*in_store.get(0, ()), "total (copy)")
        fetched_store = tuple(sorted(in_store.items()))
    else:
        fetched_store = stored
    return [
        StoryScene(
            12,
            "the result",
            f"The sum is in the store of node {home + 1}, sealed: nobody can change it any more."
            + tell.when(sealed),
            sealed,
            stored=stored,
            known=NAMES,
            recorded=NAMES,
            arrows=((tell.adder, store(home), "total"),),
        ),
        StoryScene(
            13,
            "get",
            "ray.get gives the driver the sum: "
            + ("first a copy comes to its node, then it is mapped." if home else "it maps the memory.")
            + tell.when(fetched),
            fetched,
            stored=fetched_store,
            known=NAMES,
            recorded=NAMES,
            arrows=way,
        ),
    ]
