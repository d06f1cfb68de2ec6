"""Never more updates on their way to a browser than it keeps up with.

Each update carries a number; the browser sends the number back once it has painted.  While two updates
are out the server skips its turn, so a slow browser sees the newest state a little late instead of every
state later and later.  An answer can get lost (a tab in the background does not paint at all), so after a
while the server sends one anyway.

Nor so many that the work suffers: drawing takes CPU time that tasks could have. While thousands of them end
between two updates nobody can follow a single one, and two updates a second will do.
"""

from dataclasses import dataclass

MOST_ON_THE_WAY = 2
PATIENCE = 2.0  # seconds
FLOOD = 12_000  # events a second; about two and a half thousand tasks make them
FLOOD_PERIOD = 0.5  # seconds between two updates in a flood
BURST = 0.15  # seconds whose events may come at once without being a flood: they are written in batches


@dataclass
class Pacing:
    """Counts updates out and answers in; times are seconds of any steady clock.

    Example:
        >>> pacing = Pacing()
        >>> pacing.may_send(now=0.0)
        True
        >>> pacing.send(now=0.0), pacing.send(now=0.1)
        (1, 2)
        >>> pacing.may_send(now=0.2)
        False
        >>> pacing.painted(1)
        >>> pacing.may_send(now=0.2)
        True
    """

    sent: int = 0
    seen: int = 0
    last_sent: float = float("-inf")
    flooded: bool = False

    def may_send(self, now: float) -> bool:
        """Whether it is time for the next update."""
        if self.flooded and now - self.last_sent < FLOOD_PERIOD:
            return False
        return self.sent - self.seen < MOST_ON_THE_WAY or now - self.last_sent >= PATIENCE

    def send(self, now: float, events: int = 0) -> int:
        """An update goes out; returns its number.

        Args:
            now: the time.
            events: how many events have come since the last one.
        """
        self.sent += 1
        self.flooded = events > FLOOD * (now - self.last_sent if self.flooded else BURST)
        self.last_sent = now
        return self.sent

    def painted(self, number: int) -> None:
        """The browser has painted this update, and with it all before."""
        self.seen = max(self.seen, min(number, self.sent))
