"""Below the timeline: the functions with their colours, and how much of everything is seen."""

from html import escape

from ..view.sight import Sight
from ..view.theme import count, duration

LEGEND_SHOWN = 24


def legend_html(sight: Sight, shown: int) -> str:
    """The legend as HTML.

    Args:
        sight: what is shown.
        shown: how many executions that have ended are within the view.
    """
    functions = [function for function in sight.session.functions[1:]]
    items = ""
    for function in functions[:LEGEND_SHOWN]:
        name = escape(function.name)
        done = function.finished + function.failed
        times = f"{done:,} &times; {duration(function.seconds / done)}" if done else ""
        failed = f", <em>{function.failed:,} failed</em>" if function.failed else ""
        items += (
            f'<li><i style="background: {sight.colours[function.name]}"></i>'
            f'<strong title="{name}">{name}</strong><small>{times}{failed}</small></li>'
        )
    more = len(functions) - LEGEND_SHOWN
    items += f"<li><small>and {count(more, 'more function')}</small></li>" if more > 0 else ""
    return f'<ul class="legend" aria-label="Functions">{items}</ul><p class="note">{note(sight, shown)}</p>'


def note(sight: Sight, shown: int) -> str:
    """How much of everything the plot shows, in words."""
    bars = sight.session.bars
    words = f"{shown:,} of {count(bars.total, 'finished execution')} within this view"
    if bars.first:
        words += f"; the oldest {bars.first:,} are no longer kept"
    return words + ". Paler: blocked in get. Hatched: failed; dotted: another attempt."
