"""Exercise 8: one large array for many tasks; right is to put it into the object store once.

The events tell: an array that is passed by value is stored anew with every call.
"""

from ..judging.evidence import Evidence
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, nothing_returned, raised, references_returned, stopped
from ..judging.sharing_out import get_between, no_tasks, not_fetched, one_big_task, wrong_values
from ..judging.verdict import Finding
from ..watching.schedule import count

LENGTH = 400_000
PLACES = (0, 1, 2, 3, 4, 5)
LARGE = LENGTH * 4  # bytes; anything of at least half the array's size counts as a copy of it


def arguments() -> tuple[object, ...]:
    """A large array, and the offsets of the samples that are to be taken from it."""
    import numpy as np

    return np.arange(LENGTH, dtype=float), list(PLACES)


def samples() -> tuple[float, ...]:
    """What a right answer returns: for each offset the sum of every thousandth number from there on."""
    array, places = range(LENGTH), PLACES
    return tuple(float(sum(array[place::1000])) for place in places)


def judge(evidence: Evidence) -> Finding:
    """Say how often the array was stored."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        nothing_returned,
        no_tasks,
        one_big_task,
        wrong_values,
        get_between,
        stored_again_and_again,
        stored_in_parts,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    tasks = len(evidence.siblings)
    return Finding("passed", f"one array in the object store, and {count(tasks, 'task')} that read it there.")


EXERCISE = Exercise("exercise 8, stored once", samples(), judge, arguments)


def copies(evidence: Evidence) -> int:
    """How often something as large as the array was put into the store."""
    return sum(stored.size >= LARGE for stored in evidence.recording.sealed)


def stored_again_and_again(evidence: Evidence) -> Finding | None:
    """The array was an argument by value, or put in the loop."""
    found = copies(evidence)
    if found <= 1:
        return None
    return Finding(
        "stored-again-and-again",
        f"the array lies in the object store {found} times: {found * LENGTH * 8 / 1e6:.0f} MB instead of "
        f"{LENGTH * 8 / 1e6:.0f} MB.",
        "the array stored once, and used by all tasks.",
        (
            "What do you hand to each task: the array, or something that stands for it?",
            "ray.put stores a value and returns a reference, which can be an argument as often as you like.",
            "Before the loop: ref = ray.put(array). In the loop: sample.remote(ref, place).",
        ),
    )


def stored_in_parts(evidence: Evidence) -> Finding | None:
    """The tasks got something smaller than the array."""
    if copies(evidence) == 1:
        return None
    return Finding(
        "not-shared",
        "the array itself never came into the object store.",
        "the whole array stored once, so that each task can pick what it needs.",
        ("Leave the picking to the tasks, and give them a reference to the whole array: ray.put(array).",),
    )
