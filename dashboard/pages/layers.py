"""The graph of tasks in layers: who needs whose result.  No Bokeh.

A task stands one layer to the right of the last of those whose results it needs, or that submitted it.
Where there are more tasks than can be seen, those of one function in one layer are one box, so that a
repeated shape is seen once::

    load -.                  load x 40 -> clean x 40 -> merge
    load --> merge
    load -'
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ..data.columns import Array
from ..data.model import Session

MOST_BOXES = 120
MOST_ROWS = 30  # tasks in one layer
MOST_TASKS = 50_000  # the newest that are looked at
SWEEPS = 4


@dataclass
class Box:
    """A task, or all tasks of one function in one layer.

    Attributes:
        tasks: how many.
        task: its number, if it is one.
        states: how many are in which state.
        x, y: the layer, and the place in it, in the middle of which 0 is.
    """

    function: int
    x: int
    tasks: int = 0
    task: int | None = None
    states: Counter[int] = field(default_factory=Counter)
    y: float = 0.0


@dataclass
class Graph:
    """What to draw.

    Attributes:
        boxes: to be drawn.
        arrows: from box to box, by their places in `boxes`, with how many dependencies each stands for.
        births: the same for who was submitted by whom.
        tasks: how many tasks the boxes stand for.
        known: how many tasks there are.
        collapsed: whether boxes stand for several tasks.
    """

    boxes: list[Box]
    arrows: dict[tuple[int, int], int]
    births: dict[tuple[int, int], int]
    tasks: int
    known: int
    collapsed: bool


def graph_of(session: Session) -> Graph:
    """The newest tasks, in layers."""
    rows = session.tasks.rows
    places = np.flatnonzero(rows["known"])
    known = len(places)
    places = places[-MOST_TASKS:]
    numbers = session.tasks.numbers(places)
    edges = session.edges.rows
    edges = edges[np.isin(edges["task"], numbers) & np.isin(edges["producer"], numbers)]
    parents = rows["parent"][places]
    born = np.isin(parents, numbers)
    births = np.zeros(int(born.sum()), edges.dtype)
    births["task"], births["producer"] = numbers[born], parents[born]
    layer = layers(np.concatenate([edges, births]))
    tallest = max(Counter(layer.get(task, 0) for task in numbers.tolist()).values(), default=0)
    collapsed = len(numbers) > MOST_BOXES or tallest > MOST_ROWS
    boxes: dict[object, Box] = {}
    box_of: dict[int, object] = {}
    for task, place in zip(numbers.tolist(), places.tolist(), strict=True):
        function, x = int(rows["function"][place]), layer.get(task, 0)
        key: object = (function, x) if collapsed else task
        box = boxes.setdefault(key, Box(function, x))
        box.tasks += 1
        box.task = task if box.tasks == 1 else None
        box.states[int(rows["state"][place])] += 1
        box_of[task] = key
    kept = sorted(boxes, key=lambda key: -boxes[key].tasks)[:MOST_BOXES]
    place_of = {key: place for place, key in enumerate(key for key in boxes if key in set(kept))}
    shown = [boxes[key] for key in place_of]
    of_task = {task: place_of[key] for task, key in box_of.items() if key in place_of}
    arrows, born_by = (_between(of_task, lines) for lines in (edges, births))
    arrange(shown, [*arrows, *born_by])
    return Graph(shown, arrows, born_by, sum(box.tasks for box in shown), known, collapsed)


def _between(of_task: dict[int, int], lines: Array) -> dict[tuple[int, int], int]:
    """How many of these lines lead from box to box."""
    found: Counter[tuple[int, int]] = Counter()
    for task, producer in lines.tolist():
        if task in of_task and producer in of_task and of_task[task] != of_task[producer]:
            found[of_task[producer], of_task[task]] += 1
    return dict(found)


def layers(edges: Array) -> dict[int, int]:
    """In which layer each task is that needs something; all others are in layer 0.

    Nobody can need the result of a task that is submitted later, so one pass in the order of numbers will do.

    Example:
        >>> edges = np.array([(3, 1), (4, 3), (4, 2)], [("task", "u4"), ("producer", "u4")])
        >>> layers(edges)
        {3: 1, 4: 2}
    """
    layer: dict[int, int] = {}
    for edge in np.sort(edges, order="task").tolist():
        task, producer = edge
        layer[task] = max(layer.get(task, 0), layer.get(producer, 0) + 1)
    return layer


def arrange(boxes: list[Box], arrows: list[tuple[int, int]]) -> None:
    """Give each box its place in its layer: near those with which it has to do."""
    columns: dict[int, list[int]] = {}
    for place, box in enumerate(boxes):
        columns.setdefault(box.x, []).append(place)
    near: dict[int, list[int]] = {}
    for source, target in arrows:
        near.setdefault(target, []).append(source)
        near.setdefault(source, []).append(target)
    for sweep in range(SWEEPS + 1):
        for x in sorted(columns, reverse=bool(sweep % 2)):
            column = columns[x]
            if sweep:
                column.sort(key=lambda place: _middle(boxes, near.get(place, ()), boxes[place].y))
            for row, place in enumerate(column):
                boxes[place].y = row - (len(column) - 1) / 2


def _middle(boxes: list[Box], places: list[int] | tuple[()], otherwise: float) -> float:
    return sum(boxes[place].y for place in places) / len(places) if places else otherwise
