"""The table: on the screen while it grows, as Markdown, and as JSON."""

import json
import os
import platform
from collections.abc import Mapping, Sequence

from ..version import __version__
from .benchmark import Measurement, number

Results = Mapping[str, Sequence[Measurement]]  # by engine

ROW = "{:<46} {:>10} {:>21}  {}"


def machine() -> str:
    """The machine and the versions, which every table of measurements should carry."""
    return (
        f"minray {__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs, "
        f"{platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    )


def comparison(results: Results) -> list[list[str]]:
    """Rows of name, unit, minray's result, and each other engine's with how many times better minray's is.

    The first row holds the headings; below are what the machine itself can do.
    """
    others = [engine for engine in results if engine not in ("minray", "machine")]
    rows = [["", "unit", "minray", *others]]
    by_name = {engine: {line.name: line for line in lines} for engine, lines in results.items()}
    for ours in results.get("minray", ()):
        row = [ours.name, ours.unit, number(ours.median) if ours.values else ours.problem]
        for engine in others:
            row.append(_cell(ours, by_name[engine].get(ours.name)))
        rows.append(row)
    for line in results.get("machine", ()):
        value = number(line.median) if line.values else line.problem
        rows.append([line.name, line.unit, value, *[""] * len(others)])
    return rows


def _cell(ours: Measurement, theirs: Measurement | None) -> str:
    if theirs is None:
        return ""
    if not theirs.values:
        return theirs.problem if len(theirs.problem) < 12 else "failed"
    times = ours.times_better_than(theirs)
    return number(theirs.median) + (f" ({number(times)}x)" if times is not None else "")


def as_text(rows: list[list[str]]) -> str:
    """Rows in columns."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(left + right).rstrip())
    return "\n".join(lines)


def as_markdown(rows: list[list[str]]) -> str:
    """Rows as a Markdown table."""
    head, *body = rows
    rule = ["---", "---", *["---:"] * (len(head) - 2)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body]) + "\n"


def as_json(results: Results, absent: Mapping[str, str], where: str) -> str:
    """Everything that was measured, and where."""
    engines = {
        engine: [{**line.__dict__, "values": list(line.values)} for line in lines]
        for engine, lines in results.items()
    }
    return json.dumps({"machine": where, "engines": engines, "absent": dict(absent)}, indent=1)
