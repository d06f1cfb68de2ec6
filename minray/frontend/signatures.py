"""What arguments a function or method takes, so that a wrong call fails at once and not later in a worker.

A `Signature` is plain data: it travels inside actor handles to processes that do not have the class.
"""

import inspect
from collections.abc import Callable
from typing import Any

_KINDS = list(inspect._ParameterKind)  # the number of a kind is its place
_ANYTHING = (("args", int(inspect.Parameter.VAR_POSITIONAL), False), ("kwargs", 4, False))


class Signature:
    """The parameters of a function.

    Args:
        parameters: (name, kind as in `inspect.Parameter.kind`, whether it has a default) of each.
        shown: how the signature reads in the source.
    """

    __slots__ = ("_bound", "_fitting", "parameters", "shown")

    def __init__(self, parameters: tuple[tuple[str, int, bool], ...], shown: str) -> None:
        self.parameters, self.shown = parameters, shown
        self._bound: inspect.Signature | None = None
        simple = all(kind == inspect.Parameter.POSITIONAL_OR_KEYWORD for _, kind, _ in parameters)
        required = sum(not has_default for _, _, has_default in parameters)
        # How many positional arguments are surely right, so that most calls need not be bound.
        self._fitting = range(required, len(parameters) + 1) if simple else range(0)

    @classmethod
    def of(cls, function: Callable[..., Any], skip: int = 0) -> "Signature":
        """The signature of a function; of one that has none to show, one that takes anything.

        Args:
            function: anything callable.
            skip: how many parameters the caller does not give: 1 for `self`.
        """
        try:
            found = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-in functions have none
            return cls(_ANYTHING, "(*args, **kwargs)")
        if found and found[0].kind == inspect.Parameter.VAR_POSITIONAL:
            skip = 0  # def method(*args): self is among them
        found = found[skip:]
        shown = str(inspect.Signature(found, __validate_parameters__=False))
        return cls(tuple((p.name, int(p.kind), p.default is not p.empty) for p in found), shown)

    def check(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Check a call's arguments.

        Raises:
            TypeError: they do not fit; the message names the function and shows its signature.
        """
        if not kwargs and len(args) in self._fitting:
            return
        if self._bound is None:
            self._bound = self._as_inspect()
        try:
            self._bound.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}.remote(): {error}. Its signature is {name}{self.shown}.") from None

    def _as_inspect(self) -> inspect.Signature:
        return inspect.Signature(
            [
                inspect.Parameter(name, _KINDS[kind], default=... if has_default else inspect.Parameter.empty)
                for name, kind, has_default in self.parameters
            ],
            __validate_parameters__=False,
        )

    def __reduce__(self) -> Any:  # noqa: ANN401 - pickle's own protocol
        return Signature, (self.parameters, self.shown)
