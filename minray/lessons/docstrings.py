"""`docs(...)`: what a lesson has met, each name with its docstring to unfold and a link to Ray's own page.

The docstrings are those of the installed runtime, so they need no network and say what this version does;
the links go to Ray's documentation, whose pages are named after what they describe.
"""

import inspect
import pkgutil
from dataclasses import dataclass
from html import escape

RAY = "https://docs.ray.io/en/latest/"
INDENTED = "margin:.3em 1.5em"
PACKAGES = {"ray": "minray", "lessons": "minray.lessons"}
# The beginnings of names that only minray has, so that there is no page of Ray's to link to.
OF_THE_COURSE = ("lessons.", "ray.get_dashboard_url", "ray.cluster_utils.")


@dataclass(frozen=True)
class Described:
    """One name of the interface.

    Attributes:
        name: as the lesson writes it, such as ``ray.get``.
        call: the name with its parameters.
        text: the docstring.
        link: the address of Ray's page, or None.
    """

    name: str
    call: str
    text: str
    link: str | None

    @classmethod
    def of(cls, name: str) -> "Described":
        """Look a name up.

        Raises:
            ValueError: there is no such name.
        """
        thing = _find(name)
        return cls(name, name + _parameters(thing), inspect.getdoc(thing) or "", _ray_page(name))

    @property
    def first_line(self) -> str:
        """What it does, in a line."""
        return self.text.partition("\n")[0]


@dataclass(frozen=True)
class Docs:
    """The names, as a notebook shows them and as text."""

    entries: tuple[Described, ...]

    def __repr__(self) -> str:
        lines = [f"{entry.name}: {entry.first_line}" for entry in self.entries]
        return "\n".join([*lines, "help(...) shows the whole text of any of them."])

    def _repr_html_(self) -> str:
        return "".join(_unfolding(entry) for entry in self.entries)


def docs(*names: str) -> Docs:
    """Show the docstrings of what a lesson has met.

    Args:
        names: ``ray.`` and a public name of the runtime, or ``lessons.`` and a name of `minray.lessons`.

    Returns:
        A list to unfold; as text, a line for each name.

    Raises:
        ValueError: there is no such name.

    Example:
        >>> docs("ray.shutdown")
        ray.shutdown: End the session: its processes, objects and references. Harmless if there is none.
        help(...) shows the whole text of any of them.
    """
    return Docs(tuple(Described.of(name) for name in names))


def _find(name: str) -> object:
    package, _, rest = name.partition(".")
    try:
        return pkgutil.resolve_name(f"{PACKAGES[package]}.{rest}")
    except (KeyError, ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"There is no {name!r}; names begin with 'ray.' or 'lessons.', as in docs('ray.get')."
        ) from error


def _parameters(thing: object) -> str:
    """The parameters without types and without those that are nobody's business."""
    if not callable(thing) or isinstance(thing, type):
        return ""
    shown = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(thing).parameters.values()
        if not parameter.name.startswith("_")
    ]
    return str(inspect.Signature(shown))


def _ray_page(name: str) -> str | None:
    if name.startswith(OF_THE_COURSE):
        return None
    folder = "ray-observability/reference" if name.startswith("ray.util.state.") else "ray-core/api"
    return f"{RAY}{folder}/doc/{name}.html"


def _unfolding(entry: Described) -> str:
    parts = [
        f"<summary><code>{escape(entry.name)}</code> {escape(entry.first_line)}</summary>",
        f'<pre style="{INDENTED};white-space:pre-wrap">{escape(entry.call)}\n\n{escape(entry.text)}</pre>',
    ]
    if entry.link:
        link = (
            f'<a href="{escape(entry.link)}" target="_blank" rel="noopener">{escape(entry.name)} in Ray</a>'
        )
        parts.append(f'<p style="{INDENTED}">{link}</p>')
    return f"<details>{''.join(parts)}</details>"
