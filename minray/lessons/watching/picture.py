"""Schedules as pictures (SVG) with tables, so that nobody depends on eyes, colours or the network.

One picture a schedule, all on one time axis::

    worker 1  [0][ 2 ]            a row a worker, a colour a function (the dashboard's),
    worker 2  [1][ 3    ]         text in the colour of the page: it reads in light and dark themes
              0    2    4 units

The drawing is inline SVG without scripts, styles or fonts from elsewhere.
"""

import hashlib
import math
from collections.abc import Sequence
from html import escape

from ..figures.colours import FunctionColours
from .schedule import DRIVER, Schedule, Slot, count

WAITING = "#999999"  # the driver's `get` and `wait`

WIDTH, LEFT, RIGHT = 660, 84, 16
ROW, TOP, AXIS = 26, 8, 24
HAIRLINE = 2.0
LETTER = 6.5  # about the width of a letter in the labels


def as_html(schedules: Sequence[Schedule]) -> str:
    """The pictures one above the other, each with its numbers in a table to unfold.

    All names are escaped: what a learner calls a function cannot become markup.
    """
    longest = max((slot.end for schedule in schedules for slot in schedule.slots), default=1.0) or 1.0
    colours = _colours(schedules)
    parts = [_legend(colours)] if len(colours) > 1 else []
    for schedule in schedules:
        parts.append(f'<div style="font-weight:600;margin-top:.6em">{escape(schedule.headline)}</div>')
        parts.append(_svg(schedule, longest, colours))
        parts.append(f"<details><summary>The same in numbers</summary>{_table(schedule)}</details>")
    return f'<div style="max-width:{WIDTH}px">{"".join(parts)}</div>'


def _colours(schedules: Sequence[Schedule]) -> dict[str, str]:
    chosen = FunctionColours()
    return {slot.name: chosen[slot.name] for schedule in schedules for slot in schedule.work}


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour (WCAG's contrast)."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[place : place + 2], 16)) for place in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    with_black, with_white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    return "#000000" if with_black > with_white else "#ffffff"


def _svg(schedule: Schedule, longest: float, colours: dict[str, str]) -> str:
    """One picture; a screen reader hears its title and the text form of the schedule."""
    height = TOP + ROW * len(schedule.rows) + AXIS
    per_unit = (WIDTH - LEFT - RIGHT) / longest
    text = escape(str(schedule))
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    parts = [
        f'<svg role="img" aria-labelledby="t{key} d{key}" viewBox="0 0 {WIDTH} {height}" width="100%" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" fill="currentColor">',
        f'<title id="t{key}">{escape(schedule.headline)}</title><desc id="d{key}">{text}</desc>',
    ]
    parts.append(_axis(longest, per_unit, height))
    for place, row in enumerate(schedule.rows):
        y = TOP + ROW * place
        parts.append(f'<text x="{LEFT - 8}" y="{y + 17}" text-anchor="end">{escape(row)}</text>')
        parts.append(_line(LEFT, y + ROW - 1, WIDTH - RIGHT, y + ROW - 1, 0.15))
        # The shortest last, so that a task that took no time stands before its neighbours.
        slots = sorted(schedule.slots_in(row), key=lambda slot: slot.start - slot.end)
        parts += [_bar(slot, y, per_unit, colours) for slot in slots]
    return "".join(parts) + "</svg>"


def _bar(slot: Slot, y: float, per_unit: float, colours: dict[str, str]) -> str:
    """A piece of work; one that took next to no time still shows, as a tall thin line."""
    x, width = LEFT + slot.start * per_unit, (slot.end - slot.start) * per_unit - 1
    fill = WAITING if slot.row == DRIVER else colours[slot.name]
    y, height = y + 3, ROW - 7
    if width < HAIRLINE:
        y, width, height, fill = y - 3, HAIRLINE, height + 6, "currentColor"
    fits = len(slot.label) * LETTER < width
    label = (
        f'<text x="{x + 4:.1f}" y="{y + 14}" fill="{ink_on(fill)}">{escape(slot.label)}</text>'
        if fits
        else ""
    )
    hover = escape(f"{slot.name} [{slot.label}]: from {slot.start:.2f} to {slot.end:.2f} units")
    return (
        f'<g><title>{hover}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" '
        f'rx="2" fill="{fill}"/>{label}</g>'
    )


def _axis(longest: float, per_unit: float, height: float) -> str:
    """Ticks at round numbers of units, at most about ten of them."""
    step = _round_step(longest / 10)
    parts = []
    for place in range(math.floor(longest / step + 1e-9) + 1):
        x, units = LEFT + place * step * per_unit, f"{place * step:g}"
        parts.append(_line(x, TOP, x, height - AXIS + 4, 0.15))
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{units}</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{height - 6}" text-anchor="end">units</text>')
    return "".join(parts)


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... (or 0.1, 0.2, ...) that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))


def _line(x1: float, y1: float, x2: float, y2: float, opacity: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="currentColor" stroke-opacity="{opacity}"/>'
    )


def _legend(colours: dict[str, str]) -> str:
    keys = (
        f'<span style="background:{colour};color:{ink_on(colour)};padding:0 .5em;margin-right:.6em">'
        f"{escape(name)}</span>"
        for name, colour in colours.items()
    )
    return f"<div>{''.join(keys)}</div>"


def _table(schedule: Schedule) -> str:
    rows = "".join(
        f"<tr><td>{escape(slot.row)}</td><td>{escape(slot.name)}</td><td>{escape(slot.label)}</td>"
        f"<td>{slot.start:.2f}</td><td>{slot.end:.2f}</td></tr>"
        for row in schedule.rows
        for slot in schedule.slots_in(row)
    )
    head = "".join(
        f'<th scope="col">{title}</th>' for title in ("row", "what", "label", "from (units)", "to (units)")
    )
    caption = f"{escape(schedule.headline)}; {count(len(schedule.work), 'task')}"
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
