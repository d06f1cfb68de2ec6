"""``minray list WHAT`` and ``minray summary WHAT``: the state API for the command line.

They read the newest session, or the one that is named, running or finished.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..util import state
from ..util.state.common import DEFAULT_LIMIT, Filter
from ..util.state.exception import RayStateApiException

LISTS: dict[str, Callable[..., Any]] = {
    "actors": state.list_actors,
    "jobs": state.list_jobs,
    "nodes": state.list_nodes,
    "objects": state.list_objects,
    "placement-groups": state.list_placement_groups,
    "tasks": state.list_tasks,
    "workers": state.list_workers,
}
SUMMARIES = {
    "actors": state.summarize_actors,
    "objects": state.summarize_objects,
    "tasks": state.summarize_tasks,
}


def list_things(argv: list[str], find: Callable[[str | None], Path]) -> int:
    """Print a table of what a session has of one kind.

    Args:
        argv: the words after ``minray list``.
        find: returns the recording of a session, of the newest if it is given None.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="minray list", description="list what a session has of one kind")
    parser.add_argument("what", choices=LISTS)
    parser.add_argument("--filter", action="append", default=[], help="such as state=RUNNING or name!=f")
    parser.add_argument("--limit", type=int, default=DEFAULT_LIMIT, help="how many at most")
    parser.add_argument("--session", help="as `minray sessions` names it (default: the newest)")
    parser.add_argument("--detail", action="store_true", help="all columns, as JSON")
    arguments = parser.parse_args(argv)
    try:
        filters = [_parsed(text) for text in arguments.filter]
        found: list[Any] = LISTS[arguments.what](
            str(find(arguments.session)), filters, arguments.limit, detail=arguments.detail
        )
    except (LookupError, RayStateApiException) as error:
        print(f"minray list: {error}", file=sys.stderr)
        return 1
    if arguments.detail:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        rows = [{name: one[name] for name in one.list_columns(detail=False)} for one in found]
        print(*table(rows), sep="\n")
    return 0


def summary(argv: list[str], find: Callable[[str | None], Path]) -> int:
    """Print how many there are of each name and state; arguments as in `list_things`."""
    parser = argparse.ArgumentParser(
        prog="minray summary", description="count what a session has of one kind"
    )
    parser.add_argument("what", choices=SUMMARIES)
    parser.add_argument("--session", help="as `minray sessions` names it (default: the newest)")
    arguments = parser.parse_args(argv)
    try:
        recording = str(find(arguments.session))
    except LookupError as error:
        print(f"minray summary: {error}", file=sys.stderr)
        return 1
    print(json.dumps(SUMMARIES[arguments.what](recording)["cluster"], indent=2))
    return 0


def _parsed(text: str) -> Filter:
    """A filter as it is written on the command line."""
    match = re.fullmatch(r"(\w+)(!?=)(.*)", text)
    if match is None:
        raise RayStateApiException(f"A filter looks like state=RUNNING or name!=f, and not like {text!r}.")
    return match[1], match[2], match[3]


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as lines of text with aligned columns, the names of the columns first."""
    if not rows:
        return ["(none)"]
    names = list(rows[0])
    cells = [names, *[[str(row[name]) for name in names] for row in rows]]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
