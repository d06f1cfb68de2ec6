"""Showing things in a notebook where there is one, and as plain text where there is none."""

from collections.abc import Callable
from typing import Any


def in_notebook() -> bool:
    """Whether this process is a Jupyter kernel, whatever front end it has."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def show(widget: Callable[[], Any], text: str) -> None:
    """Show a widget with a text for front ends that cannot draw it; outside notebooks print the text.

    Args:
        widget: makes the widget; called only where it can be of use.
        text: what it says, in words.
    """
    if not in_notebook():
        print(text)
        return
    try:
        bundle = widget()._repr_mimebundle_()
    except ImportError:
        print(text)
        return
    from IPython.display import display

    display({**bundle, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]
