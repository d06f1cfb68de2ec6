"""A colour for each function, so that the dashboard and the pictures of the lessons agree.

The colours can be told apart on light and dark backgrounds and by colour-blind readers.
"""

import zlib

# Okabe and Ito's colours for everybody, without black and yellow (each invisible on one background), and
# then four of other lightness in between.
PALETTE = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#9a8b00",
    "#8073c8",
    "#5f8a94",
    "#a8623a",
)


class FunctionColours:
    """A colour for each function name, the same in every run of the same program.

    The name's hash picks the colour.  If another function has it already the next free one is taken, so
    that the few functions of a lesson never look alike; only from the eleventh on must colours repeat.

    Example:
        >>> colours = FunctionColours()
        >>> colours["make_array"] == FunctionColours()["make_array"] != colours["add_arrays"]
        True
    """

    def __init__(self) -> None:
        self._colours: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._colours:
            first = zlib.crc32(name.encode()) % len(PALETTE)
            wanted = PALETTE[first:] + PALETTE[:first]
            taken = set(self._colours.values()) if len(self._colours) < len(PALETTE) else set()
            self._colours[name] = next(colour for colour in wanted if colour not in taken)
        return self._colours[name]
