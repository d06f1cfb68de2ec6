"""Exercise 12: words counted by one actor, which remembers; and the mistakes of all exercises with actors.

Right is: one actor, one call of a method for each word, all of them submitted without waiting, and the
counts fetched from the actor at the end.
"""

from ..judging.evidence import Evidence, rounds_of_submission, same
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, references_returned, stopped
from ..judging.verdict import Finding
from ..watching.recording import RecordedTask

WORDS = ("rain", "sun", "fog", "sun", "rain", "sun")
COUNTS = (("fog", 1), ("rain", 2), ("sun", 3))


def judge(evidence: Evidence) -> Finding:
    """Say whether one actor counted the words."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        no_actor,
        several_actors,
        too_few_calls,
        wrong_counts,
        get_between_calls,
        not_asked,
    )
    if mistake is not None:
        return mistake
    return Finding(
        "passed",
        f"one actor and {len(method_calls(evidence))} calls of its methods, which it answered one after the "
        "other. Nobody waited for a call before making the next.",
    )


EXERCISE = Exercise("exercise 12, one tally for all", COUNTS, judge, lambda: (list(WORDS),))


def actors(evidence: Evidence) -> tuple[RecordedTask, ...]:
    """The tasks that made an actor."""
    return tuple(task for task in evidence.recording.tasks if task.kind == "ACTOR_CREATION_TASK")


def method_calls(evidence: Evidence) -> tuple[RecordedTask, ...]:
    """The calls of actors' methods."""
    return tuple(task for task in evidence.recording.tasks if task.kind == "ACTOR_TASK")


def no_actor(evidence: Evidence) -> Finding | None:
    """Nothing that could remember: no actor was made."""
    if actors(evidence):
        return None
    if method_calls(evidence):
        return Finding(
            "actor-from-outside",
            "your function called an actor that was there before.",
            "an actor made inside the function, so that every run begins to count at nothing.",
            ("Which count does the second run of your function start from?", "Make it in the function."),
        )
    tasks = len(evidence.recording.tasks)
    how = f"{tasks} tasks ran, but tasks forget" if tasks else "everything ran in the notebook's own process"
    return Finding(
        "no-actor",
        f"no actor was made: {how}.",
        "one actor that keeps what was added up, and is told each new thing by a call.",
        (
            "What is there to keep from one call to the next, and who could keep it?",
            "Put @ray.remote above a class, and make one actor of it with its name and .remote().",
            "tally = Tally.remote() makes it, and tally.add.remote(word) tells it a word.",
        ),
    )


def several_actors(evidence: Evidence) -> Finding | None:
    """Each part of the work told another actor."""
    made = len(actors(evidence))
    if made < 2:
        return None
    return Finding(
        "several-actors",
        f"{made} actors were made, and each of them remembers only what it was told itself.",
        "one actor, told everything.",
        (
            "How many times does the line run that makes the actor?",
            "Make it once, before the loop, and call the same handle every time.",
        ),
    )


def too_few_calls(evidence: Evidence) -> Finding | None:
    """One call that does it all, or words that were left out."""
    calls = len(method_calls(evidence))
    if calls > len(WORDS):
        return None
    return Finding(
        "too-few-calls",
        f"the actor was called {calls} times for {len(WORDS)} words and one report.",
        "a call for each word, and one more that asks for the counts.",
        (
            "Imagine that the words come from many places, one at a time.",
            "Loop over the words, and call tally.add.remote(word) in each round.",
        ),
    )


def wrong_counts(evidence: Evidence) -> Finding | None:
    """The answer is not the counts."""
    try:
        found = tuple(sorted(dict(evidence.result).items()))
    except (TypeError, ValueError):
        found = ()
    if same(found, evidence.expected, in_order=True):
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result!r:.200}.",
        f"for the words {list(WORDS)} the counts {dict(evidence.expected)}.",
        ("Does add put its word into a dictionary of the actor's own, self.counts, and report return that?",),
    )


def get_between_calls(evidence: Evidence) -> Finding | None:
    """Waiting for each call. One wait, before the counts are asked for, is not needed but does no harm."""
    told = method_calls(evidence)[: len(WORDS)]
    rounds = rounds_of_submission(told, evidence.calls("get") + evidence.calls("wait"))
    if rounds == 1:
        return None
    return Finding(
        "get-in-the-loop",
        f"you waited {rounds - 1} times for the actor before you had told it all words.",
        "all words told without waiting, and then one ray.get, for the counts.",
        (
            "What do you do with the values that add returns? Nobody needs them.",
            "The actor takes your calls in the order in which you made them. So when it comes to report, "
            "it has counted every word.",
        ),
    )


def not_asked(evidence: Evidence) -> Finding | None:
    """The counts are right, but the actor was never asked."""
    if evidence.calls("get"):
        return None
    return Finding(
        "not-fetched",
        "the counts are right, but nothing was fetched from the actor, so they come from somewhere else.",
        "the counts that the actor kept.",
        ("Give the actor a method that returns its counts, and return ray.get of a call of it.",),
    )
