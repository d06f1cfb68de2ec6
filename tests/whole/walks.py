"""Four walks through the runtime, on real processes: which files does a reader open who follows one call?

::

    a no-op task              from `f.remote()` to the value of `get()`
    put to get                the same for an object that is large enough for shared memory
    an actor call             from `actor.method.remote()` to the value of `get()`
    an event to the pixels    scheduler's event log -> GCS -> recording -> dashboard's source -> timeline

`python tests/whole/walks.py` prints the files of each walk in the order in which they are entered, process by
process (`--json`: for machines), and exits with 1 if a walk is too long or enters what it must not.

A file is entered when one of its functions is called, in any process of the session; to import it, or to use
its constants and records, is no visit.  What counts is what *every* call enters once functions are exported
and workers run: each walk is taken in many rounds, and what the same process enters in all of them is kept,
but not what comes by the clock, such as a tick.  A round is two calls, because what a process does after its
answer belongs to the walk, though nobody waits for it.  References are kept: how an object is let go is
another story.  During the last walk a whole task runs, so there only what happens below `STARTS` counts.

How others are watched: a folder with a `sitecustomize`, made of the source of `watch`, goes into PYTHONPATH.
Each new interpreter runs it, what is forked inherits it, and a byte in a shared file says which round it is.
"""

import inspect
import json
import mmap
import os
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from minray.dashboard.data.catalogue import SessionEntry
from minray.dashboard.data.source import Source
from minray.dashboard.frame.navigation import PAGES
from minray.dashboard.view.sight import Sight

import minray
from minray.api import session_database


class Walk(NamedTuple):
    """How long a walk may be, and how it is taken."""

    files: int
    lines: int
    processes: int  # that it goes through; if fewer are seen, it is the watching that has failed
    rounds: int = 40  # of all walks together at most 255
    starts: tuple[str, ...] = ()  # the classes and functions, by qualified name, below which visits count


# Rows are made and sent; the GCS takes them; the dashboard reads them and draws.
STARTS = ("EventLog", "SchedulerProcess._flush_events", "GcsProcess.run", "Source.refresh", "Timeline.show")
WALKS = {
    "a no-op task": Walk(30, 6_000, processes=3),
    "put to get": Walk(20, 4_200, processes=2),
    "an actor call": Walk(28, 6_000, processes=3),
    "an event to the pixels": Walk(21, 4_713, processes=3, rounds=6, starts=STARTS),
}
WALK_OF = ["", *(name for name, walk in WALKS.items() for _ in range(walk.rounds))]  # by number of the round

# What a plain task has no business with: the beginnings of paths.
EXTENSIONS = (
    *("minray/actor", "minray/runtime_env", "minray/util/", "minray/far_node/"),
    *("minray/frontend/actor", "minray/frontend/placement_group", "minray/core_worker/generator"),
    *("minray/object_store/pulls", "minray/object_store/transfers", "minray/object_store/spill_notice"),
    *("minray/scheduler/actors/", "minray/scheduler/groups/", "minray/scheduler/nodes/far"),
    *(f"minray/scheduler/objects/{each}" for each in ("lineage", "reconstruction", "streams")),
    *("minray/worker/actor", "minray/worker/call_groups", "minray/worker/concurrent_calls"),
)

REPOSITORY = Path(minray.__file__).resolve().parent.parent
LARGE = bytes(200_000)  # an object of this size lies in shared memory


