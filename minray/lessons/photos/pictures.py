"""The pictures that people send: a disc, a frame or stripes, at random places and with noise."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

KINDS = ("disc", "frame", "stripes")
SIDE = 24  # pixels


def draw_photo(kind: str, seed: int) -> "Array":
    """A picture of one kind, 24 by 24 pixels between 0 and 1.

    Args:
        kind: one of `KINDS`.
        seed: another one gives another place, size and noise.

    Raises:
        ValueError: there is no such kind.
    """
    import numpy as np

    if kind not in KINDS:
        raise ValueError(f"There is no kind {kind!r}; there are {', '.join(KINDS)}.")
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    radius = dice.integers(4, 8)
    top, left = dice.integers(radius, SIDE - radius, 2)
    if kind == "disc":
        shape = (y - top) ** 2 + (x - left) ** 2 <= radius**2
    elif kind == "frame":
        shape = np.maximum(abs(y - top), abs(x - left)) == radius - 1
    else:
        shape = (x + dice.integers(0, 4)) % 4 < 2
    return np.asarray(np.clip(0.9 * shape + dice.normal(0.05, 0.1, (SIDE, SIDE)), 0, 1))


@dataclass(frozen=True)
class Request:
    """Somebody sent a picture, and wants to know what it shows."""

    number: int
    sender: str
    photo: "Array"


def some_requests(count: int, seed: int = 1000) -> list[Request]:
    """Requests as they might come in: all kinds of pictures, none of which the classifier has seen."""
    return [
        Request(number, f"person-{number}@example.org", draw_photo(KINDS[number % len(KINDS)], seed + number))
        for number in range(count)
    ]
