"""The rows that a local scheduler has for the event store, gathered until the next flush.

`EventLog` knows the columns of `gcs.schema.SCHEMA` and nothing of scheduling; the parts of the scheduler know
when something happened, and tell.  Rows about objects, actors and placement groups are made beside those (see
`StoreLog`, `ActorLog`, `GroupLog`) and gathered here.
"""

import json
from collections import defaultdict
from typing import Any

from ...gcs.schema import FINAL_STATES, TaskState
from ...object_store.room import StoreLog
from ...wire.demand import UNIT, Demand, plain_demand
from ...wire.placement import Placement
from .records import Task

_NUMBERS = {state: int(state) for state in TaskState}  # messages carry no `IntEnum`


class EventLog:
    """Rows by table; `now` is the time that they get, in seconds since 1970."""

    def __init__(self) -> None:
        self.now = 0.0  # what the scheduler takes the time to be; see `LocalScheduler.begin_turn`
        self.rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.objects = StoreLog(self.rows, self)
        self._specs: dict[tuple[Any, ...], tuple[int, float]] = {}  # numbers and CPUs of task_specs

    def __bool__(self) -> bool:
        """Whether there is anything to hand over."""
        return bool(self.rows)

    def take(self) -> dict[str, list[tuple[Any, ...]]]:
        """Hand over what has gathered."""
        rows = dict(self.rows)
        self.rows.clear()
        return rows

    def new_task(self, task: Task, function: str) -> None:
        """A task was submitted; `function` is the name of what it runs."""
        spec = task.spec
        if not spec.recorded:
            return
        common = (task.job, function, spec.resources, spec.placement)
        known = self._specs.get(common)
        if known is None:
            known = self._specs[common] = self._new_spec(*common)
        number, cpus = known
        submitted = spec.submitted or self.now
        kind, actor = "NORMAL_TASK", task.actor
        if actor is not None:
            kind = "ACTOR_CREATION_TASK" if actor.creation is task else "ACTOR_TASK"
        parent, of_actor = task.parent or 0, 0 if actor is None else actor.number
        row = (task.number, spec.task_id.hex(), spec.name, parent, task.owner.number, cpus, submitted)
        self.rows["tasks"].append((*row, kind, of_actor, number))

    def _new_spec(self, job: int, function: str, demand: Demand, placement: Placement) -> tuple[int, float]:
        """A kind of task that there has not been yet; return its number, and its CPUs."""
        number = len(self._specs) + 1
        resources = {name: amount / UNIT for name, amount in plain_demand(demand)}
        group_id = placement[1] if placement and placement[0] == "group" else None
        self.rows["task_specs"].append((number, job, function, json.dumps(resources), group_id))
        return number, resources.get("CPU", 0.0)

    def task(self, task: Task, state: TaskState, ts: float = 0.0) -> None:
        """A task is in another state."""
        if not task.spec.recorded:
            return
        before = task.untold
        if before:
            task.untold = 0.0
            if state in FINAL_STATES and not task.running_reported:  # it has failed on the spot
                self._step(task, TaskState.PENDING_ARGS_AVAIL, before)
                before = 0.0
        # The worker's time of an end may lie before the time at which we heard of the state before it.
        ts = ts or self.now
        if ts < task.latest_event:
            ts = task.latest_event
        else:
            task.latest_event = ts
        self._step(task, state, ts, before)

    def _step(self, task: Task, state: TaskState, ts: float, before: float = 0.0) -> None:
        sent, task.sent_untold = task.sent_untold, 0.0
        worker = 0 if task.worker is None else task.worker.number
        self.rows["task_steps"].append((task.number, task.attempt, _NUMBERS[state], ts, worker, sent, before))

    def task_restarts(self, task: Task) -> None:
        """The next attempt at a task has not begun yet."""
        task.running_reported = False

    def task_arrives(self, task: Task) -> None:
        """A task was submitted, or is to be run again; told together with what comes next if that is soon."""
        if task.spec.refs:
            self.task(task, TaskState.PENDING_ARGS_AVAIL)
        else:
            task.untold = task.latest_event = max(self.now, task.latest_event)

    def task_waits_at_worker(self, task: Task) -> None:
        """A task was given to a worker that has others to run first: told together with its next step."""
        if task.spec.recorded:
            task.sent_untold = task.latest_event = max(self.now, task.latest_event)

    def task_still_waits(self, task: Task) -> None:
        """A task has waited at its worker for long, or comes back from it: tell that it went there."""
        if task.sent_untold:
            sent, task.sent_untold = task.sent_untold, 0.0
            self._step(task, TaskState.SUBMITTED_TO_WORKER, sent)

    def task_runs(self, task: Task, started: float = 0.0) -> None:
        """A task runs; said once per attempt, as soon as it is known."""
        if task.worker is not None and not task.running_reported:
            task.running_reported = True
            self.task(task, TaskState.RUNNING, started or task.dispatched)

    def task_ran(self, task: Task, started: float) -> None:
        """A task has run: to be told together with how it ended, which comes next."""
        if task.worker is not None and not task.running_reported:
            task.running_reported = True
            task.untold = task.latest_event = max(started, task.latest_event)

    def dependency(self, task: Task, argument: bytes, producer: int | None) -> None:
        """A task has an object as an argument."""
        if not task.spec.recorded:
            return
        self.rows["task_deps"].append((task.number, argument.hex(), producer))

    def error(self, task: Task, error_type: str, text: str, traceback: str = "") -> None:
        """A task raised, or was lost."""
        if not task.spec.recorded:
            return
        self.rows["task_errors"].append((task.number, task.attempt, self.now, error_type, text, traceback))

    def new_process(self, number: int, pid: int, kind: str, node: int = 0) -> None:
        """There is a new worker or driver."""
        self.rows["workers"].append((number, f"{number:056x}", node, pid, kind))

    def process(self, number: int, state: str, detail: str = "") -> None:
        """A worker or driver is STARTING, IDLE or DEAD."""
        self.rows["worker_events"].append((number, state, self.now, detail))

    def new_node(self, number: int, node_id: str, address: str, resources: str) -> None:
        """A node has joined the session."""
        self.rows["nodes"].append((number, node_id, address, resources))
        self.node_is(number, "ALIVE")

    def node_is(self, number: int, state: str, detail: str = "") -> None:
        """A node is ALIVE or DEAD."""
        self.rows["node_events"].append((number, state, self.now, detail))

    def printed(self, process: int, task: int | None, stream: str, text: str) -> None:
        """A task printed something."""
        self.rows["logs"].append((self.now, process, task, stream, text))


class SilentLog(EventLog):
    """Takes no steps of tasks in and hands nothing over: to measure what recording costs."""

    def new_task(self, task: Task, function: str) -> None:
        """Take nothing in."""

    def task(self, task: Task, state: TaskState, ts: float = 0.0) -> None:
        """Take nothing in."""

    def take(self) -> dict[str, list[tuple[Any, ...]]]:
        """Hand over nothing."""
        self.rows.clear()
        return {}