def watch(folder: str, rooms: tuple[str, ...], starts: list[tuple[str, ...]]) -> None:
    """Write down which files this process, and those that it forks, enter from now on: each once in a round.

    Other processes run its source before anything else, so it uses nothing but a few modules.

    Args:
        folder: has the switch, a byte that is the number of the round, or 0; and the log.
        rooms: how the names of our files begin.
        starts: of the walk of each round.
    """
    with open(f"{folder}/switch", "rb") as file:
        switch = mmap.mmap(file.fileno(), 1, access=mmap.ACCESS_READ)
    log = os.open(f"{folder}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    of_a_function = 1  # a flag that the code of modules and classes lacks
    seen = set()

    def ours(frame: FrameType | None) -> Iterator[FrameType]:
        while frame is not None:
            if frame.f_code.co_filename.startswith(rooms):
                yield frame
            frame = frame.f_back

    def process() -> str:
        """The file with the innermost `main` that runs: a process may have become another one."""
        frames = ours(sys._current_frames()[threading.main_thread().ident])
        return next((each.f_code.co_filename for each in frames if each.f_code.co_name == "main"), "")

    def start_above(frame: FrameType, wanted: tuple[str, ...]) -> str | None:
        callers = [f"{each.f_code.co_qualname}." for each in ours(frame)]
        return next((start for start in wanted for name in callers if name.startswith(f"{start}.")), None)

    def called(frame: FrameType, event: str, _: object) -> None:
        number, code = switch[0], frame.f_code
        if not number or event != "call" or not code.co_filename.startswith(rooms):
            return
        start = start_above(frame, starts[number]) if starts[number] else ""
        visit = (number, os.getpid(), start, code.co_filename)
        if start is not None and code.co_flags & of_a_function and visit not in seen:
            seen.add(visit)
            os.write(log, f"{number}\t{process()}\t{start}\t{code.co_filename}\n".encode())

    threading.setprofile(called)
    sys.setprofile(called)


def begin_to_watch(folder: Path) -> mmap.mmap:
    """Watch this process and all that it will start; returns the switch."""
    (folder / "switch").write_bytes(b"\0")
    roots = [Path(path) for path in (*minray.__path__, *minray.dashboard.__path__)]
    rooms = tuple({f"{path}{os.sep}" for root in roots for path in (root, root.resolve())})
    arguments = (str(folder), rooms, [WALKS[name].starts if name else () for name in WALK_OF])
    code = f"from __future__ import annotations\nimport mmap, os, sys, threading\n{inspect.getsource(watch)}"
    (folder / "sitecustomize.py").write_text(f"{code}watch(*{arguments!r})\n")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    watch(*arguments)
    with (folder / "switch").open("r+b") as file:
        return mmap.mmap(file.fileno(), 1)


def ways() -> list[Callable[[], None]]:
    """How each walk is taken once, in a session that runs."""
    kept: list[object] = []

    nothing = minray.remote(lambda: None)

    @minray.remote
    class Actor:
        def method(self) -> None:
            pass

    actor, database = Actor.remote(), session_database()
    scene = Sight(SessionEntry("", database, True, ""), Source(database))
    timeline = PAGES["timeline"].view()(lambda question: None)

    def get(ref: object) -> None:
        kept.append((ref, minray.get(ref)))

    def draw() -> None:
        get(nothing.remote())
        session_database()  # returns when the GCS has written all that has happened
        scene.source.refresh()
        scene.advance(True, time.time)
        timeline.show(scene)

    put, call = lambda: get(minray.put(LARGE)), lambda: get(actor.method.remote())
    return [lambda: get(nothing.remote()), put, call, draw]


def go() -> list[list[str]]:
    """Take all walks, in a session of their own; returns the log: rounds, processes, starts, files."""
    with tempfile.TemporaryDirectory(prefix="walks-") as folder:
        os.environ["MINRAY_HOME"] = f"{folder}/home"
        switch = begin_to_watch(Path(folder))
        minray.init(num_cpus=1, include_dashboard=False)
        try:
            for name, way in zip(WALKS, ways(), strict=True):
                for _ in range(5):  # until all is warm
                    way()
                for number in [number for number, walk in enumerate(WALK_OF) if walk == name]:
                    session_database()  # hands events over, so that a while passes before the next tick
                    time.sleep(0.002)  # else what remained to be done might be the first that is seen
                    switch[0] = number
                    way()
                    way()
                    switch[0] = 0
        finally:
            minray.shutdown()
        return [line.split("\t") for line in Path(folder, "log").read_text().splitlines()]


def usual(orders: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The order of most rounds: processes and threads that work at the same time disturb a few."""
    return Counter(map(tuple, orders)).most_common(1)[0][0]


def stops(visits: list[list[str]], here: str) -> list[dict[str, Any]]:
    """The files of a walk, process by process, each once; `here` is what this process is called."""
    rounds: defaultdict[str, dict[tuple[str, str], None]] = defaultdict(dict)
    for number, process, _, file in visits:
        rounds[number][process, file] = None
    always = set.intersection(*map(set, rounds.values()))
    kept = [[pair for pair in pairs if pair in always] for pairs in rounds.values()]
    found: dict[str, dict[str, Any]] = {}
    for process in usual(dict.fromkeys(process for process, _ in pairs) for pairs in kept):
        name = _short(process).removeprefix("minray/").removesuffix(".py") if process else here
        for file in usual([file for where, file in pairs if where == process] for pairs in kept):
            found.setdefault(
                file, {"file": _short(file), "process": name, "lines": Path(file).read_bytes().count(b"\n")}
            )
    return list(found.values())


def _short(file: str) -> str:
    return str(Path(file).resolve().relative_to(REPOSITORY))


def complaints(name: str, found: list[dict[str, Any]], visits: list[list[str]]) -> list[str]:
    """What is wrong with a walk, or with the watching of it."""
    walk, lines = WALKS[name], sum(stop["lines"] for stop in found)
    wrong = []
    if len(found) > walk.files or lines > walk.lines:
        wrong.append(f"{len(found)} files with {lines:,} lines; {walk.files} with {walk.lines:,} are allowed")
    if len({stop["process"] for stop in found}) < walk.processes:
        wrong.append("not all processes were seen: they do not run `sitecustomize`, or it is not ours")
    unseen = {*walk.starts} - {start for _, _, start, _ in visits}
    wrong += [f"{start}, one of its starts, was not called" for start in sorted(unseen)]
    if name == "a no-op task":
        wrong += [f"there is no {path}*" for path in EXTENSIONS if not any(REPOSITORY.glob(f"{path}*"))]
        wrong += [f"it enters {stop['file']}" for stop in found if stop["file"].startswith(EXTENSIONS)]
    return [f"{name}: {each}" for each in wrong]


def main() -> None:
    """Take all walks and show what was entered."""
    walks, wrong, visits = {}, [], go()
    for name, walk in WALKS.items():
        its_own = [visit for visit in visits if WALK_OF[int(visit[0])] == name]
        walks[name] = stops(its_own, here="dashboard" if walk.starts else "driver")
        wrong += complaints(name, walks[name], its_own)
    if "--json" in sys.argv:
        print(json.dumps({"walks": walks, "wrong": wrong}))
    else:
        for name, found in walks.items():
            print(f"{name}: {len(found)} files, {sum(stop['lines'] for stop in found):,} lines")
            print(*("{lines:6}  {process:18} {file}".format(**stop) for stop in found), "", sep="\n")
        print(*wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
