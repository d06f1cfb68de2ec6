"""How instances of your classes travel between processes, where pickle's own way does not fit.

Source: https://docs.ray.io/en/latest/ray-core/objects/serialization.html#customized-serialization.
"""

from collections.abc import Callable
from typing import Any

import cloudpickle

# What cloudpickle looks a class up in before it asks the instance itself: class -> function that returns
# what `__reduce__` would.
_reducers: Any = cloudpickle.CloudPickler.dispatch


def register_serializer(
    cls: type, *, serializer: Callable[[Any], Any], deserializer: Callable[[Any], Any]
) -> None:
    """Send instances of a class in a form of your own, from this process on.

    Args:
        cls: the class itself; instances of subclasses are not meant.
        serializer: turns an instance into something that can be pickled.
        deserializer: turns that back into an instance. It travels with the data, so the other processes need
            not register anything to read; to send, they do.

    Example:
        >>> ray.util.register_serializer(
        ...     Connection, serializer=lambda c: c.address, deserializer=lambda address: Connection(address)
        ... )
    """
    _reducers[cls] = lambda instance: (deserializer, (serializer(instance),))


def deregister_serializer(cls: type) -> None:
    """Send instances of the class as pickle does, again; harmless if nothing was registered."""
    _reducers.pop(cls, None)
