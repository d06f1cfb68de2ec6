"""Decorators that say how stable an interface is: for code that imports them from Ray.

Source: https://docs.ray.io/en/latest/ray-contribute/stability.html.
"""

import functools
import inspect
import sys
import warnings
from collections.abc import Callable
from typing import Any

Decorator = Callable[[Any], Any]


class RayDeprecationWarning(DeprecationWarning):
    """An interface that is used here may go away."""


if not sys.warnoptions:  # else the user has said which warnings to show
    warnings.filterwarnings("module", category=RayDeprecationWarning)  # once for each module that uses it


def PublicAPI(*args: Any, stability: str = "stable", api_group: str = "Others") -> Any:  # noqa: ANN401, N802
    """Mark a function or class as meant for users.

    Args:
        *args: the function or class, if used without parentheses.
        stability: "stable", "beta" or "alpha".
        api_group: where Ray's documentation lists it; no difference here.

    Example:
        >>> @PublicAPI(stability="beta")
        ... def transform(table): ...
    """
    if stability not in ("stable", "beta", "alpha"):
        raise ValueError(f"stability is 'stable', 'beta' or 'alpha', not {stability!r}.")
    note = "" if stability == "stable" else f"This interface is in {stability} and may still change."
    return _apply(_annotate(note), args)


def DeveloperAPI(*args: Any) -> Any:  # noqa: ANN401, N802
    """Mark a function or class as meant for those who build libraries."""
    return _apply(_annotate("This interface is for developers and may change with any version."), args)


def Deprecated(*args: Any, message: str = "", warning: bool = False) -> Any:  # noqa: ANN401, N802
    """Mark a function or class as about to go.

    Args:
        *args: the function or class, if used without parentheses.
        message: what to use instead.
        warning: also warn whoever calls it, with a `RayDeprecationWarning`.

    Example:
        >>> @Deprecated(message="Use transform() instead.", warning=True)
        ... def change(table): ...
    """
    annotate = _annotate(f"Deprecated: this interface may be removed. {message}")

    def mark(thing: Any) -> Any:  # noqa: ANN401
        annotate(thing)
        if not warning:
            return thing
        name, is_class = thing.__name__, inspect.isclass(thing)
        if not is_class:
            return _warning(thing, name, message)
        thing.__init__ = _warning(thing.__init__, name, message)
        return thing

    return _apply(mark, args)


def _warning(function: Callable[..., Any], name: str, message: str) -> Callable[..., Any]:
    """The function, with a warning first."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        text = f"{name} is deprecated and may be removed. {message}"
        warnings.warn(text, RayDeprecationWarning, stacklevel=2)
        return function(*args, **kwargs)

    return call


def _annotate(note: str) -> Decorator:
    """A decorator that only adds a note to the docstring."""

    def mark(thing: Any) -> Any:  # noqa: ANN401
        if note:
            thing.__doc__ = "\n\n".join([inspect.getdoc(thing) or "", note]).strip()
        return thing

    return mark


def _apply(decorator: Decorator, args: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """Serve both ways to write a decorator: `@name` and `@name(...)`."""
    return decorator(*args) if args else decorator
