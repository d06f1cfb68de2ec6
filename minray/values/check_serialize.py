"""Which part of a value is to blame when it cannot be sent to another process, and what is said then.

The first words of the errors are Ray's; the way to the culprit is what `inspect_serializability` finds, which
users know as `ray.util.inspect_serializability`.

Source: https://docs.ray.io/en/latest/ray-core/objects/serialization.html#troubleshooting.
"""

import contextlib
import inspect
import io
from collections.abc import Iterator
from typing import Any, TextIO

import cloudpickle

_WIDTH = 80
ADVICE = (
    "A worker is another process: locks, open files, sockets and generators cannot travel. Make such things "
    "where they are used, or pass what they are made from."
)


class FailureTuple:
    """A part that cannot be pickled.

    Attributes:
        obj: the part itself.
        path: the names of variables and attributes that lead to it.
        parent: what refers to it; None for the value that was inspected.
    """

    def __init__(self, obj: Any, path: tuple[str, ...], parent: Any) -> None:  # noqa: ANN401
        self.obj, self.path, self.parent = obj, path, parent

    @property
    def name(self) -> str:
        """The last of the names."""
        return self.path[-1] if self.path else "unknown"

    def __repr__(self) -> str:
        path = " -> ".join(self.path)
        return f"FailTuple({self.name} [path={path}, obj={self.obj}, parent={self.parent}])"


def inspect_serializability(
    base_obj: Any,  # noqa: ANN401 - anything
    name: str | None = None,
    depth: int = 3,
    print_file: TextIO | None = None,
) -> tuple[bool, set[FailureTuple]]:
    """Find out, and print, what keeps a value from being pickled.

    Args:
        base_obj: a function, a class, or any value.
        name: what to call it in the output.
        depth: how many steps to go along variables and attributes.
        print_file: where to print; None is standard output.

    Returns:
        Whether it can be pickled, and the innermost parts found that cannot.

    Example:
        >>> lock = threading.Lock()
        >>> can, culprits = ray.util.inspect_serializability(lambda: lock, name="task")
        >>> can, [culprit.name for culprit in culprits]
        (False, ['lock'])
    """
    inspection = _Inspection(print_file)
    inspection.title(f"Checking Serializability of {base_obj}")
    failures: set[FailureTuple] = set()
    path = () if name is None else (name,)
    if inspection.can_pickle(base_obj):
        return True, failures
    inspection.search(FailureTuple(base_obj, path, None), depth, 1, failures)
    inspection.title(
        "Cannot be pickled: "
        + ", ".join(sorted(map(repr, failures)))
        + ". There may be others. Create such things inside the function or class that uses them, or pass "
        "what they are made from."
    )
    return False, failures


class _Inspection:
    """Walks from a value that cannot be pickled towards the reason, and prints the way."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def title(self, text: str) -> None:
        line = "=" * min(len(text), _WIDTH)
        print(line, text, line, sep="\n", file=self._file)

    def can_pickle(self, value: Any, indent: str = "") -> bool:  # noqa: ANN401
        try:
            cloudpickle.dumps(value)
        except Exception as error:
            print(f"{indent}!!! FAIL serialization: {error}", file=self._file)
            return False
        return True

    def search(self, failed: FailureTuple, depth: int, level: int, failures: set[FailureTuple]) -> None:
        """Go on to the first part that fails by itself; if none does, this is the culprit."""
        indent = "    " * level
        for name, part in _parts(failed.obj) if depth > 0 else ():
            print(f"{indent}Serializing {name!r} {part}...", file=self._file)
            if not self.can_pickle(part, indent):
                inner = FailureTuple(part, (*failed.path, name), failed.obj)
                self.search(inner, depth - 1, level + 1, failures)
                return
        failures.add(failed)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """What a function uses, or what an object or class is made of, by name."""
    if inspect.isfunction(value):
        code, names = value.__code__, value.__globals__
        yield from ((name, names[name]) for name in code.co_names if name in names)
        for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # not assigned yet
                yield name, cell.cell_contents
        return
    yield from inspect.getmembers(value, predicate=inspect.isfunction)
    for name, part in inspect.getmembers(value):
        special = name.startswith("__") and name.endswith("__")
        if not special and not inspect.isbuiltin(part) and not inspect.isfunction(part):
            yield name, part


def unserializable(what: str, value: Any, advice: str = ADVICE) -> TypeError:  # noqa: ANN401
    """The error to raise.

    Args:
        what: cannot be sent: "the put value ...", "the function ...".
        value: itself.
        advice: what to do about it.
    """
    way = io.StringIO()
    inspect_serializability(value, print_file=way)
    return TypeError(f"Could not serialize {what}:\n{way.getvalue()}{advice}\n{'=' * 80}")


def unserializable_argument(values: list[Any], function: str) -> TypeError:
    """The error for the first of a call's arguments that cannot be sent."""
    for value in values:
        try:
            cloudpickle.dumps(value)
        except Exception:
            return unserializable(f"the argument {value!r} for a task or actor {function}", value)
    return unserializable(f"the arguments of {function}", values)
