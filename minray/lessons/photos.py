"""A small photo service for lesson 06: pictures that the course draws itself, a classifier, and an outbox.

::

    Request(number, photo) --> look_at(photo) -> label          NumPy only, trained in a fraction of a second
                           \\-> Outbox.send(to, text)           "e-mail": a file in a folder of this machine

The pictures show a disc, a frame or stripes, at random places and with noise. The classifier looks at the
spectrum of their rows and columns, which does not depend on the place, and is a softmax regression.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

KINDS = ("disc", "frame", "stripes")
SIDE = 24  # pixels
EXAMPLES, STEPS, RATE = 60, 300, 0.5  # of each kind, to learn from; of the gradient descent


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


def features(photo: "Array") -> "Array":
    """What the classifier looks at: spectra of the sums of rows and columns, the brightness, a constant 1."""
    import numpy as np

    spectra = [np.abs(np.fft.rfft(photo.sum(axis) / SIDE))[1:] for axis in (0, 1)]
    return np.concatenate([*spectra, [photo.mean(), 1.0]])


@cache
def trained() -> "Array":
    """The weights of the classifier, one column a kind; learned when first needed, once in each process."""
    import numpy as np

    inputs = np.array([features(draw_photo(kind, seed)) for kind in KINDS for seed in range(EXAMPLES)])
    wanted = np.repeat(np.eye(len(KINDS)), EXAMPLES, axis=0)
    weights = np.zeros((inputs.shape[1], len(KINDS)))
    for _ in range(STEPS):
        scores = np.exp(inputs @ weights)
        probabilities = scores / scores.sum(axis=1, keepdims=True)
        weights += RATE * inputs.T @ (wanted - probabilities) / len(inputs) * len(KINDS)
    return weights


def look_at(photo: "Array") -> str:
    """Say what a picture shows.

    Example:
        >>> look_at(draw_photo("disc", seed=1000))
        'disc'
    """
    return KINDS[int((features(photo) @ trained()).argmax())]


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


class Outbox:
    """Where e-mails go: a folder of this machine, one file for each.

    Args:
        folder: made if need be.

    Example:
        >>> outbox = Outbox(tmp_path)
        >>> outbox.send("person-1@example.org", "We have your picture.")
        >>> outbox.letters()
        ['To: person-1@example.org\\n\\nWe have your picture.']
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def send(self, to: str, text: str) -> None:
        """Write an e-mail; it never leaves this machine."""
        import time

        (self.folder / f"{time.time_ns()}-{to}.txt").write_text(f"To: {to}\n\n{text}", "utf-8")

    def letters(self) -> list[str]:
        """All e-mails, in the order in which they were sent."""
        return [path.read_text("utf-8") for path in sorted(self.folder.glob("*.txt"))]
