"""Under the hood: the parts of the runtime as a picture that steps or plays through the events."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

from bokeh.models import Column, Row
from bokeh.models.widgets import Div, Select, Slider

from minray.lessons.figures.colours import FunctionColours

from ..data.queries import Happening, story
from ..view.sight import Sight, View
from ..view.theme import count, duration, size, style_sheet
from .tale import Hand, Stage, sentence_of, stage_after

MOST = 3_000  # events that are told; the time scrubber chooses from which moment on
AROUND = 4  # events told before and after the present one
HANDS_SHOWN, NAMES_SHOWN = 8, 5
SPEEDS = {"1": "1 event a second", "4": "4 a second", "10": "10 a second"}
TALLEST = 420


class Hood(View):
    """Controls, the picture, and the events around the present one in words."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self._slider = Slider(
            start=0,
            end=1,
            value=0,
            step=1,
            title="Event",
            sizing_mode="stretch_width",
            stylesheets=[style_sheet()],
        )
        self._slider.on_change("value", lambda attr, old, new: self._go(int(new)))
        self._speed = Select(
            title="Speed",
            value="4",
            options=list[str | tuple[Any, str]](SPEEDS.items()),
            width=150,
            stylesheets=[style_sheet()],
        )
        self._buttons = Div(stylesheets=[style_sheet()], width=330, css_classes=["player"])
        self._picture = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["hood"])
        row = Row(children=[self._buttons, self._speed], css_classes=["controls"])
        self.root = Column(children=[row, self._slider, self._picture], sizing_mode="stretch_width")
        self._happenings: list[Happening] = []
        self._told: object = None
        self._step = 0
        self._played_from: tuple[float, int] | None = None  # when play was pressed, and at which event

    def moving(self, sight: Sight) -> object:
        """See `View.moving`."""
        self._play()
        return (self._step, int(sight.now) if len(self._happenings) < MOST and sight.live else None)

    def asked(self, verb: str, what: str) -> None:
        """Buttons and arrow keys."""
        what = {"ArrowRight": "next", "ArrowLeft": "back", "f": "play"}.get(what, what)
        if what == "play":
            playing = self._played_from is not None
            begin = 0 if self._step >= len(self._happenings) else self._step
            self._played_from = None if playing else (time.monotonic(), begin)
        elif what in ("first", "back", "next", "last"):
            self._played_from = None
            last = len(self._happenings)
            steps = {"first": 0, "back": self._step - 1, "next": self._step + 1, "last": last}
            self._set(steps[what])

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None and sight.session.last_ts > 0
        if sight is None or not self.root.visible:
            return
        begin = sight.now if sight.past else 0.0
        state = (sight.entry.name, begin, sight.source.version if len(self._happenings) < MOST else None)
        if state != self._told and not (self._happenings and self._recently(state)):
            another = self._told is None or state[:2] != self._told[:2]  # type: ignore[index]
            self._told, self._looked = state, time.monotonic()
            self._happenings = story(sight.source.path, begin, float("inf"), MOST)
            self._slider.end = max(1, len(self._happenings))
            if another:
                self._set(0 if not sight.past else 1)
        stage = stage_after(self._happenings, self._step)
        self._buttons.text = buttons_html(self._played_from is not None)
        text = hood_html(self._happenings, self._step, stage, sight)
        if text != self._picture.text:
            self._picture.text = text

    def _recently(self, state: tuple[object, ...]) -> bool:
        """Whether the same session was looked up a moment ago."""
        assert isinstance(self._told, tuple)
        return state[:2] == self._told[:2] and time.monotonic() - self._looked < 1.0

    def _play(self) -> None:
        if self._played_from is not None:
            began, step = self._played_from
            step += int((time.monotonic() - began) * float(self._speed.value))
            if step >= len(self._happenings):
                self._played_from = None
            self._set(step)

    def _go(self, step: int) -> None:
        """The slider was moved, by the user or by us."""
        if step != self._step:
            self._played_from = None
            self._step = step
            self.ask("hood:")

    def _set(self, step: int) -> None:
        self._step = max(0, min(step, len(self._happenings)))
        self._slider.value = self._step


def buttons_html(playing: bool) -> str:
    """First, back, play, next, last."""
    kinds = {
        "first": ("First", "To the first event"),
        "back": ("Back", "One event back (key ←)"),
        "play": ("Pause" if playing else "Play", "Key F"),
        "next": ("Next", "One event further (key →)"),
        "last": ("Last", "To the last event"),
    }
    items = "".join(
        f'<button type="button" data-ask="go:{what}" title="{hint}">{word}</button>'
        for what, (word, hint) in kinds.items()
    )
    return f'<div class="buttons" role="group" aria-label="Steps">{items}</div>'


def hood_html(happenings: list[Happening], step: int, stage: Stage, sight: Sight) -> str:
    """The picture and the events around this one."""
    moment = f"{duration(max(0.0, happenings[step - 1].ts - sight.began))}: " if step > 0 else ""
    told = f'<p class="finding" aria-live="polite"><b>{moment}</b>{escape(stage.sentence)}</p>'
    items = ""
    for place in range(max(0, step - 1 - AROUND), min(len(happenings), step + AROUND)):
        here = ' aria-current="step"' if place == step - 1 else ""
        when = duration(max(0.0, happenings[place].ts - sight.began))
        items += f"<li{here}><small>{when}</small> {escape(sentence_of(happenings, place))}</li>"
    note = f"Event {step:,} of {count(len(happenings), 'event')}"
    if len(happenings) >= MOST:
        note += f"; at most {MOST:,} are told, from the moment on that the slider above chooses"
    list_ = f'<ol class="tale">{items}</ol>' if items else ""
    return f'{told}{picture(stage, sight.colours)}{list_}<p class="note">{note}.</p>'


