"""What happens under the hood, as a state that each event changes, and a sentence for each event.  No Bokeh.

::

    Happening, Happening, ... --> Tale --> Stage: who does what, what lies where, which arrow lights up

The parts are those of the lessons: driver, local scheduler, object store, GCS, workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from minray.gcs.schema import TaskState

from ..data.queries import Happening
from ..view.theme import size

GONE = ("FREED", "LOST")


@dataclass
class Hand:
    """A worker on the stage."""

    number: int
    word: str = "starting"
    task: int | None = None
    name: str = ""
    actor: str = ""  # the class of the actor that it is


@dataclass
class Stage:
    """Everything as it is after some events.

    Attributes:
        hands: the living workers, by number.
        waiting, queued, done, failed: tasks, by number; of the latter two how many.
        ran_on: by task, the worker that executed it last.
        stored: sizes of the objects in the store, by id; spilled: which of them are on disk.
        driver: what the driver waits for.
        arrow: between which parts something goes at this moment: two of driver, scheduler, store, gcs, and
            ``worker N``; None: nothing moves.
        sentence: what happened last.
    """

    hands: dict[int, Hand] = field(default_factory=dict)
    waiting: dict[int, str] = field(default_factory=dict)
    queued: dict[int, str] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    ran_on: dict[int, int] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    spilled: set[str] = field(default_factory=set)
    driver: str = ""
    arrow: tuple[str, str] | None = None
    sentence: str = "Nothing has happened yet."


def stage_after(happenings: Sequence[Happening], steps: int) -> Stage:
    """The stage after so many of these events."""
    stage = Stage()
    for happening in happenings[:steps]:
        _TELL[happening.kind](stage, happening)
    return stage


def sentence_of(happenings: Sequence[Happening], place: int) -> str:
    """What one of the events says; what came before is left out."""
    stage = Stage()
    _TELL[happenings[place].kind](stage, happenings[place])
    return stage.sentence


def _node(stage: Stage, event: Happening) -> None:
    stage.arrow = ("scheduler", "gcs")
    word = {"ALIVE": "has joined: its local scheduler and object store are there", "DEAD": "is gone"}
    stage.sentence = f"Node {event.subject} {word.get(event.state, event.state.lower())}."


def _worker(stage: Stage, event: Happening) -> None:
    number = int(event.subject)
    if event.size:  # 1 for a driver
        stage.arrow = ("driver", "scheduler")
        word = "has left" if event.state == "DEAD" else "is connected to the local scheduler"
        stage.sentence = f"The driver {word}."
        return
    if event.state == "DEAD":
        stage.hands.pop(number, None)
        stage.arrow = (f"worker {number}", "scheduler")
        stage.sentence = f"Worker {number} is gone: {event.detail or 'no reason known'}."
        return
    hand = stage.hands.setdefault(number, Hand(number))
    stage.arrow = ("scheduler", f"worker {number}")
    if event.state == "STARTING":
        stage.sentence = f"The local scheduler has worker {number} started."
    elif event.state == "ACTOR":
        hand.actor, hand.word = event.detail or "actor", "actor"
        stage.sentence = f"Worker {number} is the actor {event.detail} from now on; no other task runs there."
    else:
        hand.word = "idle"
        stage.arrow = (f"worker {number}", "scheduler")
        stage.sentence = f"Worker {number} says that it is ready for work."


def _task(stage: Stage, event: Happening) -> None:
    task, name = int(event.subject), event.detail or "a task"
    what, state = f"{name} #{task}", TaskState(int(event.state))
    worker = f"worker {event.worker}" if event.worker is not None else ""
    stage.arrow = ("scheduler", worker) if worker else ("driver", "scheduler")
    stage.waiting.pop(task, None)
    if state is TaskState.PENDING_ARGS_AVAIL:
        stage.waiting[task] = name
        stage.sentence = f"{what} is submitted; the local scheduler looks whether its arguments are there."
    elif state is TaskState.PENDING_NODE_ASSIGNMENT:
        stage.queued[task] = name
        stage.arrow = None
        stage.sentence = f"All arguments of {what} are there. It waits in the queue for free resources."
    elif state is TaskState.SUBMITTED_TO_WORKER:
        stage.queued.pop(task, None)
        stage.sentence = f"There are resources for {what}: it is sent to {worker}."
    elif state is TaskState.PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY:
        stage.sentence = f"{what} waits at its actor's worker behind other calls."
    elif state in (TaskState.FINISHED, TaskState.FAILED):
        _task_ends(stage, event, what, failed=state is TaskState.FAILED)
    else:
        stage.queued.pop(task, None)
        _task_runs(stage, event, what, state)


def _task_runs(stage: Stage, event: Happening, what: str, state: TaskState) -> None:
    number = event.worker or 0
    hand = stage.hands.setdefault(number, Hand(number))
    again = hand.task == event.subject
    stage.ran_on[int(event.subject)] = number
    hand.task, hand.name, hand.word = int(event.subject), event.detail, "running"
    stage.arrow = None
    if state is TaskState.RUNNING:
        stage.sentence = (
            f"{what} goes on: what it waited for is there." if again else f"Worker {number} executes {what}."
        )
        return
    hand.word = "blocked"
    call = "get" if state is TaskState.RUNNING_IN_RAY_GET else "wait"
    stage.arrow = (f"worker {number}", "scheduler")
    stage.sentence = f"{what} is blocked in {call}; its CPU is lent to other tasks meanwhile."


def _task_ends(stage: Stage, event: Happening, what: str, failed: bool) -> None:
    stage.queued.pop(int(event.subject), None)
    stage.done, stage.failed = stage.done + (not failed), stage.failed + failed
    stage.sentence = f"{what} has failed; the error is its result." if failed else f"{what} has finished."
    if event.worker is None:
        stage.arrow = None
        return
    stage.arrow = (f"worker {event.worker}", "scheduler")
    hand = stage.hands.get(event.worker)
    if hand is not None and hand.task == event.subject:
        hand.task, hand.word = None, "actor" if hand.actor else "idle"


def _object(stage: Stage, event: Happening) -> None:
    key, amount = str(event.subject), event.size
    name = f"the object {key[:8]}… ({size(amount)})"
    source = "driver"
    if event.detail.isdecimal() and event.detail != "0":  # the task that made it
        source = f"worker {stage.ran_on.get(int(event.detail))}"
    stage.arrow = None
    if event.state in GONE:
        stage.stored.pop(key, None)
        stage.spilled.discard(key)
        reason = "nobody has a reference to it any more" if event.state == "FREED" else "its file is gone"
        stage.sentence = f"{name[0].upper()}{name[1:]} leaves the store: {reason}."
    elif event.state == "SPILLED":
        stage.stored[key] = amount
        stage.spilled.add(key)
        stage.sentence = f"The store is full: {name} is spilled to disk."
    elif event.state == "RESTORED":
        stage.spilled.discard(key)
        stage.sentence = f"{name[0].upper()}{name[1:]} is read back from disk into memory."
    elif event.state == "CREATED":
        stage.stored[key] = amount
        stage.arrow = (source, "store")
        stage.sentence = f"Room is made in the object store for {name}."
    else:
        stage.stored[key] = amount
        stage.arrow = (source, "store")
        stage.sentence = (
            f"{name[0].upper()}{name[1:]} is sealed: everybody on the node can map it, nobody change it."
        )


def _actor(stage: Stage, event: Happening) -> None:
    words = {
        "DEPENDENCIES_UNREADY": "is to be made; the arguments of its constructor are looked for",
        "PENDING_CREATION": "waits for a worker",
        "ALIVE": f"lives on worker {event.worker} now",
        "RESTARTING": "has lost its worker and is made again",
        "DEAD": f"is dead. {event.detail}",
    }
    stage.arrow = ("scheduler", "gcs")
    stage.sentence = f"Actor {event.subject} {words.get(event.state, event.state)}".rstrip(".") + "."


def _call(stage: Stage, event: Happening) -> None:
    stage.arrow = ("driver", "scheduler")
    stage.sentence = f"The driver calls {event.state} for {event.detail} references and waits."


_TELL = {
    "node": _node,
    "worker": _worker,
    "task": _task,
    "object": _object,
    "actor": _actor,
    "call": _call,
}
