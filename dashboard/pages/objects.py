"""The objects page: what lies in which node's store, how full it was, and what went between nodes."""

from collections.abc import Callable
from html import escape

import numpy as np
from bokeh.models import Column, ColumnDataSource, SaveTool
from bokeh.models.ui import UIElement
from bokeh.models.widgets import Div
from bokeh.plotting import figure

from minray.lessons.figures.colours import PALETTE

from ..data.holdings import Copy, Holdings
from ..view.links import task_link
from ..view.sight import Sight, View
from ..view.theme import count, duration, size, style_sheet, table

OBJECTS_SHOWN, TRANSFERS_SHOWN, POINTS = 40, 15, 1_500
WORDS = {
    "CREATED": "being written",
    "SEALED": "in memory",
    "RESTORED": "in memory again",
    "SPILLED": "spilled to disk",
}


class ObjectsPage(View):
    """How full each store was over time, and the largest objects."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self._plot = figure(
            height=190,
            sizing_mode="stretch_width",
            x_axis_label="seconds since the session began",
            y_axis_label="stored, in MB",
            tools=[SaveTool(filename="minray-objects")],
            toolbar_location=None,
            stylesheets=[style_sheet()],
            css_classes=["objects"],
        )
        self._plot.xgrid.visible = False
        self._plot.y_range.start = 0  # type: ignore[attr-defined]
        self._memory = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        self._disk = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        for source, dash in ((self._memory, "solid"), (self._disk, "dashed")):
            self._plot.multi_line(
                xs="xs", ys="ys", line_color="colour", line_width=2, line_dash=dash, source=source
            )
        self._head = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width")
        self._body = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["objects"])
        dashed = '<p class="note">Solid: in memory. Dashed: spilled to disk.</p>'
        self._legend = Div(text=dashed, stylesheets=[style_sheet()], visible=False)
        parts = [self._head, self._plot, self._legend, self._body]
        self.root = Column(children=list[UIElement](parts), sizing_mode="stretch_width")

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None
        if sight is None:
            return
        objects = sight.session.objects
        for div, text in ((self._head, head_html(objects)), (self._body, objects_html(sight))):
            if div.text != text:
                div.text = text
        self._plot.visible = bool(objects.total)
        self._legend.visible = any(use.spilled for use in objects.uses.values())
        self._draw(sight)

    def _draw(self, sight: Sight) -> None:
        history = sight.session.objects.history.rows
        lines: dict[str, list[tuple[object, object, str]]] = {"memory": [], "disk": []}
        for node in sorted(sight.session.objects.uses):
            of_node = history[history["node"] == node]
            of_node = of_node[:: max(1, len(of_node) // POINTS)]
            for what, found in lines.items():
                if what == "disk" and not of_node["disk"].any():
                    continue
                # As steps: the amount stays until the next event, and until now.
                xs = np.append(np.repeat(of_node["ts"], 2)[1:], sight.now) - sight.began
                ys = np.repeat(of_node[what], 2) / 1e6
                found.append((xs, ys, PALETTE[node % len(PALETTE)]))
        for what, source in (("memory", self._memory), ("disk", self._disk)):
            columns = {
                "xs": [line[0] for line in lines[what]],
                "ys": [line[1] for line in lines[what]],
                "colour": [line[2] for line in lines[what]],
            }
            source.data = columns


def head_html(objects: Holdings) -> str:
    """How full each store is."""
    if not objects.total:
        return """<section class="empty"><h2>No object is or was in an object store</h2>
<p>Small results travel inside messages. Large ones are put into the store of the node: make one.</p>
<pre>import numpy as np

ref = minray.put(np.ones(1_000_000))</pre></section>"""
    tiles = ""
    for node, use in sorted(objects.uses.items()):
        colour = PALETTE[node % len(PALETTE)]
        now = f"{count(use.count, 'object')}"
        spilled = f", {size(use.disk)} of it on disk" if use.disk else ""
        tiles += (
            f'<li style="--tile: {colour}"><b>{size(use.memory + use.disk)}</b>'
            f"<span>node {node}: {now}{spilled}; peak in memory {size(use.peak)}"
            f"{f', {size(use.spilled)} spilled so far' if use.spilled else ''}</span></li>"
        )
    return f'<h2>Object stores</h2><ul class="tiles stores" aria-label="Object stores">{tiles}</ul>'


def objects_html(sight: Sight) -> str:
    """The largest objects, and the newest transfers."""
    objects = sight.session.objects
    if not objects.total:
        return ""
    biggest = sorted(objects.copies.items(), key=lambda item: -max(copy.size for copy in item[1].values()))
    needed = sight.source.once("needed", sight.session.edges.total, lambda: _needed(sight))
    rows = [_row(sight, object_id, copies, needed) for object_id, copies in biggest[:OBJECTS_SHOWN]]
    heads = ["object", "size", "made by", "where", "for", "references", "needed by"]
    there = len(objects.copies) + objects.forgotten
    note = f"{len(rows)} of {count(there, 'object')} in the stores shown, the largest first; "
    note += f"{objects.total:,} have been there since the session began."
    html = table("Objects", heads, rows, numeric=(1, 4, 5, 6)) if rows else ""
    return f'{html}<p class="note">{note}</p>{_transfers(sight)}'


def _needed(sight: Sight) -> dict[int, int]:
    """How many tasks need the result of each task."""
    producers, numbers = np.unique(sight.session.edges.rows["producer"], return_counts=True)
    return dict(zip(producers.tolist(), numbers.tolist(), strict=True))


def _row(sight: Sight, object_id: str, copies: dict[int, Copy], needed: dict[int, int]) -> list[str]:
    copy = max(copies.values(), key=lambda copy: copy.size)
    maker = task_link(sight, copy.task) if copy.task else "<small>put by the driver</small>"
    where = " · ".join(
        f"node {node}: {escape(WORDS.get(one.state, one.state))}" for node, one in sorted(copies.items())
    )
    age = duration(max(0.0, sight.now - copy.since))
    users = count(needed.get(copy.task, 0), "task") if copy.task else ""
    references = sight.session.objects.counts.get(object_id)
    return [
        short_id(object_id),
        size(copy.size),
        maker,
        where,
        age,
        "" if references is None else f"{references:,}",
        users,
    ]


def short_id(object_id: str) -> str:
    """Enough of an object's id to tell it from others: they differ in the middle, where tasks are counted."""
    return f'<code title="{escape(object_id)}">{escape(object_id[:4])}…{escape(object_id[-14:-8])}</code>'


def _transfers(sight: Sight) -> str:
    transfers = sight.session.transfers
    if not transfers.total:
        return ""
    rows = [
        [
            short_id(str(transfer["object"])),
            size(float(transfer["size"])),
            f"node {transfer['source']} → node {transfer['node']}",
            duration(max(0.0, float(transfer["end"] - transfer["start"]))),
            duration(max(0.0, float(transfer["start"]) - sight.began)),
        ]
        for transfer in transfers.rows[-TRANSFERS_SHOWN:][::-1]
    ]
    heads = ["object", "size", "from, to", "took", "at"]
    note = f'<p class="note">The newest {len(rows)} of {count(transfers.total, "transfer")}.</p>'
    return f"<h2>Transfers</h2>{table('Transfers', heads, rows, numeric=(1, 3, 4))}{note}"
