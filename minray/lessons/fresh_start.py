"""`reset`: back to the beginning of a lesson."""

from . import checking
from .basics.session import end


def reset() -> None:
    """End the session that runs, and begin again with the first hint of each exercise.

    What you wrote stays as it is. Afterwards run the lesson again from its first cell.

    Example:
        >>> reset()
        The session has ended, and no hint is used up. Go on at the cell with ray.init.
    """
    end()
    checking.forget_hints()
    print("The session has ended, and no hint is used up. Go on at the cell with ray.init.")