# The parts of the picture: x, y, width, height.
DRIVER, SCHEDULER, STORE, GCS = (
    (20, 90, 170, 110),
    (270, 60, 220, 170),
    (270, 290, 220, 100),
    (20, 290, 170, 100),
)
HANDS_X, HAND_HEIGHT, HAND_GAP = 580, 40, 9


def picture(stage: Stage, colours: FunctionColours) -> str:
    """The parts and what goes between them, as SVG."""
    hands = sorted(stage.hands.values(), key=lambda hand: hand.number)[:HANDS_SHOWN]
    places = {"driver": DRIVER, "scheduler": SCHEDULER, "store": STORE, "gcs": GCS}
    for row, hand in enumerate(hands):
        places[f"worker {hand.number}"] = (HANDS_X, 20 + row * (HAND_HEIGHT + HAND_GAP), 230, HAND_HEIGHT)
    queue = [*stage.queued.values()]
    waiting = [*stage.waiting.values()]
    stored = sum(stage.stored.values())
    parts = [
        _box(places["driver"], "driver", ["your code"], stage),
        _box(
            places["scheduler"],
            "scheduler",
            [f"{len(waiting)} waiting for arguments", f"{len(queue)} queued", *_names(queue)],
            stage,
        ),
        _box(
            places["store"],
            "store",
            [
                f"{count(len(stage.stored), 'object')}, {size(stored)}",
                f"{len(stage.spilled)} spilled to disk",
            ],
            stage,
        ),
        _box(
            places["gcs"],
            "gcs",
            [f"{stage.done:,} tasks finished", f"{stage.failed:,} attempts failed"],
            stage,
        ),
        *[_hand(places[f"worker {hand.number}"], hand, colours, stage) for hand in hands],
    ]
    arrow = ""
    if stage.arrow and all(part in places for part in stage.arrow):
        arrow = _arrow(places[stage.arrow[0]], places[stage.arrow[1]])
    more = len(stage.hands) - len(hands)
    if more > 0:
        parts.append(f'<text x="{HANDS_X}" y="{TALLEST - 4}" class="small">and {more} more workers</text>')
    marker = (
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z"/></marker></defs>'
    )
    return (
        f'<svg class="stage" viewBox="0 0 830 {TALLEST}" role="img" aria-label="The parts of the runtime">'
        f"{marker}{''.join(parts)}{arrow}</svg>"
    )


TITLES = {"driver": "driver", "scheduler": "local scheduler", "store": "object store", "gcs": "GCS"}


def _box(place: tuple[int, int, int, int], part: str, lines: list[str], stage: Stage) -> str:
    x, y, width, height = place
    css = "lit" if stage.arrow and part in stage.arrow else ""
    text = "".join(
        f'<text x="{x + 12}" y="{y + 44 + row * 18}" class="small">{escape(line)}</text>'
        for row, line in enumerate(lines)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" class="part {css}"/>'
        f'<text x="{x + 12}" y="{y + 22}" class="title">{TITLES[part]}</text>{text}'
    )


def _names(queue: list[str]) -> list[str]:
    names = [f"· {name[:24]}" for name in queue[:NAMES_SHOWN]]
    return names + ([f"· and {len(queue) - NAMES_SHOWN} more"] if len(queue) > NAMES_SHOWN else [])


def _hand(place: tuple[int, int, int, int], hand: Hand, colours: FunctionColours, stage: Stage) -> str:
    x, y, width, height = place
    part = f"worker {hand.number}"
    css = "lit" if stage.arrow and part in stage.arrow else ""
    busy = hand.task is not None
    stripe = colours[hand.name] if busy and hand.name else "none"
    words = (
        f"{hand.name[:22]} #{hand.task}"
        if busy
        else (f"actor {hand.actor}"[:26] if hand.actor else hand.word)
    )
    weight = "title" if busy else "small"
    blocked = " (blocked)" if hand.word == "blocked" else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" class="part {css}"/>'
        f'<rect x="{x}" y="{y}" width="7" height="{height}" rx="3" fill="{stripe}"/>'
        f'<text x="{x + 16}" y="{y + 17}" class="small">{part}</text>'
        f'<text x="{x + 16}" y="{y + 33}" class="{weight}">{escape(words)}{blocked}</text>'
    )


def _arrow(source: tuple[int, int, int, int], target: tuple[int, int, int, int]) -> str:
    """From the nearest side of one part to that of another."""
    (x0, y0), (x1, y1) = _middle(source), _middle(target)
    sideways = abs(x1 - x0) > (source[2] + target[2]) / 2
    if sideways:
        right = x1 > x0
        start = (source[0] + (source[2] if right else 0), y0)
        end = (target[0] + (0 if right else target[2]), y1)
        bend = (end[0] - start[0]) / 2
        path = (
            f"M{start[0]} {start[1]}C{start[0] + bend} {start[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"
        )
    else:
        down = y1 > y0
        path = f"M{x0} {source[1] + (source[3] if down else 0)}L{x1} {target[1] + (0 if down else target[3])}"
    return f'<path d="{path}" class="arrow" marker-end="url(#tip)"/>'


def _middle(place: tuple[int, int, int, int]) -> tuple[float, float]:
    x, y, width, height = place
    return x + width / 2, y + height / 2
