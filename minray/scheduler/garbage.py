"""When garbage that Python has not collected yet may keep memory or an actor: then all processes collect it.

What is part of a cycle is freed when Python's collector happens to run, which depends on how many objects a
process makes and not on what hangs on them: a cycle of two small lists may hold the reference to a large
object, or the last handle of an actor.  So when the store fills up, or an actor waits for resources, the
scheduler says `CollectGarbage`, as in Ray (its "global garbage collection", with the same numbers)::

    store 70 % full, or an actor waits -> CollectGarbage to all processes -> gc.collect() in a thread of each
                                                                                        |
                             the object is freed, the actor ends <- DropReferences <----'
"""

from ..wire.config import CROWDED_SHARE, GARBAGE_SECONDS


class GarbageWatch:
    """Decides when to collect.

    Example:
        >>> watch = GarbageWatch()
        >>> watch.is_due(100.0, 0.9, False), watch.is_due(110.0, 0.9, False), watch.is_due(140.0, 0.9, False)
        (True, False, True)
    """

    def __init__(self) -> None:
        self._last = 0.0

    def is_due(self, now: float, share_used: float, actor_waits: bool) -> bool:
        """Whether all processes should collect their garbage now; if so, not again for some time.

        Args:
            now: in seconds since 1970.
            share_used: of the object store's memory, from 0 to 1.
            actor_waits: whether an actor has been waiting for resources.
        """
        if now - self._last < GARBAGE_SECONDS or not (actor_waits or share_used > CROWDED_SHARE):
            return False
        self._last = now
        return True
