"""Never more updates on their way to a browser than it keeps up with.

Each update carries a number; the browser sends the number back once it has painted.  While two updates
are out the server skips its turn, so a slow browser sees the newest state a little late instead of every
state later and later.  An answer can get lost (a tab in the background does not paint at all), so after a
while the server sends one anyway.
"""

from dataclasses import dataclass

MOST_ON_THE_WAY = 2
PATIENCE = 2.0  # seconds


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

    def may_send(self, now: float) -> bool:
        """Whether it is time for the next update."""
        return self.sent - self.seen < MOST_ON_THE_WAY or now - self.last_sent >= PATIENCE

    def send(self, now: float) -> int:
        """An update goes out; returns its number."""
        self.sent += 1
        self.last_sent = now
        return self.sent

    def painted(self, number: int) -> None:
        """The browser has painted this update, and with it all before."""
        self.seen = max(self.seen, min(number, self.sent))
