"""Exercise 1b: list scheduling by hand; right is to give each task to the worker that is free first."""

from ..judging.evidence import Evidence
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, stopped
from ..judging.verdict import Finding
from ..watching.schedule import simulate

NAPS, WORKERS = (0.5, 3.0, 1.0, 2.0, 2.5, 1.5, 4.0), 3
RIGHT = simulate(NAPS, WORKERS).total
NEAR = 1e-6
EXPECTED = f"{RIGHT:g} units for naps of {', '.join(f'{nap:g}' for nap in NAPS)} on {WORKERS} workers."


def judge(evidence: Evidence) -> Finding:
    """Say whether the rule was played through."""
    mistake = first_of(evidence, stopped, raised, no_number, a_shortcut, wrong)
    return mistake or Finding("passed", f"{RIGHT:g} units: that is what the scheduler does, too.")


EXERCISE = Exercise("exercise 1b, when is the last one done?", (RIGHT,), judge, lambda: (list(NAPS), WORKERS))


def no_number(evidence: Evidence) -> Finding | None:
    """No number came back."""
    if isinstance(evidence.result, (int, float)):
        return None
    return Finding(
        "no-number",
        f"your function returned {evidence.result!r:.80}.",
        "one number, in units.",
        ("When is the worker done that is busy for the longest time? Return that.",),
    )


def in_rounds() -> float:
    """As if all workers waited for each other before the next tasks are handed out."""
    return sum(max(NAPS[start : start + WORKERS]) for start in range(0, len(NAPS), WORKERS))


def a_shortcut(evidence: Evidence) -> Finding | None:
    """A formula that is right only in special cases."""
    shortcuts = {
        sum(NAPS): (
            "one-after-the-other",
            "as if one worker did it all",
            "How much of this can happen at the same time?",
        ),
        sum(NAPS) / WORKERS: (
            "evenly-divided",
            "as if the work could be divided like water",
            "A nap cannot be cut in pieces: one worker takes it as a whole.",
        ),
        max(NAPS): (
            "the-longest-only",
            "as if every task had a worker of its own",
            "There are fewer workers than tasks. Who has to wait for the longest task to begin?",
        ),
        in_rounds(): (
            "in-rounds",
            "as if all workers waited for each other before they take the next task",
            "A worker that is done takes the next task at once, whatever the others do.",
        ),
        simulate(sorted(NAPS, reverse=True), WORKERS).total: (
            "longest-first",
            "which is right if the longest task is submitted first",
            "Tasks are handed out in the order of the list. Leave that as it is.",
        ),
    }
    for value, (name, what, hint) in shortcuts.items():
        if abs(evidence.result - value) < NEAR:
            return Finding(
                name,
                f"you found {value:.3g} units: {what}.",
                EXPECTED,
                (
                    hint,
                    "Keep a list with the time at which each worker is free: free = [0] * workers.",
                    "For each nap: take the worker with the smallest time, and add the nap to it.",
                ),
            )
    return None


def wrong(evidence: Evidence) -> Finding | None:
    """Any other number."""
    if abs(evidence.result - RIGHT) < NEAR:
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result:g}.",
        EXPECTED,
        (
            "Play it through on paper: which worker is free first, and which task is next?",
            "Keep a list with the time at which each worker is free: free = [0] * workers.",
            "For each nap: take the worker with the smallest time, and add the nap to it. Return max(free).",
        ),
    )
