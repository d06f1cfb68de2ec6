"""What a check tells the learner: what was expected, what happened, and the next hint.

A `Finding` is what a judge concludes; a `Verdict` adds what the learner sees. The same finding twice
reveals one hint more, from a nudge to nearly the answer::

    Not yet: exercise 1
      Expected:  all four tasks submitted before the first `get`
      Happened:  `get` was called after every single submission
      Hint 1 of 3:  ...
"""

from collections import Counter
from dataclasses import dataclass
from html import escape

from ..watching.picture import as_html
from ..watching.schedule import Schedule


@dataclass(frozen=True)
class Finding:
    """What a judge concludes from an answer.

    Attributes:
        name: a short name, such as "get-in-the-loop"; "passed" if the answer is right.
        happened: what was seen, as a sentence.
        expected: what a right answer does, as a sentence; empty if it passed.
        hints: from a nudge to nearly the answer.
    """

    name: str
    happened: str
    expected: str = ""
    hints: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.name == "passed"


@dataclass(frozen=True)
class Verdict:
    """A finding as the learner sees it.

    Attributes:
        title: the exercise.
        finding: what the judge concluded.
        hints_shown: how many of the finding's hints are told.
        seen: what the answer's tasks did, to look at.
    """

    title: str
    finding: Finding
    hints_shown: int
    seen: Schedule

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.finding.passed

    def lines(self) -> list[tuple[str, str]]:
        """What there is to say, as pairs of a heading and a sentence."""
        told = [("Expected", self.finding.expected)] if self.finding.expected else []
        told.append(("What I saw" if self.passed else "What happened", self.finding.happened))
        hints = self.finding.hints
        told += [
            (f"Hint {number} of {len(hints)}", hint)
            for number, hint in enumerate(hints[: self.hints_shown], start=1)
        ]
        if self.hints_shown < len(hints):
            told.append(
                ("More", "Change your answer and check again; if it is the same, you get the next hint.")
            )
        return told

    def __repr__(self) -> str:
        words = [f"{'Passed' if self.passed else 'Not yet'}: {self.title}"]
        words += [f"  {heading}: {sentence}" for heading, sentence in self.lines()]
        if self.seen.slots:
            words.append(repr(self.seen))
        return "\n".join(words)

    def _repr_html_(self) -> str:
        sign, colour = ("✓ Passed", "#009E73") if self.passed else ("… Not yet", "#E69F00")
        rows = "".join(
            f'<div style="margin-top:.4em"><b>{escape(heading)}:</b> '
            f'<span style="white-space:pre-wrap">{escape(sentence)}</span></div>'
            for heading, sentence in self.lines()
        )
        picture = as_html([self.seen]) if self.seen.slots else ""
        return (
            f'<div role="status" style="border-left:6px solid {colour};padding:.2em 1em">'
            f"<b>{sign}: {escape(self.title)}</b>{rows}{picture}</div>"
        )


class HintSteps:
    """Counts how often each finding came up, to tell one hint more each time."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[int | str, str]] = Counter()

    def next(self, exercise: int | str, finding: Finding) -> int:
        """How many hints to show now; a different mistake starts with its own first hint."""
        self._seen[exercise, finding.name] += 1
        return min(self._seen[exercise, finding.name], len(finding.hints))

    def clear(self) -> None:
        """Forget all mistakes."""
        self._seen.clear()
