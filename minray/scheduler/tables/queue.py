"""The tasks that are ready to run and wait for resources: which comes first.  No clocks, no sockets."""

from collections import deque
from collections.abc import Callable, Container, Hashable, Iterable

from ...wire.demand import Demand
from .records import Task

Line = tuple[int, Demand, Hashable, Hashable]


class TaskQueue:
    """Tasks that are ready to run and wait for resources.

    Tasks of one demand, depth, kind and placement stand in one line: first come, first served.  Between lines
    the deepest goes first: a task that waits in `get` for the tasks it submitted has lent its CPU out; the
    sooner those run, the fewer half-done tasks (each of which occupies a process) there are.  A line whose
    demand does not fit just now does not hold up the others, so no resource idles while a task could use it.
    """

    def __init__(self) -> None:
        self._lines: dict[Line, deque[Task]] = {}
        self.length = 0  # how many tasks wait here

    def push(self, task: Task) -> None:
        """Add a task at the end of its line."""
        key = line_of(task)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = deque()
            self._lines = dict(sorted(self._lines.items(), key=lambda item: item[0][0]))
        line.append(task)
        self.length += 1

    def peek(self, without: Container[Line] = ()) -> Task | None:
        """The task that should start next, or None; `without`: lines that are held up."""
        for key, line in self._lines.items():
            if line and key not in without:
                return line[0]
        return None

    def heads(self) -> list[Task]:
        """The first task of each line, in the order in which they should start."""
        return [line[0] for line in self._lines.values() if line]

    def count(self, kind: Hashable) -> int:
        """How many tasks of a kind wait here."""
        return sum(len(line) for key, line in self._lines.items() if key[2] == kind)

    def pop(self, task: Task) -> None:
        """Take out the task that `peek` returned."""
        self._lines[line_of(task)].popleft()
        self._fewer(task, 1)

    def pop_behind(self, task: Task, count: int, fits: Callable[[Task], bool]) -> list[Task]:
        """Take out up to `count` tasks that are next in the line where `task` stood, as long as they fit."""
        line = self._lines.get(line_of(task), deque())
        taken: list[Task] = []
        while line and len(taken) < count and fits(line[0]):
            taken.append(line.popleft())
        self._fewer(task, len(taken))
        return taken

    def push_front(self, task: Task) -> None:
        """Put a task back at the head of its line."""
        self.push(task)
        line = self._lines[line_of(task)]
        line.rotate(1)

    def discard(self, task: Task) -> bool:
        """Take out a task wherever it stands; False if it does not stand here."""
        line = self._lines.get(line_of(task))
        if line is None or task not in line:
            return False
        line.remove(task)
        self._fewer(task, 1)
        return True

    def _fewer(self, task: Task, count: int) -> None:
        """So many tasks have left the line of this one."""
        self.length -= count
        key = line_of(task)
        if len(self._lines) > 1 and not self._lines.get(key, True):  # most programs have one line: keep that
            del self._lines[key]

    def tasks(self) -> Iterable[Task]:
        """All tasks that wait here."""
        return (task for line in self._lines.values() for task in line)


def line_of(task: Task) -> Line:
    """In which line a task stands: depth (deepest first), demand, kind and placement."""
    return -task.depth, task.demand, task.kind, task.where
