"""The calls of one actor that wait: which go to its worker next, decided purely."""

from collections import deque
from typing import Generic, Protocol, TypeVar


class Owner(Protocol):
    """Who made a call."""

    @property
    def number(self) -> int:
        """The process's number."""


class InLine(Protocol):
    """What the lines need to know of a call."""

    in_line: bool  # whether it stands in a line; written here alone

    @property
    def missing(self) -> int:
        """How many of its arguments do not exist yet."""

    @property
    def owner(self) -> Owner:
        """The process that made it."""


CallT = TypeVar("CallT", bound=InLine)


class Lines(Generic[CallT]):
    """The calls of an actor that are not with its worker: one line a caller.

    Args:
        in_order: whether a call whose arguments are not there yet holds up those behind it.
    """

    def __init__(self, in_order: bool) -> None:
        self._in_order = in_order
        self._lines: dict[int, deque[CallT]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def push(self, call: CallT) -> None:
        """Add a call at the end of its caller's line."""
        call.in_line = True
        self._lines.setdefault(call.owner.number, deque()).append(call)

    def push_front(self, calls: list[CallT]) -> None:
        """Put calls back that are to be run again, ahead of what waits, in their order."""
        for call in reversed(calls):
            call.in_line = True
            self._lines.setdefault(call.owner.number, deque()).appendleft(call)

    def discard(self, call: CallT) -> bool:
        """Take a call out; False if it does not stand here."""
        if not call.in_line:
            return False
        call.in_line = False
        line = self._lines[call.owner.number]
        line.remove(call)
        if not line:
            del self._lines[call.owner.number]
        return True

    def is_next(self, call: CallT) -> bool:
        """Whether a new call could go at once, since none of its caller's is ahead of it."""
        return not call.missing and (not self._in_order or call.owner.number not in self._lines)

    def take_ready(self) -> list[CallT]:
        """Take out all calls that may go to the worker now."""
        taken: list[CallT] = []
        for caller, line in list(self._lines.items()):
            if self._in_order:
                while line and not line[0].missing:
                    taken.append(line.popleft())
            else:
                taken += [call for call in line if not call.missing]
                line = self._lines[caller] = deque(call for call in line if call.missing)
            if not line:
                del self._lines[caller]
        for call in taken:
            call.in_line = False
        return taken

    def take_all(self) -> list[CallT]:
        """Take out all calls: the actor is dead."""
        calls = [call for line in self._lines.values() for call in line]
        self._lines.clear()
        for call in calls:
            call.in_line = False
        return calls
