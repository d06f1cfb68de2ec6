"""A scene as a picture (SVG): three nodes with their parts, the GCS below, arrows for what moves.

Like the pictures of schedules it is inline SVG in the colour of the page's text, with the scene's words as
its description; nothing in it depends on colours alone.
"""

from html import escape

from ..figures.colours import FunctionColours
from ..watching.picture import ink_on
from .scenes import DRIVER, GCS, NODES, WORKERS, StoryScene, scheduler, store, worker
from .under_the_hood import NAMES, Step

WIDTH, HEIGHT = 870, 450
COLUMN, LEFT, PART = 285, 10, 226
LABEL = 68  # the width of a task or an object
Box = tuple[float, float, float, float]  # x, y, width, height
ARROW = "#D55E00"
COLOURS = {name: FunctionColours()[name] for name in NAMES}


def _boxes() -> dict[str, Box]:
    boxes: dict[str, Box] = {DRIVER: (LEFT + 12, 40, PART, 56), GCS: (LEFT, 386, 850, 56)}
    for node in range(NODES):
        x = LEFT + node * COLUMN
        boxes[scheduler(node)] = (x + 12, 122, PART, 40)
        boxes[store(node)] = (x + 12, 286, PART, 72)
        for place in range(WORKERS):
            boxes[worker(node, place)] = (x + 12 + place * (PART + 8) / 2, 200, (PART - 8) / 2, 52)
    return boxes


BOXES = _boxes()


def svg(scene: StoryScene) -> str:
    """The picture of a scene; a screen reader hears its text."""
    key = f"scene{scene.number}"
    lit = {part for arrow in scene.arrows for part in arrow[:2]}
    parts = [
        f'<svg role="img" aria-labelledby="t{key} d{key}" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13" fill="currentColor">',
        f'<title id="t{key}">{scene.number}. {escape(scene.title)}</title>',
        f'<desc id="d{key}">{escape(scene.text)}</desc>',
        f'<defs><marker id="a{key}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0L10 5L0 10z" fill="{ARROW}"/></marker></defs>',
    ]
    if scene.number == 1:
        return "".join([*parts, _graph(key), "</svg>"])
    for node in range(NODES):
        x = LEFT + node * COLUMN
        parts.append(_frame((x, 12, 280, 358), f"node {node + 1}", dashed=True))
        parts.append(_part(scheduler(node), "local scheduler", lit, _waiting(scene) if node == 0 else ""))
        for place in range(WORKERS):
            parts.append(_worker(worker(node, place), scene, lit))
        parts.append(_part(store(node), "object store", lit))
        parts += _objects(node, scene)
    parts.append(_part(DRIVER, "driver", lit, f"has: {', '.join(scene.known)}" if scene.known else ""))
    parts.append(_part(GCS, "GCS", lit, f"knows of: {', '.join(scene.recorded)}" if scene.recorded else ""))
    parts += [_arrow(arrow, key) for arrow in scene.arrows]
    return "".join([*parts, "</svg>"])


def _waiting(scene: StoryScene) -> str:
    return f"waiting: {', '.join(scene.waiting)}" if scene.waiting else ""


def _frame(box: Box, title: str, *, dashed: bool = False, bold: bool = False) -> str:
    x, y, width, height = box
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    stroke, opacity, thick = (ARROW, 1, 2.5) if bold else ("currentColor", 0.45, 1)
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="none" stroke="{stroke}" '
        f'stroke-opacity="{opacity}" stroke-width="{thick}"{dash}/>'
        f'<text x="{x + 10}" y="{y + 18}" font-weight="600">{escape(title)}</text>'
    )


def _part(part: str, title: str, lit: set[str], words: str = "") -> str:
    x, y, *_ = BOXES[part]
    line = f'<text x="{x + 10}" y="{y + 34}" font-size="12">{escape(words)}</text>' if words else ""
    return _frame(BOXES[part], title, bold=part in lit) + line


def _worker(part: str, scene: StoryScene, lit: set[str]) -> str:
    task = dict(scene.busy).get(part)
    if task is None:
        return _part(part, "worker", lit, "idle")
    x, y, *_ = BOXES[part]
    return _part(part, "worker", lit) + _label(x + 10, y + 26, task)


