"""What is said when something of the user's cannot be sent to another process, and what is to blame for it.

The first words are Ray's; the way to the culprit is what `util.inspect_serializability` finds.
"""

import io
from typing import Any

import cloudpickle

ADVICE = (
    "A worker is another process: locks, open files, sockets and generators cannot travel. Make such things "
    "where they are used, or pass what they are made from."
)


def unserializable(what: str, value: Any, advice: str = ADVICE) -> TypeError:  # noqa: ANN401
    """The error to raise.

    Args:
        what: cannot be sent: "the put value ...", "the function ...".
        value: itself.
        advice: what to do about it.
    """
    from ..util.check_serialize import inspect_serializability  # hardly ever needed

    way = io.StringIO()
    inspect_serializability(value, print_file=way)
    return TypeError(f"Could not serialize {what}:\n{way.getvalue()}{advice}\n{'=' * 80}")


def unserializable_argument(values: list[Any], function: str) -> TypeError:
    """The error for the first of a call's arguments that cannot be sent."""
    for value in values:
        try:
            cloudpickle.dumps(value)
        except Exception:
            return unserializable(f"the argument {value!r} for a task or actor {function}", value)
    return unserializable(f"the arguments of {function}", values)
