"""What `minray check` runs in a learner's kernel in place of a check cell; the verdict is one line."""

import json

from .. import checking
from ..basics.session import is_running, node_ids, start


def report(number: str, answer: object, token: str) -> None:
    """Check an answer and print the verdict as JSON behind a token.

    Args:
        number: the exercise's.
        answer: the learner's function; None if there is none.
        token: tells this line from anything that the notebook prints itself.
    """
    exercise = checking.EXERCISES[int(number) if number.isdecimal() else number]
    if not is_running() or len(node_ids()) < exercise.nodes:
        start(exercise.nodes)
    if answer is None:
        found = {"passed": False, "finding": "not-defined", "words": "There is no such function."}
    else:
        verdict = checking.check(int(number) if number.isdecimal() else number, answer)  # type: ignore[arg-type]
        found = {
            "passed": verdict.passed,
            "finding": verdict.finding.name,
            "words": verdict.finding.happened,
        }
    print(f"\n{token}{json.dumps(found)}")
