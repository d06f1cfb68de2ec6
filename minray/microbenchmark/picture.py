"""The table as a picture: how many times better minray is than each other engine, on a logarithmic axis.

A small SVG, written by hand: one row a line of the table, one dot an engine.  It has colours for light and
for dark pages, and no background of its own.
"""

import math
from collections.abc import Callable
from html import escape

from .benchmark import Measurement, number
from .report import Results

_COLOURS = [
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#aa3377",
    "#66ccee",
]  # told apart by the colour-blind
_ROW = 22
_LEFT, _WIDTH, _RIGHT = 330, 560, 120
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 } .faint { stroke: #ccc } .one { stroke: #222 }
.small { font-size: 11px }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .faint { stroke: #444 } .one { stroke: #ddd } }
"""


def svg(results: Results, caption: str) -> str:
    """The picture as text.

    Args:
        results: by engine; "minray" is what the others are held against.
        caption: what stands below it.
    """
    others = [engine for engine in results if engine not in ("minray", "machine")]
    rows = [(line, _ratios(line, results, others)) for line in results["minray"]]
    rows = [(line, ratios) for line, ratios in rows if ratios]
    found = [ratio for _, ratios in rows for ratio in ratios.values()]
    low = min(-1, math.floor(math.log10(min(found, default=1))))
    high = max(1, math.ceil(math.log10(max(found, default=1))))

    def x(ratio: float) -> float:
        return _LEFT + _WIDTH * (math.log10(ratio) - low) / (high - low)

    bottom = 60 + _ROW * len(rows)
    width, height = _LEFT + _WIDTH + _RIGHT, bottom + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>minray against other engines</title><style>{_STYLE}</style>",
        *_legend(others),
        *_axis(low, high, x, bottom),
    ]
    for place, (line, ratios) in enumerate(rows):
        parts += _row(line, ratios, others, x, 60 + _ROW * place + _ROW / 2)
    parts.append(f'<text x="10" y="{bottom + 42}" class="small">{escape(caption)}</text></svg>')
    return "\n".join(parts) + "\n"


def _ratios(line: Measurement, results: Results, others: list[str]) -> dict[str, float]:
    ratios = {}
    for engine in others:
        for theirs in results[engine]:
            times = line.times_better_than(theirs) if theirs.name == line.name else None
            if times is not None:
                ratios[engine] = times
    return ratios


def _legend(others: list[str]) -> list[str]:
    parts = ['<text x="10" y="20">How many times better minray is than</text>']
    left = _LEFT
    for place, engine in enumerate(others):
        parts.append(f'<circle cx="{left}" cy="16" r="6" fill="{_colour(place)}"/>')
        parts.append(f'<text x="{left + 12}" y="20">{escape(engine)}</text>')
        left += 45 + 8 * len(engine)  # a letter is about 8 wide, and longer names need more room
    return parts


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _axis(low: int, high: int, x: Callable[[float], float], bottom: int) -> list[str]:
    parts = []
    for power in range(low, high + 1):
        at, kind = x(10.0**power), "one" if power == 0 else "faint"
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="52" y2="{bottom}" class="{kind}"/>')
        label = f"{10**power:,}" if power >= 0 else f"1/{10**-power:,}"
        parts.append(f'<text x="{at:.1f}" y="46" text-anchor="middle">{label}</text>')
    parts.append(
        f'<text x="{x(1.0) + 6:.1f}" y="{bottom + 16}" class="small">minray is better &#8594;</text>'
    )
    return parts


def _row(
    line: Measurement, ratios: dict[str, float], others: list[str], x: Callable[[float], float], y: float
) -> list[str]:
    ours = f"{number(line.median)} {line.unit}"
    parts = [
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:.0f}" y2="{y:.0f}" class="faint"/>',
        f'<text x="{_LEFT - 10}" y="{y + 4:.0f}" text-anchor="end">{escape(line.name)}</text>',
        f'<text x="{_LEFT + _WIDTH + 10}" y="{y + 4:.0f}" class="small">{escape(ours)}</text>',
    ]
    for engine, ratio in ratios.items():
        colour = _colour(others.index(engine))
        label = f"{engine}: {number(ratio)} times, {line.name}"
        parts.append(
            f'<circle cx="{x(ratio):.1f}" cy="{y:.0f}" r="6" fill="{colour}">'
            f"<title>{escape(label)}</title></circle>"
        )
    return parts