def _objects(node: int, scene: StoryScene) -> list[str]:
    x, y, *_ = BOXES[store(node)]
    names = dict(scene.stored).get(node, ())
    return [_label(x + 8 + place * (LABEL + 4), y + 34, name) for place, name in enumerate(names)]


def _label(x: float, y: float, name: str) -> str:
    """A task or an object: its name on its colour."""
    colour = COLOURS[name.split()[0]]
    letters = 9.5 if len(name) > 8 else 11
    return (
        f'<rect x="{x}" y="{y}" width="{LABEL}" height="20" rx="4" fill="{colour}"/>'
        f'<text x="{x + LABEL / 2}" y="{y + 14}" text-anchor="middle" font-size="{letters}" '
        f'fill="{ink_on(colour)}">{escape(name)}</text>'
    )


def _arrow(arrow: tuple[str, str, str], key: str) -> str:
    """From the edge of one part to that of another, with a word beside it."""
    source, target, word = arrow
    (x0, y0), (x1, y1) = _ends(BOXES[source], BOXES[target])
    sideways = y0 == y1
    x, y = (x0 + (29 if x1 > x0 else -29), y0 - 7) if sideways else ((x0 + x1) / 2 + 6, (y0 + y1) / 2 - 3)
    return (
        f'<line x1="{x0:.0f}" y1="{y0:.0f}" x2="{x1:.0f}" y2="{y1:.0f}" stroke="{ARROW}" stroke-width="2.5" '
        f'marker-end="url(#a{key})"/>'
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="12" text-anchor="{"middle" if sideways else "start"}" '
        f'font-style="italic">{escape(word)}</text>'
    )


def _ends(source: Box, target: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the arrow begins and ends: sides that face each other."""
    sx, sy, swidth, sheight = source
    tx, ty, twidth, theight = target
    if abs((sy + sheight / 2) - (ty + theight / 2)) < (sheight + theight) / 2:  # side by side
        right = tx > sx
        return (sx + (swidth if right else 0), sy + sheight / 2), (
            tx + (0 if right else twidth),
            ty + theight / 2,
        )
    down = ty > sy
    shared = (max(sx, tx) + min(sx + swidth, tx + twidth)) / 2
    x0, x1 = (
        (shared, shared)
        if max(sx, tx) < min(sx + swidth, tx + twidth)
        else (sx + swidth / 2, tx + twidth / 2)
    )
    return (x0, sy + (sheight if down else 0)), (x1, ty + (0 if down else theight))


def _graph(key: str) -> str:
    """The first picture: the three tasks, before there is a cluster."""
    spots: dict[str, Box] = {
        "first": (150, 110, 160, 60),
        "second": (150, 270, 160, 60),
        "total": (540, 190, 180, 60),
    }
    parts = []
    for name, (x, y, width, height) in spots.items():
        function = "add_arrays" if name == "total" else "make_array"
        parts.append(_frame((x, y, width, height), function))
        parts.append(_label(x + 10, y + 30, name))
    for name in ("first", "second"):
        (x0, y0, width, height), (x1, y1, _, height1) = spots[name], spots["total"]
        parts.append(
            f'<line x1="{x0 + width}" y1="{y0 + height / 2}" x2="{x1}" y2="{y1 + height1 / 2}" '
            f'stroke="{ARROW}" stroke-width="2.5" marker-end="url(#a{key})"/>'
        )
    return "".join(parts)


def html(scene: StoryScene) -> str:
    """Title, picture, caption and the rows of the event store behind them."""
    rows = "".join(_row(step) for step in scene.rows)
    head = "".join(f'<th scope="col">{title}</th>' for title in ("what", "of", "on node", "bytes"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    return (
        f'<div style="max-width:{WIDTH}px"><div style="font-weight:600">{scene.number}. {escape(scene.title)}'
        f"</div>{svg(scene)}<p>{escape(scene.caption)}</p>"
        f"<details><summary>The events behind this step: {len(scene.rows)}</summary>{table}</details></div>"
    )


def _row(step: Step) -> str:
    cells = (step.what, step.name, str(step.node + 1), f"{step.size:,}" if step.size else "")
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
